"""Due work: done once and not forgotten, whatever is killed, moved, cancelled or done by two at once."""

import asyncio
from datetime import datetime, timedelta, tzinfo
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from libs.common import due, leader
from libs.common.callers import Role
from libs.common.clock import Clock, real_now
from libs.common.db import OpenTransaction
from libs.common.due import DueWork, cancel, schedule
from libs.common.outbox import announce
from libs.common.reactions import when_due
from libs.common.refusals import Unavailable
from tests.common.stage import ThingMoved, a_database, an_app, effects, make_scratch, on_stage, reactions_of
from tests.harness import Network, Service

PAST = timedelta(seconds=-1)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "FIRST_PAUSE", timedelta(milliseconds=1))
    monkeypatch.setattr(due, "POLL_SECONDS", 0.02)


async def note(transaction: OpenTransaction, about: UUID, step: int = 0) -> None:
    """Write down that due work was done."""
    await transaction.execute(
        text("INSERT INTO scratch.effect (thing, step) VALUES (:thing, :step)"), {"thing": about, "step": step}
    )


class SetRight(Clock):
    """A clock that was ahead, until somebody has looked at it once."""

    def now(self) -> datetime:
        """What it shows; then it is set right."""
        shown, self.ahead = super().now(), timedelta()
        return shown


@when_due("remind")
async def _reminds(transaction: OpenTransaction, about: UUID) -> None:
    await note(transaction, about)
    announce(transaction, ThingMoved(thing_id=about))


async def until_effects(network: Network, count: int, *, seconds: float = 5) -> list[tuple[UUID, int]]:
    """The effects in the registry once there are so many."""
    async with asyncio.timeout(seconds):
        while len(found := await effects(network, "registry")) < count:
            await asyncio.sleep(0.01)
    return found


async def set_due(service: Service, kind: str, about: UUID, after: timedelta = PAST) -> None:
    """Let work fall due so much after now, by the network's clock."""
    async with service.running.database.transaction() as transaction:
        await schedule(transaction, kind, about, transaction.clock.now() + after)


async def test_what_is_due_is_done_once_and_its_fact_told(network: Network) -> None:
    """The row goes, the effect comes, and what is announced goes with it."""
    one, about = await on_stage(network, "registry", _reminds), uuid4()

    await set_due(one, "remind", about)

    assert await until_effects(network, 1) == [(about, 0)]
    await network.settled()
    assert await network.rows("registry", "SELECT 1 FROM due") == []
    assert len(await network.rows("registry", "SELECT 1 FROM outbox")) == 1


async def test_what_is_not_due_yet_waits_for_the_networks_clock(network: Network) -> None:
    """A year moved in one go: everything in it falls due, in its order; what lies behind it does not."""
    one, about = await on_stage(network, "registry", _reminds), [uuid4() for _ in range(4)]
    for place, days in enumerate((300, 30, 200, 400)):
        await set_due(one, "remind", about[place], timedelta(days=days))
    await asyncio.sleep(0.1)
    assert await effects(network, "registry") == []

    await network.move(timedelta(days=365))

    assert await until_effects(network, 3) == [(about[1], 0), (about[2], 0), (about[0], 0)]
    assert [row["about"] for row in await network.rows("registry", "SELECT about FROM due")] == [about[3]]


async def test_what_was_due_by_a_clock_that_went_back_is_not_let_go(network: Network) -> None:
    """Found while the clock was a day ahead: it is not done half a day before its time, and done on its day."""
    await make_scratch(network, "registry")
    database, about = a_database(network, "registry"), uuid4()
    try:
        async with database.transaction() as transaction:
            await schedule(transaction, "remind", about, real_now() + timedelta(hours=12))
        work, database.clock = DueWork(database, reactions_of(_reminds)), SetRight(timedelta(days=1))
        await work.step()
        assert await effects(network, "registry") == []

        database.clock = Clock(timedelta(days=1))
        await work.step()
    finally:
        await database.close()

    assert await effects(network, "registry") == [(about, 0)]


