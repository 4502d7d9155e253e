"""A service put together: the one function that all four are built by, and what runs beside their routes."""

import asyncio
import base64
import gc
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import ModuleType
from typing import Any

import structlog
import uvicorn
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from libs.common import asyncapi, docs, health, known, operations
from libs.common.asks import answer_asks, ask_for_facts
from libs.common.audit import AuditChain
from libs.common.auth import Auth, Permissions
from libs.common.bus import Bus, NoBus
from libs.common.copies import KNOWN, REBUILD, Copies
from libs.common.db import Database
from libs.common.due import DueWork
from libs.common.facts import HEARS
from libs.common.http import Door, german_sentences, show_refusals
from libs.common.inbox import Inbox
from libs.common.leader import Leader, Work, end_all
from libs.common.links import Links
from libs.common.logs import set_up_logs
from libs.common.metrics import Metrics
from libs.common.openapi import Documented
from libs.common.privacy import Vault
from libs.common.reactions import Reactions
from libs.common.reader import Reader
from libs.common.relay import Relay
from libs.common.repeats import Forgetting
from libs.common.settings import CommonSettings
from libs.common.traces import Traces
from libs.common.waiting import Waiting
from libs.common.wiping import Wiping

log = structlog.get_logger()
RETRY_BUS_SECONDS = 2.0
CLOCK_SECONDS = 0.5
CALLED_BY = "May be called by:"


class Running:
    """What lives as long as the service: database, bus, inbox, and the leader's works."""

    def __init__(
        self, name: str, settings: CommonSettings, reactions: Reactions, metrics: Metrics,
        works: Sequence["OwnWork"] = (),
    ) -> None:
        """Put the parts together; start() starts them. works: what only this service's leader does."""
        self.name, self.metrics, self.traces = name, metrics, Traces(name, settings.otlp_endpoint)
        self.database = own_database(settings, pool=settings.database_pool)
        self.bus = Bus(name, settings)
        self.database.bus = self.bus
        self.database.links = Links(derived_key(settings, "links"), settings.public_url)
        self.inbox = Inbox(
            self.database, reactions, lambda speaker, after: ask_for_facts(self.bus, speaker, after), self.traces)
        self.readers = [Reader(self.bus, self.inbox, speaker) for speaker in HEARS[name]]
        self.waiting = Waiting(self.database, self.inbox)
        self.due = DueWork.all_of(self.database, reactions, self.traces)
        self.audit_chain = AuditChain(self.database, derived_key(settings, "audit"))
        self.wiping = Wiping(self.database)
        answer_asks(self.bus, self.database, reactions, self.traces)
        led: list[Callable[[Any], Any]] = [
            lambda lock: Relay(lock, self.bus, self.database.announced).run,
            *(_fixed(reader.run) for reader in self.readers),
            _fixed(self.waiting.run), *(_fixed(lane.run) for lane in self.due),
            _fixed(self.audit_chain.run), _fixed(self.wiping.run), _fixed(Forgetting(self.database).run),
            *(_fixed(make(self)) for make in works),
        ]
        self.leader = Leader(settings.database_url.get_secret_value(), led)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect to the database (it must be there); the bus may come later, until then facts wait in the outbox."""
        await self.database.connect()
        self._tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._follow_clock())]

    async def _work(self) -> None:
        while True:
            try:
                await self.bus.connect()
                break
            except NoBus as away:
                log.warning("working without the bus, trying again", reason=str(away))
                await asyncio.sleep(RETRY_BUS_SECONDS)
        await self.leader.run()

    async def _follow_clock(self) -> None:
        """Another instance may have moved a demonstration's clock; a real network's never moves."""
        demonstration = True
        while demonstration:
            try:
                demonstration = await self.database.is_demonstration()
                await self.database.read_clock()
                self.database.due_changed.set()
            except Exception as raised:
                log.debug("cannot read the clock", exc_info=raised)
            await asyncio.sleep(CLOCK_SECONDS)

    async def stop(self) -> None:
        """End the works, give the lead away, and leave bus and database."""
        await end_all(self._tasks)
        await self.bus.close()
        await self.database.close()
        await self.traces.end()

    async def condition(self) -> dict[str, Any]:
        """Name, whether it leads, lags, and the reasons why it is not ready (none: it is)."""
        lags = await health.Condition(self).lags()
        reasons = [] if lags else ["database away"]
        if not self.bus.connected:
            reasons.append("bus away")
        elif self.leader.leading:
            reasons += [f"durable {self.name} on {reader.speaker} missing"
                        for reader in self.readers if not reader.durable_there]
            reasons += [f"stream {stream} does not store: {why}" for stream, why in self.bus.refusing.items()]
        told: dict[str, Any] = {"service": self.name, "leading": self.leader.leading, "reasons": reasons, **lags}
        # Only who leads hears; what an instance heard before it lost the lead says nothing.
        return told | ({"inbox_lag": self.inbox.lags()} if self.leader.leading else {})

    async def measure(self) -> None:
        """Set the gauges that are read when they are asked for."""
        for name, value in (await health.Condition(self).lags()).items():
            self.metrics.set(name, f"{name} as counted in the database.", value)
        self.metrics.set("leading", "1 while this instance leads.", float(self.leader.leading))
        self.metrics.set("unreadable", "What came over the bus since the start and was no fact.",
                         sum(reader.unreadable for reader in self.readers))
        self.metrics.set("holes_healed", "Holes in speakers' numbers healed since the start.", self.inbox.holes_healed)
        self._measure_hearing()

    def _measure_hearing(self) -> None:
        for name in ("heard_number", "inbox_lag"):
            self.metrics.forget(name)
        if not self.leader.leading:
            return
        for speaker, number in self.inbox.marks.items():
            self.metrics.set("heard_number", "The last number heard without a hole.", number, speaker=speaker)
        for speaker, lag in self.inbox.lags().items():
            self.metrics.set("inbox_lag", "Facts told and not heard yet.", lag, speaker=speaker)


OwnWork = Callable[[Running], Work]


def _fixed(work: Callable[[], Any]) -> Callable[[Any], Any]:
    return lambda _lock: work


def _while_serving(running: Running) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await running.start()
        try:
            yield
        finally:
            await running.stop()

    return lifespan


def build(
    name: str, settings: CommonSettings, *, routers: Sequence[APIRouter], reactions: Sequence[ModuleType],
    permissions: Permissions, title: str, description: str, works: Sequence[OwnWork] = (), copies: Sequence[str] = (),
) -> FastAPI:
    """The service's app, with the door, refusals, identity and health that all four share.

    works: what this service's leader does beside relaying, hearing and due work. copies: its tables that hold only what
    others told.
    Raises ValueError when a route is missing in the permission table, or the table names no route.
    """
    set_up_logs(as_json=settings.log_as_json, level=settings.log_level)
    german, collected = german_sentences(name), Metrics(name)
    running = Running(name, settings, _reacting(name, reactions, copies), collected, works)

    app = Documented(title=title, description=description, version="0.1.0", lifespan=_while_serving(running),
                     openapi_url="/v1/openapi.json", docs_url=None, redoc_url=None,
                     generate_unique_id_function=lambda route: route.name, telemetry=running.traces.for_requests())
    routers, permissions = [*routers, operations.router], {**permissions, **operations.PERMISSIONS}
    telling = _check(routers, permissions)
    for router in routers:
        app.include_router(router, prefix="/v1")
    app.include_router(health.router)
    app.include_router(docs.router)
    app.include_router(asyncapi.router)
    app.state.running, app.state.metrics, app.state.settings = running, collected, settings
    app.state.database, app.state.bus, app.state.links = running.database, running.bus, running.database.links
    app.state.permissions, app.state.telling = permissions, telling
    app.state.auth = Auth(running.database, settings, permissions)
    app.state.secret = derived_key(settings, "idempotency")
    show_refusals(app, german)
    app.add_middleware(Door, metrics=collected, seconds=settings.request_seconds, german=german)
    return app


def _reacting(name: str, modules: Sequence[ModuleType], copies: Sequence[str]) -> Reactions:
    """The service's reactions. The registry owns keys and grants and counts figures anew; others have copies."""
    if name == "registry":
        return Reactions.of(modules)
    reactions = Reactions.of([known, *modules])
    reactions.to_due[REBUILD] = Copies([*KNOWN, *copies], reactions).make_anew
    return reactions


