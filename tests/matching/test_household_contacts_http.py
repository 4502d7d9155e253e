"""Another person becomes a household's contact: what belongs to the household stays, what the former said is theirs."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from libs.common.callers import Role
from libs.common.persons import details_of
from services.matching.households.model import Household
from services.matching.households.reactions import contact_replaced
from services.matching.households.rules import ReplacingIn
from services.matching.links.queries import ANSWER, CALENDAR, CHECKIN, CONCERN, CONSENT, MEETINGS, OWN_DATA
from services.matching.links.queries import Purpose as LinkPurpose
from services.matching.persons.reactions import end_all
from services.matching.profiles.queries import locked
from tests.matching.field import LONG_AGO, PARTNER, REGION, Field, Json, a_person
from tests.matching.test_checkins_http import due
from tests.matching.test_consents_http import LEARNING, consents, turned_away, withdrawn
from tests.matching.test_consents_http import checkins as checkin_states
from tests.matching.test_persons_facts import erased, reached
from tests.matching.test_tandems_trial_over import told_of_checkin, told_of_trial

pytestmark = pytest.mark.slow

AGREED = {"given_on": LONG_AGO, "text_version": 2, "besides": ["checkins", "learnings"]}
YUSUF = {"contact": a_person("Yusuf Demo", written_in=["en"]), "consent": AGREED}


async def replaced(field: Field, household_id: str, **given: object) -> Json:
    """Yusuf is the household's contact from now on."""
    return await field.act(f"/households/{household_id}/contact/replace", YUSUF | given)


async def own_data_of(field: Field, household_id: str, person_ref: str) -> Json:
    """What somebody reads by the link to their own data."""
    found: Json = (await field.client.get(await field.link(OWN_DATA, household_id, person_ref))).json()
    return found


async def slug_of(field: Field, purpose: LinkPurpose, about: str, person_ref: str) -> str:
    """Why a link opens nothing; empty when it does."""
    answer = await field.client.get(await field.link(purpose, about, person_ref))
    found: str = "" if answer.status_code == 200 else answer.json()["slug"]
    return found


async def readable(field: Field, person_ref: str) -> bool:
    """Whether somebody's name can still be read."""
    async with field.network["matching"].running.database.transaction() as transaction:
        return UUID(person_ref) in await details_of(transaction, [UUID(person_ref)], about="test/name")


async def test_another_person_has_a_reference_consents_and_a_link_of_their_own(field: Field) -> None:
    """The household goes on waiting as it is, but for the note; what the former consented to is not theirs."""
    before = await field.waiting_household(note="Samira erzählte von ihrem Mann")
    answer = await replaced(field, before["id"])
    new = answer["person_ref"]
    assert (answer["name"], answer["written_in"], answer["former_person_ref"]) == (
        "Yusuf Demo", ["en"], before["person_ref"])
    after = await field.get(f"/households/{before['id']}")
    assert {name for name in after if after[name] != before[name]} == {"version", "person_ref", "note"}
    assert (after["person_ref"], after["note"]) == (new, None)
    assert {name: one["text_version"] for name, one in (await consents(field, new)).items()} == {
        "matching": 2, "checkins": 2, "learnings": 2}
    assert [one["subject"] for one in await field.told(new)] == ["consent.given"] * 3 + ["own_data.offered"]
    own = await own_data_of(field, before["id"], new)

    assert own["contact"]["name"] == "Yusuf Demo"
    assert {one["text_version"] for one in own["noted"]["consents"]} == {2}
    assert "Samira" not in str(own)


async def test_what_is_noted_from_then_on_is_sealed_for_the_new_contact(field: Field) -> None:
    """Who is replaced takes nothing of it along: not even their erasure."""
    before = await field.waiting_household(note="Samira erzählte von ihrem Mann")
    await replaced(field, before["id"], note="Zwei Kinder gehen in die Kita")
    await erased(field, before["person_ref"])

    after = await field.get(f"/households/{before['id']}")
    assert (after["state"], after["note"]) == ("waiting", "Zwei Kinder gehen in die Kita")


