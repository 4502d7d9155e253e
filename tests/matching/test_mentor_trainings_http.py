"""The trainings that a programme asks for, of who accompanies alone: missing, attended, shown, done without."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from libs.common.callers import Role
from libs.common.facts.events import AttendanceCorrected, AttendanceRecorded
from libs.common.facts.registry import RequiredTraining
from services.matching.links.queries import OWN_DATA
from tests.matching.field import LONG_AGO, REGION, Field, Json, rules, sponsorship
from tests.matching.test_persons_facts import erased

pytestmark = pytest.mark.slow

MISSING, ELSEWHERE = (409, "training-missing"), "15084"
SHOWN = {"training_code": "basic", "attended_on": LONG_AGO, "certificate": "ZKS-2024-01"}
MISTAKE = {"training_code": "basic", "reason": "entered_by_mistake"}
WHY = {"why": "Die Schulung wurde bei einem anderen Träger besucht."}


async def screened(field: Field, **given: object) -> Json:
    """A mentor of the sponsorship, of whom a certificate was seen."""
    mentor = await field.create("/mentors", field.mentor_body(programme_id=str(field.sponsorship), **given))
    await field.act(f"/mentors/{mentor['id']}/screen")
    record = {"seen_on": str(field.day), "certificate_date": str(field.day), "relevant_entry": False}
    return await field.act(f"/mentors/{mentor['id']}/record", record)


async def approve(field: Field, mentor: Json, body: Json | None = None) -> str | tuple[int, str]:
    """What becomes of a mentor who is approved: the state, or why not."""
    answer = await field.attempt(f"/mentors/{mentor['id']}/approve", body)
    told = answer.json()
    return told["state"] if answer.status_code == 200 else (answer.status_code, told["slug"])


async def missing(field: Field, mentor: Json) -> list[str]:
    """The trainings that are missing; one mentor and the list say the same."""
    alone: list[str] = (await field.get(f"/mentors/{mentor['id']}"))["trainings_missing"]
    listed = {one["id"]: one for one in (await field.get(f"/mentors?programme_id={mentor['programme_id']}"))["items"]}
    assert listed[mentor["id"]]["trainings_missing"] == alone
    return alone


def taken_back(fact: AttendanceRecorded, *, counts: bool = False) -> AttendanceCorrected:
    """That attendance did not take place."""
    return AttendanceCorrected(attendance_id=fact.attendance_id, event_id=fact.event_id, region=fact.region,
                               counts=counts, person_ref=fact.person_ref, training_code=fact.training_code)


async def test_who_accompanies_alone_is_ready_only_when_trained(field: Field) -> None:
    """However many of a group have to be; the training of somebody else, or another one, does not count for them."""
    mentor, other = await screened(field), await screened(field)
    assert await approve(field, mentor) == MISSING
    assert await missing(field, mentor) == ["basic"]
    await field.network.tell(
        "matching", field.attended(other["person_ref"]), field.attended(mentor["person_ref"], "advanced"))
    assert await approve(field, mentor) == MISSING
    await field.network.tell("matching", field.attended(mentor["person_ref"]))

    assert (await missing(field, mentor), await missing(field, other)) == ([], [])
    assert await approve(field, mentor) == "ready"


async def test_the_refusal_names_what_is_missing_in_both_languages(field: Field) -> None:
    """All at once, by their codes, and the field that helps; certificate and consent are asked for before."""
    await field.network.tell("matching", sponsorship(field.sponsorship, required_trainings=(
        RequiredTraining(training_code="basic", members=2), RequiredTraining(training_code="advanced", members=1),
        RequiredTraining(training_code="of_nobody", members=0))))
    mentor = await field.create("/mentors", field.mentor_body(programme_id=str(field.sponsorship)))
    await field.act(f"/mentors/{mentor['id']}/screen")
    assert await approve(field, mentor, WHY) == (409, "record-missing")
    mentor = await screened(field)
    said = [(await field.attempt(f"/mentors/{mentor['id']}/approve", headers=field.coordinator | {
        "Accept-Language": language})).json() for language in ("de", "en")]

    assert mentor["trainings_missing"] == ["basic", "advanced"]
    assert [one["field"] for one in said] == ["why", "why"]
    assert all("basic, advanced." in one["detail"] for one in said)
    assert [one["detail"].split()[0] for one in said] == ["Diese", "They"]


@pytest.mark.parametrize("trained", [False, True])
async def test_a_coordinator_who_says_why_goes_without(field: Field, trained: bool) -> None:
    """Where nothing is missing it changes nothing; what is missing is still told afterwards, and why it was done so."""
    mentor = await screened(field)
    if trained:
        await field.network.tell("matching", field.attended(mentor["person_ref"]))
    assert await approve(field, mentor, WHY) == "ready"

    assert await missing(field, mentor) == ([] if trained else ["basic"])
    (decision,) = (await field.get(f"/decisions?about_id={mentor['id']}"))["items"]
    assert (decision["what"], decision["why"]) == ("approved", WHY["why"])


@pytest.mark.parametrize("body", [{"why": ""}, {"why": "   "}, {"why": 7}, {"reason": "Anderswo."}, {"why": "x" * 201}])
async def test_a_reason_that_says_nothing_is_refused(field: Field, body: Json) -> None:
    """Nobody is approved by it, nor by a body without one."""
    mentor = await screened(field)
    assert await approve(field, mentor, body) == (422, "invalid-request")

    assert [await approve(field, mentor, none) for none in (None, {}, {"why": None})] == [MISSING] * 3


async def test_an_attendance_that_was_taken_back_counts_no_longer(field: Field) -> None:
    """Before the approval; noted once more it does. Who is ready stays so, and it is told what is missing."""
    mentor = await screened(field)
    fact = field.attended(mentor["person_ref"])
    await field.network.tell("matching", fact, taken_back(fact))
    assert await approve(field, mentor) == MISSING
    await field.network.tell("matching", taken_back(fact, counts=True))
    assert await approve(field, mentor) == "ready"
    await field.network.tell("matching", taken_back(fact))

    assert (await field.get(f"/mentors/{mentor['id']}"))["state"] == "ready"
    assert await missing(field, mentor) == ["basic"]


@pytest.mark.parametrize("turn", range(4))
async def test_approving_and_taking_an_attendance_back_at_once_are_one_after_the_other(
    field: Field, turn: int,
) -> None:
    """Either they are ready, since it counted until then, or they are refused and nothing is changed."""
    mentor = await screened(field)
    fact = field.attended(mentor["person_ref"])
    await field.network.tell("matching", fact)
    both = approve(field, mentor), field.network.tell("matching", taken_back(fact))
    outcome: list[object] = await asyncio.gather(*(both if turn % 2 else reversed(both)))
    became = next(one for one in outcome if one in ("ready", MISSING))
    shown = await field.get(f"/mentors/{mentor['id']}")

    assert (shown["state"], shown["version"] - mentor["version"]) == (
        ("ready", 1) if became == "ready" else ("screening", 0))
    assert shown["trainings_missing"] == ["basic"]


async def test_the_rule_set_of_the_day_of_registration_binds(field: Field) -> None:
    """A later one does not touch who is registered, whenever they are approved; a corrected one does at once."""
    programme, tomorrow = uuid4(), field.day + timedelta(days=1)
    asks = (RequiredTraining(training_code="basic", members=2),)
    await field.network.tell("matching", rules(programme, valid_until=field.day),
                             rules(programme, valid_from=tomorrow, required_trainings=asks))
    of_today = await field.create("/mentors", field.mentor_body(programme_id=str(programme)))
    await field.network.move(days=1)
    of_tomorrow = await field.create("/mentors", field.mentor_body(programme_id=str(programme)))
    assert [await missing(field, one) for one in (of_today, of_tomorrow)] == [[], ["basic"]]
    await field.network.tell("matching", rules(programme, valid_from=tomorrow))

    assert await missing(field, of_tomorrow) == []


async def test_who_was_registered_by_the_version_before_is_bound_by_the_day_in_their_id(field: Field) -> None:
    """Which says when they were entered."""
    mentor = await screened(field)
    await field.network.rows("matching", "UPDATE mentor SET registered_on = NULL WHERE id = $1", UUID(mentor["id"]))
    assert await missing(field, mentor) == ["basic"]

    assert await approve(field, mentor) == MISSING


async def test_a_training_counts_from_whichever_district(field: Field) -> None:
    """Though the coordinator sees nothing else of that district; whose mentor it is not learns nothing."""
    mentor = await screened(field)
    fact = field.attended(mentor["person_ref"]).model_copy(update={"region": ELSEWHERE})
    await field.network.tell("matching", fact)
    elsewhere = await field.network.key(Role.COORDINATOR, region=ELSEWHERE)
    assert (mentor["region"], await missing(field, mentor)) == (REGION, [])
    assert (await field.attempt(f"/mentors/{mentor['id']}/approve", WHY, headers=elsewhere)).status_code == 404

    assert await approve(field, mentor) == "ready"


async def test_of_who_has_left_nothing_is_asked(field: Field) -> None:
    """Nor of a programme that asks for no training."""
    mentor = await screened(field)
    left = await field.act(f"/mentors/{mentor['id']}/leave")

    assert (left["trainings_missing"], await missing(field, mentor)) == ([], [])
    assert (await field.ready_mentor())["trainings_missing"] == []


async def test_a_training_attended_elsewhere_counts_with_its_certificate(field: Field) -> None:
    """Shown again it is replaced; it is theirs to read, and nobody is told of it. What cannot be is refused."""
    mentor = await screened(field)
    address = f"/mentors/{mentor['id']}/trainings"
    await field.act(address, SHOWN | {"training_code": "advanced"})
    assert await approve(field, mentor) == MISSING
    for wrong in ({"attended_on": "2099-01-01"}, {"certificate": "von Mira Beispiel"}, {"training_code": "Ohne Code"}):
        assert (await field.refused(address, SHOWN | wrong))[0] == 422
    await field.act(address, SHOWN)
    again = await field.act(address, SHOWN | {"certificate": "ZKS-2024-02"})
    path = await field.link(OWN_DATA, mentor["id"], mentor["person_ref"])
    assert "basic, 08.01.2024, ZKS-2024-02" in (await field.client.get(path, headers={"Accept": "text/html"})).text

    assert {one["training_code"]: one["certificate"] for one in again["trainings_shown"]} == {
        "advanced": "ZKS-2024-01", "basic": "ZKS-2024-02"}
    assert (again["trainings_missing"], await approve(field, mentor)) == ([], "ready")
    assert "ZKS" not in str(await field.told(mentor["id"]))


async def test_a_training_that_was_not_shown_is_taken_back(field: Field) -> None:
    """By whom and why stands in the audit; once only, and what was attended in the network counts on."""
    mentor = await screened(field)
    address = f"/mentors/{mentor['id']}/trainings"
    assert await field.refused(f"{address}/withdraw", MISTAKE) == (409, "evidence-not-noted")
    assert (await field.act(address, SHOWN))["trainings_missing"] == []
    back = await field.act(f"{address}/withdraw", MISTAKE)
    assert (back["trainings_shown"], back["trainings_missing"]) == ([], ["basic"])
    assert await approve(field, mentor) == MISSING
    await field.act(address, SHOWN)
    await field.network.tell("matching", field.attended(mentor["person_ref"]))
    await field.act(f"{address}/withdraw", MISTAKE)
    audit = await field.network.rows(
        "matching", "SELECT about FROM audit WHERE action = 'withdraw' AND person_ref::text = $1", mentor["person_ref"])

    assert [one["about"] for one in audit] == [f"mentor/{mentor['id']}/training/basic/entered_by_mistake"] * 2
    assert await approve(field, mentor) == "ready"


async def test_approving_and_taking_back_what_was_shown_at_once_is_one_of_both(field: Field) -> None:
    """The other one has read what holds no longer."""
    mentor = await screened(field)
    shown = await field.act(f"/mentors/{mentor['id']}/trainings", SHOWN)
    etag = f'"{shown["version"]}"'
    answers = await asyncio.gather(
        field.send("POST", f"/mentors/{mentor['id']}/approve", etag=etag),
        field.send("POST", f"/mentors/{mentor['id']}/trainings/withdraw", MISTAKE, etag=etag))
    assert sorted(one.status_code for one in answers) == [200, 412]
    after = await field.get(f"/mentors/{mentor['id']}")

    assert (after["state"], after["trainings_missing"]) == (
        ("ready", []) if answers[0].status_code == 200 else ("screening", ["basic"]))


async def test_nothing_is_noted_of_who_has_left_or_was_erased(field: Field) -> None:
    """Nor does a certificate of theirs stay behind once they are erased."""
    left, gone = await screened(field), await screened(field)
    await field.act(f"/mentors/{gone['id']}/trainings", SHOWN)
    await field.act(f"/mentors/{left['id']}/leave")
    await erased(field, gone["person_ref"])
    refused = [await field.refused(f"/mentors/{one['id']}/trainings{path}", body) for one in (left, gone)
               for path, body in (("", SHOWN), ("/withdraw", MISTAKE))]

    assert refused == [(409, "mentor-state")] * 4
    assert (await field.get(f"/mentors/{gone['id']}"))["trainings_shown"] == []
