"""Proposals through the HTTP door: approval, invitation, both sides' answers, and what each refuses."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from libs.common.callers import Role
from services.matching.links.queries import ANSWER, CONSENT
from tests.matching.field import REGION, SLOTS, Field, Json, sponsorship
from tests.matching.test_persons_facts import reached


async def approved(field: Field) -> Json:
    """A proposal that the coordinator has approved."""
    proposal = await field.proposed(await field.waiting_household(), mentor=await field.ready_mentor())
    return await field.act(f"/proposals/{proposal['id']}/approve", {})


async def test_both_sides_are_invited_by_links_of_their_own(field: Field) -> None:
    """For seven days; who is to be told stands in the fact, and nothing of who they are."""
    proposal = await approved(field)
    invited = await field.act(f"/proposals/{proposal['id']}/invite")
    mentor, household = await field.refs(invited)
    (told,) = await field.told(proposal["id"], kind="invited")

    assert invited["state"] == "invited"
    assert told["expires"] == invited["expires_at"].replace("+00:00", "Z")
    assert told["person_refs"] == [mentor, household]


async def test_before_both_accept_a_side_reads_reasons_and_no_names(field: Field) -> None:
    """In its own language and direction; opening the page changes nothing, however often."""
    proposal = await field.invited()
    mentor, household = await field.refs(proposal)
    seen = {}
    for person in (mentor, household, household):
        answer = await field.client.get(await field.link(ANSWER, proposal["id"], person))
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        seen[person] = answer.text
    assert '<html lang="de" dir="ltr">' in seen[mentor]
    assert '<html lang="ar" dir="rtl">' in seen[household]
    assert "Entfernung: etwa 19 km." in _plain(seen[mentor])
    for text in seen.values():
        assert "Mira" not in text
        assert "Samira" not in text

    assert (await field.get(f"/proposals/{proposal['id']}"))["version"] == proposal["version"]


async def test_what_both_read_is_as_they_say_it_today(field: Field) -> None:
    """The household has less time than when it was proposed, and the two still fit; by page and by mail."""
    proposal = await field.invited()
    mentor, _ = await field.refs(proposal)
    address, page = f"/households/{proposal['household_id']}", await field.link(ANSWER, proposal["id"], mentor)
    before = _plain((await field.client.get(page)).text)
    await field.act(address, field.household_fields(slots=SLOTS[:2], languages={"de": "B1"}), method="PUT")
    mailed = (await reached(field, mentor, f"proposal/{proposal['id']}")).texts["reasons"]["de"]
    after = (await field.client.get(page)).text

    assert all(said in before for said in ("Gemeinsame Sprachen: العربية, Deutsch", "in der Woche: 3."))
    for text in map(_plain, (mailed, after)):
        assert all(said in text for said in ("Gemeinsame Sprachen: Deutsch.", "in der Woche: 2.")), text


async def test_no_reason_says_the_opposite_of_what_stands_against_the_pair(field: Field) -> None:
    """The household speaks another language now, and asked for nobody who interprets."""
    unit, household = await field.ready_mentor(), await field.waiting_household()
    proposal = await field.create("/options/propose", {
        "household_id": household["id"], "unit_id": unit["id"], "reason": "known_to_fit"})
    await field.act(f"/proposals/{proposal['id']}/approve", {})
    await field.act(f"/proposals/{proposal['id']}/invite")
    mentor, _ = await field.refs(proposal)
    page = await field.link(ANSWER, proposal["id"], mentor)
    await field.act(f"/households/{proposal['household_id']}", field.household_fields(languages={"fa": "C2"}),
                    method="PUT")
    mailed = (await reached(field, mentor, f"proposal/{proposal['id']}")).texts["reasons"]["de"]
    told = _reasons(await field.get(f"/proposals/{proposal['id']}"))["language"]

    for text in map(_plain, (mailed, (await field.client.get(page)).text)):
        assert "in der Woche: 3." in text
        assert not any(said in text for said in ("dolmetsch", "übersetz", "Gemeinsame Sprachen")), text
    assert told["de"] == "Es gibt keine gemeinsame Sprache, die gut genug gesprochen wird."
    assert told["en"] == "There is no common language that both speak well enough."
    assert told["found"]["de"].startswith("Sie können miteinander sprechen")


async def test_coordinators_read_reasons_in_the_words_of_today(field: Field) -> None:
    """With what they were where a side has changed since; points stay, and once it is over it is told as it was.

    The mentor lives in the next district, outside what the coordinator reads.
    """
    wide = replace(field, coordinator=await field.network.key(Role.COORDINATOR, region="15"))
    await wide.ready_mentor(region="15084")
    household = await field.waiting_household()
    run = await wide.run(region="15")
    (before,) = (await field.get(f"/proposals?run_id={run['id']}"))["items"]
    await field.act(f"/households/{household['id']}", field.household_fields(slots=SLOTS[:2]), method="PUT")
    (listed,) = (await field.get(f"/proposals?run_id={run['id']}"))["items"]
    read, now = await field.get(f"/proposals/{before['id']}"), _reasons(listed)
    dismissed = await field.act(f"/proposals/{before['id']}/dismiss", {"reason": "conflict"})

    assert {one["found"] for one in before["reasons"]} == {None}
    assert "3 gemeinsame freie Zeiten" in _reasons(before)["availability"]["de"]
    assert "2 gemeinsame freie Zeiten" in now["availability"]["de"]
    assert "3 gemeinsame freie Zeiten" in now["availability"]["found"]["de"]
    assert [name for name, one in now.items() if one["found"]] == ["availability"]
    assert read["reasons"] == listed["reasons"]
    assert (listed["points"], listed["besides"]) == (before["points"], before["besides"])
    assert dismissed["reasons"] == before["reasons"]


async def test_what_was_chosen_without_a_run_is_told_by_today_too(field: Field) -> None:
    """The mentor moves, and the way is another."""
    mentor, household = await field.ready_mentor(), await field.waiting_household()
    made = await field.create("/options/propose", {
        "household_id": household["id"], "unit_id": mentor["id"], "reason": "known_to_fit"})
    await field.act(f"/mentors/{mentor['id']}", field.mentor_fields(postcode="06526"), method="PUT")
    approved = await field.act(f"/proposals/{made['id']}/approve", {})

    assert _reasons(made)["distance"]["found"] is None
    assert _reasons(approved)["distance"]["found"]["de"] == _reasons(made)["distance"]["de"]
    assert _reasons(approved)["distance"]["de"] == "Sie wohnen weniger als 1 km voneinander entfernt."


def _reasons(proposal: Json) -> Json:
    """The reasons by criterion."""
    return {one["criterion"]: one for one in proposal["reasons"]}


def _plain(text: str) -> str:
    """The text without the marks around what is filled in, which keep its direction apart."""
    return text.replace("\u2068", "").replace("\u2069", "")


async def test_by_links_both_accept(field: Field) -> None:
    """The second acceptance completes it and is told to both; a browser gets a page, a program JSON."""
    proposal = await field.invited()
    mentor, household = await field.refs(proposal)
    browser = {"Accept": "text/html,*/*"}
    page = await field.client.post(f"{await field.link(ANSWER, proposal['id'], household)}/accept", headers=browser)
    assert (page.status_code, 'dir="rtl"' in page.text) == (200, True)
    answer = await field.client.post(f"{await field.link(ANSWER, proposal['id'], mentor)}/accept")
    assert answer.json() == {"state": "accepted_both", "side": "mentors"}
    first, second = await field.told(proposal["id"], kind="accepted")

    assert (first["side"], first["both"], first["person_refs"]) == ("household", False, [])
    assert (second["side"], second["both"], second["person_refs"]) == ("mentors", True, [mentor, household])


async def test_a_second_answer_is_refused_in_the_persons_language(field: Field) -> None:
    """A program gets the problem document, a browser a page; nothing is changed or told."""
    proposal = await field.invited()
    _, household = await field.refs(proposal)
    path = await field.link(ANSWER, proposal["id"], household)
    assert (await field.client.post(f"{path}/accept")).status_code == 200
    version = (await field.get(f"/proposals/{proposal['id']}"))["version"]
    again = await field.client.post(f"{path}/accept")
    page = await field.client.post(f"{path}/accept", headers={"Accept": "text/html"})

    assert (again.status_code, again.json()["slug"]) == (409, "invitation-answered")
    assert (page.status_code, page.headers["content-language"]) == (409, "ar")
    assert "وافق طرفكم" in page.text
    assert (await field.get(f"/proposals/{proposal['id']}"))["version"] == version
    assert (await field.subjects(proposal["id"])).count("proposal.accepted") == 1


async def test_a_side_declines_by_link_and_the_place_is_free(field: Field) -> None:
    """With a code as reason; the household waits again, the other side is told, the invitation is over."""
    proposal = await field.invited()
    mentor, household = await field.refs(proposal)
    path = await field.link(ANSWER, proposal["id"], mentor)
    assert (await field.client.post(f"{path}/decline?reason=because")).status_code == 422
    answer = await field.client.post(f"{path}/decline?reason=distance")
    assert answer.json() == {"state": "declined", "side": "mentors"}
    declined = await field.get(f"/proposals/{proposal['id']}")
    assert (declined["declined_side"], declined["declined_reason"]) == ("mentors", "distance")
    assert (await field.get(f"/households/{proposal['household_id']}"))["state"] == "waiting"
    (told,) = await field.told(proposal["id"], kind="declined")
    assert told["person_refs"] == [household]
    late = await field.client.post(f"{await field.link(ANSWER, proposal['id'], household)}/accept")

    assert (late.status_code, late.json()["slug"]) == (409, "invitation-over")
    assert (await field.client.get(path)).status_code == 200


async def test_an_invitation_expires_after_seven_days(field: Field) -> None:
    """The place is free, the household waits again, both sides are told, and nobody can accept any more."""
    proposal = await field.invited()
    mentor, household = await field.refs(proposal)
    assert (await field.client.post(f"{await field.link(ANSWER, proposal['id'], mentor)}/accept")).status_code == 200
    await field.network.move(timedelta(days=6, hours=23))
    assert (await field.get(f"/proposals/{proposal['id']}"))["state"] == "accepted_one"
    await field.network.move(timedelta(hours=2))
    assert (await field.get(f"/proposals/{proposal['id']}"))["state"] == "expired"
    assert (await field.get(f"/households/{proposal['household_id']}"))["state"] == "waiting"
    (told,) = await field.told(proposal["id"], kind="expired")
    assert told["person_refs"] == [mentor, household]

    late = await field.client.post(f"{await field.link(ANSWER, proposal['id'], household)}/accept")
    assert (late.status_code, late.json()["slug"]) == (409, "invitation-over")


async def test_an_accepted_invitation_does_not_expire(field: Field) -> None:
    """However long the first meeting takes to come about."""
    proposal = await field.accepted()
    await field.network.move(days=40)

    assert (await field.get(f"/proposals/{proposal['id']}"))["state"] == "accepted_both"


async def test_a_link_is_for_one_purpose_person_and_proposal(field: Field) -> None:
    """Another purpose's, a stranger's, an expired and a torn link are not found; none needs a key."""
    proposal, other = await field.invited(), await field.invited()
    mentor, _ = await field.refs(proposal)
    stranger, _ = await field.refs(other)
    consent = (await field.link(CONSENT, proposal["id"], mentor)).rsplit("/", 1)[1]
    valid = await field.link(ANSWER, proposal["id"], mentor)
    wrong = [f"/v1/proposals/invitations/{consent}", await field.link(ANSWER, proposal["id"], stranger),
             await field.link(ANSWER, str(uuid4()), mentor), await field.link(ANSWER, proposal["id"], mentor, days=-1),
             f"{valid[:-1]}{'A' if valid[-1] != 'A' else 'B'}"]
    for path in wrong:
        assert (await field.client.get(path)).status_code == 404, path
        assert (await field.client.post(f"{path}/accept")).status_code == 404, path
        assert (await field.client.post(f"{path}/decline")).status_code == 404, path
    assert (await field.client.get(valid[:-4])).status_code == 422

    assert (await field.get(f"/proposals/{proposal['id']}"))["state"] == "invited"


async def test_of_a_groups_main_contacts_the_first_answer_counts(field: Field) -> None:
    """Each has a link; with both sides' yes the group is matched, and a decline makes it ready again."""
    group = await field.ready_group()
    members = await field.get(f"/members?mentor_group_id={group['id']}")
    await field.act(f"/members/{members[1]['id']}", {
        "contact": {"name": "Zweite Person"}, "is_main_contact": True}, method="PUT")
    proposal = await field.invited(group=group)
    contacts = [members[0]["person_ref"], members[1]["person_ref"]]
    answers = [await field.client.post(f"{await field.link(ANSWER, proposal['id'], ref)}/accept") for ref in contacts]
    assert [answer.status_code for answer in answers] == [200, 409]
    ordinary = await field.client.post(f"{await field.link(ANSWER, proposal['id'], members[2]['person_ref'])}/accept")
    assert ordinary.status_code == 404
    address = f"/proposals/{proposal['id']}/answers"
    await field.act(address, {"side": "household", "accepted": True})
    assert (await field.get(f"/mentor_groups/{group['id']}"))["state"] == "matched"
    await field.act(address, {"side": "household", "accepted": False, "reason": "personal"})

    assert (await field.get(f"/mentor_groups/{group['id']}"))["state"] == "ready"


