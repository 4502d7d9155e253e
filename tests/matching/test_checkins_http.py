"""Check-ins, concerns and closings through their doors: who is asked, who learns what, and what may leave."""

import re
from datetime import timedelta
from urllib.parse import urlencode, urljoin
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text as sql

from libs.common.callers import Caller, Role, Scope
from libs.common.facts.matching import LearningTextAsked
from libs.common.facts.registry import ErasureRequested
from libs.common.refusals import Refused
from services.matching.closings.reactions import tell_learning
from services.matching.links.queries import CHECKIN, CONCERN, OWN_DATA
from tests.harness import new_idempotency_key
from tests.matching.field import REGION, Field, Json

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}


async def due(field: Field, tandem: Json) -> dict[str, Json]:
    """The check-ins of a tandem that fall due after four weeks, by side."""
    await field.network.move(timedelta(minutes=1), days=28)
    items = (await field.get(f"/checkins?tandem_id={tandem['id']}&state=due"))["items"]
    return {one["side"]: one for one in items}


async def test_each_side_is_asked_separately(field: Field) -> None:
    """Each by a link of its own and in its language; the page also asks whether to go on after the trial."""
    tandem = await field.tandem()
    mentor, household = await field.refs(tandem)
    asked = await due(field, tandem)
    told = await field.told(tandem["id"], kind="checkin.due")
    assert {one["side"]: one["person_refs"] for one in told} == {"mentors": [mentor], "household": [household]}
    path = await field.link(CHECKIN, asked["household"]["id"], household)
    page = await field.client.get(path)
    assert (page.status_code, page.headers["content-language"]) == (200, "ar")
    assert "/give" in page.text
    answered = await field.client.post(f"{path}?mood=4&meetings=3", json={"note": "Alles gut"})
    assert answered.json() == {"state": "done", "side": "household"}
    done = await field.get(f"/checkins/{asked['household']['id']}")
    assert (done["mood"], done["meetings_since"], done["note"]) == (4, 3, "Alles gut")
    row = (await field.network.rows("matching", "SELECT note FROM checkin WHERE id = $1", UUID(done["id"])))[0]
    assert b"gut" not in row["note"]
    strangers = await field.link(CHECKIN, asked["mentors"]["id"], household)
    assert (await field.client.post(f"{strangers}?mood=1")).status_code == 409
    assert (await field.client.post(f"{path}?mood=1")).json()["slug"] == "checkin-answered"
    for query in ("mood=0", "mood=6", "mood=good", "meetings=-1"):
        assert (await field.client.post(f"{path}?{query}")).status_code == 422

    (said,) = await field.told(tandem["id"], kind="checkin.done")
    assert (said["side"], said["person_refs"]) == ("household", [])


async def test_who_does_not_answer_is_escalated_after_14_days(field: Field) -> None:
    """On the coordinator's list, and told; looked after it leaves the list, a late answer counts too."""
    tandem = await field.tandem()
    mentor, household = await field.refs(tandem)
    asked = await due(field, tandem)
    await field.network.move(days=14)
    escalated = (await field.get(f"/checkins?tandem_id={tandem['id']}&state=escalated"))["items"]
    assert {one["id"] for one in escalated} == {one["id"] for one in asked.values()}
    told = await field.told(tandem["id"], kind="missed")
    assert {one["side"]: one["person_refs"] for one in told} == {"mentors": [mentor], "household": [household]}
    assert (await field.act(f"/checkins/{asked['mentors']['id']}/handle"))["state"] == "handled"
    assert await field.refused(f"/checkins/{asked['mentors']['id']}/handle") == (409, "checkin-not-escalated")
    late = await field.client.post(f"{await field.link(CHECKIN, asked['household']['id'], household)}?mood=2")
    assert late.json()["state"] == "done"

    assert (await field.get(f"/checkins?tandem_id={tandem['id']}&state=escalated"))["items"] == []


async def missed_and_handled(field: Field, tandem: Json) -> dict[str, Json]:
    """Its check-ins of four weeks, that nobody answered, once the coordinator has looked after each."""
    asked = await due(field, tandem)
    await field.network.move(days=14)
    return {side: await field.act(f"/checkins/{one['id']}/handle") for side, one in asked.items()}


