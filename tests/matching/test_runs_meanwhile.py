"""What changes while a run computes: nobody and no place is proposed twice, and who waits on learns why."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.runs.keeping import to_be_had
from services.matching.runs.words import CHANGED_MEANWHILE
from tests.matching.field import Field, Json


async def unserved_of(field: Field, run: Json) -> dict[str, Json]:
    """Whom a run has nobody for, and why, by household."""
    return {one["household_id"]: one for one in (await field.get(f"/runs/{run['id']}/unserved"))["items"]}


async def live(field: Field) -> list[Any]:
    """Household and mentor of all proposals of the programme that wait for the coordinator."""
    rows = await field.network.rows(
        "matching", "SELECT household_id, mentor_id FROM proposal WHERE programme_id = $1 AND state = 'proposed'",
        field.programme)
    return [(str(row["household_id"]), str(row["mentor_id"])) for row in rows]


async def test_who_waits_on_since_a_mentor_left_learns_it(field: Field) -> None:
    """Somebody had been found for them: that is said in German and English, and the next run says what is missing."""
    mentor, household = await field.ready_mentor(), await field.waiting_household()
    found = await field.found_by_a_run()
    await field.act(f"/mentors/{mentor['id']}/leave")
    run = await field.taken_over(*found)
    told = (await unserved_of(field, run))[household["id"]]

    assert (run["proposed"], run["dropped"]) == (0, 1)
    assert (told["possible"], told["removed"], told["alone"]) == (0, {CHANGED_MEANWHILE: 1}, {CHANGED_MEANWHILE: 1})
    assert "geändert" in told["missing"]["de"][0]
    assert "changed" in told["missing"]["en"][0]
    assert (await field.get(f"/households/{household['id']}"))["state"] == "waiting"
    assert (await unserved_of(field, await field.run()))[household["id"]]["removed"] == {}


async def test_who_got_nobody_is_not_told_that_others_did(field: Field) -> None:
    """The only place was meant for the other one; since the mentor pauses, nobody has it."""
    mentor = await field.ready_mentor()
    households = {(await field.waiting_household())["id"] for _ in range(2)}
    run_id, pool, found = await field.found_by_a_run()
    await field.act(f"/mentors/{mentor['id']}/pause")
    ended = await field.taken_over(run_id, pool, found)
    nobody = {one["household_id"]: one["missing"]["en"] for one in (
        await field.get(f"/runs/{run_id}/unserved"))["items"]}

    assert (ended["proposed"], ended["dropped"], set(nobody)) == (0, 1, households)
    assert ["1 mentor or group would fit. This time the place was meant for others."] in nobody.values()


async def test_a_pair_that_was_declined_meanwhile_is_not_proposed(field: Field) -> None:
    """They were asked without the run, and said no, before its result was taken over; the next run knows it."""
    mentor, household = await field.ready_mentor(), await field.waiting_household()
    found = await field.found_by_a_run()
    proposal = await field.proposed(household, mentor=mentor)
    await field.act(f"/proposals/{proposal['id']}/approve", {})
    await field.act(f"/proposals/{proposal['id']}/invite")
    await field.act(f"/proposals/{proposal['id']}/answers", {"side": "mentors", "accepted": False, "reason": "no_time"})
    run = await field.taken_over(*found)

    assert (run["proposed"], run["dropped"], await live(field)) == (0, 1, [])
    assert (await unserved_of(field, run))[household["id"]]["removed"] == {CHANGED_MEANWHILE: 1}
    assert (await unserved_of(field, await field.run()))[household["id"]]["removed"] == {"declined_before": 1}


async def test_a_household_that_changed_meanwhile_waits_for_the_next_run(field: Field) -> None:
    """It still waits, but with other wishes than those that the run knew."""
    await field.ready_mentor()
    household = await field.waiting_household()
    found = await field.found_by_a_run()
    await field.act(f"/households/{household['id']}", field.household_fields(wishes=["letters"]), method="PUT")
    run = await field.taken_over(*found)

    assert (await unserved_of(field, run))[household["id"]]["removed"] == {CHANGED_MEANWHILE: 1}
    assert (await field.run())["proposed"] == 1


async def test_of_who_waits_no_more_nothing_is_said(field: Field) -> None:
    """A household that was closed meanwhile is neither proposed nor among those whom nobody was found for."""
    await field.ready_mentor()
    household = await field.waiting_household()
    found = await field.found_by_a_run()
    await field.act(f"/households/{household['id']}/close", {"reason": "moved"})
    run = await field.taken_over(*found)

    assert (run["dropped"], await unserved_of(field, run)) == (1, {})


async def test_two_runs_that_end_at_once_propose_nobody_twice(field: Field) -> None:
    """Both found the same pair: one of them proposes it, the other counts it as dropped."""
    mentor, household = await field.ready_mentor(), await field.waiting_household()
    both = [await field.found_by_a_run(), await field.found_by_a_run()]
    runs = await asyncio.gather(*(field.taken_over(*found) for found in both))

    assert sorted((run["proposed"], run["dropped"]) for run in runs) == [(0, 1), (1, 0)]
    assert await live(field) == [(household["id"], mentor["id"])]


async def test_two_runs_that_end_at_once_give_no_place_twice(field: Field) -> None:
    """The only place was given to one household by the first run, and to another, wanted one, by the second."""
    mentor = await field.ready_mentor(interests=["cooking"])
    better = await field.waiting_household(interests=["cooking"])
    wanted = await field.waiting_household(interests=[], languages={"ar": "A2"})
    first = await field.found_by_a_run()
    second = await field.found_by_a_run(pinned=[[wanted["id"], mentor["id"]]])
    run, late = await field.taken_over(*first), await field.taken_over(*second)

    assert (run["proposed"], late["proposed"], late["dropped"]) == (1, 0, 1)
    assert await live(field) == [(better["id"], mentor["id"])]
    assert (await unserved_of(field, late))[wanted["id"]]["removed"] == {CHANGED_MEANWHILE: 1}


@pytest.mark.parametrize("fewer", [False, True])
async def test_a_run_that_is_decided_on_while_another_computes(field: Field, *, fewer: bool) -> None:
    """The first takes its place, the second the other one; not if the mentor says meanwhile that there is none."""
    mentor, first = await field.ready_mentor(capacity=2), await field.waiting_household()
    run = await field.run()
    second = await field.waiting_household()
    found = await field.found_by_a_run()
    (proposal,) = (await field.get(f"/proposals?run_id={run['id']}"))["items"]
    await invited_by(field, run, proposal["id"])
    if fewer:
        await field.act(f"/mentors/{mentor['id']}", field.mentor_fields(capacity=1), method="PUT")
    later = await field.taken_over(*found)
    others = [one["id"] for one in (await field.get(f"/proposals?run_id={later['id']}"))["items"]]
    for one in others:
        await invited_by(field, later, one)
    since = [await field.get(f"/runs/{one['id']}/changed_since") for one in (run, later)]

    rows = await field.network.rows(
        "matching", "SELECT household_id, state FROM proposal WHERE mentor_id = $1 ORDER BY id", UUID(mentor["id"]))
    expected = [first["id"]] if fewer else [first["id"], second["id"]]
    assert [(str(row["household_id"]), row["state"]) for row in rows] == [(one, "accepted_both") for one in expected]
    assert (later["proposed"], later["dropped"], since[0]["units_places"]) == ((0, 1, 1) if fewer else (1, 0, 1))
    assert (since[0]["changed"], since[1]["changed"]) == (True, fewer)


async def invited_by(field: Field, run: Json, proposal_id: str) -> None:
    """One proposal of a run is approved, and both sides say yes."""
    approved = await field.send("POST", f"/runs/{run['id']}/approve", {"proposal_ids": [proposal_id]})
    assert approved.status_code == 200, approved.text
    await field.act(f"/proposals/{proposal_id}/invite")
    for side in ("mentors", "household"):
        await field.act(f"/proposals/{proposal_id}/answers", {"side": side, "accepted": True})


async def test_two_runs_that_are_started_at_once_share_the_pool(field: Field) -> None:
    """By their door: what one has proposed is not there for the other any more."""
    for _ in range(3):
        await field.ready_mentor()
        await field.waiting_household()
    runs = await asyncio.gather(field.run(), field.run())
    pairs = await live(field)

    assert sum(run["proposed"] for run in runs) == len(pairs) == 3
    assert len({household for household, _ in pairs}) == len({mentor for _, mentor in pairs}) == 3


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans(), st.integers(1, 9)), max_size=12),
       st.lists(st.integers(-1, 3), min_size=4, max_size=4))
def test_of_what_still_stands_as_much_is_kept_as_has_a_place(
    pairs: list[tuple[int, bool, bool, int]], places: list[int],
) -> None:
    """At each unit as many as there are places, those who are worth most; nothing of which a side has changed."""
    ids = [str(UUID(int=number)) for number in range(len(pairs))]
    found: dict[str, list[Any]] = {"household_id": ids, "unit_id": [str(unit) for unit, *_ in pairs],
                                   "worth": [worth for *_, worth in pairs]}
    gone = {str(unit) for unit, _, left, _ in pairs if left}
    now = {"households": {one: 1 + changed for one, (_, changed, *_) in zip(ids, pairs, strict=True)},
           "units": {str(unit): 1 for unit in range(4) if str(unit) not in gone}}
    seen = {"households": dict.fromkeys(ids, 1), "units": {str(unit): 1 for unit in range(4)}}
    keep = to_be_had(found, seen, now, {str(unit): number for unit, number in enumerate(places)})

    for unit, number in enumerate(places):
        stand = sorted((pair[3] for pair in pairs if pair[0] == unit and not pair[1] and str(unit) not in gone),
                       reverse=True)
        kept = [pair[3] for pair, kept in zip(pairs, keep, strict=True) if kept and pair[0] == unit]
        assert sorted(kept, reverse=True) == stand[:max(0, number)]
