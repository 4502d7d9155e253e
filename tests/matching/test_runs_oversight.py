"""Oversight: what the computing reads, how groups fare, who decided what; without any fixture, and through the door."""

import asyncio
import csv
import io
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.common.callers import Role
from libs.common.facts.notify import ConsentWithdrawn
from services.matching.households.rules import HouseholdFields
from services.matching.links.queries import ANSWER
from services.matching.profiles.rules import AccompanyingIn
from services.matching.runs import hard, points
from services.matching.runs.fairness import by_languages, by_members, by_region, counted, shown
from services.matching.runs.pool import CRITERIA, Member, Rules, Weights
from services.matching.runs.reading import BONUS, HARD, told
from services.matching.runs.reading import CRITERIA as READ
from services.matching.runs.rows import unit_of
from services.matching.weights.model import WeightSet
from services.matching.weights.routes import FullWeights
from tests.matching.field import LONG_AGO, Field, Headers, Json
from tests.matching.pools import HOUSING, TODAY, Chance

Seen = set[str]
# Beside the criteria: how a run computes. None of it is about what somebody is.
HOW = {"base", "min_common_slots", "waiting_per_week", "waiting_most", "urgency_bonus", "far_km", "enough_slots"}
ABOUT = {"id", "version", "programme_id", "number", "set_by", "set_at", "reason"}


class Watched:
    """A household or unit that notes which of its fields are read, also by its own properties."""

    def __init__(self, real: Any, side: str, seen: Seen) -> None:
        self.__dict__.update(watched=(real, side, seen))

    def __getattr__(self, name: str) -> Any:
        """Note the field, and hand it on."""
        real, side, seen = self.__dict__["watched"]
        told = getattr(type(real), name, None)
        if isinstance(told, property):
            return told.__get__(self)
        seen.add(f"{side}.{name}")
        return getattr(real, name)


def both(seed: int, seen: Seen) -> Any:
    """Any household and any unit, watched."""
    chance = Chance(seed)
    return Watched(chance.household(1), "household", seen), Watched(chance.unit(1), "unit", seen)


def test_each_hard_constraint_reads_what_is_told_of_it() -> None:
    """Of hundreds of pairs each reads exactly the listed fields; those of barred pairs are looked up by their ids."""
    rules = [Rules(), Rules(housing=HOUSING)]
    for code, check in hard.CHECKS.items():
        seen: Seen = set()
        for seed in range(400):
            household, unit = both(seed, seen)
            check(household, unit, rules[seed % 2])
        assert seen == set(HARD[code.value]), code
    assert set(HARD) == {code.value for code in hard.HardCode}


@pytest.mark.parametrize("home", [False, True])
@pytest.mark.parametrize("own", [False, True])
def test_a_home_without_steps_makes_its_group_step_free(*, home: bool, own: bool) -> None:
    """So that housing is told with whatever reads that, and once."""
    row = {"id": UUID(int=1), "kind": "group", "free": 1, "largest": 5, "district": "15087", "radius_km": 40,
           "lat": None, "lon": None, "step_free": own, "housing": {
               "max_persons": 4, "barrier_free": home, "available_from": "2026-03-02", "secured_months": 12}}

    assert unit_of(row, TODAY).step_free is (home or own)
    assert told(["unit.step_free", "unit.housing"]) == told(["unit.step_free"]) == ["unit.step_free", "unit.housing"]
    assert told(["unit.slots"]) == ["unit.slots"]


@pytest.mark.parametrize("criterion", CRITERIA)
def test_each_criterion_reads_what_is_told_of_it(criterion: str) -> None:
    """Where only one criterion gives points, only its fields move the score; the others count nothing."""
    weights = Weights.of({name: 1000 if name == criterion else 0 for name in CRITERIA})
    rules, needed = Rules(weights=weights), {field.split(".")[1] for field in READ[criterion]}
    for seed in range(60):
        chance, other = Chance(seed), Chance(seed + 1000)
        household, unit = chance.household(1), chance.unit(1)
        changed = {name: getattr(other.household(1), name) for name in vars(household) if name not in needed}
        again = type(household)(**{**vars(household), **changed})
        assert points.points(household, unit, rules) == points.points(again, unit, rules)


def test_the_bonus_reads_waiting_and_urgency() -> None:
    """Nothing else decides who is served first."""
    seen: Seen = set()
    for seed in range(50):
        household, _ = both(seed, seen)
        points.bonus(household, Rules(), TODAY)

    assert seen == set(BONUS)