async def test_a_rating_that_comes_later_is_that_of_who_speaks_now(field: Field) -> None:
    """Not of who was the contact when the closing was noted: they read nothing of it."""
    tandem = await field.active()
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "mentor_unavailable"})
    closing = await field.create("/closings", {"tandem_id": tandem["id"], "held_on": str(field.day)})
    _, former = await field.refs(tandem)
    now = await replaced(field, tandem["household_id"])
    await field.act(f"/closings/{closing['id']}", {"household_rating": 2}, method="PUT")
    told = [(await own_data_of(field, tandem["household_id"], ref))["noted"]["closings"]
            for ref in (former, now["person_ref"])]

    assert [[one.get("household_rating") for one in closings] for closings in told] == [[], [2]]


async def test_without_consent_nobody_speaks_for_who_is_looked_for(field: Field) -> None:
    """Refused with what to do; before anybody is looked for it may be noted later, and is needed then."""
    waiting = await field.waiting_household()
    path = f"/households/{waiting['id']}/contact/replace"
    assert await field.refused(path, YUSUF | {"consent": None}) == (409, "contact-without-consent")
    assert await field.refused(path, {"consent": AGREED}) == (422, "invalid-request")
    later = AGREED | {"given_on": str(field.day + timedelta(days=1))}
    assert await field.refused(path, YUSUF | {"consent": later}) == (422, "day-in-future")
    assert (await field.get(f"/households/{waiting['id']}"))["person_ref"] == waiting["person_ref"]
    early = await field.create("/households", field.household_body())
    for verb, body in (("interview", None), ("consent", {"given_on": LONG_AGO})):
        await field.act(f"/households/{early['id']}/{verb}", body)
    new = (await replaced(field, early["id"], consent=None))["person_ref"]

    assert (await field.get(f"/households/{early['id']}"))["consented_on"] is None
    assert await consents(field, new) == {}
    assert [one["subject"] for one in await field.told(new)] == []
    assert await field.refused(f"/households/{early['id']}/wait") == (409, "consent-missing")


async def test_a_concern_stays_with_who_raised_it(field: Field) -> None:
    """The neutral contact reads it with the name of the former; the new contact and their own data know nothing."""
    tandem = await field.active()
    household, (_, samira) = tandem["household_id"], await field.refs(tandem)
    raised = await field.client.post(await field.link(CONCERN, tandem["id"], samira), json={"text": "Er droht mir"})
    yusuf = (await replaced(field, household))["person_ref"]
    neutral = await field.network.key(Role.NEUTRAL_CONTACT, region=REGION)
    concern = await field.get(f"/concerns/{raised.json()['concern_id']}", headers=neutral)
    assert (concern["person_ref"], concern["name"], concern["text"]) == (samira, "Samira Demo", "Er droht mir")
    own = await own_data_of(field, household, yusuf)

    assert (own["noted"]["concerns"], [one["id"] for one in own["pairs"]]) == ([], [tandem["id"]])
    answer = await field.client.post(await field.link(CONCERN, tandem["id"], yusuf), json={"text": "Eine Frage"})
    assert answer.status_code == 200


