"""What tests of several parts share: a network whose services run in this process, on the real servers."""

import asyncio
import importlib
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import nats
from fastapi import FastAPI
from sqlalchemy import insert, text

from deploy.local.cluster import Cluster
from libs.common.auth import key_hash
from libs.common.callers import Role
from libs.common.envelope import Heard, envelope_headers
from libs.common.facts import HEARS, SERVICES
from libs.common.facts.fact import Fact
from libs.common.service import Running
from libs.common.settings import CommonSettings
from libs.common.tables import known_grant, known_key
from services.matching.profiles.rules import days_later

SETTLED_SECONDS = 15.0
SPINE_KEPT = {"alembic_version", "network", "relay"}


def service_settings(cluster: Cluster, service: str, *, database: str, **more: Any) -> CommonSettings:
    """The settings of a service on the test servers, as a demonstration network whose clock can be moved."""
    kind = importlib.import_module(f"services.{service}.settings").Settings
    told: dict[str, Any] = {
        "network": "test", "database_url": cluster.database_url(service, database), "database_pool": 10,
        "owner_database_url": cluster.owner_database_url(service, database),
        "nats_url": cluster.nats_url, "nats_user": cluster.nats_user(service),
        "nats_password": cluster.nats_password(service), "nats_monitor_url": cluster.monitoring_url,
        "master_key": cluster.master_key(service), "installation_secret": cluster.installation_secret,
        "demonstration": True, "public_url": f"http://{service}.test", "rate_per_minute": 100_000,
        "log_level": "warning"}
    settings: CommonSettings = kind(**told | more)
    return settings


