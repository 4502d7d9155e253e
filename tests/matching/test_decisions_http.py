"""Who decided what about a mentor, a group, a household or a tandem, and why, is kept and can be read."""

from uuid import UUID, uuid4

import pytest

from libs.common.callers import Role
from libs.common.facts.registry import ErasureRequested
from services.matching.links.queries import OWN_DATA
from tests.matching.field import REGION, Field, Json, rules

pytestmark = pytest.mark.slow

WAIVED = {"why": "Die Gruppe hat die Schulung bei einem anderen Träger besucht."}
DEMANDED = {"why": "Die Bescheinigung galt für eine andere Schulung."}


async def decisions(field: Field, thing: Json, **more: str) -> list[Json]:
    """The decisions about a thing, as the coordinator reads them."""
    asked = "".join(f"&{name}={value}" for name, value in more.items())
    found: list[Json] = (await field.get(f"/decisions?about_id={thing['id']}{asked}"))["items"]
    return found


async def test_who_let_a_mentor_in_and_out_is_told(field: Field) -> None:
    """By whom and when; to auditors as to coordinators, and to nobody of another region."""
    mentor = await field.ready_mentor()
    await field.act(f"/mentors/{mentor['id']}/hold_back", {"why": "Es ist etwas zu klären."})
    await field.act(f"/mentors/{mentor['id']}/resume", {"why": "Es hat sich geklärt."})
    await field.act(f"/mentors/{mentor['id']}/leave", {"why": "Zieht ins Ausland."})
    found = await decisions(field, mentor)
    audit = "SELECT principal FROM audit WHERE about = $1 AND action = 'change'"
    changed = {row["principal"] for row in await field.network.rows("matching", audit, f"mentor/{mentor['id']}")}

    assert [(one["about"], one["what"], one["region"]) for one in found] == [
        ("mentor", what, REGION) for what in ("approved", "held_back", "resumed", "left")]
    assert {one["decided_by"] for one in found} == changed
    # Why somebody is held back stands with them, while it counts.
    assert [one["why"] for one in found] == [None, None, None, "Zieht ins Ausland."]
    assert await decisions(field, mentor, what="left") == found[3:]
    assert await decisions(field, mentor, since=str(field.day)) == found
    auditor = await field.network.key(Role.AUDITOR)
    seen = await field.get(f"/decisions?about_id={mentor['id']}", headers=auditor)
    elsewhere = await field.network.key(Role.COORDINATOR, region="09162")
    unseen = await field.get(f"/decisions?about_id={mentor['id']}", headers=elsewhere)
    assert (seen["items"], unseen["items"]) == ([one | {"why": None} for one in found], [])


@pytest.mark.parametrize("noun", ["mentors", "mentor_groups", "households"])
async def test_a_pause_that_a_coordinator_notes_is_told(field: Field, noun: str) -> None:
    """Without words: why somebody pauses is nobody's business. By their own link it is a decision of nobody."""
    made = {"mentors": field.ready_mentor, "mentor_groups": field.ready_group, "households": field.waiting_household}
    thing = await made[noun]()
    address, before = f"/{noun}/{thing['id']}", len(await decisions(field, thing))
    await field.act(f"{address}/pause")
    assert await field.refused(f"{address}/pause") == (409, "mentor-state" if noun == "mentors" else "paused")
    await field.act(f"{address}/resume")
    await field.act(f"{address}/pause")
    speaks = await field.get(f"/members?mentor_group_id={thing['id']}") if noun == "mentor_groups" else [
        await field.get(address)]
    path = await field.link(OWN_DATA, speaks[0]["id"], speaks[0]["person_ref"])
    for verb in ("resume", "pause"):
        assert (await field.client.post(f"{path}/{verb}")).status_code == 200
    found = (await decisions(field, thing))[before:]

    assert [(one["what"], one["why"]) for one in found] == [("paused", None), ("back", None), ("paused", None)]
    assert all(one["decided_by"] for one in found)


