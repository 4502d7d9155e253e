"""What people decide about runs is kept with who and why: weights, pairs wanted or ruled out, cancelling."""

import csv
import io
from uuid import UUID

import pytest

from libs.common.callers import Role
from tests.harness import new_idempotency_key
from tests.matching.field import Field, Json
from tests.matching.test_runs_together_http import pair


async def decisions(field: Field, address: str) -> list[Json]:
    """The rows of an export."""
    answer = await field.send("GET", address)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


async def waiting_again(field: Field, run: Json) -> str:
    """The address of a run as if it had not been computed yet."""
    await field.network.rows("matching", "UPDATE run SET state = 'waiting' WHERE id = $1 RETURNING 1", UUID(run["id"]))
    return f"/runs/{run['id']}/cancel"


async def test_weights_say_who_set_them_and_why(field: Field) -> None:
    """Whoever reads a version reads the reason; none is set without."""
    admin = await field.network.key(Role.NETWORK_ADMIN)
    body = {"programme_id": str(field.programme)}
    said = await field.create("/weights", body | {"reason": "Gemeinsame Sprache zählt mehr."}, headers=admin)
    versions = (await field.get(f"/weights?programme_id={field.programme}"))["items"]

    assert [one["reason"] for one in versions] == ["Gemeinsame Sprache zählt mehr."]
    assert said["set_by"] == versions[0]["set_by"] != ""
    for nothing in ({}, {"reason": ""}, {"reason": None}):
        assert (await field.send("POST", "/weights", body | nothing, headers=admin)).status_code == 422


async def test_a_cancelled_run_says_who_cancelled_it_and_why(field: Field) -> None:
    """Who did it first counts, in the run and in its account."""
    address = await waiting_again(field, run := await field.run(simulate=True))
    cancelled = await field.send("POST", address, {"reason": "started_by_mistake"})
    again = await field.send("POST", address, {"reason": "other"})
    account = await field.get(f"/runs/{run['id']}/account")

    assert cancelled.json()["cancelled_why"] == again.json()["cancelled_why"] == "started_by_mistake"
    assert cancelled.json()["cancelled_by"] == account["cancelled_by"] == account["started_by"]
    assert account["cancelled_why"] == "started_by_mistake"


@pytest.mark.parametrize(("body", "status"), [
    ({"reason": "other"}, 200), (None, 422), ({}, 422), ({"reason": "boredom"}, 422), ([], 422)])
async def test_cancelling_needs_a_known_reason(field: Field, body: Json | None, status: int) -> None:
    """Without one nothing is cancelled."""
    run = await field.run(simulate=True)
    answer = await field.send("POST", await waiting_again(field, run), body)
    kept = await field.get(f"/runs/{run['id']}")

    assert answer.status_code == status
    assert (kept["cancelled_why"], kept["cancelled_by"] is None) == ("other" if status == 200 else None, status != 200)


async def test_pairs_that_are_wanted_or_ruled_out_have_their_reason(field: Field) -> None:
    """In the run, in its account, and in the export beside each decision; with what the pair was worth."""
    mentor, other = await field.ready_mentor(), await field.ready_mentor()
    wanted, free = await field.waiting_household(), await field.waiting_household()
    run = await field.run(
        pinned=[pair(wanted, mentor) | {"reason": "wish_of_both"}],
        forbidden=[pair(free, mentor) | {"reason": "conflict"}, pair(wanted, other) | {"reason": "other_plan"}])
    read, account = await field.get(f"/runs/{run['id']}"), await field.get(f"/runs/{run['id']}/account")
    rows = {row["household_id"]: row for row in await decisions(field, f"/runs/{run['id']}/decisions.csv")}
    pinned, found = rows[wanted["id"]], rows[free["id"]]

    for told in (read, account):
        assert (told["pinned_reasons"], told["forbidden_reasons"]) == (["wish_of_both"], ["conflict", "other_plan"])
    assert list(found)[-6:] == ["pinned", "pin_reason", "worth", "unit_price", "gain", "weights_version"]
    assert (pinned["pinned"], pinned["pin_reason"]) == ("True", "wish_of_both")
    assert (found["pinned"], found["pin_reason"], found["weights_version"]) == ("False", "", "0")
    assert int(found["worth"]) == 1000 + int(found["score"]) + int(found["bonus"])
    assert int(found["gain"]) == int(found["worth"]) - int(found["unit_price"])
    for reason in ("luck", None):
        unknown = await field.send("POST", "/runs", {"programme_id": str(field.programme), "region": "15087",
                                                     "pinned": [pair(wanted, mentor) | {"reason": reason}]})
        assert unknown.status_code == 422


