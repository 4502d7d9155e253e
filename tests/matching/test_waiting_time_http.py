"""What counts as waiting is the time without anybody: not that in a tandem, but that of a proposal which failed."""

from datetime import datetime, timedelta

from tests.matching.field import Field, Json

WEEK = timedelta(days=7)
POINTS_A_WEEK = 5


async def accompanied(field: Field, household: Json) -> Json:
    """A tandem with this household, which has just begun."""
    proposal = await field.proposed(household, mentor=await field.ready_mentor())
    address = f"/proposals/{proposal['id']}"
    await field.act(f"{address}/approve", {})
    await field.act(f"{address}/invite")
    for side in ("mentors", "household"):
        await field.act(f"{address}/answers", {"side": side, "accepted": True})
    await field.act(f"{address}/first_meeting", {"on": str(field.day)})
    return await field.create("/tandems", {"proposal_id": proposal["id"], "kind": "everyday"})


async def found_again(field: Field, household: Json) -> tuple[int, int]:
    """The bonus with which a run proposes the household to somebody new, and the days that its fairness counts."""
    await field.ready_mentor()
    run_id, pool, found = await field.found_by_a_run()
    await field.taken_over(run_id, pool, found)
    (proposal,) = (await field.get(f"/proposals?household_id={household['id']}&state=proposed"))["items"]
    ((_, days, _),) = found["waited"]
    return proposal["bonus"], days


async def since(field: Field, household: Json) -> datetime:
    """Since when the household counts as waiting."""
    return datetime.fromisoformat((await field.get(f"/households/{household['id']}"))["waiting_since"])


async def test_the_time_in_a_tandem_is_no_waiting(field: Field) -> None:
    """What was waited before it stays: neither the bonus nor the figures of a run count the weeks in between."""
    household = await field.waiting_household()
    before = await since(field, household)
    await field.network.move(2 * WEEK)
    tandem = await accompanied(field, household)
    await field.network.move(10 * WEEK)
    ended = await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
    lasted = datetime.fromisoformat(ended["ended_at"]) - datetime.fromisoformat(ended["started_at"])
    assert lasted >= 10 * WEEK
    assert await since(field, household) == before + lasted
    bonus, days = await found_again(field, household)

    assert bonus == 2 * POINTS_A_WEEK
    assert 14 <= days <= 15


async def test_the_time_of_a_proposal_that_is_declined_is_waiting(field: Field) -> None:
    """Nobody accompanied them, however long it was open."""
    household = await field.waiting_household()
    before = await since(field, household)
    proposal = await field.proposed(household, mentor=await field.ready_mentor())
    await field.network.move(3 * WEEK)
    address = f"/proposals/{proposal['id']}"
    await field.act(f"{address}/approve", {})
    await field.act(f"{address}/invite")
    await field.network.move(days=6)
    await field.act(f"{address}/answers", {"side": "mentors", "accepted": False, "reason": "no_time"})
    await field.network.move(days=1)
    assert await since(field, household) == before
    bonus, days = await found_again(field, household)

    assert bonus == 4 * POINTS_A_WEEK
    assert 28 <= days <= 29


async def test_who_is_closed_after_a_tandem_does_not_wait(field: Field) -> None:
    """Where nobody else is looked for nothing is counted."""
    household = await field.waiting_household()
    before = await since(field, household)
    tandem = await accompanied(field, household)
    await field.network.move(WEEK)
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "household_wish", "rematch": False})
    closed = await field.get(f"/households/{household['id']}")

    assert (closed["state"], await since(field, household)) == ("closed", before)
