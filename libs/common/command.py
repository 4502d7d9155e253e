"""The command of one service's image: serve, migrate, provision, and what a service adds to them."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

import asyncpg
import nats.errors
import structlog
from fastapi import FastAPI
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from libs.common.bus import tls_to_bus
from libs.common.durability import unsafe_settings
from libs.common.logs import set_up_logs
from libs.common.migrate import migrate
from libs.common.provision import provision
from libs.common.service import serve
from libs.common.settings import CommonSettings, faults

log = structlog.get_logger()
Kind = TypeVar("Kind", bound=CommonSettings)
USAGE, UNAVAILABLE, UNSAFE = 64, 69, 78
DATABASE_SAYS = (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError)
BUS_SAYS = (nats.errors.Error,)
# Raised when compose.yaml must change together with the services.
COMPOSE_VERSION = 1


def run(
    service: str, kind: type[Kind], create_app: Callable[[Kind], FastAPI],
    **more: Callable[[Kind], Coroutine[Any, Any, None]],
) -> None:
    """Do what the one argument says; ends with 64 for a wrong word, 69 with something away, 78 for wrong settings."""
    verb = sys.argv[1] if len(sys.argv) == 2 else ""  # noqa: PLR2004 - the program and one word
    verbs = ("serve", "migrate", "provision", *more)
    if verb not in verbs:
        sys.stderr.write(f"usage: python -m services.{service} {'|'.join(verbs)}\n")
        sys.exit(USAGE)
    try:
        settings = kind()
    except ValidationError as wrong:
        sys.stderr.writelines(f"{fault}\n" for fault in faults(wrong))
        sys.exit(UNSAFE)
    set_up_logs(as_json=settings.log_as_json, level=settings.log_level)
    if verb == "serve":
        refuse_if_unsafe(settings)
        serve(create_app(settings), settings)
        return
    try:
        asyncio.run(_work(verb, service, settings, more))
    except (OSError, RuntimeError, ValueError, *DATABASE_SAYS, *BUS_SAYS) as raised:
        log.error("could not do it", verb=verb, kind=type(raised).__name__, reason=_sentence(verb, raised))
        sys.exit(UNAVAILABLE)


def _sentence(verb: str, raised: Exception) -> str:
    """What went wrong and what to do; of what PostgreSQL says the first line only: a detail may quote a row."""
    if not isinstance(raised, (OSError, *DATABASE_SAYS, *BUS_SAYS)):
        return str(raised)
    told = str(getattr(raised, "orig", None) or raised).partition("\n")[0]
    if verb == "provision":
        return (f"the bus refuses or does not answer ({told}): see that it runs, and that LOTSE_NATS_URL and"
                " LOTSE_PROVISIONER_PASSWORD are right")
    return (f"the database refuses or does not answer ({told}): see that it runs and is migrated, and that"
            f" LOTSE_{'OWNER_' if verb == 'migrate' else ''}DATABASE_URL is right")


async def _work(
    verb: str, service: str, settings: Kind, more: Mapping[str, Callable[[Kind], Coroutine[Any, Any, None]]],
) -> None:
    if verb in more:
        await more[verb](settings)
    elif verb == "migrate":
        await migrate(service, settings)
    else:
        await _provision(settings)


async def _provision(settings: CommonSettings) -> None:
    changes = await provision(settings.nats_url, "provisioner", settings.provisioner_password.get_secret_value(),
                              tls=tls_to_bus(settings))
    log.info("provisioned", changes=changes)


def refuse_if_unsafe(settings: CommonSettings) -> None:
    """End with 78 when what is acknowledged could be lost, or the compose file is older than this version.

    With 69 when the database is away or refuses, in a sentence that says where to look.
    """
    try:
        reasons = asyncio.run(_unsafe(settings))
    except (OSError, *DATABASE_SAYS) as away:
        log.error("the database cannot be asked whether it is safe", kind=type(away).__name__,
                  reason=_sentence("serve", away))
        sys.exit(UNAVAILABLE)
    if 0 < settings.compose_version < COMPOSE_VERSION:
        reasons.append(
            f"compose.yaml has version {settings.compose_version}, this needs {COMPOSE_VERSION}: take the new one.")
    for reason in reasons:
        log.error("will not start", reason=reason)
    if reasons:
        sys.exit(UNSAFE)


async def _unsafe(settings: CommonSettings) -> list[str]:
    """What is unsafe about the servers. A bus that is away can be waited for, so it does not keep a service down."""
    url = settings.database_url.get_secret_value()
    reasons = await unsafe_settings(url)
    if settings.nats_monitor_url:
        try:
            reasons = await unsafe_settings(url, nats_monitor_url=settings.nats_monitor_url)
        except ConnectionError as away:
            log.warning("the bus cannot be asked whether it is safe", reason=str(away))
    return reasons