async def test_the_former_contacts_links_hold_no_longer(field: Field) -> None:
    """Neither one for the tandem nor the calendar; the new contact's do, and the mentor is told the new name.

    But for the way to the neutral contact, which stays everybody's for what was theirs.
    """
    tandem = await field.tandem()
    household, (mentor, samira) = tandem["household_id"], await field.refs(tandem)
    asked = (await due(field, tandem))["household"]["id"]
    opened = ((CONCERN, tandem["id"]), (MEETINGS, tandem["id"]), (CONSENT, tandem["id"]), (CHECKIN, asked))
    yusuf = (await replaced(field, household))["person_ref"]
    await field.network.settled()
    for purpose, about in opened:
        assert await slug_of(field, purpose, about, samira) == ("" if purpose is CONCERN else "link-not-valid"), purpose
        assert await slug_of(field, purpose, about, yusuf) == "", purpose
    for purpose, suffix, about in ((CONSENT, "/give", tandem["id"]), (CHECKIN, "", asked)):
        path = await field.link(purpose, about, samira)
        assert (await field.client.post(f"{path}{suffix}")).status_code == 404, purpose
    assert "BEGIN:VEVENT" not in (await field.client.get(await field.link(CALENDAR, samira, samira))).text
    assert (await reached(field, samira, f"tandem/{tandem['id']}", "tandem_started")).links == {}

    assert (await reached(field, mentor, f"tandem/{tandem['id']}", "tandem_started")).values["other"] == "Yusuf Demo"


async def test_an_invitation_that_waits_goes_to_the_new_contact(field: Field) -> None:
    """Until the same day, to them alone; whether it reaches them is known of them, not of the former."""
    proposal = await field.invited(contact=a_person("Samira Demo", email=None))
    address, (_, samira) = f"/proposals/{proposal['id']}", await field.refs(proposal)
    assert proposal["household_not_reached_since"]
    yusuf = (await replaced(field, proposal["household_id"]))["person_ref"]
    told = await field.told(proposal["id"], kind="proposal.invited")
    assert [(one["person_refs"], one["expires"]) for one in told[1:]] == [([yusuf], told[0]["expires"])]
    assert (await field.get(address))["household_not_reached_since"] is None
    assert await slug_of(field, ANSWER, proposal["id"], samira) == "link-not-valid"
    third = a_person("Omar Demo", email=None)
    omar = (await replaced(field, proposal["household_id"], contact=third))["person_ref"]
    assert (await field.get(address))["household_not_reached_since"]
    accept = f"{await field.link(ANSWER, proposal['id'], omar)}/accept"
    assert (await field.client.post(accept)).status_code == 200
    await replaced(field, proposal["household_id"])

    assert len(await field.told(proposal["id"], kind="proposal.invited")) == 3
    assert (await field.get(address))["state"] == "accepted_one"


async def test_the_new_contact_is_asked_how_it_goes_in_time(field: Field) -> None:
    """What the former was asked and has not answered, for as long again; what they answered stays theirs."""
    tandem = await field.tandem()
    household, (mentor, samira) = tandem["household_id"], await field.refs(tandem)
    asked = (await due(field, tandem))["household"]["id"]
    yusuf = (await replaced(field, household))["person_ref"]
    await field.network.settled()
    assert await told_of_checkin(field, tandem) == [mentor, samira, yusuf]
    assert await told_of_trial(field, tandem) == []
    path = await field.link(CHECKIN, asked, yusuf)
    assert (await field.client.post(path, json={"mood": 2, "note": "Es ist schwer"})).status_code == 200
    omar = (await replaced(field, household, contact=a_person("Omar Demo")))["person_ref"]
    await field.network.settled()

    assert (await told_of_checkin(field, tandem), await told_of_trial(field, tandem)) == (
        [mentor, samira, yusuf], [omar])
    assert (await own_data_of(field, household, omar))["noted"]["checkins"] == []
    assert (await field.get(f"/checkins/{asked}"))["note"] == "Es ist schwer"


async def test_who_does_not_consent_to_be_asked_is_not(field: Field) -> None:
    """The household's check-ins are dropped, the mentor's go on; whether to go on is asked by itself, once."""
    tandem = await field.tandem()
    mentor, samira = await field.refs(tandem)
    await due(field, tandem)
    alone = AGREED | {"besides": []}
    yusuf = (await replaced(field, tandem["household_id"], consent=alone))["person_ref"]
    await field.network.settled()
    assert await checkin_states(field, tandem) == {"mentors": {"due", "planned"}, "household": {"dropped"}}
    assert (await told_of_checkin(field, tandem), await told_of_trial(field, tandem)) == ([mentor, samira], [yusuf])
    omar = (await replaced(field, tandem["household_id"], contact=a_person("Omar Demo")))["person_ref"]
    await field.network.settled()

    assert await checkin_states(field, tandem) == {"mentors": {"due", "planned"}, "household": {"dropped", "planned"}}
    assert await told_of_trial(field, tandem) == [yusuf, omar]