async def test_who_was_looked_after_may_still_answer(field: Field) -> None:
    """As the mail says: by their link an issue reaches the neutral contact, and the coordinator notes a talk."""
    tandem = await field.tandem()
    _, household = await field.refs(tandem)
    handled = await missed_and_handled(field, tandem)
    path = await field.link(CHECKIN, handled["household"]["id"], household)
    page = await field.client.get(path, headers=FORM)
    assert 'name="note"' in page.text
    sent = await field.client.post(
        f"{path}?issue=true", content=urlencode({"form": "checkin", "note": "Er droht mir"}), headers=FORM)
    assert sent.status_code == 200
    neutral = await field.network.key(Role.NEUTRAL_CONTACT, region=REGION)
    (concern,) = [one for one in (await field.get("/concerns?state=raised&limit=100", headers=neutral))["items"]
                  if one["tandem_id"] == tandem["id"]]
    assert (await field.get(f"/concerns/{concern['id']}", headers=neutral))["text"] == "Er droht mir"

    noted = await field.act(f"/checkins/{handled['mentors']['id']}/record", {"mood": 3})
    assert (noted["state"], noted["mood"]) == ("done", 3)


@pytest.mark.parametrize("ended", [False, True])
async def test_what_is_not_asked_any_more_leads_to_the_neutral_contact(
    field: Field, ended: bool,
) -> None:
    """Answered, or its tandem over: no form whose answer reaches nobody, and what was written is not lost."""
    tandem = await field.tandem()
    _, household = await field.refs(tandem)
    handled = await missed_and_handled(field, tandem)
    path = await field.link(CHECKIN, handled["household"]["id"], household)
    if ended:
        await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "conflict"})
        assert await field.refused(f"/checkins/{handled['mentors']['id']}/record", {"mood": 3}) == (
            409, "checkin-answered")
    else:
        await field.client.post(path)
    assert 'name="mood"' not in (await field.client.get(path, headers=FORM)).text
    form = urlencode({"form": "checkin", "note": "Er droht mir"})
    page = await field.client.post(f"{path}?issue=true", content=form, headers=FORM)
    assert (page.status_code, "Er droht mir" in page.text) == (409, True)
    assert (page.text.count("تمت الإجابة عن هذا السؤال"), 'name="mood"' in page.text) == (1, False)
    (way,) = re.findall(r'formaction="([^"]*concerns[^"]*)"', page.text)
    sent = await field.client.post(
        urljoin(path, way), content=urlencode({"form": "concern", "text": "Er droht mir"}), headers=FORM)

    assert (sent.status_code, "ستتواصل معكم الجهة المحايدة" in sent.text) == (200, True)


async def test_an_answered_checkin_is_not_escalated(field: Field) -> None:
    """Also when the coordinator has noted it after a talk."""
    tandem = await field.tandem()
    asked = await due(field, tandem)
    body = {"mood": 3, "meetings_since": 2, "note": "Am Telefon"}
    recorded = await field.act(f"/checkins/{asked['mentors']['id']}/record", body)
    assert (recorded["state"], recorded["mood"], recorded["note"]) == ("done", 3, "Am Telefon")
    assert await field.refused(f"/checkins/{asked['mentors']['id']}/record", body) == (409, "checkin-answered")
    assert (await field.refused(f"/checkins/{asked['household']['id']}/record", {"mood": 9}))[0] == 422
    await field.network.move(days=15)

    assert (await field.get(f"/checkins/{asked['mentors']['id']}"))["state"] == "done"
    assert (await field.get(f"/checkins/{asked['household']['id']}"))["state"] == "escalated"


async def test_of_a_talk_it_is_noted_how_they_understood_each_other(field: Field) -> None:
    """In which language, and whether somebody interpreted; it may be left out, is told them, and goes with them."""
    tandem = await field.tandem()
    _, household = await field.refs(tandem)
    asked = await due(field, tandem)
    address = f"/checkins/{asked['household']['id']}"
    for wrong in ("Arabic!", "", 5):
        assert (await field.refused(f"{address}/record", {"mood": 3, "language": wrong}))[0] == 422
    body = {"mood": 3, "language": "AR", "interpreter": True}
    recorded = await field.act(f"{address}/record", body)
    silent = await field.act(f"/checkins/{asked['mentors']['id']}/record", {"mood": 3})

    assert (recorded["language"], recorded["interpreter"]) == ("ar", True)
    assert (silent["language"], silent["interpreter"]) == (None, None)
    listed = (await field.get(f"/checkins?tandem_id={tandem['id']}&state=done"))["items"]
    assert [one["language"] for one in listed if one["side"] == "household"] == ["ar"]
    own = await field.link(OWN_DATA, tandem["household_id"], household)
    (told,) = (await field.client.get(f"{own}/data.json")).json()["noted"]["checkins"]
    assert (told["language"], told["interpreter"]) == ("ar", True)
    await field.network.tell("matching", ErasureRequested(erasure_id=uuid4(), person_refs=(UUID(household),)))
    (row,) = await field.network.rows("matching", "SELECT language, interpreter FROM checkin WHERE id = $1",
                                      UUID(recorded["id"]))
    assert tuple(row) == (None, None)


