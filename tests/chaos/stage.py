"""What a run plays on: PostgreSQL and nats-server of its own, the services' databases, streams and durables."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import nats
import nats.errors
from nats.aio.client import Client
from pydantic import SecretStr

from deploy.local.databases import copy_database
from deploy.local.exits import CannotGoOn
from deploy.local.processes import working_in
from deploy.local.servers import Servers, Wanted, start_servers
from deploy.local.service_settings import migrate_database, provision_bus, settings_for
from libs.common.auth import key_hash
from libs.common.links import Links
from libs.common.service import derived_key
from tests.harness import in_days

NETWORK = "chaos"
WITNESS = (Path(__file__).parent / "witness.sql").read_text(encoding="utf-8")
OPERATOR_ROLES = ("network_admin", "ops")
AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
TRIES = 60


class Stage:
    """The servers of a run; databases names each service's own, which `furnish` makes."""

    def __init__(self, folder: Path, services: tuple[str, ...]) -> None:
        """Start the servers on the folder; services are those that may run."""
        self.services = services
        self.servers: Servers = start_servers(folder, Wanted(ephemeral=True))
        self.cluster = self.servers.cluster
        self.databases: dict[str, str] = {}
        self.operator = f"net_{uuid4().hex}_{uuid4().hex}{uuid4().hex}"

    @property
    def operator_hash(self) -> str:
        """By which the operator's key is known."""
        return key_hash(self.operator)

    async def build(self) -> None:
        """Migrate a database of each service; every run plays on copies of them."""
        for service in self.services:
            where = f"http://127.0.0.1:1/{service}"
            settings = settings_for(service, self.cluster, network=NETWORK, url=where, demonstration=True)
            await migrate_database(service, settings)

    async def furnish(self, name: str) -> None:
        """Fresh databases, an empty bus, and one key that operates the network."""
        for database in self.databases.values():
            await self._as_superuser(f'DROP DATABASE "{database}" WITH (FORCE)')
        self.databases = {service: f"{service}_{name}" for service in self.services}
        for service, database in self.databases.items():
            await copy_database(self.cluster, service, database)
        await self.introduce_operator(self.services)
        for service in self.services:
            await self.execute(service, WITNESS)
        await self.empty_bus()

    def environment(self, service: str, port: int, mail: Path, *, bus: int, database: int) -> dict[str, str]:
        """What a service's process is told by its environment; bus and database: the ports at which it finds them."""
        where, cluster = f"http://127.0.0.1:{port}", replace(self.cluster, nats_port=bus, postgres_port=database)
        settings = settings_for(service, cluster, network=NETWORK, url=where, demonstration=True)
        told = settings.model_dump() | {
            "database_url": cluster.database_url(service, self.databases[service]), "rate_per_minute": 10_000_000,
            "log_level": "info", "mail_folder": mail, "mail_retry_seconds": 0.5}
        shown = {name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
                 for name, value in told.items() if value is not None}
        return {f"LOTSE_{name.upper()}": value for name, value in shown.items() if value}

    def links(self, service: str) -> Links:
        """What signs the links of a service, as it does itself; they begin with the path."""
        settings = settings_for(service, self.cluster, network=NETWORK, url="http://127.0.0.1:1", demonstration=True)
        return Links(derived_key(settings, "links"), "")

    async def rows(self, service: str, query: str, *values: Any) -> list[asyncpg.Record]:
        """What a query sees in a service's database, beyond row-level security."""
        return await self._as_superuser(query, *values, database=self.databases[service])

    async def execute(self, service: str, statements: str) -> None:
        """Run statements in a service's database, beyond row-level security."""
        connection = await self._connect(self.databases[service])
        try:
            await connection.execute(statements)
        finally:
            await connection.close()

    @asynccontextmanager
    async def bus(self, user: str) -> AsyncIterator[Client]:
        """A connection to the bus as one of its users; what it is not allowed is raised as a time-out."""
        client = await nats.connect(
            self.cluster.nats_url, user=self.cluster.nats_user(user), password=self.cluster.nats_password(user),
            inbox_prefix=f"_INBOX_{user}".encode(), allow_reconnect=False, connect_timeout=5, error_cb=_quiet)
        try:
            yield client
        finally:
            await client.close()

    async def provision(self) -> None:
        """Make streams and durables, as soon as the server lets them be made."""
        for _ in range(TRIES):
            try:
                await provision_bus(self.cluster)
            except (CannotGoOn, nats.errors.Error, TimeoutError):
                await asyncio.sleep(0.2)
            else:
                return
        raise RuntimeError("the bus cannot be provisioned")

    def kill_nats(self) -> None:
        """End nats-server as a crash would."""
        self.servers.nats.child.kill()

    async def start_nats(self) -> None:
        """Start nats-server again, and make what is missing on it."""
        await asyncio.to_thread(self.servers.restart_nats)
        await self.provision()

    async def empty_bus(self) -> None:
        """An empty bus, as on the first day."""
        self.kill_nats()
        self.forget_streams()
        await self.start_nats()

    @property
    def streams(self) -> Path:
        """The folder in which nats-server keeps its streams."""
        return self.servers.nats.store / "jetstream"

    def forget_streams(self) -> None:
        """Remove everything that a stopped nats-server has kept."""
        subprocess.run(["rm", "-rf", str(self.streams)], check=True)

    def copy_streams(self, source: Path, target: Path) -> None:
        """Copy what a stopped nats-server has kept, with its owners and modes."""
        subprocess.run(["rm", "-rf", str(target)], check=True)
        if source.exists():
            subprocess.run(["cp", "-a", str(source), str(target)], check=True)

    def backends(self) -> list[int]:
        """The pids of PostgreSQL's processes but for the postmaster."""
        return [pid for pid in working_in(self.servers.postgres.data) if pid != self.servers.postgres.child.pid]

    def stop(self) -> None:
        """End both servers; their folder goes with them."""
        self.servers.stop()

    async def introduce_operator(self, services: Iterable[str]) -> None:
        """Let these services know the operator's key and grants, of which no fact tells."""
        key, principal, expires = uuid4(), uuid4(), in_days(300)
        grants = [(uuid4(), role) for role in OPERATOR_ROLES]
        for service in services:
            connection = await self._connect(self.databases[service])
            try:
                await connection.execute(
                    "INSERT INTO known_key (key_id, hash, principal, expires_at) VALUES ($1, $2, $3, $4)",
                    key, self.operator_hash, principal, expires)
                await connection.executemany(
                    "INSERT INTO known_grant (grant_id, principal, role) VALUES ($1, $2, $3)",
                    [(grant, principal, role) for grant, role in grants])
            finally:
                await connection.close()

    async def _as_superuser(self, query: str, *values: Any, database: str = "postgres") -> list[asyncpg.Record]:
        connection = await self._connect(database)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(query, *values)
            return rows
        finally:
            await connection.close()

    async def _connect(self, database: str) -> asyncpg.Connection:
        for _ in range(TRIES):
            try:
                return await asyncpg.connect(self.cluster.superuser_url(database), timeout=5)
            except AWAY:
                await asyncio.sleep(0.2)
        raise RuntimeError("PostgreSQL does not come back")


async def _quiet(_raised: Exception) -> None:
    """What nats-py would print."""


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its ids as text and its JSON read."""
    return {name: str(value) if isinstance(value, UUID) else value for name, value in row.items()}


def headers_of(row: asyncpg.Record) -> dict[str, str]:
    """The headers of an outbox row."""
    headers: dict[str, str] = json.loads(row["headers"])
    return headers
