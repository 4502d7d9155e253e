"""What was noted as seen by mistake is taken back: documents, homes, trainings and certificates, and what follows."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.matching.field import Field, Json, rules, sponsorship
from tests.matching.test_mentor_groups_http import checklist, standings

pytestmark = pytest.mark.slow

MISTAKE = {"reason": "entered_by_mistake"}
PLAN = {"document": "support_plan"}
TRAINED = {"training_code": "basic"}
COLUMNS = ("record_seen_on", "record_certificate_date", "record_relevant_entry", "record_next_due")


async def with_documents(field: Field) -> Json:
    """A group that is ready, and had two documents to show."""
    await field.network.tell("matching", sponsorship(
        field.sponsorship, required_trainings=(), required_documents=("support_plan", "house_rules")))
    group = await field.ready_group()
    for document in ("support_plan", "house_rules"):
        await note(field, group, document)
    return await read(field, group)


async def note(field: Field, group: Json, document: str) -> Json:
    """A document was seen today."""
    return await field.act(f"/mentor_groups/{group['id']}/documents", {"document": document, "seen_on": str(field.day)})


async def read(field: Field, group: Json) -> Json:
    """The group as it is."""
    found: Json = await field.get(f"/mentor_groups/{group['id']}")
    return found


async def members(field: Field, group: Json) -> list[Json]:
    """Who belongs to the group."""
    found: list[Json] = await field.get(f"/members?mentor_group_id={group['id']}")
    return found


async def pair(field: Field, group: Json) -> Json:
    """A proposal of the group that nobody has decided on."""
    return await field.proposed(await field.waiting_household(programme_id=group["programme_id"]), group=group)


async def obstacles(field: Field, proposal: Json) -> tuple[str, set[str]]:
    """In which state a proposal is, and what stands between the two."""
    found = await field.get(f"/proposals/{proposal['id']}")
    return found["state"], {one["code"] for one in found["obstacles"]}


async def noted_why(field: Field, about: str) -> list[tuple[str, str]]:
    """What the audit says was taken back about a thing, and by which role."""
    query = "SELECT about, role FROM audit WHERE action = 'withdraw' AND about LIKE $1 ORDER BY id"
    rows = await field.network.rows("matching", query, f"{about}%")
    return [(one["about"], one["role"]) for one in rows]


def certificate(field: Field) -> Json:
    """A certificate of today without entry."""
    return {"seen_on": str(field.day), "certificate_date": str(field.day), "relevant_entry": False}


async def test_a_document_of_another_group_is_taken_back(field: Field) -> None:
    """The line expires, the group is in preparation, its proposal dismissed; the other document stays seen."""
    group = await with_documents(field)
    assert group["state"] == "ready"
    proposal, address = await pair(field, group), f"/mentor_groups/{group['id']}"
    back = await field.act(f"{address}/documents/withdraw", PLAN | MISTAKE)
    assert (back["state"], [one["document"] for one in back["documents_seen"]]) == ("in_preparation", ["house_rules"])
    assert await standings(field, group) == {
        "min_members": "fulfilled", "main_contacts": "fulfilled", "rent_secured": "fulfilled",
        "document_support_plan": "expired", "document_house_rules": "fulfilled"}
    assert (await checklist(field, group))["document_support_plan"]["evidence"] == []
    assert await obstacles(field, proposal) == ("dismissed", {"not_vetted"})
    assert (await field.subjects(group["id"]))[-2:] == ["prerequisite.expired", "proposal.dismissed"]
    assert await noted_why(field, f"mentor_group/{group['id']}") == [
        (f"mentor_group/{group['id']}/document/support_plan/entered_by_mistake", "coordinator")]
    assert await field.refused(f"{address}/documents/withdraw", PLAN | MISTAKE) == (409, "evidence-not-noted")

    assert (await note(field, group, "support_plan"))["state"] == "ready"


async def test_a_home_that_the_landlord_withdraws_is_none(field: Field) -> None:
    """Who is invited accepts no more until there is another; nothing falls due about the one that is gone."""
    group = await field.ready_group()
    address = f"/mentor_groups/{group['id']}"
    until = {"offered_until": str(field.day + timedelta(days=30))}
    await field.act(f"{address}/housing", field.housing(**until), method="PUT")
    proposal = await field.invited(group=group)
    back = await field.act(f"{address}/housing/withdraw", {"reason": "no_longer_holds"})
    assert (back["state"], back["housing"], back["housing_lapsed_on"]) == ("in_preparation", None, None)
    assert await field.network.rows("matching", "SELECT 1 FROM due WHERE about = $1", UUID(group["id"])) == []
    assert await obstacles(field, proposal) == ("invited", {"not_vetted", "housing_missing"})
    answer = {"side": "mentors", "accepted": True}
    assert await field.refused(f"/proposals/{proposal['id']}/answers", answer) == (409, "prerequisites-open")
    assert await field.refused(f"{address}/housing/withdraw", MISTAKE) == (409, "evidence-not-noted")
    assert [about for about, _ in await noted_why(field, f"mentor_group/{group['id']}")] == [
        f"mentor_group/{group['id']}/housing/no_longer_holds"]
    assert (await field.act(f"{address}/housing", field.housing(), method="PUT"))["state"] == "ready"

    assert (await field.act(f"/proposals/{proposal['id']}/answers", answer))["state"] == "accepted_one"


async def test_who_has_accepted_does_not_begin_without_the_home(field: Field) -> None:
    """As when the landlord keeps it free no longer: noted on the proposal, and on a tandem that runs."""
    waiting, running = await field.ready_group(), await field.ready_group()
    proposal, tandem = await field.accepted(group=waiting), await field.tandem(group=running)
    for group in (waiting, running):
        await field.act(f"/mentor_groups/{group['id']}/housing/withdraw", MISTAKE)
    assert await obstacles(field, proposal) == ("accepted_both", {"not_vetted", "housing_missing"})
    await field.act(f"/proposals/{proposal['id']}/first_meeting", {"on": str(field.day)})
    refused = await field.send("POST", "/tandems", {"proposal_id": proposal["id"], "kind": "community_sponsorship"})

    assert (refused.status_code, refused.json()["slug"]) == (409, "prerequisites-open")
    found = await field.get(f"/tandems/{tandem['id']}")
    assert (found["state"], [one["code"] for one in found["obstacles"]]) == (
        "trial", ["not_vetted", "housing_missing"])


async def trained(field: Field) -> tuple[Json, list[Json]]:
    """A group of two that is ready since one of them showed that they were trained elsewhere, and its members."""
    programme = uuid4()
    await field.network.tell("matching", rules(programme, min_members=2, required_records=1, required_trainings=(
        {"training_code": "basic", "members": 1},)))
    group = await field.create("/mentor_groups", field.group_body(members=2, programme_id=str(programme)))
    both = await members(field, group)
    await field.act(f"/members/{both[0]['id']}/trainings", {
        "training_code": "basic", "attended_on": str(field.day), "certificate": "ZKS-2026-0117"})
    await field.act(f"/members/{both[0]['id']}/record", certificate(field))
    return await field.act(f"/mentor_groups/{group['id']}/prepare"), both


async def test_a_training_that_was_not_shown_is_taken_back(field: Field) -> None:
    """The group is in preparation; what somebody attended in the network counts on, whatever they showed besides."""
    group, (first, second) = await trained(field)
    assert group["state"] == "ready"
    proposal, address = await pair(field, group), f"/members/{first['id']}/trainings/withdraw"
    back = await field.act(address, TRAINED | {"reason": "other"})
    assert (back["trainings_shown"], (await read(field, group))["state"]) == ([], "in_preparation")
    assert await obstacles(field, proposal) == ("dismissed", {"not_vetted"})
    assert (await checklist(field, group))["training_basic"]["evidence"] == []
    assert await field.refused(address, TRAINED | MISTAKE) == (409, "evidence-not-noted")
    assert await field.refused(
        f"/members/{second['id']}/trainings/withdraw", TRAINED | MISTAKE) == (409, "evidence-not-noted")
    audit = await field.network.rows(
        "matching", "SELECT about FROM audit WHERE action = 'withdraw' AND person_ref = $1", UUID(first["person_ref"]))
    assert [one["about"] for one in audit] == [f"mentor_group/{group['id']}/training/basic/other"]
    await field.network.tell("matching", field.attended(first["person_ref"]))

    assert (await read(field, group))["state"] == "ready"
    assert await field.refused(address, TRAINED | MISTAKE) == (409, "evidence-not-noted")


async def test_a_members_certificate_is_taken_back_and_nothing_of_it_kept(field: Field) -> None:
    """Neither with the member nor on the checklist, nor does anything fall due; the group is in preparation."""
    group, (first, _) = await trained(field)
    proposal, address = await pair(field, group), f"/members/{first['id']}/record/withdraw"
    back = await field.act(address, MISTAKE)

    assert [back[name] for name in COLUMNS] == [None] * 4
    assert await field.network.rows("matching", "SELECT 1 FROM due WHERE about = $1", UUID(first["id"])) == []
    line = (await checklist(field, group))["record_seen"]
    assert (line["standing"], line["evidence"]) == ("expired", [])
    assert (await read(field, group))["state"] == "in_preparation"
    assert await obstacles(field, proposal) == ("dismissed", {"not_vetted"})
    assert await noted_why(field, f"mentor_group/{group['id']}") == [
        (f"mentor_group/{group['id']}/record/entered_by_mistake", "coordinator")]
    assert await field.refused(address, MISTAKE) == (409, "evidence-not-noted")
    await field.act(f"/members/{first['id']}/record", certificate(field))
    assert (await read(field, group))["state"] == "ready"


async def test_a_mentors_certificate_is_taken_back(field: Field) -> None:
    """Who was not invited with them is let go, and a tandem has it noted; seen again, they are available."""
    mentor = await field.ready_mentor(capacity=2)
    address = f"/mentors/{mentor['id']}"
    tandem = await field.tandem(mentor=mentor)
    proposal = await field.proposed(await field.waiting_household(), mentor=mentor)
    back = await field.act(f"{address}/record/withdraw", MISTAKE)

    assert ([back[name] for name in COLUMNS], back["state"]) == ([None] * 4, "active")
    assert await field.network.rows("matching", "SELECT 1 FROM due WHERE about = $1", UUID(mentor["id"])) == []
    assert await obstacles(field, proposal) == ("dismissed", {"not_vetted"})
    found = await field.get(f"/tandems/{tandem['id']}")
    assert [one["code"] for one in found["obstacles"]] == ["not_vetted"]
    assert await noted_why(field, f"mentor/{mentor['id']}") == [
        (f"mentor/{mentor['id']}/record/entered_by_mistake", "coordinator")]
    assert await field.refused(f"{address}/record/withdraw", MISTAKE) == (409, "evidence-not-noted")
    await field.act(f"{address}/record", certificate(field))
    assert (await field.get(f"/tandems/{tandem['id']}"))["obstacles"] == []


async def test_nothing_is_taken_back_of_who_has_left_or_ended(field: Field) -> None:
    """What is kept of them goes by itself."""
    mentor, (group, (first, second)) = await field.ready_mentor(), await trained(field)
    await field.act(f"/mentors/{mentor['id']}/leave")
    assert await field.refused(f"/mentors/{mentor['id']}/record/withdraw", MISTAKE) == (409, "mentor-state")
    await field.act(f"/members/{first['id']}/leave")
    for verb, body in (("record", MISTAKE), ("trainings", TRAINED | MISTAKE)):
        assert await field.refused(f"/members/{first['id']}/{verb}/withdraw", body) == (409, "member-left")
    await field.act(f"/members/{second['id']}/leave")

    for verb, body in (("housing", MISTAKE), ("documents", PLAN | MISTAKE)):
        assert await field.refused(f"/mentor_groups/{group['id']}/{verb}/withdraw", body) == (409, "group-ended")


@pytest.mark.parametrize("body", [{}, {"reason": "because"}, {"reason": None}, {"reason": "other", "why": "x"}])
async def test_each_says_why_by_a_code(field: Field, body: Any) -> None:
    """Nothing else is read, and nothing changed."""
    group = await field.ready_group()

    assert await field.refused(f"/mentor_groups/{group['id']}/housing/withdraw", body) == (422, "invalid-request")
    assert (await read(field, group))["housing"] is not None


async def test_of_two_who_take_it_back_one_reads_again(field: Field) -> None:
    """As does who has read an older version; without one nothing is taken back."""
    group = await field.ready_group()
    address, etag = f"/mentor_groups/{group['id']}/housing/withdraw", await field.etag("mentor_groups", group["id"])
    for given, status in ((None, 428), ('"1"', 412)):
        assert (await field.send("POST", address, MISTAKE, etag=given)).status_code == status
    answers = await asyncio.gather(*(field.send("POST", address, MISTAKE, etag=etag) for _ in range(2)))

    assert sorted(one.status_code for one in answers) == [200, 412]
    assert len(await noted_why(field, f"mentor_group/{group['id']}")) == 1