async def test_while_a_tandem_rests_the_new_contact_is_not_asked(field: Field) -> None:
    """But when it goes on: what the former had not answered."""
    tandem = await field.active()
    household, (mentor, samira) = tandem["household_id"], await field.refs(tandem)
    await field.act(f"/tandems/{tandem['id']}/pause")
    yusuf = (await replaced(field, household))["person_ref"]
    await field.network.settled()
    assert await told_of_checkin(field, tandem) == [mentor, samira]
    await field.act(f"/tandems/{tandem['id']}/resume")
    await field.network.settled()

    assert (await told_of_checkin(field, tandem), await told_of_trial(field, tandem)) == ([mentor, samira, yusuf], [])


async def test_what_the_former_said_at_a_closing_is_theirs(field: Field) -> None:
    """Neither rating nor draft is shown to the new contact; it leaves only while the former consents."""
    tandem = await field.active()
    household, (_, samira) = tandem["household_id"], await field.refs(tandem)
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "other", "rematch": True})
    closing = await field.create("/closings", {
        "tandem_id": tandem["id"], "held_on": str(field.day), "household_rating": 1, "learning": LEARNING})
    yusuf = (await replaced(field, household, consent=AGREED | {"besides": []}))["person_ref"]
    (told,) = (await own_data_of(field, household, yusuf))["noted"]["closings"]
    assert told.keys() == {"tandem_id", "held_on", "goals_reached"}
    address = f"/closings/{closing['id']}"
    for name in ("Samira", "Yusuf"):
        body = LEARNING | {"text": f"{name} half uns"}
        assert await field.refused(f"{address}/learning", body, method="PUT") == (422, "learning-names-someone"), name
    assert (await field.act(f"{address}/learning", LEARNING, method="PUT"))["learning_state"] == "draft"
    await withdrawn(field, samira, "learnings")

    assert (await field.get(address))["learning_state"] == "discarded"
    assert await field.refused(f"{address}/learning", LEARNING, method="PUT") == (409, "purpose-without-consent")
    assert (await field.get(f"/households/{household}"))["state"] == "waiting"


@pytest.mark.parametrize("did", ["met", "answered"])
async def test_a_learning_names_no_former_contact(field: Field, did: str) -> None:
    """Neither who noted a meeting nor who answered a check-in, although another was at the closing."""
    tandem = await field.tandem()
    household, (_, samira) = tandem["household_id"], await field.refs(tandem)
    asked = (await due(field, tandem))["household"]["id"]
    met: Json = {"on": str(field.day), "minutes": 60}
    purpose, about, said = (MEETINGS, tandem["id"], met) if did == "met" else (CHECKIN, asked, {"mood": 4})
    assert (await field.client.post(await field.link(purpose, about, samira), json=said)).status_code == 200
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "other", "rematch": True})
    await replaced(field, household)
    closing = await field.create("/closings", {"tandem_id": tandem["id"], "held_on": str(field.day)})
    path = f"/closings/{closing['id']}/learning"
    named = LEARNING | {"text": "Samira half uns"}

    assert await field.refused(path, named, method="PUT") == (422, "learning-names-someone")
    assert (await field.act(path, LEARNING, method="PUT"))["learning_state"] == "draft"


