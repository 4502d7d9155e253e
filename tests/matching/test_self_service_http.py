"""Self-service through its doors: what somebody sees of themselves, changes, and ends, each by their own link."""

import asyncio
import re
from typing import Any
from urllib.parse import urlencode, urljoin
from uuid import UUID

import httpx
import pytest

from services.matching.links.queries import MEETINGS, OWN_DATA
from tests.matching.field import PARTNER, SLOTS, Field, Json, a_person

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
BROWSER = {"Accept": "text/html"}


async def own(field: Field, thing: Json) -> str:
    """The path of the link to the own data of a mentor, household or member."""
    ref = thing.get("person_ref") or (await field.get(f"/households/{thing['id']}"))["person_ref"]
    return await field.link(OWN_DATA, thing["id"], ref)


async def sent(field: Field, path: str, form: list[tuple[str, str]]) -> httpx.Response:
    """What a browser gets that sends a form of the page; which one it is stands in the form, unseen."""
    hidden = ("form", path.rsplit("/", 1)[1])
    return await field.client.post(path, content=urlencode([hidden, *form]), headers=FORM)


async def refused(field: Field, path: str, body: Any = None) -> tuple[int, str]:
    """Status and slug of what a program sends."""
    answer = await field.client.post(path, json=body)
    return answer.status_code, answer.json().get("slug", "")


async def test_a_mentor_sees_all_that_is_stored_in_their_language(field: Field) -> None:
    """Name, times, consent and state in words; a program gets the same as JSON, and as a file. Reading is audited."""
    mentor = await field.ready_mentor(contact=a_person("Mira Beispiel", written_in=["uk", "de"]))
    path = await own(field, mentor)
    page = await field.client.get(path, headers=BROWSER)
    assert (page.status_code, page.headers["content-language"]) == (200, "uk")
    for shown in ("Ваші дані", "Mira Beispiel", "mira@example.org", "08.01.2024", "06295", "готово", "العربية"):
        assert shown in page.text, shown
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    told = (await field.client.get(path)).json()
    assert (told["kind"], told["state"], told["contact"]["name"]) == ("mentor", "ready", "Mira Beispiel")
    assert (told["stored"]["slots"], told["stored"]["languages"]) == (
        ["tue_evening", "sat_morning", "sat_afternoon"], {"de": "B1", "ar": "C2"})
    assert [one["purpose"] for one in told["noted"]["consents"]][:1] == ["matching"]
    assert "щоб ми когось для вас шукали" in page.text
    file = await field.client.get(f"{path}/data.json")
    assert file.headers["content-disposition"] == 'attachment; filename="own-data.json"'
    assert file.json() == told

    read = "SELECT 1 FROM audit WHERE person_ref = $1 AND about = $2 AND action = 'read' AND role = 'link'"
    rows = await field.network.rows("matching", read, UUID(mentor["person_ref"]), f"mentor/{mentor['id']}")
    assert len(rows) == 3


async def test_a_household_reads_its_note_and_a_member_their_place_in_the_group(field: Field) -> None:
    """The counsellor's note too is about them; who registered them, and other members, are others' data."""
    household = await field.waiting_household(note="Kommt gern am Abend")
    told = (await field.client.get(await own(field, household))).json()
    assert (told["kind"], told["stored"]["note"], told["contact"]["written_in"]) == (
        "household", "Kommt gern am Abend", ["ar", "de"])
    assert "registered_by" not in told["stored"]
    page = await field.client.get(await own(field, household), headers=BROWSER)
    assert 'dir="rtl"' in page.text
    assert "Kommt gern am Abend" in page.text
    group = await field.create("/mentor_groups", field.group_body())
    first, *_ = await field.get(f"/members?mentor_group_id={group['id']}")
    told = (await field.client.get(await own(field, first))).json()
    assert (told["kind"], told["state"], told["stored"]["is_main_contact"]) == ("member", "member", True)
    shown = await field.client.get(await own(field, first), headers=BROWSER)
    assert "Person0 Gruppe" in shown.text
    assert "Person1" not in shown.text
    assert 'name="slots"' in shown.text
    _, other, *_ = await field.get(f"/members?mentor_group_id={group['id']}")
    assert 'name="slots"' not in (await field.client.get(await own(field, other), headers=BROWSER)).text

    assert await refused(field, f"{await own(field, other)}/availability", {"slots": []}) == (
        409, "availability-of-group")


