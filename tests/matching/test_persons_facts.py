"""Persons: what notify is told when it asks, what an erasure leaves, and what follows a withdrawn consent."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.common.callers import EVERYTHING, Caller, Role
from libs.common.facts.events import AttendanceRecorded
from libs.common.facts.matching import MatchingAddresseeAsked, MatchingPersonsByAddress, MatchingWordsAsked
from libs.common.facts.notify import ConsentWithdrawn
from libs.common.facts.question import Addressee, Words
from libs.common.facts.registry import ErasureRequested
from libs.common.refusals import Refused
from services.matching.links.queries import CHECKIN
from services.matching.mentors.routes import MentorFields
from services.matching.persons.reactions import describe, find_persons, reach
from tests.matching.field import REGION, Field, Json, a_person

pytestmark = pytest.mark.slow

NOTIFY = Caller("service", Role.SYSTEM, EVERYTHING)


async def reached(field: Field, person_ref: str, about: str, template: str = "any") -> Addressee:
    """What matching answers notify about a person and a thing."""
    async with field.network["matching"].running.database.transaction(NOTIFY) as transaction:
        return await reach(transaction, MatchingAddresseeAsked(
            person_ref=UUID(person_ref), about=about, template=template))


async def described(field: Field, about: str) -> Words:
    """What matching answers about a thing alone."""
    async with field.network["matching"].running.database.transaction(NOTIFY) as transaction:
        return await describe(transaction, MatchingWordsAsked(about=about))


async def erased(field: Field, *person_refs: str) -> Json:
    """Let matching hear that these persons are to be erased; what it announces then."""
    erasure = uuid4()
    await field.network.tell("matching", ErasureRequested(
        erasure_id=erasure, person_refs=tuple(UUID(ref) for ref in person_refs)))
    (told,) = await field.told(str(erasure))
    return told


async def test_who_is_invited_is_reached_with_reasons_and_one_link(field: Field) -> None:
    """Address, languages, reasons in four languages, until when, and a link that answers; no name of the other side."""
    proposal = await field.invited()
    mentor, household = await field.refs(proposal)
    answer = await reached(field, household, f"proposal/{proposal['id']}", "proposal_invited")
    assert (answer.name, answer.email, answer.languages) == ("Samira Demo", "samira@example.org", ("ar", "de"))
    assert answer.texts["reasons"].keys() == {"de", "en", "uk", "ar"}
    assert answer.times["expires"][:10] == proposal["expires_at"][:10]
    assert "Mira" not in str(answer)
    assert list(answer.links) == ["answer"]
    path = answer.links["answer"].removeprefix("http://matching.test")
    assert (await field.client.post(f"{path}/accept")).json()["side"] == "household"
    stranger = await field.create("/mentors", field.mentor_body())

    assert (await reached(field, stranger["person_ref"], f"proposal/{proposal['id']}")).links == {}
    audit = "SELECT 1 FROM audit WHERE person_ref = $1 AND about = 'template/proposal_invited'"
    assert len(await field.network.rows("matching", audit, UUID(household))) == 1
    assert (await described(field, f"proposal/{proposal['id']}")).values == {"region": "Mansfeld-Südharz"}
    assert mentor != household


async def test_names_are_told_once_both_have_accepted(field: Field) -> None:
    """To each side those of the other; a tandem also has links to meetings, the neutral contact and the consent."""
    tandem = await field.tandem()
    mentor, household = await field.refs(tandem)
    about = f"tandem/{tandem['id']}"
    assert (await reached(field, mentor, about)).values["other"] == "Samira Demo"
    assert (await reached(field, household, f"proposal/{tandem['proposal_id']}")).values["other"] == "Mira Beispiel"
    assert set((await reached(field, household, about)).links) == {"meetings", "concern"}
    assert "other" not in (await described(field, about)).values
    await field.network.move(timedelta(minutes=1), days=28)
    checkins = {one["side"]: one for one in (await field.get(f"/checkins?tandem_id={tandem['id']}&state=due"))["items"]}
    asked = await reached(field, household, f"checkin/{checkins['household']['id']}", "checkin_due")
    assert set(asked.links) == {"answer", "meetings", "concern", "consent"}
    own = await field.link(CHECKIN, checkins["household"]["id"], household)
    assert asked.links["answer"].rsplit("/", 1)[0] == f"http://matching.test{own.rsplit('/', 1)[0]}"
    await field.client.post(f"{own}?mood=5")

    assert "answer" not in (await reached(field, household, f"checkin/{checkins['household']['id']}")).links
    assert "answer" not in (await reached(field, household, f"checkin/{checkins['mentors']['id']}")).links


async def test_a_group_is_told_what_it_has_ticked_off(field: Field) -> None:
    """In four languages; a group by its label."""
    group = await field.create("/mentor_groups", field.group_body())
    for line in await field.get(f"/prerequisites?mentor_group_id={group['id']}"):
        words = await described(field, f"prerequisite/{line['id']}")
        assert words.texts["prerequisite"].keys() == {"de", "en", "uk", "ar"}
    assert (await described(field, f"mentor_group/{group['id']}")).values["label"] == "Gruppe Kupferkreis"
    for about in ("offer/1", "tandem/x", f"tandem/{uuid4()}", "tandem", ""):
        with pytest.raises(Refused, match="no such"):
            await described(field, about)


async def test_a_group_is_told_that_a_household_is_looked_for_only_while_one_is(field: Field) -> None:
    """Not in a pause, in which its checklist may close; and with a household nothing is to come when it has all."""
    group = await field.ready_group()
    address, about = f"/mentor_groups/{group['id']}", f"mentor_group/{group['id']}"
    first, *_ = await field.get(f"/prerequisites?mentor_group_id={group['id']}")
    line = f"prerequisite/{first['id']}"
    assert {"searching", "preparing"} <= (await described(field, about)).values.keys()
    await field.act(f"{address}/pause")
    assert "searching" not in (await described(field, about)).values
    assert "preparing" in (await described(field, line)).values
    await field.act(f"{address}/resume")
    await field.tandem(group=group)

    for thing in (about, line):
        assert not {"searching", "preparing"} & (await described(field, thing)).values.keys()


async def test_persons_are_found_by_address(field: Field) -> None:
    """By mail address or telephone number in any form; for nobody else's."""
    contact = a_person("Zora Suche", email="Zora.Suche@Example.org", phone="03475 / 12 34 56")
    mentor = await field.create("/mentors", field.mentor_body(contact=contact))
    async with field.network["matching"].running.database.transaction(NOTIFY) as transaction:
        found = [(await find_persons(transaction, MatchingPersonsByAddress(address=address))).person_refs
                 for address in ("zora.suche@example.org", "+49 3475 123456", "nobody@example.org")]

    assert found == [(UUID(mentor["person_ref"]),), (UUID(mentor["person_ref"]),), ()]


