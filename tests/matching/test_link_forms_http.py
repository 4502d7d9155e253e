"""The forms of the pages that links open: what somebody writes in a browser arrives, and nothing of it is lost."""

from datetime import timedelta
from uuid import UUID

import pytest

from libs.common.callers import Role
from services.matching.links.queries import CHECKIN, CONCERN
from tests.matching.field import REGION, Field, Json

pytestmark = pytest.mark.slow

BROWSER = {"Accept": "text/html"}
FORM = BROWSER | {"Content-Type": "application/x-www-form-urlencoded"}


async def asked(field: Field) -> tuple[Json, Json, str]:
    """A tandem, the check-in that its household is asked, and the path of the household's link to it."""
    tandem = await field.tandem()
    _, household = await field.refs(tandem)
    await field.network.move(timedelta(minutes=1), days=28)
    items = (await field.get(f"/checkins?tandem_id={tandem['id']}&state=due"))["items"]
    checkin = next(one for one in items if one["side"] == "household")
    return tandem, checkin, await field.link(CHECKIN, checkin["id"], household)


async def concern_of(field: Field, tandem: Json) -> Json:
    """The concern that waits for the neutral contact, with its words."""
    neutral = await field.network.key(Role.NEUTRAL_CONTACT, region=REGION)
    (concern,) = [one for one in (await field.get("/concerns?state=raised&limit=100", headers=neutral))["items"]
                  if one["tandem_id"] == tandem["id"]]
    detail: Json = await field.get(f"/concerns/{concern['id']}", headers=neutral)
    return detail


async def test_a_concern_is_written_on_the_page(field: Field) -> None:
    """In the person's language, with a field for the words; opening it changes nothing, and the words arrive sealed."""
    tandem = await field.tandem()
    _, household = await field.refs(tandem)
    path = await field.link(CONCERN, tandem["id"], household)
    page = await field.client.get(path, headers=BROWSER)
    assert '<textarea name="text"' in page.text
    assert (page.headers["content-language"], 'dir="rtl"' in page.text) == ("ar", True)
    assert await field.told(tandem["id"], kind="concern") == []
    words = "form=concern&text=Er+kommt+nie.%0D%0AIch+warte+immer."
    sent = await field.client.post(path, content=words, headers=FORM)
    assert (sent.status_code, sent.headers["content-language"]) == (200, "ar")

    assert (await concern_of(field, tandem))["text"] == "Er kommt nie.\nIch warte immer."


async def test_a_concern_may_still_be_raised_without_words(field: Field) -> None:
    """An empty field counts as none, and so does a page of before without any."""
    for content in ("form=concern&text=+", ""):
        tandem = await field.tandem()
        mentor, _ = await field.refs(tandem)
        path = await field.link(CONCERN, tandem["id"], mentor)
        assert (await field.client.post(path, content=content, headers=FORM)).status_code == 200
        assert (await concern_of(field, tandem))["text"] is None


async def test_words_that_are_not_taken_come_back(field: Field) -> None:
    """Too many of them, or while an earlier concern waits: they stand in the form again, and nothing is kept."""
    tandem = await field.tandem()
    mentor, _ = await field.refs(tandem)
    path = await field.link(CONCERN, tandem["id"], mentor)
    long = await field.client.post(path, content=f"form=concern&text={'zu+lang+' * 600}", headers=FORM)
    assert (long.status_code, "zu lang zu lang" in long.text, 'aria-invalid="true"' in long.text) == (422, True, True)
    foreign = await field.client.post(path, content="text=Hallo", headers=FORM)
    assert (foreign.status_code, "Noch nicht gespeichert" in foreign.text) == (422, True)
    assert await field.told(tandem["id"], kind="concern") == []
    assert (await field.client.post(path, content="form=concern&text=Eins", headers=FORM)).status_code == 200
    second = await field.client.post(path, content="form=concern&text=Noch+%3Cetwas%3E", headers=FORM)
    assert (second.status_code, "Noch &lt;etwas&gt;</textarea>" in second.text) == (409, True)

    program = await field.client.post(path, content="form=concern&text=Zwei", headers=FORM | {"Accept": "*/*"})
    assert (program.status_code, program.json()["slug"]) == (409, "concern-waiting")