async def test_a_main_contact_says_when_and_how_the_group_can(field: Field) -> None:
    """By program or form, as the coordinator would: what no longer fits is dismissed; an ended group stays so."""
    group = await field.ready_group()
    first, other, *_ = await field.get(f"/members?mentor_group_id={group['id']}")
    address, path = f"/mentor_groups/{group['id']}", await own(field, first)
    proposal = await field.proposed(
        await field.waiting_household(programme_id=str(field.sponsorship)), group=await field.get(address))
    told = (await field.client.get(path)).json()
    names = ("slots", "languages", "radius_km", "available_until")
    assert told["group"] == {name: (await field.get(address))[name] for name in names}
    assert (await field.client.get(await own(field, other))).json()["group"] is None
    said = {"slots": ["mon_morning"], "languages": {"fr": "C1"}, "radius_km": 5, "available_until": None}
    answer = await field.client.post(f"{path}/availability", json=said)
    changed = await field.get(address)
    assert (answer.status_code, answer.json()["group"]) == (200, said)
    assert {name: changed[name] for name in said} == said
    assert (await field.get(f"/proposals/{proposal['id']}"))["state"] == "dismissed"
    form = {"form": "availability", "slots": ["tue_evening"], "language": ["de"], "level": ["B2"], "radius_km": "30"}
    sent = await field.client.post(f"{path}/availability", data=form, headers=BROWSER)
    assert sent.status_code == 200, sent.text
    assert (await field.get(address))["slots"] == ["tue_evening"]
    await field.act(f"{address}/withdraw", {"reason": "Kein Interesse mehr."})

    assert await refused(field, f"{path}/availability", {"slots": []}) == (409, "group-ended")


async def test_the_other_side_is_named_once_both_have_accepted_and_not_before(field: Field) -> None:
    """An invitation is told in outline; of a tandem also with whom, and what was noted in it."""
    proposal = await field.invited()
    mentor, household = await field.refs(proposal)
    for ref, about, other in ((mentor, proposal["mentor_id"], "Samira"), (household, proposal["household_id"], "Mira")):
        path = await field.link(OWN_DATA, about, ref)
        (pair,) = (await field.client.get(path)).json()["pairs"]
        assert (pair["kind"], pair["state"], pair["other"]) == ("proposal", "invited", None)
        assert other not in (await field.client.get(path, headers=BROWSER)).text
    tandem = await field.tandem()
    mentor, _ = await field.refs(tandem)
    noted = f"{await field.link(MEETINGS, tandem['id'], mentor)}?on={field.day}&minutes=60"
    assert (await field.client.post(noted)).status_code == 200
    path = await field.link(OWN_DATA, tandem["mentor_id"], mentor)
    told = (await field.client.get(path)).json()

    assert [(one["kind"], one["other"]) for one in told["pairs"]] == [("tandem", "Samira Demo")]
    assert [one["minutes"] for one in told["noted"]["meetings"]] == [60]
    assert "Samira Demo" in (await field.client.get(path, headers=BROWSER)).text


