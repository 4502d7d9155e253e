"""Lists that change while somebody pages through them: no row twice, and none is missed that was there all along."""

from collections.abc import Awaitable, Callable
from itertools import count
from uuid import UUID, uuid4

import pytest

from libs.common.facts.registry import ErasureRequested
from tests.matching.field import Field, Json

pytestmark = pytest.mark.slow

MANY = 7
Meanwhile = Callable[[int], Awaitable[object]]


async def paged(field: Field, path: str, meanwhile: Meanwhile, *, by: str = "id") -> list[str]:
    """What stands under this name in the rows of all pages of two; `meanwhile` happens before each further page."""
    found: list[str] = []
    shown: Json = {"next": None}
    for number in count():
        cursor = f"&cursor={shown['next']}" if number else ""
        shown = await field.get(f"{path}{'&' if '?' in path else '?'}limit=2{cursor}")
        found += [one[by] for one in shown["items"]]
        if not shown["next"]:
            return found
        await meanwhile(number)
    raise AssertionError


def holds(found: list[str], steady: list[str], gone: str) -> bool:
    """Nobody is there twice, nor who had gone before; the steady ones are there in the order in which they came."""
    return len(set(found)) == len(found) and gone not in found and [one for one in found if one in steady] == steady


@pytest.mark.parametrize("noun", ["mentors", "households"])
async def test_who_comes_changes_and_goes_meanwhile(field: Field, noun: str) -> None:
    """One who was read pauses and is back, one changes, one who was not read yet goes, and others come."""
    state = "ready" if noun == "mentors" else "waiting"

    async def another() -> str:
        made = await (field.ready_mentor() if noun == "mentors" else field.waiting_household())
        return str(made["id"])

    ids = [await another() for _ in range(MANY)]
    fields = field.mentor_fields if noun == "mentors" else field.household_fields
    end = ("leave", None) if noun == "mentors" else ("close", {"reason": "moved"})

    async def meanwhile(number: int) -> None:
        if number == 0:
            for verb in ("pause", "resume"):
                await field.act(f"/{noun}/{ids[0]}/{verb}")
            await field.act(f"/{noun}/{ids[4]}/{end[0]}", end[1])
        await field.act(f"/{noun}/{ids[1 + number]}", fields(conflict_groups=["choir"]), method="PUT")
        if number < 2:
            ids.append(await another())

    found = await paged(field, f"/{noun}?programme_id={field.programme}&state={state}", meanwhile)
    steady = [one for one in ids if one != ids[4]]

    assert holds(found, steady, ids[4])
    assert found == steady


@pytest.mark.parametrize("wanted", ["", "&state=proposed"])
async def test_what_is_decided_on_meanwhile(field: Field, wanted: str) -> None:
    """Of a run's proposals one that was read is approved, and one that was not yet is dismissed; all others stay."""
    for _ in range(MANY):
        await field.ready_mentor()
        await field.waiting_household()
    run = await field.run()
    own = f"/proposals?run_id={run['id']}"
    ids = [one["id"] for one in (await field.get(own))["items"]]

    async def meanwhile(number: int) -> None:
        if number == 0:
            await field.act(f"/proposals/{ids[0]}/approve", {})
            await field.act(f"/proposals/{ids[3]}/dismiss", {"reason": "postponed"})
        await field.run(simulate=number % 2 == 0)

    assert await paged(field, f"{own}{wanted}", meanwhile) == [one for one in ids if one != ids[3] or not wanted]


async def test_runs_and_what_they_found_stay_in_their_order(field: Field) -> None:
    """Others are started and cancelled, what was found is declined, and somebody is erased of whom it tells."""
    for _ in range(MANY):
        await field.ready_mentor()
        await field.waiting_household()
    nobody = [await field.waiting_household(slots=["sun_morning"]) for _ in range(MANY)]
    run = await field.run()
    runs = [run["id"], *[(await field.run(simulate=True))["id"] for _ in range(3)]]

    async def starts(_: int) -> None:
        if len(runs) < MANY:
            runs.append((await field.run(simulate=True))["id"])

    async def erases(number: int) -> None:
        person = (await field.get(f"/households/{nobody[number + 3]['id']}"))["person_ref"]
        await field.network.tell("matching", ErasureRequested(erasure_id=uuid4(), person_refs=(UUID(person),)))

    async def dismisses(number: int) -> None:
        proposal = (await field.get(f"/proposals?run_id={run['id']}&state=proposed"))["items"][-1]
        await field.act(f"/proposals/{proposal['id']}/dismiss", {"reason": "postponed"})
        await starts(number)

    pairs = [one["household_id"] for one in (await field.get(f"/runs/{run['id']}/pairs"))["items"]]
    unserved = [one["household_id"] for one in (await field.get(f"/runs/{run['id']}/unserved"))["items"]]
    assert (len(pairs), sorted(unserved)) == (MANY, sorted(one["id"] for one in nobody))

    assert await paged(field, f"/runs?programme_id={field.programme}", starts) == runs
    assert await paged(field, f"/runs/{run['id']}/pairs", dismisses, by="household_id") == pairs
    assert await paged(field, f"/runs/{run['id']}/unserved", erases, by="household_id") == unserved
