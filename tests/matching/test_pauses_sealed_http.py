"""Why somebody is held back, or goes on, is sealed with a person's key: told to coordinators, gone with the person."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.common.due import schedule
from libs.common.facts.registry import ErasureRequested
from tests.matching.field import Field, Json

pytestmark = pytest.mark.slow

LEARNT = {"why": "Nach dem Ende wurde etwas bekannt, das erst zu klären ist."}
TALKED = {"why": "Alle haben miteinander gesprochen, die Sorge ist ausgeräumt."}
KEPT = "held_back_note, held_back_ref, held_back_why, resumed_why, held_back_on"


async def kept(field: Field, table: str, unit: Json) -> Any:
    """What stands in the database of why somebody is held back, or goes on."""
    (row,) = await field.network.rows("matching", f"SELECT {KEPT} FROM {table} WHERE id = $1::text::uuid", unit["id"])
    return row


async def erase(field: Field, *members: Json) -> None:
    """Let matching hear that these persons are to be erased."""
    await field.network.tell("matching", ErasureRequested(
        erasure_id=uuid4(), person_refs=tuple(UUID(one["person_ref"]) for one in members)))


async def members_of(field: Field, group: Json) -> list[Json]:
    """Who belongs to a group or did; the first is its main contact."""
    found: list[Json] = await field.get(f"/members?mentor_group_id={group['id']}")
    return found


@pytest.mark.parametrize("noun", ["mentor", "mentor_group"])
async def test_a_reason_is_sealed_and_told_to_coordinators(field: Field, noun: str) -> None:
    """In each answer as before, also in lists; neither that of being held back nor that of going on can be read below.

    Each reading of it stands in the audit with the person whose key it is.
    """
    unit = await (field.ready_mentor() if noun == "mentor" else field.ready_group())
    whose = unit if noun == "mentor" else (await members_of(field, unit))[0]
    address = f"/{noun}s/{unit['id']}"
    held = await field.act(f"{address}/hold_back", LEARNT)
    assert (held["held_back_why"], held["resumed_why"]) == (LEARNT["why"], None)
    row = await kept(field, noun, unit)
    assert (str(row["held_back_ref"]), row["held_back_why"], row["resumed_why"]) == (whose["person_ref"], None, None)
    assert b"bekannt" not in row["held_back_note"]
    (listed,) = (await field.get(f"/{noun}s?held_back=true"))["items"]
    assert (listed["held_back_why"], (await field.get(address))["held_back_why"]) == (LEARNT["why"],) * 2
    read = await field.network.rows(
        "matching", "SELECT person_ref FROM audit WHERE action = 'read' AND about = $1 ORDER BY id DESC LIMIT 3",
        f"{noun}/{unit['id']}")
    assert {str(one["person_ref"]) for one in read} == {whose["person_ref"]}
    back = await field.act(f"{address}/resume", TALKED)
    assert (back["held_back_why"], back["resumed_why"]) == (None, TALKED["why"])
    row = await kept(field, noun, unit)

    assert b"gesprochen" not in row["held_back_note"]
    assert (row["held_back_why"], row["resumed_why"]) == (None, None)


async def test_held_back_again_without_a_reason_the_one_that_was_given_stays(field: Field) -> None:
    """As when another tandem ends for safety; what is said anew takes its place."""
    mentor = await field.ready_mentor(capacity=2)
    address = f"/mentors/{mentor['id']}"
    tandem = await field.active(mentor=mentor)
    await field.act(f"{address}/hold_back", LEARNT)
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "safeguarding"})
    assert (await field.get(address))["held_back_why"] == LEARNT["why"]

    assert (await field.act(f"{address}/hold_back", {"why": "Noch etwas."}))["held_back_why"] == "Noch etwas."


async def test_of_an_erased_mentor_no_reason_is_left(field: Field) -> None:
    """Neither sealed nor to be read."""
    mentor = await field.ready_mentor()
    await field.act(f"/mentors/{mentor['id']}/hold_back", LEARNT)
    await erase(field, mentor)
    assert tuple(await kept(field, "mentor", mentor)) == (None,) * 5

    assert (await field.get(f"/mentors/{mentor['id']}"))["held_back_why"] is None


@pytest.mark.parametrize("which", [0, 2])
async def test_with_an_erased_member_the_reason_of_the_group_goes_and_it_stays_held_back(
    field: Field, which: int,
) -> None:
    """With whoever it was, since nobody can say of whom it told; who merely leaves takes nothing along.

    A coordinator says it anew if need be, and it goes on only when one says so.
    """
    group = await field.ready_group()
    address, member = f"/mentor_groups/{group['id']}", (await members_of(field, group))[which]
    by = (await field.act(f"{address}/hold_back", LEARNT))["held_back_by"]
    await field.act(f"/members/{member['id']}/leave")
    assert (await field.get(address))["held_back_why"] == LEARNT["why"]
    await erase(field, member)
    left = await field.get(address)
    assert (left["held_back_on"], left["held_back_by"], left["held_back_why"]) == (str(field.day), by, None)
    assert tuple(await kept(field, "mentor_group", group))[:4] == (None,) * 4
    assert (await field.act(f"{address}/hold_back", {"why": "Weiter offen."}))["held_back_why"] == "Weiter offen."

    assert (await field.act(f"{address}/resume", TALKED))["resumed_why"] == TALKED["why"]


async def test_a_group_to_which_nobody_belongs_is_held_back_too(field: Field) -> None:
    """Its reason tells of no person, and is sealed all the same."""
    group = await field.create("/mentor_groups", field.group_body(members=0))
    held = await field.act(f"/mentor_groups/{group['id']}/hold_back", LEARNT)
    row = await kept(field, "mentor_group", group)

    assert (held["held_back_why"], row["held_back_ref"]) == (LEARNT["why"], None)
    assert b"bekannt" not in row["held_back_note"]


@pytest.mark.parametrize("noun", ["mentor", "mentor_group"])
@pytest.mark.parametrize("column", ["held_back_why", "resumed_why"])
async def test_what_a_version_before_left_in_plain_text_is_told_and_then_sealed(
    field: Field, noun: str, column: str,
) -> None:
    """By work that falls due; done twice it changes nothing."""
    unit = await (field.ready_mentor() if noun == "mentor" else field.ready_group())
    await as_the_version_before(field, noun, unit, column, LEARNT["why"])
    assert (await field.get(f"/{noun}s/{unit['id']}"))[column] == LEARNT["why"]
    for _ in range(2):
        async with field.network["matching"].running.database.transaction() as transaction:
            await schedule(transaction, "plain_why", UUID(unit["id"]), transaction.clock.now())
        await field.network.settled()
        row = await kept(field, noun, unit)
        assert (row["held_back_why"], row["resumed_why"]) == (None, None)
        assert b"bekannt" not in row["held_back_note"]

    assert (await field.get(f"/{noun}s/{unit['id']}"))[column] == LEARNT["why"]


async def as_the_version_before(field: Field, noun: str, unit: Json, column: str, why: str | None) -> None:
    """Write as an instance does that knows of nothing sealed, with the rights of a service."""
    other = ({"held_back_why", "resumed_why"} - {column}).pop()
    async with field.network["matching"].running.database.transaction() as transaction:
        await transaction.write(
            f"UPDATE {noun} SET {column} = $2, {other} = NULL, held_back_on = $3 WHERE id = $1",
            UUID(unit["id"]), why, field.day if column == "held_back_why" else None)


@pytest.mark.parametrize("noun", ["mentor", "mentor_group"])
async def test_what_it_writes_beside_this_one_takes_the_place_of_what_was_sealed_before(
    field: Field, noun: str,
) -> None:
    """It falls due to be sealed each time, and no reason of another time is told in between."""
    unit = await (field.ready_mentor() if noun == "mentor" else field.ready_group())
    address = f"/{noun}s/{unit['id']}"
    await field.act(f"{address}/hold_back", {"why": "Von früher."})
    for column in ("resumed_why", "held_back_why"):
        await as_the_version_before(field, noun, unit, column, LEARNT["why"])
        assert (await field.get(address))[column] == LEARNT["why"]
        await field.network.settled()
        row = await kept(field, noun, unit)
        assert (row["held_back_why"], row["resumed_why"]) == (None, None)
        assert (await field.get(address))[column] == LEARNT["why"]


async def test_held_back_by_it_without_a_reason_none_of_before_is_told(field: Field) -> None:
    """Neither while somebody is held back nor once they are no longer."""
    mentor = await field.ready_mentor()
    address = f"/mentors/{mentor['id']}"
    await field.act(f"{address}/hold_back", LEARNT)
    await field.act(f"{address}/resume", TALKED)
    await as_the_version_before(field, "mentor", mentor, "held_back_why", None)
    held = await field.get(address)

    assert (held["held_back_on"], held["held_back_why"], held["resumed_why"]) == (str(field.day), None, None)