async def test_an_issue_reaches_the_neutral_contact_and_nobody_else(field: Field) -> None:
    """The coordinator sees a check-in like any without a mood; the words and whom to call only the neutral contact."""
    tandem = await field.tandem()
    mentor, household = await field.refs(tandem)
    asked = await due(field, tandem)
    path = await field.link(CHECKIN, asked["household"]["id"], household)
    assert (await field.client.post(f"{path}?issue=true", json={"note": "Sie schreit"})).status_code == 200
    rather_not = await field.link(CHECKIN, asked["mentors"]["id"], mentor)
    assert (await field.client.post(rather_not)).status_code == 200
    seen = {side: await field.get(f"/checkins/{one['id']}") for side, one in asked.items()}
    assert [(one["mood"], one["note"]) for one in seen.values()] == [(None, None)] * 2
    assert "issue" not in str(seen)
    neutral = await field.network.key(Role.NEUTRAL_CONTACT, region=REGION)
    (concern,) = [one for one in (await field.get("/concerns?state=raised&limit=100", headers=neutral))["items"]
                  if one["tandem_id"] == tandem["id"]]
    detail = await field.get(f"/concerns/{concern['id']}", headers=neutral)

    assert (detail["text"], detail["name"], detail["languages"]) == ("Sie schreit", "Samira Demo", ["ar", "de"])
    (told,) = await field.told(concern["id"], kind="concern")
    assert told == {"subject": "concern.raised", "concern_id": concern["id"], "tandem_id": tandem["id"],
                    "region": REGION}


async def test_a_concern_is_raised_by_link_taken_up_and_resolved(field: Field) -> None:
    """With words or without; a second one while the first waits is refused, also in a browser."""
    tandem = await field.tandem()
    mentor, _ = await field.refs(tandem)
    path = await field.link(CONCERN, tandem["id"], mentor)
    assert (await field.client.get(path)).status_code == 200
    concern = (await field.client.post(path, json={"text": "Bitte anrufen"})).json()["concern_id"]
    again = await field.client.post(path)
    assert (again.status_code, again.json()["slug"]) == (409, "concern-waiting")
    assert (await field.client.post(path, headers={"Accept": "text/html"})).headers["content-language"] == "de"
    neutral = await field.network.key(Role.NEUTRAL_CONTACT, region=REGION)
    address = f"/concerns/{concern}"
    outcome = {"outcome": "Gespräch mit Samira"}
    assert await field.refused(f"{address}/resolve", outcome, headers=neutral) == (409, "concern-state")
    assert (await field.act(f"{address}/take_up", headers=neutral))["state"] == "taken_up"
    assert await field.refused(f"{address}/take_up", headers=neutral) == (409, "concern-state")
    resolved = await field.act(f"{address}/resolve", outcome, headers=neutral)
    assert (resolved["state"], resolved["outcome"], resolved["text"]) == (
        "resolved", "Gespräch mit Samira", "Bitte anrufen")
    row = (await field.network.rows("matching", "SELECT * FROM concern WHERE id = $1", UUID(concern)))[0]
    assert b"Samira" not in row["outcome"]

    assert (await field.client.post(path)).status_code == 200


async def test_a_concern_is_for_the_neutral_contact_of_the_region_alone(field: Field) -> None:
    """No other role and no other region, behind the door and in the database."""
    tandem = await field.tandem()
    mentor, _ = await field.refs(tandem)
    answer = await field.client.post(await field.link(CONCERN, tandem["id"], mentor))
    concern = answer.json()["concern_id"]
    for role in (Role.COORDINATOR, Role.COUNSELLOR, Role.NETWORK_ADMIN, Role.OPS, Role.AUDITOR, Role.FUNDER_READER):
        headers = await field.network.key(role, region=REGION if role is Role.COORDINATOR else None)
        for path in ("/concerns", f"/concerns/{concern}"):
            assert (await field.send("GET", path, headers=headers)).status_code == 403, role
    elsewhere = await field.network.key(Role.NEUTRAL_CONTACT, region="15084")
    assert (await field.send("GET", f"/concerns/{concern}", headers=elsewhere)).status_code == 404
    assert (await field.get("/concerns", headers=elsewhere))["items"] == []
    neutral = await field.network.key(Role.NEUTRAL_CONTACT, region=REGION)
    for path in (f"/tandems/{tandem['id']}", f"/households/{tandem['household_id']}", "/checkins"):
        assert (await field.send("GET", path, headers=neutral)).status_code == 403

    database = field.network["matching"].running.database
    for role, number in ((Role.COORDINATOR, 0), (Role.NEUTRAL_CONTACT, 1)):
        async with database.transaction(Caller("p", role, Scope(regions=(REGION,)))) as transaction:
            seen = await transaction.scalar(sql("SELECT count(*) FROM concern WHERE id = :id"), {"id": concern})
        assert seen == number, role


