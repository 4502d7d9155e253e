"""Calendars: when each side is asked, in a calendar of their own, and for the coordinator those of the region."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from icalendar import Calendar

from libs.common.callers import Role
from services.matching.calendars import queries
from services.matching.links.queries import CALENDAR, CHECKIN
from services.matching.profiles.rules import today
from tests.matching.field import REGION, Field, Headers, rules

DAYS = (28, 182, 364)


async def own(field: Field, person_ref: str) -> dict[str, Any]:
    """The entries of somebody's own calendar, by UID."""
    answer = await field.client.get(await field.link(CALENDAR, person_ref, person_ref))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    return entries(answer.content)


def entries(document: bytes) -> dict[str, Any]:
    """The entries of an iCalendar document by UID."""
    return {str(one["uid"]): one for one in Calendar.from_ical(document).walk("VEVENT")}


def states(found: dict[str, Any]) -> list[tuple[int, str]]:
    """How often each entry has changed, and whether it holds, by day."""
    ordered = sorted(found.values(), key=lambda one: one["dtstart"].dt)
    return [(int(one["sequence"]), str(one["status"])) for one in ordered]


async def test_each_side_has_its_own_checkins_in_its_language_and_nobodys_name(field: Field) -> None:
    """Whole days, three each; the other side's are not among them, nor is its name. The household reads Arabic."""
    tandem = await field.tandem()
    mentor, household = await field.refs(tandem)
    found = {"mentors": await own(field, mentor), "household": await own(field, household)}
    for side, told in found.items():
        checkins = (await field.get(f"/checkins?tandem_id={tandem['id']}&state=planned"))["items"]
        assert told.keys() == {f"checkin-{one['id']}@test" for one in checkins if one["side"] == side}
        days = sorted(one["dtstart"].dt for one in told.values())
        began = datetime.fromisoformat(tandem["started_at"])
        assert days == [today(began) + timedelta(days=day) for day in DAYS]
        assert all(type(day) is date for day in days)
        assert all(one["dtend"].dt - one["dtstart"].dt == timedelta(days=1) for one in told.values())
        assert states(told) == [(1, "CONFIRMED")] * 3
        assert not any(name in str(told) for name in ("Mira", "Samira"))
    assert {str(one["summary"]) for one in found["mentors"].values()} == {"Wie läuft Ihre Patenschaft?"}

    assert {str(one["summary"]) for one in found["household"].values()} == {"كيف تسير المرافقة؟"}


async def test_a_talk_is_on_its_day_also_where_the_clocks_are_changed(field: Field) -> None:
    """Of a tandem that began on a day in summer, which is entered later, the talk in winter is not the day before."""
    year = field.day.year
    began = date(year, 7, 1) if field.day > date(year, 7, 1) else date(year - 1, 7, 1)
    winter = date(year + 1, 1, 15)
    await field.network.tell("matching", rules(field.programme, checkin_days=((winter - began).days,)))
    proposal = await field.accepted()
    await field.act(f"/proposals/{proposal['id']}/first_meeting", {"on": str(field.day)})
    tandem = await field.create("/tandems", {
        "proposal_id": proposal["id"], "kind": "everyday", "started_on": str(began)})
    talks = [await own(field, one) for one in await field.refs(tandem)]

    assert [str(one["dtstart"].dt) for told in talks for one in told.values()] == [str(winter)] * 2


async def test_an_entry_follows_what_becomes_of_the_checkin(field: Field) -> None:
    """Paused: cancelled, and confirmed again when it goes on; each with a higher SEQUENCE and a new LAST-MODIFIED."""
    tandem = await field.active()
    mentor, _ = await field.refs(tandem)
    before = await own(field, mentor)
    assert states(before) == [(2, "CONFIRMED"), (1, "CONFIRMED"), (1, "CONFIRMED")]
    await field.network.move(timedelta(hours=1))
    await field.act(f"/tandems/{tandem['id']}/pause")
    paused = await own(field, mentor)
    assert states(paused) == [(3, "CONFIRMED"), (2, "CANCELLED"), (2, "CANCELLED")]
    await field.network.move(timedelta(hours=1))
    await field.act(f"/tandems/{tandem['id']}/resume")
    resumed = await own(field, mentor)
    assert states(resumed) == [(4, "CONFIRMED"), (3, "CONFIRMED"), (3, "CONFIRMED")]
    await field.network.move(timedelta(hours=1))
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved", "rematch": False})
    ended = await own(field, mentor)

    assert [status for _, status in states(ended)] == ["CANCELLED"] * 3
    for uid in before:
        moments = [one[uid]["last-modified"].dt for one in (before, paused, resumed, ended)]
        assert moments == sorted(set(moments))
        numbers = [int(one[uid]["sequence"]) for one in (before, paused, resumed, ended)]
        assert numbers == sorted(set(numbers))


async def test_whoever_was_talked_with_before_is_not_expected_on_that_day(field: Field) -> None:
    """The entry is cancelled; of the other side it stands."""
    tandem = await field.tandem()
    mentor, household = await field.refs(tandem)
    checkins = (await field.get(f"/checkins?tandem_id={tandem['id']}&state=planned"))["items"]
    first = min((one for one in checkins if one["side"] == "mentors"), key=lambda one: str(one["due_at"]))
    await field.act(f"/checkins/{first['id']}/record", {"mood": 4})

    assert states(await own(field, mentor)) == [(2, "CANCELLED"), (1, "CONFIRMED"), (1, "CONFIRMED")]
    assert states(await own(field, household)) == [(1, "CONFIRMED")] * 3


