"""What is wrong about weights, and why a run failed, is told in words: the field, the sum, the pair."""

import asyncio
import json
from typing import Any

import pytest

from libs.common.callers import Role
from services.matching.runs.explanation import why_failed
from services.matching.runs.hard import HardCode
from services.matching.runs.what_if_bodies import RulesRow
from services.matching.runs.words import Failed
from services.matching.weights.routes import FullWeights, WeightsIn
from tests.matching.field import REGION, Field, Headers

GERMAN: Headers = {"Accept-Language": "de"}


async def refusal(field: Field, path: str, body: Any, headers: Headers) -> tuple[str, str | None, str]:
    """Slug, field and sentence of what is refused as unreadable."""
    answer = await field.send("POST", path, body, headers=headers)
    assert answer.status_code == 422, answer.text
    return answer.json()["slug"], answer.json().get("field"), answer.json()["detail"]


async def test_weights_that_do_not_make_1000_are_told_with_their_sum(field: Field) -> None:
    """By the first that was given, at the programme and in a run; in both languages."""
    admin = await field.network.key(Role.NETWORK_ADMIN)
    body: dict[str, Any] = {"programme_id": str(field.programme), "reason": "Versuch", "needs": 300}
    english = await refusal(field, "/weights", body, admin)
    assert english[:2] == ("weights-not-full", "needs")
    assert english[2] == ("The criteria make 1050 points together, and not 1000: language 250, distance 200, needs 300,"
                          " interests 150, availability 150.")
    german = await refusal(field, "/weights", body, admin | GERMAN)
    assert german[2] == ("Die Kriterien ergeben zusammen 1050 Punkte und nicht 1000: Sprache 250, Entfernung 200,"
                         " Bedarf 300, Interessen 150, Zeiten 150.")
    run = {"programme_id": str(field.programme), "region": REGION, "weights": {"distance": 0}}
    tried = await refusal(field, "/runs/simulate", run, field.coordinator)
    assert (tried[:2], "make 800 points" in tried[2]) == (("weights-not-full", "weights.distance"), True)
    assert (await field.get(f"/weights?programme_id={field.programme}"))["items"] == []


async def test_a_weight_that_is_left_out_stays_as_the_programme_has_it(field: Field) -> None:
    """In a new version as in a simulated run, so that a trial changes what it says and nothing else."""
    admin = await field.network.key(Role.NETWORK_ADMIN)
    body: dict[str, Any] = {"programme_id": str(field.programme), "reason": "Versuch"}
    first = await field.create("/weights", body | {"base": 5000, "needs": 350, "interests": 50}, headers=admin)
    second = await field.create("/weights", body | {"far_km": 60}, headers=admin)
    tried = await field.run(simulate=True, weights={"urgency_bonus": 0})
    both = body | {"needs": 250, "interests": 150}
    third = await field.create("/weights", both, headers=admin)

    assert (first["base"], first["needs"], first["language"], first["far_km"]) == (5000, 350, 250, 40)
    told = {"id", "number", "set_at", "far_km"}
    assert {name: value for name, value in second.items() if name not in told} == {
        name: value for name, value in first.items() if name not in told}
    assert (second["number"], second["far_km"]) == (2, 60)
    weights = (await field.get(f"/runs/{tried['id']}"))["weights"]
    assert weights == {name: second[name] for name in weights} | {"urgency_bonus": 0}
    assert (third["base"], third["far_km"], third["needs"], third["interests"]) == (5000, 60, 250, 150)
    refused = await refusal(field, "/weights", body | {"needs": 300}, admin)
    assert (refused[:2], "make 1050 points" in refused[2]) == (("weights-not-full", "needs"), True)


async def test_two_who_change_weights_at_once_keep_each_others(field: Field) -> None:
    """The later version has both changes."""
    admin = await field.network.key(Role.NETWORK_ADMIN)
    body = {"programme_id": str(field.programme), "reason": "Versuch"}
    changes: list[dict[str, int]] = [{"base": 5000}, {"far_km": 60}, {"urgency_bonus": 0}, {"enough_slots": 4}]
    await asyncio.gather(*(field.create("/weights", body | change, headers=admin) for change in changes))
    versions = (await field.get(f"/weights?programme_id={field.programme}"))["items"]

    assert [one["number"] for one in versions] == [1, 2, 3, 4]
    assert {name: versions[-1][name] for change in changes for name in change} == {
        name: value for change in changes for name, value in change.items()}


def test_no_usual_weight_is_promised_to_who_leaves_one_out() -> None:
    """By the schema; a file, which knows no programme, has the usual ones."""
    for body in (FullWeights, WeightsIn):
        told = body.model_json_schema()
        assert [name for name, one in told["properties"].items() if "default" in one] == []
        assert set(told.get("required", ())) == {"programme_id", "reason"} & told["properties"].keys()
    assert RulesRow.model_json_schema()["properties"]["base"]["default"] == 1000


async def test_weights_are_only_tried(field: Field) -> None:
    """A run that proposes takes those of the programme, and says so."""
    run = {"programme_id": str(field.programme), "region": REGION, "weights": {}}
    refused = await refusal(field, "/runs", run, field.coordinator | GERMAN)
    assert refused[:2] == ("weights-only-tried", "weights")
    assert refused[2].startswith("Gewichte lassen sich nur in einem simulierten Lauf ausprobieren.")

    assert (await field.send("POST", "/runs", run | {"simulate": True})).status_code == 202


@pytest.mark.parametrize("name", ["language", "base", "min_common_slots", "waiting_per_week", "far_km", "enough_slots"])
@pytest.mark.parametrize("value", [True, "40", 40.5, None])
async def test_a_weight_is_a_whole_number(field: Field, name: str, value: Any) -> None:
    """Neither a truth nor a text is one, though it could be read so; the field is named."""
    admin = await field.network.key(Role.NETWORK_ADMIN)
    body = {"programme_id": str(field.programme), "reason": "Versuch", name: value}

    assert (await refusal(field, "/weights", body, admin))[:2] == ("invalid-request", name)


@pytest.mark.parametrize("failed", Failed)
def test_each_failure_of_a_run_has_a_sentence(failed: Failed) -> None:
    """In German and English, without its code; of a pair with what stands against it."""
    said = [why_failed(failed, pair) for pair in ((), ("h", "u"), ("h", "u", HardCode.TOO_FAR))]
    for one in said:
        assert set(one) == {"de", "en"}
        assert "_" not in json.dumps(one)
        assert all(text.endswith(".") for texts in one.values() for text in texts)
        assert one["de"] != one["en"]
    assert said[2]["de"][1:] == ["Der Weg ist zu weit."]
    assert (said[1] == said[2]) is False


async def test_a_run_that_failed_says_why(field: Field) -> None:
    """The pair that was wanted is not possible, and what stands against it; a run that is done says nothing."""
    mentor = await field.ready_mentor(gender="m")
    household = await field.waiting_household(only_female_mentor=True)
    wanted = {"household_id": household["id"], "unit_id": mentor["id"], "reason": "wish_of_both"}
    run = await field.ended_run(pinned=[wanted])

    assert (run["state"], run["failed_with"]) == ("failed", "not_to_be_pinned")
    assert run["failed_because"]["en"] == [
        "A pair that was to be part of this run whatever else were better is not possible.",
        "The household wishes for another main contact (a woman, a man or a diverse person)."]
    assert (await field.run())["failed_because"] == {}