def test_no_trait_of_a_person_can_be_weighed() -> None:
    """The table, the API and the computing know five criteria; a trait is refused by name."""
    assert set(WeightSet.model_fields) == {*CRITERIA, *HOW, *ABOUT}
    assert set(FullWeights.model_fields) == {*CRITERIA, *HOW}
    for trait in ("gender", "age_band", "origin", "religion", "health", "residence_status"):
        with pytest.raises(ValidationError, match=trait):
            FullWeights.model_validate({trait: 100})
        with pytest.raises(ValueError, match=trait):
            Weights.of({**dict.fromkeys(CRITERIA, 200), trait: 0})


def a_row(number: int, *, days: int = 10, **given: Any) -> tuple[UUID, int, tuple[tuple[str, str], ...]]:
    """A household that has waited."""
    one = {"languages": {"ar": "C2", "de": "A1"}, "region": "15087",
           "members": (Member("27-44", "f"), Member("6-13", "m"))} | given
    return UUID(int=number), days, (
        *by_languages(one["languages"]), *by_members(one["members"]), *by_region(one["region"]))


def group_of(rows: list[dict[str, Any]], dimension: str, value: str) -> dict[str, Any]:
    """One group."""
    return next(one for one in rows if (one["dimension"], one["value"]) == (dimension, value))


def test_waiting_is_told_before_and_after() -> None:
    """Twenty waited 1 to 20 days, the ten who waited longest were served."""
    rows = [a_row(number, days=number) for number in range(1, 21)]
    found = group_of(shown(counted(rows, {UUID(int=number) for number in range(11, 21)})), "language", "ar")

    assert (found["waited"], found["served"], found["served_share"]) == (20, 10, 0.5)
    assert (found["median_before"], found["p95_before"]) == (10.5, 19)
    assert (found["median_after"], found["p95_after"]) == (5.5, 10)


def test_who_counts_where() -> None:
    """In the language spoken best, the genders of adults, the age bands of all, and the district."""
    groups = {(one["dimension"], one["value"]) for one in counted(
        [a_row(1, languages={"ar": "C2", "kmr": "C2", "de": "B1"}, region="15087370")], set())}

    assert groups == {("all", "all"), ("language", "ar"), ("language", "kmr"), ("gender", "f"), ("age_band", "27-44"),
                      ("age_band", "6-13"), ("region", "15087")}


def test_few_are_hidden_and_cannot_be_reckoned() -> None:
    """Three of one language are hidden, and so is what would give them away beside the total."""
    rows = [a_row(number, languages={"ar": "C2"}) for number in range(1, 21)] + [
        a_row(number, languages={"ti": "C2"}) for number in range(21, 24)]
    found = shown(counted(rows, set()))
    few, many = group_of(found, "language", "ti"), group_of(found, "language", "ar")

    assert (few["waited"], few["median_before"], few["p95_before"], few["served_share"]) == (None, None, None, None)
    assert many["waited"] is None
    assert group_of(found, "all", "all")["waited"] == 23


@given(numbers=st.lists(st.tuples(st.sampled_from(("ar", "uk", "ti")), st.booleans()), max_size=60))
@settings(max_examples=60, deadline=None)
def test_no_small_count_is_ever_shown(numbers: list[tuple[str, bool]]) -> None:
    """Whoever was served: nothing between one and four is told, and no days of so few."""
    rows = [a_row(place, languages={language: "C2"}, days=place) for place, (language, _) in enumerate(numbers)]
    served = {UUID(int=place) for place, (_, one) in enumerate(numbers) if one}
    for one in shown(counted(rows, served)):
        assert one["waited"] not in range(1, 5)
        assert one["served"] not in range(1, 5)
        if one["waited"] is not None and one["served"] is not None:
            assert one["waited"] - one["served"] not in range(1, 5)
        else:
            assert one["served_share"] is None
        assert one["waited"] is not None or one["median_before"] is None