async def test_what_was_chosen_without_a_run_says_with_which_weights(field: Field) -> None:
    """The version of the day on which it was proposed, also when there is another one by now."""
    admin = await field.network.key(Role.NETWORK_ADMIN)
    household, mentor = await field.waiting_household(), await field.ready_mentor()
    await field.create("/options/propose", {
        "household_id": household["id"], "unit_id": mentor["id"], "reason": "known_to_fit"})
    await field.create("/weights", {"programme_id": str(field.programme), "reason": "Versuch"}, headers=admin)
    (row,) = await decisions(field, f"/options/decisions.csv?programme_id={field.programme}")

    assert (row["weights_version"], row["pinned"], row["pin_reason"]) == ("0", "False", "")
    assert int(row["gain"]) == int(row["worth"]) - int(row["unit_price"])


async def test_a_run_says_since_when_its_rules_hold(field: Field) -> None:
    """The rule set that held on the day of the run, and no other."""
    rows = await field.network.rows("matching", "SELECT valid_from FROM rule_set WHERE programme_id = $1",
                                    field.programme)
    run = await field.run()

    assert run["rules_valid_from"] in {row["valid_from"].isoformat() for row in rows}
    assert (await field.get(f"/runs/{run['id']}/account"))["rules_valid_from"] == run["rules_valid_from"]


async def test_who_may_only_simulate_cancels_simulations_alone(field: Field) -> None:
    """A real run is a coordinator's; over is over."""
    admin = await field.network.key(Role.NETWORK_ADMIN)
    tried, real = await field.run(simulate=True), await field.run()
    for run in (tried, real):
        await waiting_again(field, run)
    answers = [await field.send("POST", f"/runs/{run['id']}/{verb}", {"reason": "pool_changed"}, headers=admin)
               for run, verb in ((tried, "cancel"), (real, "cancel_simulation"), (tried, "cancel_simulation"))]

    assert [answer.status_code for answer in answers] == [403, 409, 200]
    assert answers[1].json()["slug"] == "run-not-simulated"
    assert answers[2].json()["state"] == "cancelled"
    assert (await field.get(f"/runs/{real['id']}"))["state"] == "waiting"


@pytest.mark.parametrize("wanted", ["pinned", "forbidden"])
async def test_a_pair_of_which_one_is_nobody_is_refused(field: Field, wanted: str) -> None:
    """The ids of the two exchanged, or one of nobody: it would rule out nothing, and nobody would notice."""
    mentor, household = await field.ready_mentor(), await field.waiting_household()
    for one in ((mentor["id"], household["id"]), (household["id"], str(UUID(int=1))), (str(UUID(int=1)), mentor["id"])):
        body = {"programme_id": str(field.programme), "region": "15087",
                wanted: [dict(zip(("household_id", "unit_id"), one, strict=True)) | {"reason": "other"}]}
        answer = await field.send("POST", "/runs", body, headers=field.coordinator | new_idempotency_key())
        assert (answer.status_code, answer.json()["slug"], answer.json()["field"]) == (422, "pair-unknown", wanted)


async def test_who_reads_what_a_run_did_is_noted(field: Field) -> None:
    """Pairs, reasons and decisions tell of persons, one by one or many at once."""
    await field.ready_mentor()
    await field.waiting_household()
    run = await field.run()
    for what in ("pairs", "unserved", "decisions.csv"):
        assert (await field.send("GET", f"/runs/{run['id']}/{what}")).status_code == 200
    noted = await field.network.rows(
        "matching", "SELECT about FROM audit WHERE action = 'read' AND about LIKE $1 ORDER BY id", f"run/{run['id']}/%")

    assert [row["about"] for row in noted] == [f"run/{run['id']}/{what}" for what in ("pairs", "unserved", "decisions")]