async def test_a_group_that_has_fallen_back_is_not_invited_and_does_not_accept(field: Field) -> None:
    """Who was not invited yet waits again; who was is not taken at their word until the checklist is done again."""
    group = await field.ready_group()
    household = await field.waiting_household(programme_id=str(field.sponsorship))
    early = await field.proposed(household, group=group)
    await field.act(f"/proposals/{early['id']}/approve", {})
    address = f"/mentor_groups/{group['id']}/housing"
    await field.act(address, field.housing(secured_months=1), method="PUT")
    dismissed = await field.get(f"/proposals/{early['id']}")
    assert (dismissed["state"], dismissed["dismissed_reason"]) == ("dismissed", "no_longer_fits")
    await field.act(address, field.housing(), method="PUT")
    proposal = await field.proposed(household, group=group)
    await field.act(f"/proposals/{proposal['id']}/approve", {})
    await field.act(f"/proposals/{proposal['id']}/invite")
    await field.act(address, field.housing(secured_months=1), method="PUT")
    answer = {"side": "mentors", "accepted": True}
    assert await field.refused(f"/proposals/{proposal['id']}/answers", answer) == (409, "prerequisites-open")
    await field.act(address, field.housing(), method="PUT")

    assert (await field.act(f"/proposals/{proposal['id']}/answers", answer))["state"] == "accepted_one"


