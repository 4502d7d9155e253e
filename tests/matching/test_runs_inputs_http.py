"""What a run computed from can be had again: a file that is matched to the same result, or says that it cannot be."""

import json
from typing import Any
from uuid import uuid4

import pytest

from libs.common.callers import Role
from services.matching.runs.batch import run_sides
from services.matching.runs.outcome import Outcome
from services.matching.runs.what_if import read_sides
from tests.matching.field import REGION, Field, Json, sponsorship
from tests.matching.test_runs_together_http import USUAL, pair, pairs_of


async def file_of(field: Field, run: Json) -> tuple[str, Json]:
    """The file of a run's pool, and what it says of the run."""
    answer = await field.send("GET", f"/runs/{run['id']}/inputs")
    assert answer.status_code == 200, answer.text
    return answer.text, json.loads(answer.text)["of_run"]


def matched_again(text: str) -> Outcome:
    """What `lotse match` finds of a file."""
    return run_sides(read_sides(text))


async def people(field: Field) -> dict[str, Any]:
    """A pool with mentors, a group with a home, families, and a pair that came to nothing."""
    mentors = [await field.ready_mentor(interests=["cooking"]), await field.ready_mentor(childcare=True)]
    households = [await field.waiting_household(interests=["cooking"], wishes=["childcare"]),
                  await field.waiting_household(only_female_mentor=True, barrier_free=False),
                  await field.waiting_household(vetoed_units=[mentors[0]["id"]])]
    run = await field.run(pinned=[pair(households[0], mentors[0])],
                          forbidden=[pair(one, mentors[1]) for one in households[1:]])
    first = (await field.get(f"/proposals?run_id={run['id']}"))["items"][0]
    await field.act(f"/proposals/{first['id']}/dismiss", {"reason": "not_suitable"})
    return {"mentors": mentors, "households": households}


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"simulate": True}, {"simulate": True, "weights": USUAL | {"base": 77}}])
async def test_a_run_can_be_computed_again_from_its_download(field: Field, more: Json) -> None:
    """Right after it, also when it has proposed people: the same hash, the same pairs, the same sum and prices."""
    await people(field)
    run = await field.run(**more)
    text, told = await file_of(field, run)
    again, read = matched_again(text), await field.get(f"/runs/{run['id']}")

    assert (told["same_inputs"], told["inputs_hash_now"], told["id"]) == (True, run["inputs_hash"], run["id"])
    assert again.inputs_hash == run["inputs_hash"]
    assert {str(one.household): str(one.unit) for one in again.proposals} == await pairs_of(field, run) != {}
    assert (again.objective, again.weights_version) == (run["objective"], run["weights_version"])
    assert {str(one): price for one, price in again.unit_prices.items() if price} == read["unit_prices"]


async def test_a_group_with_its_home_is_in_the_download(field: Field) -> None:
    """Members, main contacts and the rent that is secured count as they did in the run."""
    programme = uuid4()
    await field.network.tell("matching", sponsorship(programme))
    await field.ready_group(programme_id=str(programme))
    await field.waiting_household(programme_id=str(programme), barrier_free=True)
    run = await field.run(programme)
    text, told = await file_of(field, run)

    assert (told["same_inputs"], run["proposed"]) == (True, 1)
    assert json.loads(text)["mentor_groups"][0]["housing"]["secured_months"] > 0
    assert matched_again(text).inputs_hash == run["inputs_hash"]


async def test_another_pool_says_so(field: Field) -> None:
    """Somebody changed, came, or was dismissed since: the file is the pool as it is by now, and its hash is another."""
    found = await people(field)
    run = await field.run()
    await field.waiting_household()
    text, told = await file_of(field, run)

    assert told["same_inputs"] is False
    assert told["inputs_hash_now"] == matched_again(text).inputs_hash != told["inputs_hash"] == run["inputs_hash"]
    assert len(json.loads(text)["households"]) == len(found["households"]) + 1


async def test_weights_and_day_are_those_of_the_run(field: Field) -> None:
    """Others that were set since change nothing about what the run computed with; nor does another day."""
    await people(field)
    run = await field.run(simulate=True)
    admin = await field.network.key(Role.NETWORK_ADMIN)
    body = {"programme_id": str(field.programme), "reason": "Versuch", "base": 5}
    await field.create("/weights", body, headers=admin)
    text, told = await file_of(field, run)
    file = json.loads(text)

    assert (told["same_inputs"], file["today"], file["rules"]["base"]) == (True, run["today"], 1000)
    assert told["rules_valid_from"] == run["rules_valid_from"]


async def test_the_download_names_nobody_and_is_audited(field: Field) -> None:
    """No name, mail address, postcode or note; who read it can be seen."""
    await people(field)
    run = await field.run()
    text, _ = await file_of(field, run)
    entries = await field.network.rows(
        "matching", "SELECT action FROM audit WHERE about = $1", f"run/{run['id']}/inputs")

    for word in ("Beispiel", "@", "postcode", "note", "phone", "name"):
        assert word not in text, word
    assert [row["action"] for row in entries] == ["read"]


async def test_who_may_not_read_the_run_gets_no_inputs(field: Field) -> None:
    """Not those of another region, nor who sees no personal data; a run without a result has none."""
    run = await field.run()
    elsewhere = await field.network.key(Role.COORDINATOR, region="14")
    auditor = await field.network.key(Role.AUDITOR)
    statuses = [(await field.send("GET", f"/runs/{run['id']}/inputs", headers=key)).status_code
                for key in (elsewhere, auditor)]
    unknown = await field.send("GET", f"/runs/{uuid4()}/inputs")
    mentor, household = await field.ready_mentor(gender="m"), await field.waiting_household(only_female_mentor=True)
    failed = await field.ended_run(
        pinned=[{"household_id": household["id"], "unit_id": mentor["id"], "reason": "other"}])
    none = await field.send("GET", f"/runs/{failed['id']}/inputs")

    assert (statuses, unknown.status_code) == ([404, 403], 404)
    assert (none.status_code, none.json()["slug"], failed["region"]) == (409, "run-not-done", REGION)