async def test_an_erased_household_is_gone_and_its_tandem_ends(field: Field) -> None:
    """Name, note, codes and reasons; who accompanied it is told that it ended. A second time there is nothing."""
    tandem = await field.tandem(note="geheim")
    mentor, household = await field.refs(tandem)
    told = await erased(field, household)
    assert (told["subject"], told["service"]) == ("person.erased", "matching")
    assert {"households", "person"} <= set(told["stores"])
    gone = await field.get(f"/households/{tandem['household_id']}")
    assert (gone["state"], gone["persons"], gone["languages"], gone["note"], gone["postcode"]) == (
        "closed", 0, {}, None, None)
    contact = await field.send("GET", f"/households/{tandem['household_id']}/contact")
    assert (contact.status_code, contact.json()["slug"]) == (404, "person-erased")
    ended = await field.get(f"/tandems/{tandem['id']}")
    assert (ended["state"], ended["end_reason"]) == ("ended_early", "household_wish")
    (ending,) = await field.told(tandem["id"], kind="ended_early")
    assert mentor in ending["person_refs"]
    proposal = await field.get(f"/proposals/{tandem['proposal_id']}")
    assert (proposal["points"], proposal["reasons"]) == ({}, [])
    key = await field.network.rows("matching", "SELECT wrapped FROM person_key WHERE person_ref = $1", UUID(household))
    assert key[0]["wrapped"] is None
    again = await erased(field, household)

    assert "person" not in again["stores"]
    assert (await reached(field, household, f"tandem/{tandem['id']}")).email is None
    assert await field.refused(f"/households/{tandem['household_id']}/interview") == (409, "household-state")


