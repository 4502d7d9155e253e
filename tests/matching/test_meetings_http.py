"""Meetings through their doors: noted on the page, corrected, withdrawn, by either side and by the coordinator."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.common.callers import Role
from services.matching.links.queries import MEETINGS
from tests.harness import new_idempotency_key
from tests.matching.field import Field, Json

pytestmark = pytest.mark.slow

BROWSER = {"Accept": "text/html"}
FORM = BROWSER | {"Content-Type": "application/x-www-form-urlencoded"}


async def links_of(field: Field, tandem: Json) -> list[str]:
    """The links of the mentor and of the household."""
    return [await field.link(MEETINGS, tandem["id"], person) for person in await field.refs(tandem)]


async def listed(field: Field, tandem: Json) -> list[tuple[str, int]]:
    """The meetings of a tandem as the coordinator reads them."""
    items = (await field.get(f"/meetings?tandem_id={tandem['id']}"))["items"]
    return [(one["met_on"], one["minutes"]) for one in items]


def body(tandem: Json, on: date, minutes: int = 60, **more: Any) -> Json:
    """A meeting that the mentor told the coordinator of."""
    return {"tandem_id": tandem["id"], "side": "mentors", "on": str(on), "minutes": minutes} | more


async def test_a_meeting_is_noted_on_the_page_and_corrected_by_noting_it_again(field: Field) -> None:
    """By either side, in its language: 120 instead of 30 is put right, and told; the same again tells nothing."""
    tandem = await field.tandem()
    own, other = await links_of(field, tandem)
    page = await field.client.get(other, headers=BROWSER)
    assert (page.status_code, page.headers["content-language"]) == (200, "ar")
    assert f'type="date" name="on" value="{field.day}" dir="auto" min="{field.day}" max="{field.day}"' in page.text
    assert await listed(field, tandem) == []
    noted = await field.client.post(own, content=f"form=meeting&on={field.day}&minutes=120", headers=FORM)
    assert (noted.status_code, "\u2068120\u2069 Minuten</bdi>" in noted.text) == (200, True)
    again = await field.client.post(other, content=f"form=meeting&on={field.day}&minutes=30", headers=FORM)
    assert (again.status_code, again.headers["content-language"]) == (200, "ar")
    same = await field.client.post(f"{own}?on={field.day}&minutes=30")
    assert (same.status_code, same.json()["side"], same.json()["minutes"]) == (200, "mentors", 30)
    assert await listed(field, tandem) == [(str(field.day), 30)]

    told = await field.told(tandem["id"], kind="meeting")
    assert [(one["subject"], one["minutes"]) for one in told] == [
        ("meeting.documented", 120), ("meeting.corrected", 30)]
    assert told[0]["meeting_id"] == told[1]["meeting_id"]
    assert told[1]["documented_on"] == str(field.day)


async def test_a_meeting_that_was_none_is_withdrawn_by_link(field: Field) -> None:
    """It is gone, and told so; the day may be noted again; withdrawn once more it is refused."""
    tandem = await field.tandem()
    own, _ = await links_of(field, tandem)
    assert "/not_met" not in (await field.client.get(own)).text
    assert (await field.client.post(own, json={"on": str(field.day), "minutes": 45})).status_code == 200
    assert "/not_met" in (await field.client.get(own)).text
    form = f"form=not_met&on={field.day}"
    gone = await field.client.post(f"{own}/not_met", content=form, headers=FORM)
    assert (gone.status_code, await listed(field, tandem)) == (200, [])
    twice = await field.client.post(f"{own}/not_met", json={"on": str(field.day)})
    assert (twice.status_code, twice.json()["slug"]) == (409, "meeting-not-noted")
    page = await field.client.post(f"{own}/not_met", content=form, headers=FORM)
    token = own.rsplit("/", 1)[1]
    assert (page.status_code, f'formaction="../{token}"' in page.text) == (409, True)
    assert (await field.client.post(f"{own}/not_met", json={})).status_code == 422
    assert (await field.client.post(own, json={"on": str(field.day), "minutes": 50})).status_code == 200

    assert await field.subjects(tandem["id"]) == [
        "tandem.started", "meeting.documented", "meeting.withdrawn", "meeting.documented"]


async def test_a_side_withdraws_only_what_it_noted_itself(field: Field) -> None:
    """Not what the other side noted, nor what the coordinator did, though it be told by them; both are on the page."""
    tandem = await field.tandem()
    own, other = await links_of(field, tandem)
    assert (await field.client.post(own, json={"on": str(field.day), "minutes": 45})).status_code == 200
    page = (await field.client.get(other)).text
    assert (field.day.strftime("%d.%m.%Y") in page, "/not_met" in page) == (True, False)
    refused = await field.client.post(f"{other}/not_met", json={"on": str(field.day)})
    assert (refused.status_code, refused.json()["slug"]) == (409, "meeting-of-others")
    said = await field.client.post(f"{other}/not_met", content=f"form=not_met&on={field.day}", headers=FORM)
    assert (said.status_code, "سجّل هذا اللقاء شخص آخر" in said.text) == (409, True)
    await field.network.move(days=1)
    noted = await field.create("/meetings", body(tandem, field.day))
    for path in (own, other):
        refused = await field.client.post(f"{path}/not_met", json={"on": str(field.day)})
        assert (refused.status_code, refused.json()["slug"]) == (409, "meeting-of-others")
    await field.act(f"/meetings/{noted['id']}/withdraw")

    assert len(await listed(field, tandem)) == 1


async def test_what_does_not_hold_comes_back(field: Field) -> None:
    """Days outside the tandem, no time or too long a one: as a page with what was entered, or a problem document."""
    tandem = await field.tandem()
    own, other = await links_of(field, tandem)
    tomorrow, before = field.day + timedelta(days=1), field.day - timedelta(days=1)
    wrong: list[tuple[str, int, str]] = [
        (f"on={tomorrow}&minutes=60", 422, "meeting-day"), (f"on={before}&minutes=60", 422, "meeting-day"),
        (f"on={field.day - timedelta(days=61)}&minutes=60", 422, "meeting-too-old"),
        ("on=someday&minutes=60", 422, "invalid-request"), (f"on={field.day}&minutes=0", 422, "invalid-request"),
        (f"on={field.day}&minutes=1441", 422, "invalid-request"), ("", 422, "meeting-incomplete"),
        (f"on={field.day}", 422, "meeting-incomplete")]
    for query, status, slug in wrong:
        answer = await field.client.post(f"{other}?{query}")
        assert (answer.status_code, answer.json()["slug"]) == (status, slug), query
    for on, minutes in ((tomorrow, "77"), (field.day, "lang")):
        page = await field.client.post(own, content=f"form=meeting&on={on}&minutes={minutes}", headers=FORM)
        assert (page.status_code, f'value="{minutes}"' in page.text, f'value="{on}"' in page.text) == (422, True, True)
    foreign = await field.client.post(own, content=f"on={field.day}&minutes=60", headers=FORM)
    assert foreign.status_code == 422

    assert await listed(field, tandem) == []


async def test_meetings_until_the_end_are_noted_for_30_days_after_it(field: Field) -> None:
    """Not of later days; after that the page says whom to tell, and the coordinator still notes them."""
    tandem = await field.tandem()
    last = field.day
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
    await field.network.move(days=30)
    own, _ = await links_of(field, tandem)
    late = await field.client.post(own, json={"on": str(last + timedelta(days=1)), "minutes": 60})
    assert (late.status_code, late.json()["slug"]) == (422, "meeting-day")
    assert (await field.client.post(own, json={"on": str(last), "minutes": 60})).status_code == 200
    await field.network.move(days=1)
    page = await field.client.get(own, headers=BROWSER)
    assert (page.status_code, "<form" in page.text) == (200, False)
    for path in (own, f"{own}/not_met"):
        more = {"minutes": 30} if path == own else {}
        closed = await field.client.post(path, json={"on": str(last)} | more)
        assert (closed.status_code, closed.json()["slug"]) == (409, "meetings-closed")
    (there,) = (await field.get(f"/meetings?tandem_id={tandem['id']}"))["items"]
    await field.act(f"/meetings/{there['id']}/withdraw")

    assert (await field.create("/meetings", body(tandem, last)))["met_on"] == str(last)


async def test_the_coordinator_notes_a_meeting_that_a_side_told_of(field: Field) -> None:
    """Also what is too long ago for a link, and each once; days outside the tandem, and of none, are refused."""
    tandem, day = await field.tandem(), field.day
    mentor, _ = await field.refs(tandem)
    await field.network.move(days=70)
    headers = field.coordinator | new_idempotency_key()
    first, again = [await field.send("POST", "/meetings", body(tandem, day), headers=headers) for _ in range(2)]
    assert (first.status_code, again.json()["id"]) == (201, first.json()["id"])
    other = await field.send(
        "POST", "/meetings", body(tandem, day, side="household"), headers=field.coordinator | new_idempotency_key())
    assert (other.status_code, other.json()["slug"]) == (409, "meeting-noted")
    for given, status in (
            (body(tandem, field.day + timedelta(days=1)), 422), (body(tandem, day - timedelta(days=1)), 422),
            (body({"id": str(uuid4())}, day), 404)):
        sent = await field.send("POST", "/meetings", given, headers=field.coordinator | new_idempotency_key())
        assert sent.status_code == status

    (row,) = await field.network.rows(
        "matching", "SELECT side, person_ref, recorded_by FROM meeting WHERE id = $1", UUID(first.json()["id"]))
    assert (row["side"], str(row["person_ref"]), row["recorded_by"] is not None) == ("mentors", mentor, True)


async def test_the_coordinator_corrects_and_withdraws_a_meeting(field: Field) -> None:
    """As it was read, inside the own region, and each is told."""
    tandem = await field.tandem()
    noted = await field.create("/meetings", body(tandem, field.day))
    address = f"/meetings/{noted['id']}"
    corrected = await field.act(f"{address}/correct", {"minutes": 90})
    assert (corrected["minutes"], corrected["version"] > noted["version"]) == (90, True)
    stale = await field.send("POST", f"{address}/correct", {"minutes": 30}, etag=f'"{noted["version"]}"')
    assert stale.status_code == 412
    elsewhere = await field.network.key(Role.COORDINATOR, region="15084")
    for verb in ("correct", "withdraw"):
        foreign = await field.send("POST", f"{address}/{verb}", {"minutes": 1}, headers=elsewhere, etag='"2"')
        assert foreign.status_code == 404
    assert (await field.act(f"{address}/withdraw"))["minutes"] == 90

    assert await listed(field, tandem) == []
    assert [one for one in await field.subjects(tandem["id"]) if one.startswith("meeting")] == [
        "meeting.documented", "meeting.corrected", "meeting.withdrawn"]


async def test_meetings_are_listed_by_day_with_their_minutes(field: Field) -> None:
    """Whatever was entered first, of all tandems of the region, within days; counted over all pages."""
    first, second = await field.active(), await field.active()
    # Nobody else's tandems of this test's module met on these days of a far year.
    await field.network.move(days=400)
    days = [field.day - timedelta(days=one) for one in (1, 5, 3)]
    for tandem, on, minutes in zip((first, second, first), days, (60, 45, 30), strict=True):
        await field.create("/meetings", body(tandem, on, minutes))
    span = f"since={days[1]}&until={days[0]}"
    page = await field.get(f"/meetings?{span}&limit=2")
    rest = await field.get(f"/meetings?{span}&limit=2&cursor={page['next']}")
    assert [one["met_on"] for one in page["items"] + rest["items"]] == [str(days[1]), str(days[2]), str(days[0])]
    assert [(one["count"], one["minutes"]) for one in (page, rest)] == [(3, 135)] * 2
    own = await field.get(f"/meetings?tandem_id={first['id']}&until={days[2]}")
    assert ([one["minutes"] for one in own["items"]], own["count"], own["minutes"]) == ([30], 1, 30)
    elsewhere = await field.network.key(Role.COORDINATOR, region="15084")
    none = await field.get(f"/meetings?{span}", headers=elsewhere)

    assert (none["items"], none["count"], none["minutes"]) == ([], 0, 0)
