"""The database of a service: one transaction per request, batch of facts or piece of due work."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

import asyncpg
from sqlalchemy import Connection, event, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified
from sqlalchemy.orm.exc import StaleDataError

from libs.common.callers import SYSTEM, Caller
from libs.common.clock import Clock
from libs.common.envelope import Heard
from libs.common.privacy import Vault
from libs.common.refusals import NotFound, Stale
from libs.common.tables import network

if TYPE_CHECKING:
    from libs.common.bus import Bus
    from libs.common.links import Links

Row = TypeVar("Row")
# What the settings of a caller are made of: codes, ids and what stands between them. Nothing that ends a literal.
PLAIN = re.compile(r"[A-Za-z0-9_,/.-]*")
OPENING = "opening"
# As text: what SQLAlchemy does to compile and bind an insert takes longer than the rest of it.
ANNOUNCE = "INSERT INTO outbox (fact_id, subject, about, headers, body) VALUES ($1, $2, $3, $4, $5)"


def _opening(caller: Caller) -> str:
    """The statement that hands the caller's scope to row-level security, for the rest of its transaction."""
    settings = caller.row_settings()
    odd = [name for name, value in settings.items() if not PLAIN.fullmatch(value)]
    if odd:
        raise ValueError(f"what a caller may touch is told in codes and ids only: {odd}")
    return "SELECT " + ", ".join(f"set_config('lotse.{name}', '{value}', true)" for name, value in settings.items())


class _OpeningConnection(asyncpg.Connection):  # type: ignore[misc] # asyncpg has no types
    """A connection that tells the caller's scope in the round trip in which a transaction begins: each has one less."""

    opening = ""

    async def execute(self, query: str, *arguments: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109
        """What asyncpg executes; `BEGIN;` with the opening behind it."""
        if query == "BEGIN;":
            query += self.opening
        status: str = await super().execute(query, *arguments, timeout=timeout)
        return status


def _prepare_opening(connection: Connection) -> None:
    """Each transaction has its own opening, or none: never that of who used the connection before."""
    driver: Any = connection.connection.driver_connection
    driver.opening = connection.get_execution_options().get(OPENING, "")


class OpenTransaction(AsyncSession):
    """What a route, a reaction or due work does its reading and writing in; nobody else commits it.

    caller says who is behind it, clock what time it is; hearing is the fact that is being reacted to, if any; doing
    is the kind of the due work that is being done, and what it is about, due_again when it has set itself anew.
    Facts given to announce() wait in to_announce and are written just before the commit, so that the order of
    their rows is that of the locks their aggregates took.
    """

    caller: Caller
    clock: Clock
    hearing: Heard | None = None
    doing: tuple[str, UUID] | None = None
    due_again: datetime | None = None
    network: str = ""
    vault: Vault
    bus: "Bus"
    links: "Links"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Open on an engine; see Database.transaction."""
        super().__init__(*arguments, **options)
        self.to_announce: list[tuple[UUID, str, str, str, str]] = []
        self.after_commit: list[Callable[[], None]] = []
        self.due_changed = asyncio.Event()
        self.person_keys: dict[UUID, bytes | None] = {}

    async def write(self, statement: str, *values: Any) -> None:
        """Execute a statement that is text already, with $1, $2 … for the values: for what most requests write."""
        await self.run_sync(lambda session: session.connection().exec_driver_sql(statement, values))


def sqlalchemy_url(url: str) -> str:
    """A `postgresql://` URL as SQLAlchemy wants it for asyncpg."""
    return "postgresql+asyncpg://" + url.split("://", 1)[1]


class Database:
    """One service's database: its engine, its clock, and what is to be woken when facts have been announced."""

    def __init__(self, url: str, *, network_slug: str, vault: Vault, pool: int = 20) -> None:
        """Make the engine; nothing is connected before connect()."""
        self.url = url
        self.network_slug = network_slug
        self.vault = vault
        # Set by the running service; a command that only looks into the database has neither.
        self.bus: Bus = cast("Bus", None)
        self.links: Links = cast("Links", None)
        self.clock = Clock()
        self.announced = asyncio.Event()
        self.due_changed = asyncio.Event()
        self.engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(url), pool_size=pool, max_overflow=0, pool_timeout=5, pool_recycle=1800,
            pool_use_lifo=True,  # the one that was used last has its statements prepared, and is warm
            connect_args={"server_settings": {"statement_timeout": "10000", "jit": "off"}, "timeout": 5,
                          "connection_class": _OpeningConnection},
        )
        event.listen(self.engine.sync_engine, "begin", _prepare_opening)

    async def connect(self) -> None:
        """Read the network's row; the clock of a demonstration starts where it was left."""
        await self.read_clock()

    async def read_clock(self) -> None:
        """Take over how far the demonstration's clock is ahead."""
        async with self.engine.connect() as connection:
            row = (await connection.execute(select(network.c.ahead, network.c.slug))).one()
        if row.slug != self.network_slug:
            raise RuntimeError(f"this database is of the network {row.slug!r}, the settings say {self.network_slug!r}")
        self.clock.ahead = max(row.ahead, self.clock.ahead)  # read before a move that this process has committed since

    async def is_demonstration(self) -> bool:
        """Whether this network was created as a demonstration."""
        async with self.engine.connect() as connection:
            return bool(await connection.scalar(select(network.c.demonstration)))

    async def close(self) -> None:
        """Return every connection."""
        await self.engine.dispose()

    @asynccontextmanager
    async def transaction(self, caller: Caller = SYSTEM) -> AsyncIterator[OpenTransaction]:
        """Open a transaction with the caller's scope behind row-level security; commit at the end, or undo all.

        Refuses with `stale` when another changed the same thing since it was read.
        """
        session = OpenTransaction(
            self.engine, expire_on_commit=False, autoflush=False, execution_options={OPENING: _opening(caller)})
        session.caller, session.clock, session.network = caller, self.clock, self.network_slug
        session.due_changed, session.vault = self.due_changed, self.vault
        session.bus, session.links = self.bus, self.links
        try:
            yield session
            await session.run_sync(_commit, session.to_announce)
        except StaleDataError as changed:
            raise Stale("stale", "This was changed by someone else in the meantime; read it again.") from changed
        finally:
            if session.in_transaction():
                await session.__aexit__(None, None, None)  # undoes all, even while this task is being cancelled
        if session.to_announce:
            self.announced.set()
        for follow_up in session.after_commit:
            follow_up()


