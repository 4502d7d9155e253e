"""Runs beside one another: simulated, compared, with pairs that somebody wants or rules out, and approved in part."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.common.callers import Role
from libs.common.facts.registry import ErasureRequested
from services.matching.runs.wanted import MOST_UNFINISHED
from tests.harness import new_idempotency_key
from tests.matching.field import REGION, Field, Headers, Json

pytestmark = pytest.mark.slow

USUAL = {"language": 250, "distance": 200, "needs": 250, "interests": 150, "availability": 150}
LANGUAGE_ONLY = USUAL | {"language": 1000, "distance": 0, "needs": 0, "interests": 0, "availability": 0}


MISTAKE = {"reason": "started_by_mistake"}


async def pairs_of(field: Field, run: Json) -> dict[str, str]:
    """Whom a run gave to whom."""
    return {one["household_id"]: one["unit_id"] for one in (await field.get(f"/runs/{run['id']}/pairs"))["items"]}


def pair(household: Json, unit: Json) -> Json:
    """A pair as a request names it."""
    return {"household_id": household["id"], "unit_id": unit["id"], "reason": "known_to_fit"}


async def test_a_simulated_run_proposes_nothing(field: Field) -> None:
    """Its pairs can be read; nobody is proposed to, nothing is told, and a real run finds the same."""
    mentor, household = await field.ready_mentor(), await field.waiting_household()
    simulated = await field.run(simulate=True)

    assert (simulated["simulated"], simulated["proposed"], simulated["certified"]) == (True, 0, True)
    assert await pairs_of(field, simulated) == {household["id"]: mentor["id"]}
    assert (await field.get(f"/households/{household['id']}"))["state"] == "waiting"
    assert await field.told(household["id"], kind="proposal") == []

    real = await field.run()
    assert (real["proposed"], await pairs_of(field, real)) == (1, {household["id"]: mentor["id"]})
    assert real["inputs_hash"] == simulated["inputs_hash"]


async def test_weights_are_tried_before_they_are_set(field: Field) -> None:
    """With the weights to be tried somebody else is served: who gains, who loses, by which criterion and why."""
    await field.ready_mentor(languages={"de": "C2", "ar": "B1"}, interests=["cooking"])
    likes = await field.waiting_household(languages={"ar": "A2"}, interests=["cooking"], least_level="A2")
    speaks = await field.waiting_household(languages={"ar": "C2"}, interests=[], least_level="A2")
    interests = USUAL | {"interests": 1000, "language": 0, "distance": 0, "needs": 0, "availability": 0}
    before = await field.run(simulate=True, weights=interests)
    after = await field.run(simulate=True, weights=LANGUAGE_ONLY)
    address, other = f"/runs/{before['id']}/comparison", f"other={after['id']}"
    compared = await field.get(f"{address}?{other}")
    changes = {one["household_id"]: one for one in (await field.get(f"{address}/households?{other}"))["items"]}

    assert {name: compared[name] for name in ("same", "other", "gained", "lost", "same_inputs")} == {
        "same": 0, "other": 0, "gained": 1, "lost": 1, "same_inputs": False}
    assert (changes[likes["id"]]["kind"], changes[speaks["id"]]["kind"]) == ("lost", "gained")
    assert changes[speaks["id"]]["points"]["language"] > 0
    assert changes[likes["id"]]["points"]["interests"] < 0
    assert changes[likes["id"]]["missing"]["de"]
    assert after["weights_version"] == "simulated"


async def simulated_by(field: Field, key: Headers, **given: Any) -> Json:
    """A simulated run that whoever has the key has started, once it is done."""
    started = await field.create("/runs/simulate", {
        "programme_id": str(field.programme), "region": REGION} | given, headers=key)
    async with asyncio.timeout(30):
        while (found := await field.get(f"/runs/{started['id']}", headers=key))["state"] in {"waiting", "running"}:
            await asyncio.sleep(0.02)
    ended: Json = found
    return ended


async def test_who_adopts_weights_tries_them_before(field: Field) -> None:
    """A network admin in the whole Land simulates, compares and sets them; nobody is proposed, no real run started."""
    admin = await field.network.key(Role.NETWORK_ADMIN)
    mentor, household = await field.ready_mentor(), await field.waiting_household()
    as_now = await simulated_by(field, admin, region=REGION[:2])
    tried = await simulated_by(field, admin, region=REGION[:2], weights=LANGUAGE_ONLY)
    compared = await field.get(f"/runs/{as_now['id']}/comparison?other={tried['id']}", headers=admin)
    assert (compared["same"], tried["weights_version"], tried["simulated"]) == (1, "simulated", True)
    (found,) = (await field.get(f"/runs/{tried['id']}/pairs", headers=admin))["items"]
    assert (found["household_id"], found["unit_id"]) == (household["id"], mentor["id"])
    assert (await field.get(f"/households/{household['id']}"))["state"] == "waiting"
    body = LANGUAGE_ONLY | {"programme_id": str(field.programme), "reason": "Versuch"}
    await field.create("/weights", body, headers=admin)
    real = {"programme_id": str(field.programme), "region": REGION}
    for more in ({}, {"simulate": True}):
        assert (await field.send("POST", "/runs", real | more, headers=admin)).status_code == 403

    assert (await field.run())["weights_version"] == "1"


async def test_a_simulation_is_started_in_the_own_region_and_nothing_else(field: Field) -> None:
    """By a coordinator elsewhere it is refused, and so is a body that would make it a real run."""
    body = {"programme_id": str(field.programme), "region": REGION}
    elsewhere = await field.network.key(Role.COORDINATOR, region="15084")
    assert (await simulated_by(field, field.coordinator))["simulated"]
    refused = await field.send("POST", "/runs/simulate", body, headers=elsewhere | new_idempotency_key())
    assert (refused.status_code, refused.json()["slug"]) == (403, "outside-own-region")
    real = await field.send("POST", "/runs/simulate", body | {"simulate": False},
                            headers=field.coordinator | new_idempotency_key())
    assert real.status_code == 422
    auditor = await field.network.key(Role.AUDITOR)

    assert (await field.send("POST", "/runs/simulate", body, headers=auditor)).status_code == 403


async def test_whom_a_run_did_not_look_at_loses_nothing(field: Field) -> None:
    """The first run's proposal still stands when the second begins: that is told apart, with why, in both orders."""
    await field.ready_mentor()
    proposed = await field.waiting_household()
    first = await field.run()
    await field.ready_mentor()
    came = await field.waiting_household()
    second = await field.run()

    for before, after in ((first, second), (second, first)):
        compared = await field.get(f"/runs/{before['id']}/comparison?other={after['id']}")
        address = f"/runs/{before['id']}/comparison/households?other={after['id']}"
        changes = {one["household_id"]: one for one in (await field.get(address))["items"]}
        assert (compared["not_in_pool"], compared["gained"], compared["lost"], compared["same"]) == (2, 0, 0, 0)
        assert {one: change["kind"] for one, change in changes.items()} == {
            proposed["id"]: "not_in_pool", came["id"]: "not_in_pool"}
        assert all(set(change["missing"]) == {"de", "en"} for change in changes.values())