async def test_an_erased_mentor_frees_the_household(field: Field) -> None:
    """Their tandem ends and the household waits again; an open invitation is declined for them, pending ones let go."""
    mentor = await field.ready_mentor(capacity=5)
    tandem = await field.tandem(mentor=mentor)
    invited = await field.invited(mentor=mentor)
    pending = await field.proposed(await field.waiting_household(), mentor=mentor)
    ref, _ = await field.refs(tandem)
    told = await erased(field, ref)
    assert {"mentors", "person"} <= set(told["stores"])
    states = [(await field.get(f"/proposals/{one['id']}"))["state"] for one in (invited, pending)]
    assert states == ["declined", "dismissed"]
    for one in (tandem, invited, pending):
        assert (await field.get(f"/households/{one['household_id']}"))["state"] == "waiting"
    gone = await field.get(f"/mentors/{mentor['id']}")

    assert (gone["state"], gone["gender"], gone["languages"], gone["postcode"], gone["record_seen_on"]) == (
        "left", "not_stated", {}, None, None)


async def test_an_erased_person_is_proposed_no_more(field: Field) -> None:
    """With nothing but a pending proposal, of either side: it is dismissed, and who is left waits again."""
    mentor = await field.ready_mentor(capacity=2)
    ours, theirs = [await field.proposed(await field.waiting_household(), mentor=mentor) for _ in range(2)]
    _, household = await field.refs(ours)
    await erased(field, household)
    assert (await field.get(f"/proposals/{ours['id']}"))["state"] == "dismissed"
    await erased(field, mentor["person_ref"])
    assert (await field.get(f"/proposals/{theirs['id']}"))["state"] == "dismissed"

    assert (await field.get(f"/households/{theirs['household_id']}"))["state"] == "waiting"


async def test_an_erased_mentor_is_not_described_anew(field: Field) -> None:
    """Whoever has an old form open cannot write back what was blanked, nor a consent."""
    mentor = await field.ready_mentor()
    await erased(field, mentor["person_ref"])
    body = {name: value for name, value in field.mentor_body().items() if name in MentorFields.model_fields}
    assert await field.refused(f"/mentors/{mentor['id']}", body, method="PUT") == (409, "mentor-state")
    consent = {"given_on": str(field.day), "text_version": 1}
    assert await field.refused(f"/mentors/{mentor['id']}/consent", consent) == (409, "mentor-state")

    assert (await field.get(f"/mentors/{mentor['id']}"))["languages"] == {}


async def test_an_erased_member_leaves_the_group_as_it_was_without_them(field: Field) -> None:
    """The checklist is checked again; a late attendance brings nobody back; the last one ends the group."""
    group = await field.ready_group()
    members = await field.get(f"/members?mentor_group_id={group['id']}")
    await erased(field, members[3]["person_ref"])
    assert (await field.get(f"/mentor_groups/{group['id']}"))["state"] == "in_preparation"
    after = await field.get(f"/members?mentor_group_id={group['id']}")
    assert (after[3]["name"], after[3]["gender"], after[3]["left_on"]) == (None, "not_stated", str(field.day))
    late = field.attended(members[3]["person_ref"])
    await field.network.tell("matching", late)
    kept = "SELECT count(*) FROM attended_training WHERE person_ref = $1"
    assert (await field.network.rows("matching", kept, late.person_ref))[0][0] == 0
    assert isinstance(late, AttendanceRecorded)
    await erased(field, *(member["person_ref"] for member in members[:3]))
    ended = await field.get(f"/mentor_groups/{group['id']}")

    assert (ended["state"], ended["end_reason"]) == ("withdrawn", "nobody_left")


