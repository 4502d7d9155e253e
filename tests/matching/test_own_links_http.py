"""Links to own data: for one person, for their time, and for the mail address that they were sent to."""

import time
from types import SimpleNamespace
from urllib.parse import urljoin

import pytest

from libs.common import http
from libs.common.facts.registry import ErasureRequested
from services.matching.links.queries import CALENDAR, OWN_DATA
from tests.matching.field import LONG_AGO, Field, Json, a_person
from tests.matching.test_consents_http import LEARNING
from tests.matching.test_self_service_http import BROWSER, own, refused, sent

pytestmark = pytest.mark.slow


async def test_a_link_is_for_one_person_and_one_purpose(field: Field) -> None:
    """Not another's data, not by a link of another purpose, not after its time, not for what there is not."""
    mentor, other = await field.ready_mentor(), await field.ready_mentor()
    crossed = await field.link(OWN_DATA, mentor["id"], other["person_ref"])
    assert (await field.client.get(crossed)).json()["slug"] == "own-data-over"
    late = await field.link(OWN_DATA, mentor["id"], mentor["person_ref"], days=-1)
    assert (await field.client.get(late)).json()["slug"] == "link-expired"
    calendar = (await field.link(CALENDAR, mentor["person_ref"], mentor["person_ref"])).rsplit("/", 1)[1]

    assert (await field.client.get(f"/v1/self_service/{calendar}")).json()["slug"] == "link-not-valid"