async def test_of_older_runs_nobody_knows_whom_they_looked_at(field: Field) -> None:
    """Then everybody counts as looked at, as before: who has somebody in one of them only gains or loses."""
    await field.ready_mentor()
    await field.waiting_household()
    first, second = await field.run(), await field.run()
    for run in (first, second):
        await field.network.rows("matching", "DELETE FROM run_pool WHERE id = $1 RETURNING 1", UUID(run["id"]))
    compared = await field.get(f"/runs/{first['id']}/comparison?other={second['id']}")
    address = f"/runs/{first['id']}/comparison/households?other={second['id']}"

    assert (compared["not_in_pool"], compared["gained"], compared["lost"]) == (0, 0, 1)
    assert [one["kind"] for one in (await field.get(address))["items"]] == ["lost"]


async def test_runs_of_two_programmes_are_not_compared(field: Field) -> None:
    """They have neither households nor places in common: the other run is refused, in numbers and by household."""
    run, other = await field.run(simulate=True), await field.run(field.sponsorship, simulate=True)
    for path in ("comparison", "comparison/households"):
        answer = await field.send("GET", f"/runs/{run['id']}/{path}?other={other['id']}")
        assert (answer.status_code, answer.json()["slug"], answer.json()["field"]) == (
            422, "programmes-differ", "other")