async def test_own_data_tell_how_a_tandem_came_about_and_ended(field: Field) -> None:
    """Each side its own rating, the goals, and why it was invited; nothing that the other side said."""
    tandem = await field.tandem()
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
    paths = [await field.link(OWN_DATA, tandem[f"{noun}_id"], ref) for noun, ref in zip(
        ("mentor", "household"), await field.refs(tandem), strict=True)]
    await field.create("/closings", {
        "tandem_id": tandem["id"], "held_on": str(field.day), "reason": "goal_reached", "mentors_rating": 5,
        "household_rating": 4, "goals_reached": ["school"]})
    mentor, household = [(await field.client.get(f"{path}/data.json")).json()["noted"] for path in paths]
    for noted, own, other in ((mentor, "mentors_rating", "household_rating"),
                              (household, "household_rating", "mentors_rating")):
        (closing,), (one,), (proposal,) = noted["closings"], noted["tandems"], noted["proposals"]
        assert (closing[own], closing["goals_reached"], other in closing) == (
            5 if own == "mentors_rating" else 4, ["school"], False)
        assert (one["state"], one["goals"], "obstacles" in one) == ("ended_early", tandem["goals"], False)
        assert (proposal["state"], sum(proposal["points"].values())) == ("tandem", proposal["score"])
        assert set(proposal["reasons"]) == {"de", "en", "uk", "ar"}

    assert [one["kind"] for one in household["changes"]] == ["registered"]
    assert "changes" not in mentor
    assert mentor["proposals"][0]["shared"] == {}


async def test_own_data_tell_what_somebody_was_advised_on(field: Field) -> None:
    """The case with its country, opened, and each contact; of who is not advised there is none."""
    household = await field.waiting_household(partner_id=str(PARTNER))
    other = await field.waiting_household()
    ref = (await field.get(f"/households/{household['id']}"))["person_ref"]
    case = {name: value for name, value in field.case_body().items() if name != "person"} | {"person_ref": ref}
    await field.counselled(case=case, note="Fragt nach einem Kurs")
    noted = (await field.client.get(f"{await own(field, household)}/data.json")).json()["noted"]
    (told,), (contact,) = noted["counselling_cases"], noted["counselling_contacts"]
    assert (told["origin"], told["age_band"], told["languages"]) == ("SY", "27-44", ["ar"])
    assert (contact["topics"], contact["note"]) == (["housing"], "Fragt nach einem Kurs")
    noted = (await field.client.get(f"{await own(field, other)}/data.json")).json()["noted"]

    assert (noted["counselling_cases"], noted["counselling_contacts"], noted["referrals"]) == ([], [], [])


async def test_availability_is_changed_by_a_program_and_by_a_form(field: Field) -> None:
    """What a program leaves out stays; a form says all. The coordinator sees the change, with a new version."""
    mentor = await field.ready_mentor()
    path = f"{await own(field, mentor)}/availability"
    changed = await field.client.post(path, json={"slots": ["mon_morning"], "capacity": 2})
    assert changed.status_code == 200, changed.text
    seen = await field.get(f"/mentors/{mentor['id']}")
    assert (seen["slots"], seen["capacity"], seen["radius_km"], seen["languages"]) == (
        ["mon_morning"], 2, 40, {"de": "B1", "ar": "C2"})
    assert seen["version"] > mentor["version"]
    page = await sent(field, path, [
        ("slots", "tue_evening"), ("slots", "sat_morning"), ("language", "de"), ("level", "B2"), ("language", "uk"),
        ("level", "C1"), ("language", ""), ("level", ""), ("radius_km", "15"), ("capacity", "3")])
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Ihre Änderung ist gespeichert." in page.text
    seen = await field.get(f"/mentors/{mentor['id']}")
    assert (seen["slots"], seen["capacity"], seen["radius_km"], seen["languages"]) == (
        ["tue_evening", "sat_morning"], 3, 15, {"de": "B2", "uk": "C1"})
    household = await field.waiting_household(radius_km=10)
    answer = await field.client.post(f"{await own(field, household)}/availability", json={"radius_km": None})

    assert (answer.json()["stored"]["radius_km"], answer.json()["stored"]["slots"]) == (None, SLOTS)
    writing = "SELECT 1 FROM audit WHERE about = $1 AND action = 'change' AND role = 'link'"
    assert len(await field.network.rows("matching", writing, f"household/{household['id']}")) == 1