async def test_who_does_not_speak_for_a_group_has_an_empty_calendar(field: Field) -> None:
    """The group's main contact is asked, the others are not; who was erased has no calendar at all."""
    group = await field.ready_group()
    tandem = await field.tandem(group=group)
    members = await field.get(f"/members?mentor_group_id={group['id']}")
    spoken = [len(await own(field, one["person_ref"])) for one in members]
    assert spoken == [3, 0, 0, 0]
    _, household = await field.refs(tandem)
    stranger = await field.client.get(await field.link(CALENDAR, tandem["id"], tandem["id"]))
    assert (stranger.status_code, stranger.json()["slug"]) == (404, "person-erased")
    await field.network.rows("matching", "UPDATE person SET erased_at = now() WHERE person_ref = $1", household)
    erased = await field.client.get(await field.link(CALENDAR, household, household))

    assert (erased.status_code, erased.json()["slug"]) == (404, "person-erased")


async def test_the_page_of_a_checkin_leads_to_the_calendar(field: Field) -> None:
    """Its link opens the calendar of who is asked."""
    tandem = await field.tandem()
    mentor, _ = await field.refs(tandem)
    await field.network.move(timedelta(minutes=1), days=28)
    due = (await field.get(f"/checkins?tandem_id={tandem['id']}&state=due"))["items"]
    (asked,) = [one for one in due if one["side"] == "mentors"]
    page = await field.client.get(await field.link(CHECKIN, asked["id"], mentor))
    token = page.text.partition('href="../calendars/')[2].partition('"')[0]

    assert len(entries((await field.client.get(f"/v1/checkins/calendars/{token}")).content)) == 3


async def test_the_coordinator_sees_the_region_by_tandem_without_names(field: Field) -> None:
    """In a period, in a language; nothing of another region, nothing without a key."""
    tandem = await field.tandem()

    async def read(query: str = "", headers: Headers | None = None) -> dict[str, Any]:
        answer = await field.send("GET", f"/checkins/calendar.ics{query}", headers=headers)
        assert answer.status_code == 200, answer.text
        return {uid: one for uid, one in entries(answer.content).items() if tandem["id"] in one["summary"]}

    found = await read()
    assert [status for _, status in states(found)] == ["CONFIRMED"] * 6
    assert {str(one["description"]) for one in found.values()} == {
        "Gefragt wird, wer begleitet.", "Gefragt wird der Haushalt."}
    assert all("Mansfeld-Südharz" in one["summary"] for one in found.values())
    assert not any(name in str(found) for name in ("Mira", "Samira"))
    first = field.day + timedelta(days=28)
    assert len(await read(f"?since={first}&until={first}")) == 2
    assert await read(f"?since={first + timedelta(days=1)}&until={first + timedelta(days=2)}") == {}
    assert all("Check-in" in one["summary"] for one in (await read("?language=en")).values())
    assert await read(headers=await field.network.key(Role.COORDINATOR, region="15084")) == {}
    assert len(await read(headers=await field.network.key(Role.COORDINATOR, region=REGION[:2]))) == 6

    assert (await field.send("GET", "/checkins/calendar.ics", headers={})).status_code == 401


async def test_of_too_many_the_coming_ones_are_shown_and_then_the_latest(
    field: Field, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The earliest are left out, also in a period that is over."""
    tandem = await field.active()
    mine = {f"checkin-{one['id']}@test": today(datetime.fromisoformat(one["due_at"])) - field.day
            for one in (await field.get(f"/checkins?tandem_id={tandem['id']}"))["items"]}
    for alone in ("UPDATE tandem SET region = '01001' WHERE id = $1",
                  "UPDATE checkin SET region = '01001' WHERE tandem_id = $1"):
        await field.network.rows("matching", alone, UUID(tandem["id"]))
    elsewhere = await field.network.key(Role.COORDINATOR, region="01001")
    since = f"?since={field.day}"

    async def read(most: int, query: str = since) -> list[int]:
        monkeypatch.setattr(queries, "MOST", most)
        answer = await field.send("GET", f"/checkins/calendar.ics{query}", headers=elsewhere)
        days = [mine[str(one["uid"])].days for one in Calendar.from_ical(answer.content).walk("VEVENT")]
        assert days == sorted(days)
        return days

    await field.network.move(days=160)
    assert await read(6) == [0, 0, 154, 154, 336, 336]
    assert await read(4) == [154, 154, 336, 336]
    assert await read(3) == [154, 336, 336]
    assert await read(1) == [336]

    assert await read(3, f"{since}&until={field.day}") == [0, 154, 154]
    await field.network.move(days=176)
    assert await read(2) == [336, 336]


@pytest.mark.parametrize("query", ["since=x", "since=0001-01-01", "until=9999-12-31", "language=%00"])
async def test_a_period_that_is_none_is_refused(field: Field, query: str) -> None:
    """Days that nobody alive can mean, and languages that are none."""
    assert (await field.send("GET", f"/checkins/calendar.ics?{query}")).status_code == 422