@pytest.mark.parametrize("days", [-1, 1])
async def test_what_failed_is_tried_again_in_time_by_a_clock_that_is_wrong(
    network: Network, days: int, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A machine's clock may be a day before or behind that of the database: neither at once for ever, nor in a day."""
    @when_due("fails")
    async def fails(_transaction: OpenTransaction, _about: UUID) -> None:
        raise LookupError

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + timedelta(days=days)

    monkeypatch.setattr(due, "FIRST_PAUSE", timedelta(minutes=1))
    await make_scratch(network, "registry")
    database = a_database(network, "registry")
    try:
        async with database.transaction() as transaction:
            await schedule(transaction, "fails", uuid4(), real_now() - timedelta(days=2))
        monkeypatch.setattr("libs.common.clock.datetime", Wrong)
        work = DueWork(database, reactions_of(fails))
        await work.step()
        await work.step()
    finally:
        await database.close()

    (row,) = await network.rows("registry", "SELECT attempts, not_before - clock_timestamp() AS pause FROM due")
    assert row["attempts"] == 1
    assert timedelta(0) < row["pause"] < timedelta(minutes=5)


async def test_a_chain_of_due_work_plays_in_one_move(network: Network) -> None:
    """What schedules its own next time falls due again, as often as fits into the year."""

    @when_due("monthly")
    async def monthly(transaction: OpenTransaction, about: UUID) -> None:
        done = await transaction.scalar(text("SELECT count(*) FROM scratch.effect")) or 0
        await note(transaction, about, done + 1)
        await schedule(transaction, "monthly", about, began + timedelta(days=30 * (done + 2)))

    one, about, began = await on_stage(network, "registry", monthly), uuid4(), real_now()
    await set_due(one, "monthly", about, timedelta(days=30))

    await network.move(timedelta(days=365))

    assert await until_effects(network, 12) == [(about, step) for step in range(1, 13)]
    await asyncio.sleep(0.1)
    assert len(await effects(network, "registry")) == 12


async def test_two_leaders_do_nothing_twice(network: Network) -> None:
    """Both take what is due at once, slowly; each piece is done by one of them."""
    await make_scratch(network, "registry")
    database = a_database(network, "registry")

    @when_due("slow")
    async def slow(transaction: OpenTransaction, about: UUID) -> None:
        await note(transaction, about)
        await asyncio.sleep(0.005)

    try:
        abouts = [uuid4() for _ in range(20)]
        async with database.transaction() as transaction:
            for about in abouts:
                await schedule(transaction, "slow", about, real_now() + PAST)
        both = [DueWork(database, reactions_of(slow)) for _ in range(3)]

        await asyncio.gather(*(one.step() for one in both))
        await both[0].step()
    finally:
        await database.close()

    found = await effects(network, "registry")
    assert len(found) == 20
    assert {thing for thing, _ in found} == set(abouts)


async def test_nothing_waits_for_what_takes_long(network: Network) -> None:
    """What fell due earlier and is still being done holds up its like, and nothing else."""
    began, may_end = asyncio.Event(), asyncio.Event()

    @when_due("computed", takes_long=True)
    async def computed(transaction: OpenTransaction, about: UUID) -> None:
        began.set()
        await may_end.wait()
        await note(transaction, about)

    one, abouts = await on_stage(network, "registry", computed, _reminds), [uuid4() for _ in range(3)]
    await set_due(one, "computed", abouts[0], 3 * PAST)
    await asyncio.wait_for(began.wait(), 5)
    began.clear()
    await set_due(one, "computed", abouts[1], 2 * PAST)
    await set_due(one, "remind", abouts[2])

    assert await until_effects(network, 1) == [(abouts[2], 0)]
    assert not began.is_set()
    may_end.set()
    assert {about for about, _ in await until_effects(network, 3)} == set(abouts)


async def test_set_again_or_cancelled_in_its_own_reaction(network: Network) -> None:
    """A reaction that schedules its own kind is done again at that time only; one that cancels it, never again."""

    @when_due("again")
    async def again(transaction: OpenTransaction, about: UUID) -> None:
        await note(transaction, about, 1)
        await schedule(transaction, "again", about, transaction.clock.now() + timedelta(days=1))

    @when_due("never")
    async def never(transaction: OpenTransaction, about: UUID) -> None:
        await note(transaction, about, 2)
        await schedule(transaction, "never", about, transaction.clock.now() + PAST)
        await cancel(transaction, "never", about)

    one, about = await on_stage(network, "registry", again, never), uuid4()
    await set_due(one, "again", about)
    await set_due(one, "never", about)
    await until_effects(network, 2)
    await asyncio.sleep(0.1)
    assert sorted(await effects(network, "registry")) == [(about, 1), (about, 2)]
    assert [row["kind"] for row in await network.rows("registry", "SELECT kind FROM due")] == ["again"]

    await network.move(timedelta(days=1))
    assert len(await until_effects(network, 3)) == 3


async def test_what_has_become_moot_is_not_done(network: Network) -> None:
    """Cancelled in time, or by other due work of the same moment; set to another time, the earlier one is gone."""

    @when_due("a_ends_b")
    async def ends(transaction: OpenTransaction, about: UUID) -> None:
        await note(transaction, about, 1)
        await cancel(transaction, "remind", about)

    one = await on_stage(network, "registry", _reminds, ends)
    about, cancelled, moved = uuid4(), uuid4(), uuid4()
    async with one.running.database.transaction() as transaction:
        now = transaction.clock.now()
        await schedule(transaction, "a_ends_b", about, now + timedelta(days=1))
        await schedule(transaction, "remind", about, now + timedelta(days=1))
        await schedule(transaction, "remind", cancelled, now + timedelta(days=1))
        await schedule(transaction, "remind", moved, now + timedelta(days=1))
    async with one.running.database.transaction() as transaction:
        await cancel(transaction, "remind", cancelled)
        await schedule(transaction, "remind", moved, now + timedelta(days=9))

    await network.move(timedelta(days=2))

    assert await until_effects(network, 1) == [(about, 1)]
    assert [row["about"] for row in await network.rows("registry", "SELECT about FROM due")] == [moved]


async def test_killed_in_the_middle_it_is_done_later_and_once(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended before the commit: nothing of it has happened, and it falls due again."""
    monkeypatch.setattr(leader, "BEAT_SECONDS", 0.05)
    deaths = [InterruptedError, asyncio.CancelledError]

    def die(_point: str) -> None:
        if deaths:
            raise deaths.pop()

    monkeypatch.setattr(due, "failpoint", die)
    one, about = await on_stage(network, "registry", _reminds), uuid4()
    await set_due(one, "remind", about)
    async with asyncio.timeout(5):
        while len(deaths) == 2:
            await asyncio.sleep(0.01)
    assert await effects(network, "registry") == []
    assert len(await network.rows("registry", "SELECT 1 FROM due")) == 1

    network.services.remove(one)
    await one.stop()
    await network.run("registry", an_app(network, "registry", _reminds))

    assert await until_effects(network, 1) == [(about, 0)]
    await asyncio.sleep(0.1)
    assert len(await effects(network, "registry")) == 1


async def test_work_and_who_moves_it_do_not_wait_for_each_other(network: Network) -> None:
    """A request holds the thing and then moves its due work, which waits for the thing: neither is ended for it."""
    await make_scratch(network, "registry")
    database, about, began = a_database(network, "registry"), uuid4(), asyncio.Event()
    held = text("SELECT 1 FROM scratch.effect WHERE thing = :thing AND step = 0 FOR UPDATE")

    @when_due("ends")
    async def ends(transaction: OpenTransaction, about: UUID) -> None:
        began.set()
        await transaction.execute(held, {"thing": about})
        await note(transaction, about, 1)

    work = DueWork(database, reactions_of(ends))
    try:
        async with database.transaction() as transaction:
            await note(transaction, about)
            await schedule(transaction, "ends", about, real_now() + PAST)
        async with database.transaction() as request:
            await request.execute(held, {"thing": about})
            working = asyncio.create_task(work.step())
            await began.wait()
            await schedule(request, "ends", about, real_now() + timedelta(days=1))
        assert await working is False
    finally:
        await database.close()

    assert await effects(network, "registry") == [(about, 0)]
    row = (await network.rows("registry", "SELECT attempts, due_at FROM due"))[0]
    assert (row["attempts"], row["due_at"] > real_now()) == (0, True)


async def test_failing_work_is_parked_and_the_rest_goes_on(network: Network) -> None:
    """Five tries with growing pauses; operations sees it, and setting it anew gives it another chance."""
    tries: list[UUID] = []
    broken = True

    @when_due("fails")
    async def fails(transaction: OpenTransaction, about: UUID) -> None:
        tries.append(about)
        await note(transaction, about, 1)
        if broken:
            raise RuntimeError("Amina Beispiel")

    one, about, other = await on_stage(network, "registry", fails, _reminds), uuid4(), uuid4()
    await set_due(one, "fails", about)
    await set_due(one, "remind", other)

    assert await until_effects(network, 1) == [(other, 0)]
    async with asyncio.timeout(5):
        while not (
            rows := await network.rows("registry", "SELECT raised, attempts FROM due WHERE parked_at IS NOT NULL")
        ):
            await asyncio.sleep(0.01)
    assert (len(tries), rows[0]["attempts"]) == (5, 5)
    assert "RuntimeError" in rows[0]["raised"]
    assert "Amina" not in rows[0]["raised"]
    assert (await one.running.condition())["parked"] == 1

    broken = False
    await set_due(one, "fails", about)
    assert (about, 1) in await until_effects(network, 2)


async def test_work_that_waits_for_another_service_is_not_parked(network: Network) -> None:
    """The owner is away: tried until it answers."""
    tries = 0

    @when_due("asks")
    async def asks(transaction: OpenTransaction, about: UUID) -> None:
        nonlocal tries
        tries += 1
        if tries <= 8:
            raise Unavailable("owner-away", "The {owner} service does not answer.", owner="matching")
        await note(transaction, about)

    one, about = await on_stage(network, "registry", asks), uuid4()
    await set_due(one, "asks", about)

    assert await until_effects(network, 1) == [(about, 0)]
    assert tries == 9


async def test_a_failure_does_not_count_for_what_was_set_anew_meanwhile(network: Network) -> None:
    """While it fails, another transaction sets another time: that is other work, with all its tries."""
    await make_scratch(network, "registry")
    database, about = a_database(network, "registry"), uuid4()
    later = real_now() + timedelta(days=1)

    @when_due("fails")
    async def fails(transaction: OpenTransaction, _about: UUID) -> None:
        await transaction.rollback()
        async with database.transaction() as other:
            await schedule(other, "fails", about, later)
        raise RuntimeError

    try:
        async with database.transaction() as transaction:
            await schedule(transaction, "fails", about, real_now() + PAST)
        await DueWork(database, reactions_of(fails)).step()
    finally:
        await database.close()

    row = (await network.rows("registry", "SELECT attempts, due_at FROM due"))[0]
    assert (row["attempts"], row["due_at"]) == (0, later)


async def test_work_of_an_unknown_kind_is_left_alone(network: Network) -> None:
    """Set by a newer version: it waits for one that knows it, and holds up nothing."""
    one, about = await on_stage(network, "registry", _reminds), uuid4()
    await set_due(one, "of_tomorrow", uuid4())
    await set_due(one, "remind", about)

    assert await until_effects(network, 1) == [(about, 0)]
    assert len(await network.rows("registry", "SELECT 1 FROM due WHERE attempts = 0")) == 1


async def test_the_clock_is_moved_forward_only_and_within_reason(network: Network) -> None:
    """Never back, not to the end of the calendar, not by others than operations."""
    one = await on_stage(network, "registry", _reminds)
    ops = await network.key(Role.OPS)

    async def move(when: str, headers: dict[str, str] = ops) -> tuple[int, str]:
        answer = await one.client.post("/v1/clock/move", json={"now": when}, headers=headers)
        return answer.status_code, answer.json().get("slug", "")

    assert await move("2020-01-01T00:00:00Z") == (422, "clock-never-back")
    assert await move("9999-12-31T23:59:59Z") == (422, "clock-too-far")
    assert await move("0001-01-01T00:00:00+14:00") == (422, "clock-never-back")
    assert await move("2031-01-01T00:00:00") == (422, "invalid-request")
    assert await move((real_now() + timedelta(days=1)).isoformat(), await network.key(Role.NETWORK_ADMIN)) == (
        403,
        "not-allowed",
    )
    assert (await move((real_now() + timedelta(days=1)).isoformat()))[0] == 200
    assert (await move((real_now() + timedelta(hours=1)).isoformat()))[0] == 422
    told = (await one.client.get("/v1/clock", headers=ops)).json()
    assert told["demonstration"] is True


async def test_a_real_networks_clock_does_not_move(network: Network) -> None:
    """Only what was created as a demonstration can be moved."""
    one = await on_stage(network, "registry")
    await network.rows("registry", "UPDATE network SET demonstration = false RETURNING 1")
    try:
        answer = await one.client.post(
            "/v1/clock/move",
            json={"now": (real_now() + timedelta(days=1)).isoformat()},
            headers=await network.key(Role.OPS),
        )
    finally:
        await network.rows("registry", "UPDATE network SET demonstration = true RETURNING 1")
    assert (answer.status_code, answer.json()["slug"]) == (409, "clock-is-real")
    assert one.running.database.clock.ahead == timedelta()