async def test_a_run_is_accounted_for(field: Field) -> None:
    """Fairness, which data moved what by which weights, and each decision with who and why."""
    for _ in range(2):
        await field.ready_mentor()
        await field.waiting_household()
    run = await field.run()
    first, second = (await field.get(f"/proposals?run_id={run['id']}"))["items"]
    await field.act(f"/proposals/{first['id']}/approve", {"reason": "waited_longest"})
    await field.act(f"/proposals/{second['id']}/dismiss", {"reason": "other_plan"})
    fairness = await field.get(f"/runs/{run['id']}/fairness")
    account = await field.get(f"/runs/{run['id']}/account")
    answer = await field.send("GET", f"/runs/{run['id']}/decisions.csv")
    decisions = {row["proposal_id"]: row for row in csv.DictReader(io.StringIO(answer.text))}

    assert group_of(fairness["groups"], "all", "all")["waited"] is None
    assert account["criteria"]["language"] == {
        "most": 250, "data": ["household.languages", "household.least_level", "unit.languages"]}
    assert account["criteria"]["bonus"]["most"] == 500
    assert account["hard"]["paused"] == ["unit.paused"]
    offered = ["unit.childcare", "unit.offers", "unit.step_free", "unit.housing"]
    assert account["hard"]["must_have_missing"] == ["household.must_haves", *offered]
    assert account["criteria"]["needs"]["data"] == ["household.wishes", *offered]
    assert decisions[first["id"]]["approved_reason"] == "waited_longest"
    assert decisions[first["id"]]["approved_by"]
    dismissed = decisions[second["id"]]
    assert (dismissed["dismissed_reason"], dismissed["state"]) == ("other_plan", "dismissed")
    assert decisions[second["id"]]["dismissed_by"] == decisions[first["id"]]["approved_by"]
    assert int(decisions[first["id"]]["score"]) == sum(int(decisions[first["id"]][name]) for name in CRITERIA)


async def test_who_followed_a_proposal_without_a_word_is_told_from_who_said_why(field: Field) -> None:
    """One by one and many at once; that it was proposed is no reason that anybody could give."""
    for _ in range(3):
        await field.ready_mentor()
        await field.waiting_household()
    run = await field.run()
    silent, told, together = [one["id"] for one in (await field.get(f"/proposals?run_id={run['id']}"))["items"]]
    assert await field.refused(f"/proposals/{silent}/approve", {"reason": "as_proposed"}) == (422, "invalid-request")
    assert (await field.act(f"/proposals/{silent}/approve", {}))["approved_reason"] is None
    await field.act(f"/proposals/{told}/approve", {"reason": "known_to_fit"})
    many = await field.send("POST", f"/runs/{run['id']}/approve", {"proposal_ids": [together]})
    assert many.status_code == 200, many.text
    answer = await field.send("GET", f"/runs/{run['id']}/decisions.csv")
    rows = {row["proposal_id"]: row for row in csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))}

    assert [rows[one]["approved_reason"] for one in (silent, told, together)] == ["", "known_to_fit", ""]
    assert all(row["approved_by"] for row in rows.values())


async def test_who_decided_for_a_side_stands_in_the_file(field: Field) -> None:
    """The mentor accepts by the link; what the household said on the telephone was noted by the coordinator."""
    proposal = await field.invited()
    mentor, _ = await field.refs(proposal)
    await field.client.post(f"{await field.link(ANSWER, proposal['id'], mentor)}/accept")
    await field.act(f"/proposals/{proposal['id']}/answers", {
        "side": "household", "accepted": False, "reason": "prefers_other"})
    answer = await field.send("GET", f"/runs/{proposal['run_id']}/decisions.csv")
    (decision,) = csv.DictReader(io.StringIO(answer.text))

    assert (decision["declined_side"], decision["mentors_answer_noted_by"]) == ("household", "")
    assert decision["household_answer_noted_by"] == decision["invited_by"] == decision["approved_by"]
    assert decision["invited_by"]


async def test_what_is_not_done_tells_nothing_of_fairness(field: Field) -> None:
    """There is nothing to be told of before there is a result."""
    mentor, household = await field.ready_mentor(gender="m"), await field.waiting_household(only_female_mentor=True)
    run = await field.ended_run(
        pinned=[{"household_id": household["id"], "unit_id": mentor["id"], "reason": "other"}])
    answer = await field.send("GET", f"/runs/{run['id']}/fairness")

    assert run["failed_pair"][:2] == [household["id"], mentor["id"]]
    assert (answer.status_code, answer.json()["slug"]) == (409, "run-not-done")


@pytest.mark.parametrize("field_name", ["interests", "offers", "wishes", "must_haves"])
@pytest.mark.parametrize("code", [
    "muslim", "same_religion", "katholisch", "no_trauma", "depression", "rollstuhl", "queer_friends", "glaube",
    "women_only", "maennlich", "age_65", "syrian", "nationality", "geduldet"])
def test_what_is_never_a_score_cannot_be_said_as_one(field_name: str, code: str) -> None:
    """Neither as an interest nor as an offer, a wish or a must-have; whatever else a network names for itself can."""
    kind: Any = AccompanyingIn if field_name == "offers" else HouseholdFields
    members = {} if field_name == "offers" else {"members": [{"age_band": "27-44"}]}
    with pytest.raises(ValidationError, match="never a score"):
        kind.model_validate(members | {field_name: [code]})

    said = kind.model_validate(members | {field_name: ["football", "health", "church_choir", "bike_race"]})
    assert getattr(said, field_name) == ["football", "health", "church_choir", "bike_race"]