async def test_a_tandem_that_rests_and_is_completed_is_told(field: Field) -> None:
    """Who paused it, let it go on, and held the closing talk; how it ended as a code."""
    tandem = await field.active()
    for verb in ("pause", "resume"):
        await field.act(f"/tandems/{tandem['id']}/{verb}")
    talk = {"tandem_id": tandem["id"], "held_on": str(field.day), "reason": "goal_reached"}
    await field.create("/closings", talk)

    assert [(one["what"], one["reason"]) for one in await decisions(field, tandem)] == [
        ("paused", None), ("back", None), ("completed", "goal_reached")]


async def test_a_waiver_that_is_taken_back_stays_to_be_read(field: Field) -> None:
    """Who waived which line, and why; and who demands it after all. Reading words is audited."""
    await field.network.tell("matching", rules(field.sponsorship, min_members=9))
    group = await field.create("/mentor_groups", field.group_body())
    line = next(one for one in await field.get(f"/prerequisites?mentor_group_id={group['id']}")
                if one["standing"] == "open")
    for verb, body in (("waive", WAIVED), ("demand", DEMANDED), ("waive", WAIVED), ("demand", None)):
        await field.act(f"/prerequisites/{line['id']}/{verb}", body)
    found = await decisions(field, group)
    stored = await field.network.rows(
        "matching", "SELECT note FROM decision WHERE about_id = $1::text::uuid AND note IS NOT NULL", group["id"])

    assert [(one["what"], one["subject"], one["why"]) for one in found] == [
        ("waived", line["rule"], WAIVED["why"]), ("demanded", line["rule"], DEMANDED["why"]),
        ("waived", line["rule"], WAIVED["why"]), ("demanded", line["rule"], None)]
    assert len(stored) == 3
    assert not any(b"Bescheinigung" in row["note"] or b"Schulung" in row["note"] for row in stored)
    auditor = await field.network.key(Role.AUDITOR)
    seen = (await field.get(f"/decisions?about_id={group['id']}", headers=auditor))["items"]
    assert [(one["what"], one["why"]) for one in seen] == [(one["what"], None) for one in found]
    read = await field.network.rows(
        "matching", "SELECT FROM audit WHERE about = $1 AND action = 'read'", f"mentor_group/{group['id']}")
    assert len(read) == 3


async def test_how_households_groups_and_tandems_end_is_told_with_the_reason(field: Field) -> None:
    """A code where there is a list of them, else the words."""
    tandem = await field.tandem()
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
    household = {"id": tandem["household_id"]}
    await field.act(f"/households/{household['id']}/close", {"reason": "helped_elsewhere"})
    group = await field.create("/mentor_groups", field.group_body())
    await field.act(f"/mentor_groups/{group['id']}/reject", {"reason": "Zu wenige Mitglieder."})

    assert [(one["what"], one["reason"], one["why"]) for thing in (tandem, household, group)
            for one in await decisions(field, thing)] == [
        ("ended_early", "moved", None), ("closed", "helped_elsewhere", None),
        ("rejected", None, "Zu wenige Mitglieder.")]


async def test_what_people_do_by_their_own_link_is_no_decision_of_somebody_else(field: Field) -> None:
    """Nor is what is refused."""
    mentor = await field.ready_mentor()
    assert (await field.attempt(f"/mentors/{mentor['id']}/approve", {})).status_code == 409
    path = await field.link(OWN_DATA, mentor["id"], mentor["person_ref"])
    assert (await field.client.post(f"{path}/leave")).status_code == 200

    assert [one["what"] for one in await decisions(field, mentor)] == ["approved"]
    data = (await field.client.get(f"{path}/data.json")).json()
    assert [(one["what"], one["note"]) for one in data["noted"]["decisions"]] == [("approved", None)]


