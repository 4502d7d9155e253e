"""What `lotse status` and `lotse doctor` find out about a network that runs."""

import asyncio
from collections.abc import Iterable
from typing import Any

import asyncpg
import httpx

from deploy.local.exits import CannotGoOn, Exit
from libs.common.durability import Setting, durable_settings
from libs.common.settings import leads_to_postgres

_ASK_SECONDS = 2.0


async def with_health(run: dict[str, Any]) -> dict[str, Any]:
    """The run with each service's own answer to whether it is ready: `ready` and `health`."""
    async with httpx.AsyncClient(timeout=_ASK_SECONDS, trust_env=False) as client:
        services = run["services"]
        answers = await asyncio.gather(*(_health(client, service["url"]) for service in services.values()))
    healthy = {name: {**services[name], **answer} for name, answer in zip(services, answers, strict=True)}
    return {**run, "services": healthy}


async def durability(database_urls: Iterable[str], monitor_url: str) -> list[Setting]:
    """The settings that decide whether data survive a crash, seen by every role; each different finding once."""
    found: dict[Setting, None] = {}
    urls = list(database_urls)
    if not all(leads_to_postgres(url) for url in urls):
        raise CannotGoOn("That is not the address of a PostgreSQL.", "--database-url and LOTSE_DATABASE_URL read"
                         " postgresql://role:password@host:port/database.", Exit.UNSAFE)
    try:
        for url in urls:
            found |= dict.fromkeys(await durable_settings(url, nats_monitor_url=monitor_url))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as problem:
        raise CannotGoOn(
            f"The servers cannot be asked: {problem}.", "See that they run (`lotse status`).", Exit.UNAVAILABLE
        ) from problem
    return list(found)


async def _health(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    try:
        response = await client.get(f"{url}/health/ready")
        return {"ready": response.is_success, "health": response.json()}
    except (httpx.HTTPError, ValueError) as problem:
        return {"ready": False, "health": {"reasons": [f"no answer ({type(problem).__name__})"]}}