async def test_a_run_beside_itself_changes_nothing(field: Field) -> None:
    """All the same, and nobody is listed."""
    await field.ready_mentor()
    await field.waiting_household()
    run = await field.run(simulate=True)
    compared = await field.get(f"/runs/{run['id']}/comparison?other={run['id']}")

    assert (compared["same"], compared["gained"], compared["lost"], compared["same_inputs"]) == (1, 0, 0, True)
    assert (await field.get(f"/runs/{run['id']}/comparison/households?other={run['id']}"))["items"] == []


async def test_what_is_wanted_and_what_is_ruled_out(field: Field) -> None:
    """A pinned pair is proposed although another were better; a forbidden one is not, and its code says so."""
    mentor = await field.ready_mentor(interests=["cooking"])
    better = await field.waiting_household(interests=["cooking"])
    other = await field.waiting_household(interests=[], languages={"ar": "A2"})
    assert await pairs_of(field, await field.run(simulate=True)) == {better["id"]: mentor["id"]}

    pinned = await field.run(simulate=True, pinned=[pair(other, mentor)])
    forbidden = await field.run(simulate=True, forbidden=[pair(better, mentor), pair(other, mentor)])
    unserved = (await field.get(f"/runs/{forbidden['id']}/unserved"))["items"]

    assert await pairs_of(field, pinned) == {other["id"]: mentor["id"]}
    assert [one["pinned"] for one in (await field.get(f"/runs/{pinned['id']}/pairs"))["items"]] == [True]
    assert await pairs_of(field, forbidden) == {}
    assert {one["household_id"]: one["alone"] for one in unserved} == {
        better["id"]: {"forbidden": 1}, other["id"]: {"forbidden": 1}}


async def test_what_a_run_found_is_told_whatever_became_of_it(field: Field) -> None:
    """Also beside a simulated run: who was wanted, dismissed or erased meanwhile was found all the same."""
    mentor = await field.ready_mentor(interests=["cooking"])
    better = await field.waiting_household(interests=["cooking"])
    wanted = await field.waiting_household(interests=[], languages={"ar": "A2"})
    simulated = await field.run(simulate=True)
    real = await field.run(pinned=[pair(wanted, mentor)])
    (found,) = (await field.get(f"/runs/{real['id']}/pairs"))["items"]
    (proposal,) = (await field.get(f"/proposals?run_id={real['id']}"))["items"]
    await field.act(f"/proposals/{proposal['id']}/dismiss", {"reason": "not_suitable"})
    (after,) = (await field.get(f"/runs/{real['id']}/pairs"))["items"]
    compared = await field.get(f"/runs/{simulated['id']}/comparison?other={real['id']}")
    address = f"/runs/{simulated['id']}/comparison/households?other={real['id']}"
    kinds = {one["household_id"]: one["kind"] for one in (await field.get(address))["items"]}

    assert after == found | {"household_id": wanted["id"], "unit_id": mentor["id"], "pinned": True}
    assert sum(found["points"].values()) == found["score"] == proposal["score"]
    assert (compared["gained"], compared["lost"], compared["same"], compared["other"]) == (1, 1, 0, 0)
    assert compared["score_after"] == found["score"]
    assert kinds == {better["id"]: "lost", wanted["id"]: "gained"}

    ref = (await field.get(f"/households/{wanted['id']}"))["person_ref"]
    await field.network.tell("matching", ErasureRequested(erasure_id=uuid4(), person_refs=(UUID(ref),)))
    async with asyncio.timeout(10):
        while (await field.get(f"/runs/{real['id']}/pairs"))["items"][0]["points"]:
            await asyncio.sleep(0.02)