async def test_the_former_contact_is_erased_by_their_reference(field: Field) -> None:
    """What they said is blanked although no household has their reference; household, tandem and contact go on."""
    tandem = await field.tandem()
    household, (_, samira) = tandem["household_id"], await field.refs(tandem)
    asked = (await due(field, tandem))["household"]["id"]
    said = {"mood": 1, "note": "Er schlägt mich"}
    assert (await field.client.post(await field.link(CHECKIN, asked, samira), json=said)).status_code == 200
    await field.client.post(await field.link(CONCERN, tandem["id"], samira), json={"text": "Er droht mir"})
    yusuf = (await replaced(field, household))["person_ref"]
    assert await readable(field, samira)
    told = await erased(field, samira)
    assert set(told["stores"]) == {"checkins", "concerns", "consents", "person"}
    for table, column in (("concern", "text"), ("checkin", "note")):
        rows = await field.network.rows(
            "matching", f"SELECT {column} FROM {table} WHERE tandem_id = $1", UUID(tandem["id"]))
        assert {row[column] for row in rows} == {None}, table
    assert not await readable(field, samira)

    assert (await field.get(f"/tandems/{tandem['id']}"))["state"] == "trial"
    assert (await own_data_of(field, household, yusuf))["contact"]["name"] == "Yusuf Demo"
    assert set(await consents(field, yusuf)) == {"matching", "checkins", "learnings"}


async def test_the_former_contact_takes_their_consents_back(field: Field) -> None:
    """By the coordinators, each by itself, without ending anything of the household; they give none any more."""
    tandem = await field.tandem(partner_id=str(PARTNER))
    household, (_, samira) = tandem["household_id"], await field.refs(tandem)
    yusuf = (await replaced(field, household))["person_ref"]
    counsellor = await field.network.key(Role.COUNSELLOR, partner_id=PARTNER)
    elsewhere = await field.network.key(Role.COORDINATOR, region="15084")
    for headers in (counsellor, elsewhere):
        assert (await field.send("GET", f"/consents?person_ref={samira}", headers=headers)).status_code == 404
    for purpose in ("matching", "checkins"):
        assert (await withdrawn(field, samira, purpose))["withdrawn_on"] == str(field.day)
        assert await turned_away(field, samira, purpose) == (404, "not-found")

    assert set(await consents(field, samira)) == {"learnings", "authority"}
    assert set(await consents(field, yusuf)) == {"matching", "checkins", "learnings"}
    assert (await field.get(f"/households/{household}"))["state"] == "in_tandem"
    assert "planned" in (await checkin_states(field, tandem))["household"]


async def test_the_former_contact_is_handed_what_is_theirs(field: Field) -> None:
    """By a link that the coordinators have sent: what they said and consented to, and nothing of the household."""
    tandem = await field.tandem(note="Zwei Kinder gehen in die Kita")
    household, (_, samira) = tandem["household_id"], await field.refs(tandem)
    await field.client.post(await field.link(CONCERN, tandem["id"], samira), json={"text": "Er droht mir"})
    yusuf = (await replaced(field, household, note="Seit Mai allein"))["person_ref"]
    answer = await field.send("POST", f"/households/{household}/own_data_link?former={samira}")
    assert answer.json() == {"person_ref": samira}
    told = (await field.told(samira, kind="own_data"))[-1]
    assert (told["own_data_id"], told["person_refs"]) == (household, [samira])
    assert set((await reached(field, samira, f"own_data/{household}", "own_data_offered")).links) == {"own_data"}
    own = await own_data_of(field, household, samira)
    assert (own["kind"], own["state"], own["takes_part"], own["contact"]["name"]) == (
        "former_contact", "left", False, "Samira Demo")
    assert (own["stored"], own["pairs"]) == ({}, [])
    assert [one["text"] for one in own["noted"]["concerns"]] == ["Er droht mir"]
    assert {one["purpose"] for one in own["noted"]["consents"]} == {"matching", "checkins", "learnings", "authority"}
    assert not {"tandems", "proposals", "changes", "unserved"} & own["noted"].keys()
    assert all(word not in str(own) for word in ("Kita", "Seit Mai", "Yusuf", yusuf, "Mira"))


