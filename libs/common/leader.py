"""The leader: of all instances of a service the one that relays, reads facts and does due work."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import asyncpg
import structlog

log = structlog.get_logger()
LOCK = 0x4C6F7473656E  # "Lotsen": any constant, each service has a database of its own
BEAT_SECONDS = 1.0
Work = Callable[[], Awaitable[None]]


class LockConnection:
    """The connection that holds the leader's lock; what is numbered is numbered on it, so only while leading."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        """Wrap the connection; asyncpg allows one query at a time on it."""
        self._connection = connection
        self._turn = asyncio.Lock()

    async def fetch(self, query: str, *values: object) -> list[asyncpg.Record]:
        """Run a query and return its rows; raises when the lock's connection is gone."""
        async with self._turn:
            rows: list[asyncpg.Record] = await self._connection.fetch(query, *values, timeout=10)
            return rows

    async def close(self) -> None:
        """Give the lock back."""
        await self._connection.close(timeout=2)

    def cut(self) -> None:
        """Drop the connection without a word, as a crash would."""
        self._connection.terminate()


class Leader:
    """Tries to lead; while it does, runs the works, each restarted when it fails."""

    def __init__(self, database_url: str, works: Sequence[Callable[[LockConnection], Work]]) -> None:
        """works: given the lock's connection, each returns an endless coroutine function."""
        self._url = database_url
        self._works = works
        self.leading = False

    async def run(self) -> None:
        """Stand by until the lock is free, lead until its connection breaks, and again."""
        while True:
            lock = None
            try:
                lock = await self._take_lock()
                if lock:
                    await self._lead(lock)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as raised:
                log.warning("not leading: database away", kind=type(raised).__name__)
            except Exception as raised:
                log.error("not leading, trying again", exc_info=raised)
            finally:
                self.leading = False
                if lock:
                    await _close_quietly(lock)
            await asyncio.sleep(BEAT_SECONDS)

    async def _take_lock(self) -> LockConnection | None:
        keepalive = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "2"}
        connection = await asyncpg.connect(self._url, timeout=5, server_settings=keepalive)
        try:
            if await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
                return LockConnection(connection)
        except BaseException:
            connection.terminate()
            raise
        await connection.close(timeout=2)
        return None

    async def _lead(self, lock: LockConnection) -> None:
        self.leading = True
        log.info("leading")
        works = [asyncio.create_task(_again_and_again(make(lock))) for make in self._works]
        try:
            while not any(work.done() for work in works):
                await lock.fetch("SELECT 1")
                await asyncio.sleep(BEAT_SECONDS)
            # A cancellation that nobody asked for, out of a library: better to lead anew than without this work.
            raise RuntimeError("a work has ended")
        finally:
            await end_all(works)


async def _again_and_again(work: Work) -> None:
    while True:
        try:
            await work()
        except Exception as raised:
            log.warning("work failed, trying again", work=getattr(work, "__qualname__", str(work)), exc_info=raised)
        await asyncio.sleep(BEAT_SECONDS)


async def end_all(works: Sequence[asyncio.Task[None]]) -> None:
    """Cancel until all have ended: nats-py swallows a cancellation while it flushes, and the work would go on."""
    left, told = set(works), False
    while left:
        for work in left:
            work.cancel()
        try:
            _, left = await asyncio.wait(left, timeout=BEAT_SECONDS)
        except asyncio.CancelledError:
            told = True  # to end itself, which it does after the works: left to themselves they would go on
    if told:
        raise asyncio.CancelledError


async def _close_quietly(lock: LockConnection) -> None:
    try:
        await lock.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
        log.debug("the lock's connection was gone")
    finally:
        lock.cut()  # also when cancelled meanwhile: the next leader waits for this lock
