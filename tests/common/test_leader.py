"""The leader: one instance works, its works are restarted, and the lead passes on when its connection breaks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest

from libs.common import leader
from libs.common.leader import Leader, LockConnection, Work, end_all
from tests.harness import Network

LEADS = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND database ="
    " (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@pytest.fixture(autouse=True)
def _short_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leader, "BEAT_SECONDS", 0.05)


class Worked:
    """A work that says when it begins and ends, and fails as often as it is told to."""

    def __init__(self) -> None:
        self.began = 0
        self.running = 0
        self.raises: list[BaseException] = []

    def make(self, _lock: LockConnection) -> Work:
        """The work, as a leader takes it."""
        return self._run

    async def _run(self) -> None:
        self.began += 1
        self.running += 1
        try:
            if self.raises:
                raise self.raises.pop()
            await asyncio.Event().wait()
        finally:
            self.running -= 1


@asynccontextmanager
async def leading(network: Network, *works: Worked) -> AsyncIterator[list[Leader]]:
    """A leader for each of the works, all on the registry's database."""
    url = network.cluster.database_url("registry", network.databases["registry"])
    leaders = [Leader(url, [work.make]) for work in works]
    tasks = [asyncio.create_task(one.run()) for one in leaders]
    try:
        yield leaders
    finally:
        await end_all(tasks)


async def until(what: object) -> None:
    """Return once the condition, a function, holds."""
    assert callable(what)
    async with asyncio.timeout(5):
        while not what():
            await asyncio.sleep(0.01)


async def test_one_of_two_leads(network: Network) -> None:
    """The other stands by, and takes over when the first one ends."""
    first, second = Worked(), Worked()
    async with leading(network, first):
        await until(lambda: first.running)
        async with leading(network, second) as (standby,):
            await asyncio.sleep(0.3)
            assert (second.began, standby.leading) == (0, False)
    assert first.running == second.running == 0
    async with leading(network, second) as (next_one,):
        await until(lambda: second.running and next_one.leading)


async def test_the_lead_ends_with_its_connection(network: Network) -> None:
    """The database ends the connection: the works end, and whoever gets the lock leads."""
    first, second = Worked(), Worked()
    async with leading(network, first, second):
        await until(lambda: first.running + second.running == 1)
        for turn in range(1, 4):
            await network.rows("registry", f"SELECT pg_terminate_backend(pid) FROM ({LEADS}) AS leads")
            await until(lambda turn=turn: first.began + second.began > turn and first.running + second.running == 1)
        assert len(await network.rows("registry", LEADS)) == 1


@pytest.mark.parametrize("raised", [RuntimeError("a bug"), asyncpg.InterfaceError("closed"), asyncio.CancelledError()])
async def test_a_work_that_ends_is_begun_again(network: Network, raised: BaseException) -> None:
    """A bug in it, or a cancellation that nobody asked for: the instance does not lead on without it."""
    work = Worked()
    work.raises = [raised]
    async with leading(network, work):
        await until(lambda: work.began >= 2 and work.running == 1)


async def test_a_database_that_is_away_is_waited_for() -> None:
    """Nothing ends; it tries again."""
    one = Leader("postgresql://nobody@127.0.0.1:9/nothing", [])
    task = asyncio.create_task(one.run())
    await asyncio.sleep(0.2)
    assert not task.done()
    assert one.leading is False
    await end_all([task])


async def test_works_end_although_their_end_is_asked_for_twice(network: Network) -> None:
    """Whoever stops the leader may lose patience; no work goes on by itself, and the lock is given back."""
    ended = 0

    def slow(_lock: LockConnection) -> Work:
        async def run() -> None:
            nonlocal ended
            try:
                await asyncio.Event().wait()
            finally:
                until_then = asyncio.get_running_loop().time() + 0.3
                while asyncio.get_running_loop().time() < until_then:
                    with suppress(asyncio.CancelledError):
                        await asyncio.sleep(0.01)
                ended += 1

        return run

    one = Leader(network.cluster.database_url("registry", network.databases["registry"]), [slow, slow])
    task = asyncio.create_task(one.run())
    await until(lambda: one.leading)
    await asyncio.sleep(0.05)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.02)
    await asyncio.gather(task, return_exceptions=True)

    assert ended == 2
    async with asyncio.timeout(5):
        while await network.rows("registry", LEADS):
            await asyncio.sleep(0.02)


async def test_a_work_that_swallows_its_cancellation_ends_all_the_same() -> None:
    """As nats-py does while it flushes."""
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    async with asyncio.timeout(2):
        await end_all([task])
    assert task.done()