async def test_a_pair_that_cannot_be_is_told_with_its_codes(field: Field) -> None:
    """The run fails, names the pair and what stands against it, and changes nothing."""
    mentor = await field.ready_mentor(gender="m")
    household = await field.waiting_household(only_female_mentor=True)
    run = await field.ended_run(pinned=[pair(household, mentor)])

    assert (run["state"], run["failed_with"]) == ("failed", "not_to_be_pinned")
    assert run["failed_pair"] == [household["id"], mentor["id"], "gender_wish_of_household"]
    assert (await field.get(f"/households/{household['id']}"))["state"] == "waiting"


async def test_a_household_is_wanted_with_one_only(field: Field) -> None:
    """With two it is refused at once: a run that fails would tell of a place that is missing."""
    household, mentors = await field.waiting_household(), [await field.ready_mentor() for _ in range(2)]
    wanted = {"programme_id": str(field.programme), "region": REGION,
              "pinned": [pair(household, mentor) for mentor in mentors]}
    answer = await field.send("POST", "/runs", wanted, headers=field.coordinator | new_idempotency_key())

    assert (answer.status_code, answer.json()["slug"]) == (422, "invalid-request"), answer.text
    run = await field.run(simulate=True, pinned=[pair(household, mentors[0])] * 2)
    assert await pairs_of(field, run) == {household["id"]: mentors[0]["id"]}


async def test_what_is_not_done_has_no_result(field: Field) -> None:
    """A cancelled run is neither compared nor looked at again, and cancelled twice is cancelled once."""
    run, done = await field.run(simulate=True), await field.run()
    await field.network.rows("matching", "UPDATE run SET state = 'waiting' WHERE id = $1 RETURNING 1", UUID(run["id"]))
    answers = [await field.send("POST", f"/runs/{run['id']}/cancel", MISTAKE) for _ in range(2)]
    compared = await field.send("GET", f"/runs/{run['id']}/comparison?other={done['id']}")
    since = await field.send("GET", f"/runs/{run['id']}/changed_since")
    over = await field.send("POST", f"/runs/{done['id']}/cancel", MISTAKE)

    assert [(answer.status_code, answer.json()["state"]) for answer in answers] == [(200, "cancelled")] * 2
    assert [answer.json()["slug"] for answer in (compared, since)] == ["run-not-done"] * 2
    assert (over.status_code, over.json()["slug"]) == (409, "run-over")


async def test_nobody_keeps_all_others_waiting_with_runs(field: Field) -> None:
    """Ten that are not finished are enough for one person; another one may go on, and so may who cancels one."""
    body = {"programme_id": str(field.programme), "region": REGION}
    own, other = [await field.network.key(Role.COORDINATOR, region=REGION) for _ in range(2)]
    runs = [await field.create("/runs/simulate", body, headers=own) for _ in range(MOST_UNFINISHED)]
    await field.network.settled()
    await field.network.rows("matching", "UPDATE run SET state = 'waiting' WHERE id = ANY($1::uuid[])",
                             [run["id"] for run in runs])
    refused = [await field.send("POST", f"/runs{path}", body, headers=own | new_idempotency_key())
               for path in ("", "/simulate")]
    await field.create("/runs/simulate", body, headers=other)
    await field.send("POST", f"/runs/{runs[0]['id']}/cancel", MISTAKE)
    await field.create("/runs/simulate", body, headers=own)

    assert [(answer.status_code, answer.json()["slug"]) for answer in refused] == [(409, "runs-unfinished")] * 2


async def test_weights_are_tried_in_simulated_runs_only(field: Field) -> None:
    """And they make a thousand points together."""
    body = {"programme_id": str(field.programme), "region": REGION}
    real = await field.send("POST", "/runs", body | {"weights": USUAL})
    uneven = await field.send("POST", "/runs", body | {"simulate": True, "weights": USUAL | {"needs": 0}})

    assert (real.status_code, uneven.status_code) == (422, 422)