async def test_the_coordinator_notes_what_was_said(field: Field) -> None:
    """An answer on the telephone counts like one by link; the first meeting follows both, and not a future one."""
    proposal = await field.invited()
    address = f"/proposals/{proposal['id']}"
    today, tomorrow = {"on": str(field.day)}, {"on": str(field.day + timedelta(days=1))}
    assert await field.refused(f"{address}/first_meeting", today) == (409, "proposal-state")
    for side in ("mentors", "household"):
        await field.act(f"{address}/answers", {"side": side, "accepted": True})
    said_again = {"side": "mentors", "accepted": True}
    assert await field.refused(f"{address}/answers", said_again) == (409, "invitation-answered")
    assert await field.refused(f"{address}/first_meeting", tomorrow) == (422, "day-in-future")
    met = await field.act(f"{address}/first_meeting", today)
    assert (met["state"], met["first_meeting_on"]) == ("first_meeting", str(field.day))
    no = {"side": "household", "accepted": False}
    assert await field.refused(f"{address}/answers", no) == (422, "decline-reason-missing")
    declined = await field.act(f"{address}/answers", no | {"reason": "no_reason_given"})

    assert (declined["state"], declined["declined_reason"]) == ("declined", "no_reason_given")


async def test_a_dismissed_proposal_is_put_to_nobody(field: Field) -> None:
    """With a code as reason, but not the system's; the household waits again."""
    proposal = await approved(field)
    address = f"/proposals/{proposal['id']}"
    assert await field.refused(f"{address}/dismiss", {"reason": "no_longer_available"}) == (422, "reason-of-system")
    assert (await field.act(f"{address}/dismiss", {"reason": "conflict"}))["state"] == "dismissed"
    assert (await field.get(f"/households/{proposal['household_id']}"))["state"] == "waiting"
    for verb, body in (("dismiss", {"reason": "conflict"}), ("approve", {}), ("invite", None)):
        assert await field.refused(f"{address}/{verb}", body) == (409, "proposal-state")

    assert await field.subjects(proposal["id"]) == ["proposal.approved", "proposal.dismissed"]