async def test_a_coordinator_reads_why_a_run_of_the_land_found_nobody_for_a_household(field: Field) -> None:
    """Of their own households alone, and of real runs alone; the run itself stays closed to them."""
    land = await field.network.key(Role.COORDINATOR, region="15")
    far = await field.create("/households", field.household_body(region="15084", postcode="06618"), headers=land)
    for verb, body in (("interview", None), ("consent", {"given_on": LONG_AGO}), ("wait", None)):
        await field.act(f"/households/{far['id']}/{verb}", body, headers=land)
    own, mentor = await field.waiting_household(), await field.ready_mentor(languages={"fr": "C2"})
    found = await _run_of_the_land(field, land)
    await _run_of_the_land(field, land, simulate=True)
    assert (await field.send("GET", f"/runs/{found['id']}/unserved")).status_code == 404
    (why,) = (await field.get(f"/runs/unserved?household_id={own['id']}"))["items"]
    (told,) = [one for one in (await field.get(f"/runs/{found['id']}/unserved", headers=land))["items"]
               if one["household_id"] == own["id"]]
    assert why == told | {"run_id": found["id"], "region": "15", "finished_at": found["finished_at"]}
    assert why["removed"]["no_common_language"] == 1
    assert mentor["id"] not in str(why)
    read = await field.network.rows("matching", "SELECT 1 FROM audit WHERE action = 'read' AND about = $1",
                                    f"household/{own['id']}")
    assert read
    elsewhere = await field.network.key(Role.COORDINATOR, region="15084")
    for household, key in ((far, field.coordinator), (own, elsewhere), ({"id": uuid4()}, field.coordinator)):
        answer = await field.send("GET", f"/runs/unserved?household_id={household['id']}", headers=key)
        assert answer.status_code == 404
    admin = await field.network.key(Role.NETWORK_ADMIN)
    answer = await field.send("GET", f"/runs/unserved?household_id={own['id']}", headers=admin)

    assert answer.status_code == 403


async def _run_of_the_land(field: Field, land: Headers, **given: Any) -> Json:
    """A run of everybody in Sachsen-Anhalt that is done."""
    started = await field.create("/runs", {"programme_id": str(field.programme), "region": "15"} | given, headers=land)
    async with asyncio.timeout(30):
        while (found := await field.get(f"/runs/{started['id']}", headers=land))["state"] in {"waiting", "running"}:
            await asyncio.sleep(0.02)
    ended: Json = found
    return ended


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.NETWORK_ADMIN])
async def test_who_oversees_finds_runs_and_why_somebody_got_nobody(field: Field, role: Role) -> None:
    """Without being told an id; but starts and approves none."""
    household = await field.waiting_household()
    run = await field.run()
    key = await field.network.key(role)
    (found,) = (await field.get(f"/runs?programme_id={field.programme}", headers=key))["items"]
    assert found["id"] == run["id"]
    assert (await field.get(f"/runs/{run['id']}", headers=key))["certified"] is True
    (nobody,) = (await field.get(f"/runs/{run['id']}/unserved", headers=key))["items"]
    assert nobody["household_id"] == household["id"]
    assert (await field.get(f"/weights?programme_id={field.programme}", headers=key))["items"] == []

    body = {"programme_id": str(field.programme), "region": "15087"}
    assert (await field.send("POST", "/runs", body, headers=key)).status_code == 403


async def test_no_reason_is_told_of_who_did_not_answer_but_takes_part_no_longer(field: Field) -> None:
    """The household took its consent back: the invitation is over for it, and the file gives nothing as its words."""
    proposal = await field.invited()
    _, household = await field.refs(proposal)
    await field.network.tell("matching", ConsentWithdrawn(person_ref=UUID(household), purpose="matching"))
    answer = await field.send("GET", f"/runs/{proposal['run_id']}/decisions.csv")
    (decision,) = csv.DictReader(io.StringIO(answer.text))

    assert [decision[name] for name in ("state", "declined_side", "declined_reason")] == ["declined", "household", ""]
    by_link = await field.invited()
    mentor, _ = await field.refs(by_link)
    await field.client.post(f"{await field.link(ANSWER, by_link['id'], mentor)}/decline")
    assert (await field.get(f"/proposals/{by_link['id']}"))["declined_reason"] == "no_reason_given"