async def test_a_closing_completes_a_tandem_once(field: Field) -> None:
    """With both sides' ratings and what was reached; nobody is asked any more."""
    tandem = await field.active()
    body = {"tandem_id": tandem["id"], "held_on": str(field.day), "reason": "goal_reached", "mentors_rating": 5,
            "household_rating": 4, "goals_reached": ["school"]}
    future = await field.send("POST", "/closings", body | {"held_on": str(field.day + timedelta(days=1))})
    assert future.json()["slug"] == "day-in-future"
    headers = field.coordinator | new_idempotency_key()
    closing = (await field.send("POST", "/closings", body, headers=headers)).json()
    assert (await field.send("POST", "/closings", body, headers=headers)).json()["id"] == closing["id"]
    assert (closing["mentors_rating"], closing["household_rating"], closing["learning_state"]) == (5, 4, "none")
    second = await field.send("POST", "/closings", body)
    assert (second.status_code, second.json()["slug"]) == (409, "closing-held")
    ended = await field.get(f"/tandems/{tandem['id']}")
    assert (ended["state"], ended["end_reason"]) == ("completed", "goal_reached")
    assert (await field.get(f"/checkins?tandem_id={tandem['id']}&state=planned"))["items"] == []
    listed = (await field.get("/closings?learning_state=none&limit=100"))["items"]
    assert closing["id"] in [one["id"] for one in listed]
    trial = await field.tandem()

    refused = await field.send("POST", "/closings", body | {"tandem_id": trial["id"]})
    assert (refused.status_code, refused.json()["slug"]) == (409, "tandem-state")
    await field.act(f"/tandems/{trial['id']}/end_early", {"reason": "moved"})
    assert (await field.send("POST", "/closings", body | {"tandem_id": trial["id"]})).status_code == 201


async def test_a_learning_leaves_only_checked_and_approved(field: Field) -> None:
    """Names are refused when it is written and again at the approval; only then it is announced and told when asked."""
    tandem = await field.active()
    closing = await field.create("/closings", {"tandem_id": tandem["id"], "held_on": str(field.day)})
    address = f"/closings/{closing['id']}"
    assert await field.refused(f"{address}/approve") == (409, "learning-not-waiting")
    for text in ("Samira und Mira trafen sich gern.", "Schreiben Sie an x@example.org", "Tel. 03475 123456"):
        assert await field.refused(f"{address}/learning", {"text": text}, method="PUT") == (
            422, "learning-names-someone")
    learning = {"text": "Feste Treffen halfen Nora.", "kind": "lesson", "field": "language", "language": "de"}
    written = await field.act(f"{address}/learning", learning, method="PUT")
    assert (written["learning_state"], written["text"]) == ("draft", "Feste Treffen halfen Nora.")
    question, database = LearningTextAsked(learning_id=UUID(closing["id"])), field.network["matching"].running.database
    async with database.transaction() as transaction:
        with pytest.raises(Refused, match="no such"):
            await tell_learning(transaction, question)
    await field.act(f"/mentors/{tandem['mentor_id']}/contact", {"name": "Nora Neu"}, method="PUT")
    assert await field.refused(f"{address}/approve") == (422, "learning-names-someone")
    assert await field.told(closing["id"]) == []
    await field.act(f"{address}/learning", learning | {"text": "Feste Treffen halfen."}, method="PUT")
    assert (await field.act(f"{address}/approve"))["learning_state"] == "approved"
    (told,) = await field.told(closing["id"])
    assert told == {"subject": "learning.captured", "learning_id": closing["id"], "kind": "lesson",
                    "field": "language", "region": REGION}
    assert await field.refused(f"{address}/learning", learning | {"text": "x"}, method="PUT") == (
        409, "learning-approved")
    assert await field.refused(f"{address}/discard") == (409, "learning-not-waiting")

    async with database.transaction() as transaction:
        answer = await tell_learning(transaction, question)
    assert (answer.text, answer.language, answer.captured_on) == ("Feste Treffen halfen.", "de", field.day)


async def test_a_discarded_learning_is_gone(field: Field) -> None:
    """Its text is nowhere any more; unapproved text never stands readable, not even past the code."""
    tandem = await field.active()
    body = {"tandem_id": tandem["id"], "held_on": str(field.day), "learning": {"text": "Es war ein langer Weg."}}
    closing = await field.create("/closings", body)
    found = await field.network.rows("matching", "SELECT draft FROM closing WHERE id = $1", UUID(closing["id"]))
    assert b"Weg" not in found[0]["draft"]
    with pytest.raises(asyncpg.CheckViolationError, match="learning_approved"):
        await field.network.rows("matching", "UPDATE closing SET learning = 'x' WHERE id = $1", UUID(closing["id"]))
    discarded = await field.act(f"/closings/{closing['id']}/discard")

    assert (discarded["learning_state"], discarded["text"]) == ("discarded", None)