def _commit(session: Session, facts: list[tuple[UUID, str, str, str, str]]) -> None:
    """Write what has changed, then the facts, and commit."""
    session.flush()
    if facts:
        session.connection().exec_driver_sql(ANNOUNCE, facts)
    session.commit()


async def get_or_refuse(
    transaction: OpenTransaction, kind: type[Row], row_id: UUID, *, version: int | None = None, lock: bool = False,
) -> Row:
    """The row with this id inside the caller's scope, else NotFound; Stale when its version is another than asked.

    lock: no other transaction may change it until this one ends.
    """
    found = await transaction.get(kind, row_id, with_for_update=lock or None)
    if found is None or not transaction.caller.scope.covers(found):
        raise NotFound("not-found", "There is no such {noun}.", noun=kind)
    if version is not None and version != found.version:  # type: ignore[attr-defined]
        raise Stale("stale", "This was changed by someone else in the meantime; read it again.")
    return found


def touch(row: object) -> None:
    """Count the aggregate as changed, although only what belongs to it is: its version rises with the next flush."""
    # None of its own columns is another; one that every table of the field has is written again.
    flag_modified(row, "region")


def is_transient(raised: BaseException) -> bool:
    """Whether the database is to blame and trying the same again may help: it is away, full, or two were in conflict.

    A statement that ran out of time is not: it would again, and hold up all that comes after it.
    """
    if isinstance(raised, DBAPIError) and raised.connection_invalidated:
        return True
    state = _state_of(raised)
    return state[:2] in {"08", "40", "53"} or state.startswith("57P")


def is_conflict(raised: BaseException) -> bool:
    """Whether two transactions stood in each other's way, and this one was undone so that the other could go on."""
    return _state_of(raised)[:2] == "40"


def _state_of(raised: BaseException) -> str:
    # What is raised while connecting comes from asyncpg itself.
    return str(getattr(getattr(raised, "orig", raised), "sqlstate", None) or "")


def is_away(raised: BaseException) -> bool:
    """Whether the database cannot be reached, or has no connection to spare, or is as in is_transient."""
    return isinstance(raised, ConnectionError | PoolTimeout) or is_transient(raised)