async def test_where_an_authority_chooses_its_decision_is_recorded(field: Field) -> None:
    """With the day and where to look it up; without it nothing is approved."""
    programme = uuid4()
    await field.network.tell("matching", sponsorship(programme, chooser="authority"))
    group = await field.ready_group(programme_id=str(programme))
    for verb in ("apply", "list"):
        await field.act(f"/mentor_groups/{group['id']}/{verb}")
    household = await field.waiting_household(programme_id=str(programme))
    proposal = await field.proposed(household, group=group)
    address = f"/proposals/{proposal['id']}/approve"
    assert await field.refused(address, {}) == (422, "decision-missing")
    future = {"decided_on": str(field.day + timedelta(days=1)), "reference": "Az. 12"}
    assert await field.refused(address, {"decision": future}) == (422, "day-in-future")
    approved_ = await field.act(address, {"decision": {"decided_on": str(field.day), "reference": "Az. 12"}})

    assert (approved_["decided_on"], approved_["decision_reference"]) == (str(field.day), "Az. 12")
    assert (await field.act(f"/proposals/{proposal['id']}/invite"))["state"] == "invited"


async def test_a_place_is_invited_to_once(field: Field) -> None:
    """The second invitation of the same place is refused with a clear sentence, and goes out once the first is over."""
    mentor = await field.ready_mentor(capacity=1)
    waiting = [await field.proposed(await field.waiting_household(), mentor=mentor) for _ in range(2)]
    for proposal in waiting:
        await field.act(f"/proposals/{proposal['id']}/approve", {})
    await field.act(f"/proposals/{waiting[0]['id']}/invite")
    answer = await field.attempt(f"/proposals/{waiting[1]['id']}/invite",
                                 headers=field.coordinator | {"Accept-Language": "de"})
    assert (answer.status_code, answer.json()["slug"]) == (409, "slot-taken")
    assert answer.json()["detail"].startswith("Alle 1 Plätze")
    await field.act(f"/proposals/{waiting[0]['id']}/answers", {
        "side": "household", "accepted": False, "reason": "no_time"})

    assert (await field.act(f"/proposals/{waiting[1]['id']}/invite"))["state"] == "invited"


async def test_proposals_are_the_coordinators(field: Field) -> None:
    """Another region's does not find them, a counsellor and all others may not ask; lists go by what is asked for."""
    proposal = await approved(field)
    elsewhere = await field.network.key(Role.COORDINATOR, region="15084")
    assert (await field.send("GET", f"/proposals/{proposal['id']}", headers=elsewhere)).status_code == 404
    assert (await field.attempt(f"/proposals/{proposal['id']}/invite", headers=elsewhere)).status_code == 404
    counsellor = await field.network.key(Role.COUNSELLOR, partner_id=uuid4())
    assert (await field.send("GET", "/proposals", headers=counsellor)).status_code == 403
    for query, number in (("state=approved", 1), ("state=invited", 0), (f"mentor_id={proposal['mentor_id']}", 1),
                          (f"run_id={proposal['run_id']}", 1), (f"mentor_group_id={uuid4()}", 0)):
        listed = await field.get(f"/proposals?household_id={proposal['household_id']}&{query}")
        assert len(listed["items"]) == number, query
    assert proposal["region"] == REGION
    stale = await field.send("POST", f"/proposals/{proposal['id']}/invite", etag='"1"')

    assert (stale.status_code, stale.json()["slug"]) == (412, "stale")
