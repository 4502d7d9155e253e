"""A group with a household: its checklist is asked for again at the beginning, and says later what is missing."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from libs.common.facts.events import AttendanceCorrected
from services.matching.links.queries import ANSWER
from tests.harness import new_idempotency_key
from tests.matching.field import Field, Json, rules, sponsorship

pytestmark = pytest.mark.slow

PLAN = {"document": "support_plan"}
MISTAKE = {"reason": "entered_by_mistake"}
WHY = {"why": "Die Behörde hat den Plan vorliegen."}


async def a_group(field: Field) -> Json:
    """A ready group of two, of a programme that asks for both and for a document."""
    programme = uuid4()
    await field.network.tell("matching", rules(programme, min_members=2, required_documents=("support_plan",)))
    group = await field.create("/mentor_groups", field.group_body(members=2, programme_id=str(programme)))
    await field.act(f"/mentor_groups/{group['id']}/prepare")
    return await note(field, group)


async def note(field: Field, group: Json) -> Json:
    """The document was seen."""
    return await field.act(f"/mentor_groups/{group['id']}/documents", PLAN | {"seen_on": str(field.day)})


async def withdraw(field: Field, group: Json) -> Json:
    """It counts no longer."""
    return await field.act(f"/mentor_groups/{group['id']}/documents/withdraw", PLAN | MISTAKE)


async def met(field: Field, group: Json) -> Json:
    """A proposal whose two have met; what begins a tandem."""
    proposal = await field.accepted(group=group, programme_id=group["programme_id"])
    await field.act(f"/proposals/{proposal['id']}/first_meeting", {"on": str(field.day)})
    return {"proposal_id": proposal["id"], "kind": "everyday"}


async def begin(field: Field, body: Json) -> httpx.Response:
    """Begin a tandem, whatever comes of it."""
    return await field.send("POST", "/tandems", body, headers=field.coordinator | new_idempotency_key())


async def line(field: Field, group: Json, rule: str = "document_support_plan") -> Json:
    """A line of its checklist."""
    lines = await field.get(f"/prerequisites?mentor_group_id={group['id']}")
    return next(one for one in lines if one["rule"] == rule)


async def codes(field: Field, address: str) -> list[str]:
    """What stands between a proposal's, or tandem's, two."""
    return [one["code"] for one in (await field.get(address))["obstacles"]]


async def no_longer_ready(field: Field, group: Json) -> list[str]:
    """The groups of the programme that the coordinators have to look after."""
    found = await field.get(f"/mentor_groups?programme_id={group['programme_id']}&no_longer_ready=true")
    return [one["id"] for one in found["items"]]


async def test_no_tandem_begins_without_the_document(field: Field) -> None:
    """It is noted on the proposal, the refusal names the line, and a waiver lets it begin."""
    group = await a_group(field)
    body = await met(field, group)
    assert (await withdraw(field, group))["state"] == "matched"
    assert ((await line(field, group))["standing"], await no_longer_ready(field, group)) == ("expired", [group["id"]])
    assert await codes(field, f"/proposals/{body['proposal_id']}") == ["not_vetted"]
    refused = await begin(field, body)
    assert (refused.status_code, refused.json()["slug"]) == (409, "prerequisites-open")
    assert refused.json()["codes"] == {"which": ["document"]}
    await field.act(f"/prerequisites/{(await line(field, group))['id']}/waive", WHY)
    assert (await codes(field, f"/proposals/{body['proposal_id']}"), await no_longer_ready(field, group)) == ([], [])

    assert (await begin(field, body)).status_code == 201


async def test_no_tandem_begins_with_too_few(field: Field) -> None:
    """One of the two has left; all that is missing is named, and once both are there again the tandem begins."""
    group = await a_group(field)
    body = await met(field, group)
    await withdraw(field, group)
    both = await field.get(f"/members?mentor_group_id={group['id']}")
    await field.act(f"/members/{both[1]['id']}/leave")
    refused = await begin(field, body)
    assert refused.json()["codes"] == {"which": ["document", "min_members"]}
    assert "document, min members" in refused.json()["detail"]
    await field.create("/members", {"mentor_group_id": group["id"], "contact": {"name": "Vera Neu"},
                                    "gender": "f", "consented_on": "2024-01-08"})
    await note(field, group)

    assert (await begin(field, body)).status_code == 201


async def test_a_rule_set_and_a_training_count_until_the_tandem_begins(field: Field) -> None:
    """What a rule set asks for anew, and an attendance that did not take place, are told of a matched group too."""
    group = await field.ready_group()
    body = await met(field, group)
    await field.network.tell("matching", sponsorship(field.sponsorship, required_documents=("support_plan",)))
    assert (await line(field, group))["standing"] == "open"
    assert (await begin(field, body)).json()["slug"] == "prerequisites-open"
    await note(field, group)
    training = await line(field, group, "training_basic")
    attendance = training["evidence"][0].removeprefix("attendance/")
    await field.network.tell("matching", AttendanceCorrected(
        attendance_id=attendance, event_id=uuid4(), kind="training", region=group["region"], on=field.day,
        counts=False))
    assert (await line(field, group, "training_basic"))["standing"] == "expired"

    assert (await begin(field, body)).json()["codes"] == {"which": ["training"]}


async def test_what_runs_is_not_stopped_but_told(field: Field) -> None:
    """The group is listed and its tandem has the obstacle until it is there again; new rules bind it no more."""
    group = await a_group(field)
    tandem = (await begin(field, await met(field, group))).json()
    address = f"/tandems/{tandem['id']}"
    await field.network.tell("matching", rules(
        group["programme_id"], min_members=2, required_documents=("support_plan", "house_rules")))
    assert await no_longer_ready(field, group) == []
    assert (await withdraw(field, group))["state"] == "accompanying"
    assert (await field.get(address))["state"] == "trial"
    assert (await codes(field, address), await no_longer_ready(field, group)) == (["not_vetted"], [group["id"]])
    assert tandem["id"] in [one["id"] for one in (await field.get("/tandems?with_obstacles=true"))["items"]]
    assert (await field.subjects(group["id"]))[-1] == "prerequisite.expired"
    await note(field, group)

    assert ((await line(field, group))["standing"], await codes(field, address)) == ("fulfilled", [])
    assert await no_longer_ready(field, group) == []


async def test_a_tandem_that_ends_early_leaves_a_group_that_prepares(field: Field) -> None:
    """What was missing all the time is missed then; what the rule set asks for by now, too."""
    group = await a_group(field)
    tandem = (await begin(field, await met(field, group))).json()
    await withdraw(field, group)
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
    assert (await field.get(f"/mentor_groups/{group['id']}"))["state"] == "in_preparation"

    assert (await note(field, group))["state"] == "ready"


async def test_who_accepts_by_link_does_not_learn_what_is_open(field: Field) -> None:
    """The coordinators do; a line may say something about a person of the other side."""
    group = await a_group(field)
    proposal = await field.invited(group=group, programme_id=group["programme_id"])
    await withdraw(field, group)
    _, household = await field.refs(proposal)
    answer = await field.client.post(f"{await field.link(ANSWER, proposal['id'], household)}/accept")
    assert (answer.status_code, "support_plan" in answer.text) == (409, False)
    noted = await field.attempt(f"/proposals/{proposal['id']}/answers", {"side": "household", "accepted": True})

    assert (noted.json()["slug"], noted.json()["codes"]) == ("prerequisites-open", {"which": ["document"]})


async def test_a_mentor_who_shows_no_certificate_any_more_begins_nothing(field: Field) -> None:
    """A single mentor has no checklist: what is asked of them is the certificate, also at the beginning."""
    mentor = await field.ready_mentor()
    proposal = await field.accepted(mentor=mentor)
    await field.act(f"/proposals/{proposal['id']}/first_meeting", {"on": str(field.day)})
    await field.act(f"/mentors/{mentor['id']}/record/withdraw", MISTAKE)

    refused = await begin(field, {"proposal_id": proposal["id"], "kind": "everyday"})
    assert (refused.status_code, refused.json()["slug"]) == (409, "pair-no-longer-fits")


@pytest.mark.parametrize("times", range(3))
async def test_one_withdraws_while_another_begins(field: Field, times: int) -> None:
    """Whoever is first: no tandem begins without the document, or who withdraws has to read the group again."""
    group = await a_group(field)
    body = await met(field, group)
    beginning, withdrawing = begin(field, body), field.send(
        "POST", f"/mentor_groups/{group['id']}/documents/withdraw", PLAN | MISTAKE,
        etag=await field.etag("mentor_groups", group["id"]))
    order = (beginning, withdrawing) if times % 2 else (withdrawing, beginning)
    answers = await asyncio.gather(*order)
    begun, withdrawn = answers if times % 2 else answers[::-1]

    assert (begun.status_code, withdrawn.status_code) in {(201, 412), (409, 200)}
    if begun.status_code == 409:
        assert begun.json()["slug"] == "prerequisites-open"
        return
    await withdraw(field, group)
    assert await codes(field, f"/tandems/{begun.json()['id']}") == ["not_vetted"]


async def test_a_certificate_that_lapses_meanwhile_is_asked_for(field: Field) -> None:
    """Time alone takes it away between the acceptance and the beginning."""
    programme = uuid4()
    await field.network.tell("matching", rules(programme, min_members=1, required_records=1))
    group = await field.create("/mentor_groups", field.group_body(members=1, programme_id=str(programme)))
    await field.act(f"/mentor_groups/{group['id']}/prepare")
    (member,) = await field.get(f"/members?mentor_group_id={group['id']}")
    seen_on = str(field.day - timedelta(days=365 * 5))
    await field.act(f"/members/{member['id']}/record", {
        "seen_on": seen_on, "certificate_date": seen_on, "relevant_entry": False})
    body = await met(field, group)
    await field.network.move(days=5)

    assert (await begin(field, body)).json()["codes"] == {"which": ["record_seen"]}