@pytest.mark.parametrize(("form", "kept", "fault"), [
    ([("slots", "mon_morning"), ("radius_km", "9999"), ("capacity", "1")], 'value="9999"', "Entfernung"),
    ([("slots", "someday"), ("radius_km", "17"), ("capacity", "1")], 'value="17"', "Freie Zeiten"),
    ([("slots", "mon_morning"), ("radius_km", "weit"), ("capacity", "0")], 'value="weit"', "Entfernung"),
    ([("language", "xx-"), ("level", "B1"), ("radius_km", "18")], 'value="18"', "Sprachen"),
    ([("language", "de"), ("level", "D9"), ("radius_km", "19")], 'value="19"', "Sprachen"),
])
async def test_a_form_that_is_wrong_comes_back_with_what_was_entered(
    field: Field, form: list[tuple[str, str]], kept: str, fault: str,
) -> None:
    """In words that name the field, nothing lost and nothing changed; the field is marked for screen readers."""
    mentor = await field.ready_mentor()
    page = await sent(field, f"{await own(field, mentor)}/availability", form)
    assert (page.status_code, page.headers["content-language"]) == (422, "de")
    assert "Noch nicht gespeichert." in page.text
    assert kept in page.text
    assert f"Bitte sehen Sie noch einmal nach: \u2068{fault}" in page.text
    assert (await field.get(f"/mentors/{mentor['id']}"))["version"] == mentor["version"]


async def test_a_capacity_below_what_is_taken_is_refused(field: Field) -> None:
    """To a program with the slug of everywhere, to a person with a sentence and what they had entered."""
    mentor = await field.ready_mentor(capacity=3)
    for _ in range(2):
        await field.invited(mentor=mentor)
    path = f"{await own(field, mentor)}/availability"
    assert await refused(field, path, {"capacity": 1}) == (409, "capacity-below-taken")
    page = await sent(field, path, [("slots", "sun_evening"), ("radius_km", "33"), ("capacity", "1")])
    assert page.status_code == 409
    assert "So viele Plätze sind schon vergeben." in page.text
    assert 'value="33"' in page.text
    assert 'name="capacity" value="1" dir="auto" aria-invalid="true"' in page.text

    seen = await field.get(f"/mentors/{mentor['id']}")
    assert (seen["capacity"], seen["slots"]) == (3, SLOTS)


async def test_a_capacity_that_is_lowered_while_two_are_invited_stays_above_them(field: Field) -> None:
    """By link and by the coordinator at the same moment: whoever comes first, no place is given twice."""
    mentor = await field.ready_mentor(capacity=2)
    path = f"{await own(field, mentor)}/availability"
    proposals = [await field.proposed(await field.waiting_household(), mentor=mentor) for _ in range(2)]
    for one in proposals:
        await field.act(f"/proposals/{one['id']}/approve", {})
    lowered, *invited = await asyncio.gather(
        field.client.post(path, json={"capacity": 1}),
        *(field.attempt(f"/proposals/{one['id']}/invite") for one in proposals))
    taken = sum(answer.status_code == 200 for answer in invited)
    capacity = (await field.get(f"/mentors/{mentor['id']}"))["capacity"]

    # Whom no place is left for is let go, so that an invitation may also find another version of the proposal.
    assert {answer.status_code for answer in (lowered, *invited)} <= {200, 409, 412}
    assert (taken <= capacity, capacity) == (True, 1 if lowered.status_code == 200 else 2)


async def test_what_no_longer_fits_after_a_change_by_link_is_let_go(field: Field) -> None:
    """Without a common language a proposal is dismissed, of either side, as when the coordinator enters it."""
    mentor = await field.ready_mentor(capacity=5)
    for side in ("mentor", "household"):
        household = await field.waiting_household()
        pending = await field.proposed(household, mentor=mentor)
        changed = mentor if side == "mentor" else household
        path = f"{await own(field, changed)}/availability"
        assert (await field.client.post(path, json={"languages": {"fr": "C2"}})).status_code == 200
        assert (await field.get(f"/proposals/{pending['id']}"))["state"] == "dismissed", side
        await field.client.post(path, json={"languages": {"de": "B1", "ar": "C2"}})


