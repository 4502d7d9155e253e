"""The live process as the service sees it: one for each instance, begun with the first question, ended when idle.

A run or the prices never hold it up: they are computed in processes of their own.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from libs.common.db import Database, OpenTransaction
from libs.common.refusals import Unavailable
from services.matching.runs.line import Line
from services.matching.runs.process import Process, called, end_with_parent

SERVING = "services.matching.runs.live_serving"
IDLE_SECONDS, PRICING_IDLE_SECONDS = 600.0, 5.0
MOST_WAITING = 5
Plain = dict[str, Any]
log = structlog.get_logger()


@dataclass(frozen=True)
class Known:
    """What the process was told of a programme: under which rules, up to which change, with which prices."""

    token: UUID
    rules: Plain
    horizon: int
    priced_at: object


Read = Callable[[OpenTransaction], Awaitable[tuple[Plain, Known]]]
"""Reads the whole pool of a programme: what the process is told, and what it knows then."""


class LiveWorker:
    """Asks the live process, and remembers what it has been told."""

    def __init__(self, database: Database) -> None:
        """Nothing is started yet. Whole pools are read by a connection of `database`: who waits may hold others."""
        self._line = Line(IDLE_SECONDS, SERVING, "serve")
        self._database = database
        self._reading: dict[UUID, asyncio.Task[None]] = {}
        # It has one connection, and would be waited for in vain by who asks for another programme.
        self._one_at_a_time = asyncio.Lock()
        self.known: dict[UUID, Known] = {}
        self._turns: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting: Counter[UUID] = Counter()

    @asynccontextmanager
    async def turn(self, programme_id: UUID) -> AsyncIterator[None]:
        """One question about a programme after the other: what is told of changes must not overtake itself.

        Each who waits holds a connection of the service: while a whole pool is read only a few may.
        """
        if programme_id in self._reading and self._waiting[programme_id] >= MOST_WAITING:
            raise being_read()
        self._waiting[programme_id] += 1
        try:
            async with self._turns[programme_id]:
                yield
        finally:
            self._waiting[programme_id] -= 1

    async def serve(self, request: Plain) -> Plain:
        """What the process answers; asked once more of a new one, which knows nothing, when it was killed."""
        found: Plain = await self._line.ask(request)
        return found

    async def read_whole(self, programme_id: UUID, read: Read) -> None:
        """Wait until a programme's pool has been read in a transaction of its own, and told; once for all who wait.

        It goes on when they stop waiting: a pool may be too large to be read while one request lasts.
        """
        if programme_id not in self._reading:
            self._reading[programme_id] = asyncio.create_task(self._read(programme_id, read))
        await asyncio.shield(self._reading[programme_id])

    async def close(self) -> None:
        """The service ends."""
        for reading in self._reading.values():
            reading.cancel()
        await asyncio.gather(*self._reading.values(), return_exceptions=True)
        self._line.close()
        await self._database.close()

    async def _read(self, programme_id: UUID, read: Read) -> None:
        try:
            async with self._one_at_a_time, self._database.transaction() as transaction:
                whole, known = await read(transaction)
            await self.serve({"programme": programme_id, "token": known.token, "whole": whole})
            self.known[programme_id] = known
        except Exception as raised:
            log.warning("a pool could not be read", kind=type(raised).__name__)
            raise
        finally:
            del self._reading[programme_id]


def being_read() -> Unavailable:
    """The refusal of who would wait too long for a pool."""
    return Unavailable("pool-being-read", "Mentors and groups are being read just now; try again in some seconds.")


async def price(pool: Plain) -> dict[str, int]:
    """The prices of a programme's units, computed beside everything else."""
    try:
        try:
            return await _priced(pool)
        except BrokenProcessPool:
            PRICING.drop()
            return await _priced(pool)
    except asyncio.CancelledError:
        PRICING.kill()
        PRICING.drop()
        raise


async def _priced(pool: Plain) -> dict[str, int]:
    found: dict[str, int] = await PRICING.call(called, SERVING, "priced", pool)
    return found


PRICING = Process(PRICING_IDLE_SECONDS, end_with_parent)
