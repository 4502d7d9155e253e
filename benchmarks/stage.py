"""What every benchmark stands on: servers of its own on disk with fsync, services as processes, and a measured line."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import nats
import psutil
from nats.aio.client import Client
from sqlalchemy import insert
from uuid_utils.compat import uuid7

from deploy.local.servers import Wanted, start_servers
from deploy.local.service_settings import migrate_database, provision_bus, settings_for
from libs.common.auth import key_hash
from libs.common.envelope import envelope_headers
from libs.common.facts.registry import OfferPublished
from libs.common.metrics import Metrics
from libs.common.reactions import Reactions
from libs.common.service import Running
from libs.common.tables import outbox


@dataclass(frozen=True)
class Measured:
    """One line of the table; reached is None where there is no goal."""

    what: str
    ours: str
    bare: str = ""
    ratio: str = ""
    goal: str = ""
    reached: bool | None = None


def a_fact() -> OfferPublished:
    """A fact of ordinary size."""
    return OfferPublished(offer_id=uuid4(), partner_id=uuid4(), field="language", region="15087",
                          languages=("ar", "uk", "de"))


def a_row() -> dict[str, Any]:
    """The same as an outbox row."""
    fact, fact_id = a_fact(), uuid7()
    headers = envelope_headers(network="bench", subject=fact.subject, fact_id=fact_id, about=fact.about(),
                               at=datetime.now().astimezone(), correlation=str(uuid4()),
                               actor_role="coordinator", region="15087")
    return {"fact_id": fact_id, "subject": fact.subject, "about": fact.about(), "headers": headers,
            "body": fact.model_dump_json()}


class Bench:
    """Servers of their own, on disk with fsync, and the parts of services."""

    def __init__(self, folder: Path) -> None:
        """Start the servers on the folder."""
        self.servers = start_servers(folder, Wanted())
        self.cluster = self.servers.cluster

    def settings(self, service: str) -> Any:
        """The settings of a service on these servers."""
        return settings_for(service, self.cluster, network="bench", url="http://127.0.0.1:8000", demonstration=True)

    def environment(self, service: str) -> dict[str, str]:
        """The same, as a process is told."""
        told = {name: value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
                for name, value in self.settings(service).model_dump().items() if value not in (None, "")}
        given = {f"LOTSE_{name.upper()}": value for name, value in told.items()}
        return given | {"LOTSE_RATE_PER_MINUTE": "10000000", "LOTSE_LOG_LEVEL": "warning"}

    async def set_up(self, *services: str) -> None:
        """Tables of these services, streams and durables."""
        for service in services:
            await migrate_database(service, self.settings(service))
        await provision_bus(self.cluster)

    async def client(self, user: str) -> Client:
        """A bare connection of this user."""
        return await nats.connect(self.cluster.nats_url, user=user, password=self.cluster.nats_password(user),
                                  inbox_prefix=f"_INBOX_{user}".encode())

    async def superuser(self, service: str) -> asyncpg.Connection:
        """A bare connection to a service's database that may do everything."""
        return await asyncpg.connect(self.cluster.superuser_url(service))

    async def fill_outbox(self, count: int) -> None:
        """Announce this many facts of the registry at once."""
        database = self.running("registry").database
        for start in range(0, count, 5000):
            async with database.transaction() as transaction:
                await transaction.execute(insert(outbox), [a_row() for _ in range(min(5000, count - start))])
        await database.close()

    async def key(self, service: str, role: str) -> str:
        """A key that this service knows, with a role in the benchmarks' region."""
        key, principal = f"net_{uuid4().hex}_{uuid4().hex}{uuid4().hex}", uuid4()
        connection = await self.superuser(service)
        await connection.execute("INSERT INTO known_key VALUES ($1, $2, $3, now() + interval '9 days')",
                                 uuid4(), key_hash(key), principal)
        await connection.execute("INSERT INTO known_grant (grant_id, principal, role, region)"
                                 " VALUES ($1, $2, $3, '15087')", uuid4(), principal, role)
        await connection.close()
        return key

    def running(self, service: str, *modules: Any) -> Running:
        """A service's parts, not started."""
        return Running(service, self.settings(service), Reactions.of(modules), Metrics(service))


@contextmanager
def a_bench() -> Iterator[Bench]:
    """Servers on the disk that /var/tmp is on, gone afterwards."""
    place = Path(tempfile.mkdtemp(prefix="lotse-bench-", dir="/var/tmp"))
    place.chmod(0o755)
    try:
        bench = Bench(place / "state")
        try:
            yield bench
        finally:
            bench.servers.stop()
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def serving(module: str, port: int, environment: dict[str, str]) -> Iterator[psutil.Process]:
    """A server as a process of its own, ready when this yields."""
    command = [sys.executable, "-m", *module.split()]
    with subprocess.Popen(command, env={**os.environ, **environment, "LOTSE_PORT": str(port)},
                          stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            _wait(f"http://127.0.0.1:{port}/health/live")
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def _wait(url: str) -> None:
    for _ in range(200):
        try:
            if httpx.get(url, timeout=1).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"no answer at {url}")