async def test_name_and_addresses_are_corrected(field: Field) -> None:
    """By all three; a form without a name, or with half an address, comes back as it was entered."""
    mentor = await field.ready_mentor()
    path = f"{await own(field, mentor)}/contact"
    body = {"name": "Mira Neu", "email": "neu@example.org", "written_in": ["en"]}
    assert (await field.client.post(path, json=body)).json()["contact"]["name"] == "Mira Neu"
    contact = await field.get(f"/mentors/{mentor['id']}/contact")
    assert (contact["name"], contact["email"], contact["written_in"]) == ("Mira Neu", "neu@example.org", ["en"])
    path = f"{await own(field, mentor)}/contact"
    assert await refused(field, path, {"name": ""}) == (422, "invalid-request")
    page = await sent(field, path, [("name", "Mira Form"), ("email", "halb@"), ("written_in", "ar")])
    assert (page.status_code, page.headers["content-language"]) == (422, "en")
    assert 'value="halb@"' in page.text
    assert 'value="Mira Form"' in page.text
    page = await sent(field, path, [("name", "Mira Form"), ("email", ""), ("phone", "03475 123"),
                                    ("written_in", "ar"), ("written_in", "ar"), ("written_in", "")])
    assert (page.status_code, page.headers["content-language"]) == (200, "ar")

    contact = await field.get(f"/mentors/{mentor['id']}/contact")
    assert (contact["name"], contact["email"], contact["phone"], contact["written_in"]) == (
        "Mira Form", None, "03475 123", ["ar"])
    household = await field.waiting_household()
    answer = await field.client.post(f"{await own(field, household)}/contact", json=body)
    assert answer.json()["contact"]["email"] == "neu@example.org"


@pytest.mark.parametrize(("which", "other"), [("contact", "availability"), ("availability", "contact")])
async def test_what_is_no_form_of_the_page_changes_nothing(field: Field, which: str, other: str) -> None:
    """No text, too many fields, another form, JSON that says not that it is JSON: refused in words, never a bug."""
    mentor = await field.ready_mentor()
    link = await own(field, mentor)
    before = (await field.client.get(link)).json()
    for content in (b"\xff\xfe", b"form=%b" % which.encode() + b"&name=x" * 500, b"name=%00&email=x", b"=&=&=",
                    b'{"radius_km": 5}', b"form=%b&name=Mira" % other.encode()):
        page = await field.client.post(f"{link}/{which}", content=content, headers=FORM)
        assert (page.status_code, page.headers["content-type"]) == (422, "text/html; charset=utf-8"), content[:9]
        assert "Noch nicht gespeichert. Bitte füllen Sie das Formular auf dieser Seite aus." in page.text
        assert 'value="mira@example.org"' in page.text
        for headers in ({"Content-Type": FORM["Content-Type"]}, {}):
            plain = await field.client.post(f"{link}/{which}", content=content, headers=headers)
            assert (plain.status_code, plain.json()["slug"]) == (422, "form-not-ours"), content[:9]

    assert (await field.client.get(link)).json() == before


async def test_a_mentor_pauses_and_comes_back(field: Field) -> None:
    """Proposals that nobody was invited to are let go; not while an invitation is open, which is said in words."""
    mentor = await field.ready_mentor(capacity=5)
    pending = await field.proposed(await field.waiting_household(), mentor=mentor)
    path = await own(field, mentor)
    assert (await field.client.post(f"{path}/pause")).json() == {"state": "paused", "takes_part": True}
    assert (await field.get(f"/proposals/{pending['id']}"))["state"] == "dismissed"
    assert await refused(field, f"{path}/pause") == (409, "mentor-state")
    assert "Ich bin wieder da" in (await field.client.get(path, headers=BROWSER)).text
    page = await field.client.post(f"{path}/resume", headers=FORM)
    assert "Schön, dass Sie wieder da sind." in page.text
    await field.invited(mentor=await field.get(f"/mentors/{mentor['id']}"))
    page = await field.client.post(f"{path}/pause", headers=FORM)

    assert (page.status_code, "Eine Einladung an Sie wartet noch auf Antwort." in page.text) == (409, True)
    assert (await field.get(f"/mentors/{mentor['id']}"))["state"] == "ready"