@pytest.mark.parametrize("form", ["contact", "availability", "pause", "resume"])
async def test_where_a_form_was_sent_to_leads_back_to_the_page(
    field: Field, form: str, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A tab that is restored asks there again; nothing is kept on the way or logged of the link, nor done by it."""
    path = await own(field, await field.ready_mentor())
    logged: list[Json] = []
    with monkeypatch.context() as listening:
        listening.setattr(http, "log", SimpleNamespace(info=lambda _, **said: logged.append(said)))
        answer = await field.client.get(f"{path}/{form}", headers=BROWSER)
    assert (answer.status_code, answer.headers["cache-control"]) == (303, "no-store")
    assert urljoin(f"{path}/{form}", answer.headers["location"]) == path
    assert [(one["status"], path.rsplit("/", 1)[1] in str(one)) for one in logged] == [(303, False)]
    program = await field.client.get(f"{path}/{form}")

    assert (program.status_code, program.json()["slug"], program.headers["allow"]) == (405, "wrong-method", "POST")


async def test_a_link_to_own_data_holds_for_thirty_days(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old mail in another's hands opens nothing; who still takes part asks the coordinators for a new one."""
    mentor = await field.ready_mentor()
    path = await field.link(OWN_DATA, mentor["id"], mentor["person_ref"], days=OWN_DATA.valid.days)
    now, passed = time.time(), {"days": 0}
    monkeypatch.setattr("libs.common.links.time", SimpleNamespace(time=lambda: now + passed["days"] * 86400))
    for days, status in ((0, 200), (29, 200), (31, 404), (399, 404)):
        passed["days"] = days
        assert (await field.client.get(path)).status_code == status, days
    answer = await field.client.get(path)
    assert answer.json()["slug"] == "link-expired"
    assert "ask the coordinators" in answer.json()["detail"]


async def test_the_coordinator_has_the_link_sent(field: Field) -> None:
    """A fact with ids alone; also to who has left, since what is stored may be read; not to who has no mail address."""
    mentor = await field.create("/mentors", field.mentor_body())
    household = await field.get(f"/households/{(await field.create('/households', field.household_body()))['id']}")
    group = await field.create("/mentor_groups", field.group_body())
    member, *_ = await field.get(f"/members?mentor_group_id={group['id']}")
    for noun, thing in (("mentors", mentor), ("households", household), ("members", member)):
        answer = await field.send("POST", f"/{noun}/{thing['id']}/own_data_link")
        assert answer.json() == {"person_ref": thing["person_ref"]}
        *joined, told = await field.told(thing["id"], kind="own_data")
        assert len(joined) == (noun == "members")
        assert told == {"subject": "own_data.offered", "own_data_id": thing["id"], "region": "15087",
                        "person_refs": [thing["person_ref"]]}
    silent = await field.create("/mentors", field.mentor_body(contact={"name": "Ohne Adresse"}))
    assert await field.refused(f"/mentors/{silent['id']}/own_data_link") == (409, "mail-address-missing")
    await field.act(f"/mentors/{mentor['id']}/leave")
    await field.act(f"/members/{member['id']}/leave")
    await field.act(f"/households/{household['id']}/close", {"reason": "moved"})

    for noun, thing in (("mentors", mentor), ("households", household), ("members", member)):
        assert (await field.send("POST", f"/{noun}/{thing['id']}/own_data_link")).status_code == 200
        assert len(await field.told(thing["id"], kind="own_data")) == 2 + (noun == "members")


async def test_who_has_left_reads_what_is_stored_and_changes_nothing(field: Field) -> None:
    """All of it, and as a file, without a form or a button, but for the consents that hold; until they are erased."""
    mentor = await field.ready_mentor(contact=a_person("Mira Beispiel", written_in=["de"]))
    path = await own(field, mentor)
    await field.act(f"/mentors/{mentor['id']}/leave")
    data = (await field.client.get(path)).json()
    assert (data["state"], data["takes_part"], data["contact"]["name"]) == ("left", False, "Mira Beispiel")
    assert (await field.client.get(f"{path}/data.json")).json() == data
    page = (await field.client.get(path, headers=BROWSER)).text
    assert "Sie nehmen nicht mehr teil." in page
    assert "Mira Beispiel" in page
    assert "<form" not in page
    for way, body in (("leave", None), ("pause", None), ("availability", {"radius_km": 5}),
                      ("contact", {"name": "Mira Neu"})):
        assert await refused(field, f"{path}/{way}", body) == (404, "own-data-over"), way
    await field.network.tell("matching", ErasureRequested(
        erasure_id=mentor["id"], person_refs=(mentor["person_ref"],)))

    assert (await field.client.get(path)).json()["slug"] == "own-data-over"
    assert await field.refused(f"/mentors/{mentor['id']}/own_data_link") == (404, "person-erased")


async def test_who_has_left_takes_back_what_they_still_consent_to(field: Field) -> None:
    """Each by itself, from the page, asked once more; nothing comes back by it, and the page says what still holds."""
    mentor = await field.ready_mentor()
    path = await own(field, mentor)
    await field.act(f"/mentors/{mentor['id']}/leave")
    for purpose, said in (("checkins", "fragen wir Sie nicht mehr"), ("authority", "sieht die Behörde"),
                          ("matching", "es endet also nichts"), ("learnings", "nichts für andere aufgeschrieben")):
        page = (await field.client.get(path, headers=BROWSER)).text
        assert f"withdraw_consent?purpose={purpose}" in page
        asked = await field.client.get(f"{path}/withdraw_consent?purpose={purpose}", headers=BROWSER)
        assert (asked.status_code, said in asked.text) == (200, True), purpose
        answer = await field.client.post(f"{path}/withdraw_consent?purpose={purpose}")
        assert answer.json() == {"state": "left", "takes_part": False}

    assert "withdraw_consent" not in (await field.client.get(path, headers=BROWSER)).text
    assert {one["purpose"] for one in await field.told(mentor["person_ref"], kind="consent.withdrawn")} == {
        "checkins", "authority", "matching", "learnings"}
    assert (await field.get(f"/mentors/{mentor['id']}"))["consented_on"] is None


async def taken_back(field: Field, path: str) -> tuple[str, str]:
    """What the page says before somebody takes back the consent to be matched, and afterwards."""
    asked = await field.client.get(f"{path}/withdraw_consent", headers=BROWSER)
    answer = await field.client.post(f"{path}/withdraw_consent", headers=BROWSER | {
        "Content-Type": "application/x-www-form-urlencoded"})
    assert (asked.status_code, answer.status_code) == (200, 200)
    return asked.text, answer.text


async def test_only_whose_tandem_ends_by_it_reads_that_it_does(field: Field) -> None:
    """A mentor does; not a member whose group goes on, nor who spoke for the household before."""
    group = await field.ready_group(members=6)
    of_group, tandem = await field.tandem(group=group), await field.tandem()
    *_, plain = await field.get(f"/members?mentor_group_id={group['id']}")
    asked, said = await taken_back(field, await own(field, plain))
    assert ("auch Patenschaften" in asked, "geht ohne Sie weiter" in asked) == (False, True)
    assert ("ist beendet" in said, "nicht mehr zu Ihrer Gruppe" in said) == (False, True)
    mentor, former = await field.refs(tandem)
    household = f"/households/{tandem['household_id']}"
    await field.act(f"{household}/contact", {"name": "Samira Demo", "email": "samira@example.org"}, method="PUT")
    await field.act(f"{household}/contact/replace", {
        "contact": {"name": "Noura Demo", "email": "noura@example.org"}, "consent": {"given_on": LONG_AGO}})
    _, said = await taken_back(field, await field.link(OWN_DATA, tandem["household_id"], former))
    assert ("ist beendet" in said, "Geendet hat dadurch nichts" in said) == (False, True)
    states = [(await field.get(f"/tandems/{one['id']}"))["state"] for one in (of_group, tandem)]
    assert states == ["trial", "trial"]
    asked, said = await taken_back(field, await field.link(OWN_DATA, tandem["mentor_id"], mentor))

    assert ("auch Patenschaften" in asked, "ist beendet" in said) == (True, True)
    assert (await field.get(f"/tandems/{tandem['id']}"))["state"] == "ended_early"


@pytest.mark.parametrize("side", [0, 1])
async def test_a_learning_that_waits_for_approval_is_taken_back_after_the_end(field: Field, side: int) -> None:
    """By the household, which is closed then, and by a mentor who has left: the learning does not leave."""
    tandem = await field.active()
    closing = await field.create("/closings", {
        "tandem_id": tandem["id"], "held_on": str(field.day), "learning": LEARNING})
    assert closing["learning_state"] == "draft"
    await field.act(f"/mentors/{tandem['mentor_id']}/leave")
    about = (tandem["mentor_id"], tandem["household_id"])[side]
    path = await field.link(OWN_DATA, about, (await field.refs(tandem))[side])
    answer = await field.client.post(f"{path}/withdraw_consent?purpose=learnings")

    assert (answer.status_code, answer.json()["takes_part"]) == (200, False)
    after = await field.get(f"/closings/{closing['id']}")
    assert (after["learning_state"], after["text"]) == ("discarded", None)
    assert await field.refused(f"/closings/{closing['id']}/approve") == (409, "learning-not-waiting")


async def test_who_is_approved_or_begins_to_wait_gets_the_link_once(field: Field) -> None:
    """One fact each, so one mail; a pause and a return bring about none."""
    mentor, household = await field.ready_mentor(), await field.waiting_household()
    await field.act(f"/mentors/{mentor['id']}/pause")
    await field.act(f"/mentors/{mentor['id']}/resume")

    for thing in (mentor, household):
        assert len(await field.told(thing["id"], kind="own_data")) == 1


async def test_a_corrected_address_ends_the_links_that_went_to_the_former_one(field: Field) -> None:
    """Whoever has the mail reads nothing and changes nothing, and is told so; another name alone ends no link."""
    for noun, thing in (("mentors", await field.ready_mentor()), ("households", await field.waiting_household())):
        path, contact = await own(field, thing), f"/{noun}/{thing['id']}/contact"
        body = {"name": "Mira Neu", "email": (await field.get(contact))["email"], "written_in": ["uk"]}
        await field.act(contact, body, method="PUT")
        before = (await field.client.get(path)).json()
        assert before["contact"]["name"] == "Mira Neu"
        await field.act(contact, body | {"email": "richtig@example.org"}, method="PUT")

        assert (await field.client.get(path)).json()["slug"] == "own-link-outdated"
        for way, sent_body in (("leave", None), ("withdraw_consent", None), ("availability", {"radius_km": 5}),
                               ("contact", {"name": "Wer anders"})):
            assert await refused(field, f"{path}/{way}", sent_body) == (404, "own-link-outdated"), way
        for page in (await field.client.get(path, headers=BROWSER),
                     await field.client.get(f"{path}/leave", headers=BROWSER),
                     await sent(field, f"{path}/contact", [("name", "Wer anders")])):
            assert (page.status_code, page.headers["content-language"]) == (404, "uk")
            assert "надіслано на іншу електронну адресу" in page.text
        now = (await field.client.get(await own(field, thing))).json()
        assert now["contact"] == before["contact"] | {"email": "richtig@example.org"}


@pytest.mark.parametrize(("email", "told", "said"), [
    ("neu@example.org", 2, "An die neue Adresse ist ein neuer unterwegs."),
    ("", 1, "Ohne E-Mail-Adresse gilt dieser Link nicht mehr.")])
async def test_who_changes_their_own_address_is_sent_a_new_link(field: Field, email: str, told: int, said: str) -> None:
    """The page says so, and that the present one is over; without an address there is nowhere to send it."""
    mentor = await field.ready_mentor()
    path = await own(field, mentor)
    page = await sent(field, f"{path}/contact", [("name", "Mira Neu"), ("email", email), ("written_in", "de")])

    assert (page.status_code, said in page.text) == (200, True)
    assert len(await field.told(mentor["id"], kind="own_data")) == told
    assert (await field.client.get(path)).json()["slug"] == "own-link-outdated"
    assert (await field.client.get(await own(field, mentor))).json()["contact"]["email"] == (email or None)