async def test_the_checklist_of_a_group_that_has_ended_names_no_erased_member(field: Field) -> None:
    """It is not checked any more; what it refers to of the person goes all the same."""
    group = await field.ready_group()
    members = await field.get(f"/members?mentor_group_id={group['id']}")
    await field.act(f"/mentor_groups/{group['id']}/withdraw", {"reason": "Nächstes Jahr wieder."})
    await erased(field, members[0]["person_ref"])
    lines = await field.get(f"/prerequisites?mentor_group_id={group['id']}")
    evidence = {line["rule"]: line["evidence"] for line in lines}

    assert members[0]["person_ref"] not in str(evidence)
    assert (len(evidence["min_members"]), len(evidence["training_basic"])) == (3, 1)


async def test_erasing_both_sides_at_once_ends_what_they_have(field: Field) -> None:
    """Whoever comes first; check-ins, concerns and closings tell nothing any more."""
    tandem = await field.tandem()
    mentor, household = await field.refs(tandem)
    await field.network.move(timedelta(minutes=1), days=28)
    checkins = {one["side"]: one for one in (await field.get(f"/checkins?tandem_id={tandem['id']}&state=due"))["items"]}
    path = await field.link(CHECKIN, checkins["household"]["id"], household)
    await field.client.post(f"{path}?mood=1&issue=true", json={"note": "Hilfe"})
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "conflict"})
    await field.create("/closings", {"tandem_id": tandem["id"], "held_on": str(field.day), "mentors_rating": 2,
                                     "household_rating": 1, "learning": {"text": "Es passte nicht."}})
    told = await erased(field, mentor, household)
    assert set(told["stores"]) == {"households", "mentors", "person", "checkins", "concerns", "closings",
                                   "consents"}
    rows: Any = await field.network.rows(
        "matching", "SELECT c.mood, n.text, k.mentors_rating, k.household_rating, k.draft FROM checkin c"
        " JOIN concern n ON n.checkin_id = c.id JOIN closing k ON k.tandem_id = c.tandem_id WHERE c.tandem_id = $1",
        UUID(tandem["id"]))

    assert [tuple(row) for row in rows] == [(None, None, None, None, None)]


async def test_what_an_erased_side_said_is_not_written_down_any_more(field: Field) -> None:
    """That the closing talk was held is; its ratings and goals would bring back what was blanked."""
    tandem = await field.tandem()
    mentor, _ = await field.refs(tandem)
    await erased(field, mentor)
    body = {"tandem_id": tandem["id"], "held_on": str(field.day)}
    refused = await field.send("POST", "/closings", body | {"mentors_rating": 2})
    assert (refused.status_code, refused.json()["slug"]) == (404, "person-erased")

    assert (await field.create("/closings", body))["mentors_rating"] is None


async def test_erasing_a_stranger_is_told_too(field: Field) -> None:
    """Matching had nothing, and says so: the erasure is complete only when all have answered."""
    assert (await erased(field, str(uuid4())))["stores"] == []


async def test_who_withdraws_the_consent_is_not_matched_any_more(field: Field) -> None:
    """The open invitation is declined for them; who they are stays known; another purpose changes nothing."""
    proposal = await field.invited()
    mentor, household = await field.refs(proposal)
    await field.network.tell("matching", ConsentWithdrawn(person_ref=UUID(household), purpose="newsletter"))
    assert (await field.get(f"/proposals/{proposal['id']}"))["state"] == "invited"
    await field.network.tell("matching", ConsentWithdrawn(person_ref=UUID(household), purpose="matching"))
    closed = await field.get(f"/households/{proposal['household_id']}")
    assert (closed["state"], closed["closed_reason"], closed["consented_on"]) == ("closed", "consent_withdrawn", None)
    assert (await field.get(f"/proposals/{proposal['id']}"))["state"] == "declined"
    assert (await field.get(f"/households/{proposal['household_id']}/contact"))["name"] == "Samira Demo"
    await field.network.tell("matching", ConsentWithdrawn(person_ref=UUID(mentor), purpose="matching"))
    left = await field.get(f"/mentors/{proposal['mentor_id']}")
    assert (left["state"], left["consented_on"]) == ("left", None)
    group = await field.ready_group()
    members = await field.get(f"/members?mentor_group_id={group['id']}")
    await field.network.tell("matching", ConsentWithdrawn(
        person_ref=UUID(members[2]["person_ref"]), purpose="matching"))

    assert (await field.get(f"/mentor_groups/{group['id']}"))["state"] == "in_preparation"
    assert group["region"] == REGION