async def test_who_waits_for_a_first_meeting_is_asked_to_talk_to_the_coordinators(field: Field) -> None:
    """No answer is due, so none is asked for; nothing changes."""
    mentor = await field.ready_mentor()
    await field.accepted(mentor=mentor)
    path = await own(field, mentor)
    for verb in ("pause", "leave"):
        page = await field.client.post(f"{path}/{verb}", headers=FORM)
        assert (page.status_code, "ein erstes Treffen steht an" in page.text, "Antwort" in page.text) == (
            409, True, False)
        assert await refused(field, f"{path}/{verb}") == (409, "first-meeting-agreed")

    assert (await field.get(f"/mentors/{mentor['id']}"))["state"] == "ready"


async def test_leaving_is_asked_once_more_and_the_link_changes_nothing_any_longer(field: Field) -> None:
    """Opening changes nothing; with a running tandem the person is asked to talk to the coordinators."""
    mentor = await field.ready_mentor()
    path = await own(field, mentor)
    asked = await field.client.get(f"{path}/leave", headers=BROWSER)
    assert (asked.status_code, "Möchten Sie wirklich aufhören?" in asked.text) == (200, True)
    assert (await field.get(f"/mentors/{mentor['id']}"))["state"] == "ready"
    assert (await field.client.post(f"{path}/leave")).json() == {"state": "left", "takes_part": False}
    gone = await field.client.get(f"{path}/leave", headers=BROWSER)
    assert (gone.status_code, "Dieser Link gilt nicht mehr" in gone.text) == (404, True)
    assert await refused(field, f"{path}/availability", {"slots": []}) == (404, "own-data-over")
    assert (await sent(field, f"{path}/availability", [("radius_km", "5")])).status_code == 404
    tandem = await field.tandem()
    ref, household = await field.refs(tandem)
    path = await field.link(OWN_DATA, tandem["mentor_id"], ref)
    page = await field.client.post(f"{path}/leave", headers=FORM)
    assert (page.status_code, "Bitte sprechen Sie zuerst mit der Koordination" in page.text) == (409, True)
    path = await field.link(OWN_DATA, tandem["household_id"], household)

    assert await refused(field, f"{path}/leave") == (409, "household-busy")
    alone = await field.waiting_household()
    assert (await field.client.post(f"{await own(field, alone)}/leave")).json()["state"] == "closed"
    assert (await field.get(f"/households/{alone['id']}"))["closed_reason"] == "not_wanted"


async def test_a_member_leaves_the_group_and_its_checklist_is_looked_at_again(field: Field) -> None:
    """A ready group that has one too few is in preparation again, as when the coordinator says so."""
    group = await field.ready_group()
    assert (await field.get(f"/mentor_groups/{group['id']}"))["state"] == "ready"
    *_, last = await field.get(f"/members?mentor_group_id={group['id']}")
    path = await own(field, last)
    assert (await field.client.post(f"{path}/leave")).json() == {"state": "left", "takes_part": False}
    assert (await field.get(f"/mentor_groups/{group['id']}"))["state"] == "in_preparation"

    assert await refused(field, f"{path}/leave") == (404, "own-data-over")