async def test_the_former_contact_takes_a_consent_back_by_the_page_and_does_nothing_else(field: Field) -> None:
    """It has no form; once they are erased it is none, and none is sent."""
    household = await field.waiting_household()
    samira, household = household["person_ref"], household["id"]
    yusuf = (await replaced(field, household))["person_ref"]
    path = await field.link(OWN_DATA, household, samira)
    page = await field.client.get(path, headers={"Accept": "text/html"})
    assert (page.status_code, "Samira Demo" in page.text, "Yusuf" in page.text, "<form" in page.text) == (
        200, True, False, False)
    assert (await field.client.post(f"{path}/leave")).json()["slug"] == "own-data-over"
    assert (await field.client.post(f"{path}/withdraw_consent?purpose=learnings")).status_code == 200
    assert "learnings" not in await consents(field, samira)
    assert "learnings" in await consents(field, yusuf)
    await erased(field, samira)

    assert await slug_of(field, OWN_DATA, household, samira) == "own-data-over"
    assert await field.refused(f"/households/{household}/own_data_link?former={samira}") == (404, "person-erased")


async def test_nobody_is_handed_what_a_former_contact_said(field: Field) -> None:
    """Not who speaks for the household today, nor one of another household, nor a mentor; nor by who is elsewhere."""
    tandem, other = await field.tandem(), await field.waiting_household()
    household, (mentor, samira) = tandem["household_id"], await field.refs(tandem)
    yusuf = (await replaced(field, household))["person_ref"]
    for ref in (yusuf, mentor, other["person_ref"], household):
        address = f"/households/{household}/own_data_link?former={ref}"
        assert await field.refused(address) == (404, "not-found"), ref
    assert await field.refused(f"/households/{other['id']}/own_data_link?former={samira}") == (404, "not-found")
    elsewhere = await field.network.key(Role.COORDINATOR, region="15084")
    answer = await field.send("POST", f"/households/{household}/own_data_link?former={samira}", headers=elsewhere)
    assert answer.status_code == 404
    silent = await field.waiting_household(contact={"name": "Ohne Adresse"})
    await replaced(field, silent["id"])

    assert await field.refused(f"/households/{silent['id']}/own_data_link?former={silent['person_ref']}") == (
        409, "mail-address-missing")


async def test_a_contact_is_replaced_twice(field: Field) -> None:
    """Each is a person of their own; the second former is nobody's any more, like the first."""
    first = await field.waiting_household()
    second = await replaced(field, first["id"])
    third = await replaced(field, first["id"], contact=a_person("Omar Demo"))
    refs = [first["person_ref"], second["person_ref"], third["person_ref"]]
    assert (len(set(refs)), third["former_person_ref"]) == (3, second["person_ref"])
    read = [await own_data_of(field, first["id"], ref) for ref in refs]

    assert [(one["kind"], one["contact"]["name"]) for one in read] == [
        ("former_contact", "Samira Demo"), ("former_contact", "Yusuf Demo"), ("household", "Omar Demo")]
    await erased(field, *refs[:2])
    assert (await field.get(f"/households/{first['id']}/contact"))["name"] == "Omar Demo"


@pytest.mark.parametrize("ended", ["closed", "erased"])
async def test_nobody_becomes_the_contact_of_a_household_that_is_closed(field: Field, ended: str) -> None:
    """Nor of one that was erased; whom nobody knows then is not kept."""
    household = await field.waiting_household()
    if ended == "closed":
        await field.act(f"/households/{household['id']}/close", {"reason": "moved"})
    else:
        await erased(field, household["person_ref"])
    persons = "SELECT count(*) AS number FROM person"
    before = await field.network.rows("matching", persons)
    path = f"/households/{household['id']}/contact/replace"

    assert await field.refused(path, YUSUF) == (409, "household-closed")
    assert await field.network.rows("matching", persons) == before