def own_database(settings: CommonSettings, *, pool: int) -> Database:
    """The service's database as its own role, with the keys of its persons; not connected yet."""
    vault = Vault(derived_key(settings, "persons"), derived_key(settings, "index"))
    return Database(settings.database_url.get_secret_value(), network_slug=settings.network, pool=pool, vault=vault)


def derived_key(settings: CommonSettings, purpose: str) -> bytes:
    """A key of this service for one purpose, derived from its master key (HKDF-SHA256)."""
    master = base64.b64decode(settings.master_key.get_secret_value())
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"lotse {purpose}".encode()).derive(master)


def _check(routers: Sequence[APIRouter], permissions: Permissions) -> frozenset[str]:
    """Refuse a route outside the permission table; each route's description says who may call it.

    Returns the names of those that ask for the answer's headers, to say more than their body.
    """
    routes = {route.name: route for router in routers for route in router.routes if isinstance(route, APIRoute)}
    outside, unused = routes.keys() - permissions.keys(), permissions.keys() - routes.keys()
    if outside or unused:
        raise ValueError(f"permission table: routes outside it {sorted(outside)}, without a route {sorted(unused)}")
    for name, route in routes.items():
        roles = ", ".join(sorted(f"`{role}`" for role in permissions[name]))
        route.summary = route.description.splitlines()[0].rstrip(".") if route.description else None
        if CALLED_BY not in route.description:
            route.description = f"{route.description}\n\n{CALLED_BY} {roles}."
    return frozenset(name for name, route in routes.items() if route.dependant.response_param_name)


def look_for_cycles_seldom() -> None:
    """Let this process look for garbage that refers to itself after 50,000 new objects instead of 700.

    What a request leaves behind is freed without that, and each look takes longer the more a process holds: a tenth of
    the time in which thousands of proposals are written down (docs/benchmarks.md).
    """
    gc.set_threshold(50_000, 10, 10)


def server_config(app: FastAPI, settings: CommonSettings, **more: Any) -> uvicorn.Config:
    """How uvicorn serves a service, alone as well as beside the others; `more` is what differs."""
    told: dict[str, Any] = {"host": settings.host, "port": settings.port, "timeout_graceful_shutdown": 10} | more
    return uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, forwarded_allow_ips=settings.proxies,
        limit_concurrency=2000, h11_max_incomplete_event_size=32_768, **told)


def serve(app: FastAPI, settings: CommonSettings) -> None:
    """Run the app until it is told to stop; the exit code is 1 when it could not start."""
    look_for_cycles_seldom()
    server = uvicorn.Server(server_config(app, settings))
    server.run()
    if not server.started:
        sys.exit(1)