async def test_consent_is_taken_back_after_a_second_question(field: Field) -> None:
    """As when notify tells of it: the tandem ends, the household waits again; nothing is erased by it."""
    tandem = await field.tandem()
    mentor, _ = await field.refs(tandem)
    path = await field.link(OWN_DATA, tandem["mentor_id"], mentor)
    asked = await field.client.get(f"{path}/withdraw_consent", headers=BROWSER)
    assert (asked.status_code, "Einwilligung zurücknehmen" in asked.text) == (200, True)
    assert (await field.get(f"/tandems/{tandem['id']}"))["state"] == "trial"
    page = await field.client.post(f"{path}/withdraw_consent", headers=FORM)
    assert (page.status_code, "zurückgenommen" in page.text) == (200, True)
    seen = await field.get(f"/mentors/{tandem['mentor_id']}")
    assert (seen["state"], seen["consented_on"], seen["languages"] != {}) == ("left", None, True)
    (taken_back,) = await field.told(mentor, kind="consent.withdrawn")
    assert taken_back["purpose"] == "matching"
    assert (await field.get(f"/households/{tandem['household_id']}"))["state"] == "waiting"
    household = await field.waiting_household()
    link = await own(field, household)

    assert (await field.client.post(f"{link}/withdraw_consent")).json() == {"state": "closed", "takes_part": False}
    group = await field.create("/mentor_groups", field.group_body())
    first, *_ = await field.get(f"/members?mentor_group_id={group['id']}")
    answer = await field.client.post(f"{await own(field, first)}/withdraw_consent")
    assert answer.json() == {"state": "left", "takes_part": False}


async def test_consent_to_one_purpose_is_taken_back_alone(field: Field) -> None:
    """Nobody asks the mentor how it goes any more; the tandem goes on, and the other side is asked as before."""
    tandem = await field.tandem()
    mentor, _ = await field.refs(tandem)
    path = await field.link(OWN_DATA, tandem["mentor_id"], mentor)
    assert "withdraw_consent?purpose=checkins" in (await field.client.get(path, headers=BROWSER)).text
    asked = await field.client.get(f"{path}/withdraw_consent?purpose=checkins", headers=BROWSER)
    assert (asked.status_code, "fragen wir Sie nicht mehr" in asked.text) == (200, True)
    page = await field.client.post(f"{path}/withdraw_consent?purpose=checkins", headers=FORM)

    assert (page.status_code, "Alles andere geht weiter" in page.text) == (200, True)
    assert (await field.get(f"/tandems/{tandem['id']}"))["state"] == "trial"
    checkins = (await field.get(f"/checkins?tandem_id={tandem['id']}"))["items"]
    assert {(one["side"], one["state"]) for one in checkins} == {("mentors", "dropped"), ("household", "planned")}
    assert "withdraw_consent?purpose=checkins" not in (await field.client.get(path, headers=BROWSER)).text
    assert (await field.client.post(f"{path}/withdraw_consent?purpose=all")).status_code == 422


async def test_every_button_and_link_of_a_page_leads_somewhere(field: Field) -> None:
    """Of the page, of the one that comes back with faults, and of those that ask once more; relative to where it is."""
    tandem = await field.tandem()
    mentor, _ = await field.refs(tandem)
    path = await field.link(OWN_DATA, tandem["mentor_id"], mentor)
    ways = {f"{path}{way}" for way in ("/availability", "/contact", "/pause", "/leave", "/withdraw_consent")}
    led: set[str] = set()
    for at in (path, f"{path}/availability", f"{path}/leave", f"{path}/withdraw_consent"):
        form = at.endswith("/availability")
        page = await (sent(field, at, [("radius_km", "x")]) if form else field.client.get(at, headers=BROWSER))
        posted = {urljoin(at, one) for one in re.findall(r'formaction="([^"]*)"', page.text)}
        links = {urljoin(at, one) for one in re.findall(r'href="([^"]*)"', page.text)}
        assert posted, at
        assert posted <= ways
        led |= posted
        for link in links:
            answer = await field.client.get(link, headers=BROWSER)
            assert answer.status_code == 200, (at, link)

    assert led == ways