@dataclass
class Service:
    """One instance of a service that runs in this process."""

    name: str
    app: FastAPI
    client: httpx.AsyncClient
    stack: AsyncExitStack

    @property
    def running(self) -> Running:
        """Its database, bus, inbox and leader's works."""
        running: Running = self.app.state.running
        return running

    async def leads(self) -> None:
        """Return once this instance leads and hears its speakers."""
        async with asyncio.timeout(SETTLED_SECONDS):
            while not (self.running.leader.leading and self.running.bus.connected
                       and all(reader.durable_there for reader in self.running.readers)):
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Stop it as SIGTERM would."""
        await self.stack.aclose()


@dataclass
class Network:
    """The services of one test."""

    cluster: Cluster
    databases: dict[str, str]
    services: list[Service] = field(default_factory=list)
    known: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)

    async def start(self, *names: str, **settings: Any) -> Service:
        """Start an instance of each of these services, all of them leading when this returns; returns the last."""
        for name in names:
            one = await self._instance(name, settings)
            self.services.append(one)
            await self._tell_known(one)
        for one in self.services[-len(names):]:
            await one.leads()
        return self.services[-1]

    async def instance(self, name: str, **settings: Any) -> Service:
        """Start one more instance of a service, which stands by when another leads."""
        one = await self._instance(name, settings)
        self.services.append(one)
        return one

    async def run(self, name: str, app: FastAPI) -> Service:
        """Run an app that a test has put together for itself under the name of a service; it may come to lead later."""
        one = await self._run(name, app)
        self.services.append(one)
        await self._tell_known(one)
        return one

    def __getitem__(self, name: str) -> Service:
        """The first running instance of a service."""
        return next(one for one in self.services if one.name == name)

    async def key(
        self, role: Role, *, region: str | None = None, partner_id: UUID | None = None, project_id: UUID | None = None,
    ) -> dict[str, str]:
        """Headers of a new principal with this grant, known to all services that run or will."""
        principal, key = uuid4(), f"net_{uuid4().hex}_{uuid4().hex}{uuid4().hex}"
        known = ({"key_id": uuid4(), "hash": key_hash(key), "principal": principal, "expires_at": in_days(300)},
                 {"grant_id": uuid4(), "principal": principal, "role": role.value, "region": region,
                  "partner_id": partner_id, "project_id": project_id})
        self.known.append(known)
        for one in {service.name: service for service in self.services}.values():
            await self._insert_known(one, known)
        return {"Authorization": f"Bearer {key}"}

    async def tell(
        self, listener: str, *facts: Fact, region: str | None = None, project: UUID | None = None,
    ) -> list[UUID]:
        """Let a running service hear facts of services that do not run here; returns the facts' ids."""
        inbox, ids = self[listener].running.inbox, []
        for fact in facts:
            speaker, fact_id = fact.speaker(), uuid4()
            number = await self._heard(self[listener], speaker) + 1
            headers = envelope_headers(
                network="test", subject=fact.subject, fact_id=fact_id, about=fact.about(), correlation=uuid4().hex,
                at=self[listener].running.database.clock.now(), actor_role="system",
                region=region or getattr(fact, "region", None), project=project or getattr(fact, "project_id", None))
            await inbox.take(speaker, [Heard(speaker, number, fact_id, fact.subject, fact.about(), headers,
                                             fact.model_dump_json().encode())])
            ids.append(fact_id)
        return ids

    async def settled(self) -> None:
        """Return when every fact that was announced has been heard by every service that runs, and nothing waits."""
        async with asyncio.timeout(SETTLED_SECONDS):
            while not await self._is_settled():
                await asyncio.sleep(0.02)

    async def move(self, by: timedelta = timedelta(), *, days: int = 0) -> datetime:
        """Move the clock of every running service forward, and wait until what fell due is done; returns the time.

        By exactly so long, after so many days as tandems and check-ins count them: around midnight these last an hour
        more or less where Germany's clocks are changed in between.
        """
        now = datetime.now(UTC)
        for one in self.services:
            await one.running.database.read_clock()
            now = max(now, one.running.database.clock.now())
        later = days_later(now, days) + by
        headers = await self.key(Role.OPS)
        for one in self.services:
            answer = await one.client.post("/v1/clock/move", json={"now": later.isoformat()}, headers=headers)
            assert answer.status_code == 200, answer.text
        await self.settled()
        return later

    async def rows(self, service: str, query: str, *values: Any) -> list[asyncpg.Record]:
        """What a query sees in a service's database, as its owner and beyond row-level security."""
        connection = await asyncpg.connect(self.cluster.superuser_url(self.databases[service]))
        try:
            found: list[asyncpg.Record] = await connection.fetch(query, *values)
            return found
        finally:
            await connection.close()

    async def end(self) -> None:
        """Stop everything, and leave databases and streams empty."""
        for one in reversed(self.services):
            await one.stop()
        await asyncio.gather(*(self._empty(service) for service in SERVICES))
        await self._purge()

    async def _instance(self, name: str, settings: dict[str, Any]) -> Service:
        create = importlib.import_module(f"services.{name}.app").create_app
        told = service_settings(self.cluster, name, database=self.databases[name], **settings)
        return await self._run(name, create(told))

    async def _run(self, name: str, app: FastAPI) -> Service:
        stack = AsyncExitStack()
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url=f"http://{name}.test"))
        return Service(name, app, client, stack)

    async def _tell_known(self, one: Service) -> None:
        for known in self.known:
            await self._insert_known(one, known)

    async def _insert_known(self, one: Service, known: tuple[dict[str, Any], dict[str, Any]]) -> None:
        async with one.running.database.transaction() as transaction:
            await transaction.execute(insert(known_key).values(**known[0]))
            await transaction.execute(insert(known_grant).values(**known[1]))

    async def _is_settled(self) -> bool:
        last, running = {}, {one.name: one for one in self.services}
        for one in running.values():
            kinds = [kind for lane in one.running.due for kind in lane.kinds]
            async with one.running.database.transaction() as transaction:
                row = (await transaction.execute(text(
                    "SELECT (SELECT count(*) FROM outbox WHERE number IS NULL) AS fresh,"
                    " (SELECT coalesce(max(number), 0) FROM outbox) AS last,"
                    " (SELECT count(*) FROM waiting WHERE parked_at IS NULL) AS waiting,"
                    " (SELECT count(*) FROM due"
                    "  WHERE parked_at IS NULL AND due_at <= :now AND kind = ANY(:kinds)) AS due"),
                    {"now": one.running.database.clock.now(), "kinds": kinds})).one()
            if row.fresh or row.due:
                return False
            waiting_behind_parked = row.waiting and not await self._all_behind_parked(one)
            if waiting_behind_parked:
                return False
            last[one.name] = row.last
        for one in running.values():
            for speaker in HEARS[one.name]:
                if await self._heard(one, speaker) < last.get(speaker, 0):
                    return False
        return True

    async def _all_behind_parked(self, one: Service) -> bool:
        async with one.running.database.transaction() as transaction:
            free = await transaction.scalar(text(
                "SELECT count(*) FROM waiting w WHERE parked_at IS NULL AND NOT EXISTS"
                " (SELECT 1 FROM waiting p"
                "  WHERE p.about = w.about AND p.speaker = w.speaker AND p.parked_at IS NOT NULL)"))
        return not free

    async def _heard(self, one: Service, speaker: str) -> int:
        async with one.running.database.transaction() as transaction:
            return await transaction.scalar(text("SELECT number FROM heard WHERE speaker = :s"), {"s": speaker}) or 0

    async def _empty(self, service: str) -> None:
        connection = await asyncpg.connect(self.cluster.superuser_url(self.databases[service]))
        try:
            tables = [row["relname"] for row in await connection.fetch(
                "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
                " WHERE relkind = 'r' AND nspname = 'public'")]
            await connection.execute("SET session_replication_role = replica")
            await connection.execute("".join(f'DELETE FROM "{table}";' for table in tables if table not in SPINE_KEPT))
            await connection.execute(
                "UPDATE relay SET published = 0, refills = 0; UPDATE network SET ahead = interval '0'")
        finally:
            await connection.close()

    async def _purge(self) -> None:
        connection = await nats.connect(
            self.cluster.nats_url, user=self.cluster.nats_user("provisioner"),
            password=self.cluster.nats_password("provisioner"), inbox_prefix=b"_INBOX_provisioner")
        try:
            jetstream = connection.jetstream()
            for service in SERVICES:
                await jetstream.purge_stream(service)
        finally:
            await connection.close()


def in_days(days: float) -> datetime:
    """A time this many days from now, by the real clock."""
    return datetime.now(UTC) + timedelta(days=days)


def new_idempotency_key() -> dict[str, str]:
    """The header of a request that is sent for the first time."""
    return {"Idempotency-Key": uuid4().hex}