async def test_only_the_coordinators_of_the_region_replace_a_contact(field: Field) -> None:
    """Not a counsellor, not elsewhere, and not without saying which version was read."""
    household = await field.waiting_household(partner_id=str(PARTNER))
    path = f"/households/{household['id']}/contact/replace"
    elsewhere = await field.network.key(Role.COORDINATOR, region="15084")
    assert await field.refused(path, YUSUF, headers=elsewhere) == (404, "not-found")
    counsellor = await field.network.key(Role.COUNSELLOR, partner_id=PARTNER)
    assert (await field.attempt(path, YUSUF, headers=counsellor)).status_code == 403

    assert (await field.send("POST", path, YUSUF)).status_code == 428


async def test_of_two_coordinators_at_once_one_replaces_the_contact(field: Field) -> None:
    """The other is told that it was changed meanwhile; one person was met, and not two."""
    household = await field.waiting_household()
    path, etag = f"/households/{household['id']}/contact/replace", await field.etag("households", household["id"])
    bodies = [YUSUF | {"contact": a_person(f"{name} Demo")} for name in ("Yusuf", "Omar", "Karim")]
    answers = await asyncio.gather(*(field.send("POST", path, body, etag=etag) for body in bodies))
    assert sorted(one.status_code for one in answers) == [200, 412, 412]
    (won,) = [one.json() for one in answers if one.status_code == 200]

    assert (await field.get(f"/households/{household['id']}"))["person_ref"] == won["person_ref"]
    assert await consents(field, won["person_ref"]) != {}


@pytest.mark.parametrize("erase", [True, False])
async def test_who_is_replaced_meanwhile_ends_nothing_of_the_household(field: Field, *, erase: bool) -> None:
    """Whose erasure or withdrawal waits while another becomes the contact: it is theirs no longer."""
    tandem = await field.tandem()
    household, (_, samira) = tandem["household_id"], await field.refs(tandem)
    database = field.network["matching"].running.database

    async def end() -> set[str]:
        async with database.transaction() as transaction:
            return await end_all(transaction, [UUID(samira)], erase=erase)

    async with database.transaction() as transaction:
        row = await locked(transaction, Household, UUID(household))
        await contact_replaced(transaction, row, ReplacingIn.model_validate(YUSUF))
        await transaction.flush()
        ending = asyncio.create_task(end())
        assert await asyncio.wait({ending}, timeout=0.3) == (set(), {ending})
    assert await ending == set()

    assert (await field.get(f"/tandems/{tandem['id']}"))["state"] == "trial"
    assert (await field.get(f"/households/{household}/contact"))["name"] == "Yusuf Demo"


async def test_who_is_replaced_meanwhile_acts_for_nobody(field: Field) -> None:
    """An answer by link, or a consent that the coordinator notes, which waited for it: neither counts any more."""
    proposal = await field.invited()
    household, (_, samira) = proposal["household_id"], await field.refs(proposal)
    accept = f"{await field.link(ANSWER, proposal['id'], samira)}/accept"
    async with field.network["matching"].running.database.transaction() as transaction:
        row = await locked(transaction, Household, UUID(household))
        await contact_replaced(transaction, row, ReplacingIn.model_validate(YUSUF))
        await transaction.flush()
        answering = asyncio.create_task(field.client.post(accept))
        consenting = asyncio.create_task(turned_away(field, samira, "matching"))
        done, _ = await asyncio.wait({answering, consenting}, timeout=0.5)
        assert done == set()
    answer = await answering

    assert (answer.status_code, answer.json()["slug"]) == (404, "link-not-valid")
    assert await consenting == (404, "not-found")
    assert (await field.get(f"/proposals/{proposal['id']}"))["state"] == "invited"
    assert (await field.get(f"/households/{household}"))["consented_on"] == LONG_AGO
