"""Whether what the servers acknowledge survives a crash: the settings without which a service must not run."""

import re
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
from nats.aio.client import Client

OLDEST_NATS = (2, 15, 1)
_SECONDS = 5.0
_RELOAD = "in postgresql.conf, then reload; see also ALTER SYSTEM, ALTER DATABASE and ALTER ROLE"
#: What PostgreSQL's settings must be, and what to do when they are not.
_POSTGRES = {
    "fsync": (("on",), f"set fsync = on {_RELOAD}"),
    "full_page_writes": (("on",), f"set full_page_writes = on {_RELOAD}"),
    # The others wait for standbys beside the own disk; only "off" does not wait for the disk.
    "synchronous_commit": (
        ("on", "local", "remote_write", "remote_apply"),
        f"set synchronous_commit = on {_RELOAD}",
    ),
    "data_checksums": (("on",), "stop PostgreSQL, run pg_checksums --enable on its data folder, start it again"),
}


@dataclass(frozen=True)
class Setting:
    """One setting of a server: what it is, whether that is safe, and what to do if not."""

    name: str
    found: str
    safe: bool
    advice: str

    def __str__(self) -> str:
        """The sentence that says what is unsafe."""
        return f"{self.name} is {self.found}: {self.advice}."


async def durable_settings(
    database_url: str, *, bus: Client | None = None, nats_monitor_url: str = ""
) -> list[Setting]:
    """Every setting that decides whether acknowledged data can be lost, as the servers tell it themselves.

    PostgreSQL is asked as the role of `database_url`, whose own settings count. nats-server's version comes from
    the connection `bus`, version and syncing from `nats_monitor_url`; without both it is not looked at.
    Raises OSError or asyncpg.PostgresError when a server cannot be asked.
    """
    settings = await _postgres(database_url)
    if nats_monitor_url:
        settings += await _monitored(nats_monitor_url.rstrip("/"))
    elif bus is not None:
        told = bus.connected_server_version
        settings.append(_version(f"{told.major}.{told.minor}.{told.patch}"))
    return settings


async def unsafe_settings(
    database_url: str, *, bus: Client | None = None, nats_monitor_url: str = ""
) -> list[str]:
    """The unsafe ones of `durable_settings`, each as the sentence that says which it is and what to do."""
    settings = await durable_settings(database_url, bus=bus, nats_monitor_url=nats_monitor_url)
    return [str(setting) for setting in settings if not setting.safe]


async def _postgres(database_url: str) -> list[Setting]:
    connection = await asyncpg.connect(database_url, timeout=_SECONDS)
    try:
        rows = await connection.fetch("SELECT name, setting FROM pg_settings WHERE name = ANY($1)", list(_POSTGRES))
    finally:
        await connection.close(timeout=_SECONDS)
    found = {row["name"]: row["setting"] for row in rows}
    return [
        Setting(f"PostgreSQL's {name}", found[name], found[name] in safe, advice)
        for name, (safe, advice) in _POSTGRES.items()
    ]


async def _monitored(url: str) -> list[Setting]:
    try:
        async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
            server = (await client.get(f"{url}/varz")).raise_for_status().json()
            streams = (await client.get(f"{url}/jsz", params={"config": "true"})).raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as problem:
        raise ConnectionError(f"nats-server's monitoring at {url} does not answer: {problem!r}") from problem
    return [_version(str(server.get("version", ""))), _syncing(streams)]


def _version(told: str) -> Setting:
    numbers = tuple(int(number) for number in re.findall(r"\d+", told)[:3])
    wanted = ".".join(map(str, OLDEST_NATS))
    return Setting("nats-server's version", told, numbers >= OLDEST_NATS, f"install {wanted} or newer")


def _syncing(streams: dict[str, Any]) -> Setting:
    always = bool(streams.get("config", {}).get("sync_always"))
    return Setting(
        "JetStream's sync_interval",
        "always" if always else "not always",
        always,
        "set sync_interval: always in the jetstream block of nats-server's configuration, then restart it",
    )
