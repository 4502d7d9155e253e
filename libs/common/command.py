"""The command of one service's image: serve, migrate, provision, and what a service adds to them."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

import asyncpg
import structlog
from fastapi import FastAPI
from pydantic import ValidationError

from libs.common.bus import tls_to_bus
from libs.common.durability import unsafe_settings
from libs.common.logs import set_up_logs
from libs.common.migrate import migrate
from libs.common.provision import provision
from libs.common.service import serve
from libs.common.settings import CommonSettings

log = structlog.get_logger()
Kind = TypeVar("Kind", bound=CommonSettings)
USAGE, UNAVAILABLE, UNSAFE = 64, 69, 78
# Raised when compose.yaml must change together with the services.
COMPOSE_VERSION = 1


def run(
    service: str, kind: type[Kind], create_app: Callable[[Kind], FastAPI],
    **more: Callable[[Kind], Coroutine[Any, Any, None]],
) -> None:
    """Do what the one argument says; ends with 64 for a wrong word, 69 with something away, 78 for unsafe settings."""
    verb = sys.argv[1] if len(sys.argv) == 2 else ""  # noqa: PLR2004 - the program and one word
    verbs = ("serve", "migrate", "provision", *more)
    if verb not in verbs:
        sys.stderr.write(f"usage: python -m services.{service} {'|'.join(verbs)}\n")
        sys.exit(USAGE)
    try:
        settings = kind()
    except ValidationError as wrong:
        for fault in wrong.errors():
            sys.stderr.write(f"LOTSE_{str(fault['loc'][0]).upper() if fault['loc'] else '…'}: {fault['msg']}\n")
        sys.exit(UNSAFE)
    set_up_logs(as_json=settings.log_as_json, level=settings.log_level)
    if verb == "serve":
        _refuse_if_unsafe(settings)
        serve(create_app(settings), settings)
        return
    try:
        asyncio.run(_work(verb, service, settings, more))
    except (OSError, TimeoutError, RuntimeError, ValueError) as raised:
        log.error("could not do it", verb=verb, kind=type(raised).__name__, reason=str(raised))
        sys.exit(UNAVAILABLE)


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


def _refuse_if_unsafe(settings: CommonSettings) -> None:
    """End with 78 when what is acknowledged could be lost, or when the compose file is older than this version."""
    try:
        reasons = asyncio.run(_unsafe(settings))
    except (OSError, asyncpg.PostgresError) as away:
        log.error("the database cannot be asked whether it is safe", kind=type(away).__name__)
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