async def test_a_checkin_is_answered_on_the_page(field: Field) -> None:
    """How it goes, how often they met, and a note, which the coordinator reads; each may be left out."""
    _, checkin, path = await asked(field)
    page = await field.client.get(path, headers=BROWSER)
    for part in ('<select name="mood"', 'name="meetings_since"', '<textarea name="note"', "/give"):
        assert part in page.text, part
    answer = await field.client.post(
        path, content="form=checkin&mood=4&meetings_since=3&note=Wir+kochen.", headers=FORM)
    assert answer.status_code == 200
    done = await field.get(f"/checkins/{checkin['id']}")
    assert (done["mood"], done["meetings_since"], done["note"]) == (4, 3, "Wir kochen.")
    _, other, empty = await asked(field)
    left_out = "form=checkin&mood=&meetings_since=&note="
    assert (await field.client.post(empty, content=left_out, headers=FORM)).status_code == 200

    unsaid = await field.get(f"/checkins/{other['id']}")
    assert (unsaid["state"], unsaid["mood"], unsaid["meetings_since"], unsaid["note"]) == ("done", None, None, None)


async def test_the_words_of_an_issue_reach_the_neutral_contact_alone(field: Field) -> None:
    """By the second button of the same form: the coordinator sees none of them."""
    tandem, checkin, path = await asked(field)
    sent = await field.client.post(f"{path}?issue=true", content="form=checkin&mood=&note=Er+schreit.", headers=FORM)
    assert sent.status_code == 200

    assert (await field.get(f"/checkins/{checkin['id']}"))["note"] is None
    assert (await concern_of(field, tandem))["text"] == "Er schreit."


async def test_an_answer_that_does_not_hold_comes_back(field: Field) -> None:
    """With what was entered, in the person's language; a program gets the refusal; and what was answered stays so."""
    _, checkin, path = await asked(field)
    content = "form=checkin&mood=5&meetings_since=viele&note=Alles+gut"
    again = await field.client.post(path, content=content, headers=FORM)
    assert (again.status_code, again.headers["content-language"]) == (422, "ar")
    for part in ('value="viele" dir="auto" min="0" max="400" aria-invalid="true"', "Alles gut</textarea>",
                 '<option value="5" selected>'):
        assert part in again.text, part
    assert (await field.get(f"/checkins/{checkin['id']}"))["state"] == "due"
    program = await field.client.post(path, json={"mood": 9})
    assert (program.status_code, program.json()["slug"]) == (422, "invalid-request")
    assert (await field.client.post(path, json={"mood": 2, "meetings_since": 0})).status_code == 200
    late = await field.client.post(path, content="form=checkin&mood=5&note=Doch+noch", headers=FORM)
    assert (late.status_code, "Doch noch</textarea>" in late.text) == (409, True)

    done = await field.get(f"/checkins/{checkin['id']}")
    assert (done["mood"], done["meetings_since"], done["note"]) == (2, 0, None)


@pytest.mark.parametrize("purpose", [CHECKIN, CONCERN])
async def test_a_form_of_somebody_elses_link_is_turned_down(field: Field, purpose: object) -> None:
    """Who does not speak for a side gets no form, and what they sent is not kept."""
    tandem, checkin, _ = await asked(field)
    stranger, _ = await field.refs(await field.tandem())
    about, kind = (checkin["id"], CHECKIN) if purpose is CHECKIN else (tandem["id"], CONCERN)
    path = await field.link(kind, about, stranger)
    sent = await field.client.post(path, content=f"form={'checkin' if kind is CHECKIN else 'concern'}", headers=FORM)

    assert (sent.status_code, "<textarea" in sent.text) == (404, False)
    rows = await field.network.rows("matching", "SELECT id FROM concern WHERE tandem_id = $1", UUID(tandem["id"]))
    assert rows == []