@pytest.mark.parametrize("which", [0, 1])
async def test_with_an_erased_member_the_words_about_their_group_go(field: Field, which: int) -> None:
    """What was decided, and by whom, stays; also the reason for which it ended goes, and that of a waiver."""
    group = await field.create("/mentor_groups", field.group_body())
    of_group = f"?mentor_group_id={group['id']}"
    members, lines = await field.get(f"/members{of_group}"), await field.get(f"/prerequisites{of_group}")
    line = next(one for one in lines if one["standing"] == "open")
    await field.act(f"/prerequisites/{line['id']}/waive", WAIVED)
    await field.act(f"/mentor_groups/{group['id']}/withdraw", {"reason": "Eine von ihnen ist erkrankt."})
    await field.network.tell("matching", ErasureRequested(
        erasure_id=uuid4(), person_refs=(UUID(members[which]["person_ref"]),)))
    _, found = await decisions(field, group)
    rows = await field.network.rows(
        "matching", "SELECT note, note_ref FROM decision WHERE about_id = $1::text::uuid", group["id"])

    assert (found["what"], found["why"]) == ("withdrawn", None)
    assert [tuple(row) for row in rows] == [(None, None)] * 2
    assert (await field.get(f"/mentor_groups/{group['id']}"))["end_reason"] is None
    lines = await field.get(f"/prerequisites?mentor_group_id={group['id']}")
    assert [(one["standing"], one["waived_why"]) for one in lines if one["waived_by"]] == [("waived", None)]


async def test_decisions_move_with_whom_they_are_about(field: Field) -> None:
    """Who is responsible in the new district reads them."""
    both = await field.network.key(Role.COORDINATOR, region="15")
    mentor = await field.ready_mentor()
    await field.act(f"/mentors/{mentor['id']}/move", {"region": "15084", "postcode": "06618"}, headers=both)
    there = await field.network.key(Role.COORDINATOR, region="15084")

    found = (await field.get(f"/decisions?about_id={mentor['id']}", headers=there))["items"]
    assert [(one["what"], one["region"]) for one in found] == [("approved", "15084")]


async def test_of_an_erased_mentor_it_stays_who_let_them_in_and_no_words(field: Field) -> None:
    """Nor that they were held back; in their own data that was never told."""
    mentor = await field.create("/mentors", field.mentor_body())
    await field.act(f"/mentors/{mentor['id']}/screen")
    record = {"seen_on": str(field.day), "certificate_date": str(field.day), "relevant_entry": False}
    await field.act(f"/mentors/{mentor['id']}/record", record)
    await field.act(f"/mentors/{mentor['id']}/approve", {"why": "Die Schulung findet erst im Mai statt."})
    await field.act(f"/mentors/{mentor['id']}/hold_back", {"why": "Es ist etwas zu klären."})
    path = await field.link(OWN_DATA, mentor["id"], mentor["person_ref"])
    told = (await field.client.get(f"{path}/data.json")).json()["noted"]["decisions"]
    assert [(one["what"], one["note"]) for one in told] == [("approved", "Die Schulung findet erst im Mai statt.")]
    assert [one["what"] for one in await decisions(field, mentor)] == ["approved", "held_back"]
    await field.network.tell("matching", ErasureRequested(
        erasure_id=uuid4(), person_refs=(UUID(mentor["person_ref"]),)))
    rows = await field.network.rows(
        "matching", "SELECT what, note, note_ref FROM decision WHERE about_id = $1::text::uuid", mentor["id"])

    assert [tuple(row) for row in rows] == [("approved", None, None)]


async def test_who_left_a_group_is_told_with_the_reason(field: Field) -> None:
    """As a decision about the group, whoever of it it was; none where it was their own link."""
    group = await field.create("/mentor_groups", field.group_body())
    first, second, third, *_ = await field.get(f"/members?mentor_group_id={group['id']}")
    await field.act(f"/members/{second['id']}/leave", {"why": "Hat keine Zeit mehr."})
    await field.act(f"/members/{third['id']}/leave")
    path = await field.link(OWN_DATA, first["id"], first["person_ref"])
    assert (await field.client.post(f"{path}/leave")).status_code == 200

    assert [(one["what"], one["subject"], one["why"]) for one in await decisions(field, group)] == [
        ("left", f"member/{second['id']}", "Hat keine Zeit mehr."), ("left", f"member/{third['id']}", None)]
