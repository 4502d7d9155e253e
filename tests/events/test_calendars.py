"""Events as iCalendar: a document that strict readers take, one event or the feed, stable and in Berlin's time."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import icalendar
from dateutil.rrule import rrulestr

from libs.common.codes.lists import EventKind
from services.events.calendars.rules import calendar_text
from services.events.events.model import Event, EventState
from services.events.events.rules import BERLIN
from tests.events.stage import Stage

YEARS = datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2040-01-01")


def an_event(**fields: Any) -> Event:
    """An event on the Tuesday before summer time ends."""
    given: dict[str, Any] = {
        "partner_id": uuid4(), "region": "15087", "kind": EventKind.LANGUAGE_CAFE, "state": EventState.OPEN,
        "starts": datetime(2026, 10, 20, 16, tzinfo=UTC), "ends": datetime(2026, 10, 20, 18, tzinfo=UTC),
        "changed_at": datetime(2026, 10, 1, tzinfo=UTC), "venue": "Haus am Markt; Saal 1, hinten", "postcode": "06526",
        "translations": {"de": {"title": "Café, Tee; und \\mehr", "description": "Zeile eins\nZeile zwei " + "ü" * 90},
                         "ar": {"title": "مقهى", "description": "نتحدث"}}} | fields
    return Event(**given)


def read(document: bytes) -> Any:
    """The document as icalendar reads it, nothing overlooked."""
    calendar = icalendar.Calendar.from_ical(document)
    assert isinstance(calendar, icalendar.Calendar)
    assert [component.errors for component in calendar.walk() if component.errors] == []
    return calendar


def test_lines_are_as_rfc_5545_wants_them() -> None:
    """CRLF everywhere, at most 75 bytes, folded between characters; commas, semicolons and backslashes escaped."""
    document = calendar_text([an_event()], network="suedharz", languages=["de"])
    lines = document.split(b"\r\n")

    assert document.endswith(b"END:VCALENDAR\r\n")
    assert b"\n" not in document.replace(b"\r\n", b"")
    assert max(map(len, lines)) <= 75
    assert all(line.decode() is not None for line in lines)
    assert b"SUMMARY:Caf\xc3\xa9\\, Tee\\; und \\\\mehr\r\n" in document
    (event,) = read(document).events
    assert str(event["description"]) == "Zeile eins\nZeile zwei " + "ü" * 90
    assert str(event["location"]) == "Haus am Markt; Saal 1, hinten, 06526"


def test_every_required_property_is_there_once() -> None:
    """VERSION and PRODID of the calendar; UID, DTSTAMP and DTSTART of each event, times in UTC where they must be."""
    calendar = read(calendar_text([an_event(), an_event()], network="suedharz", languages=["de"]))

    assert (calendar["version"], calendar["calscale"], calendar["method"]) == ("2.0", "GREGORIAN", "PUBLISH")
    for event in calendar.events:
        for name in ("uid", "dtstamp", "dtstart", "dtend", "sequence", "status", "summary"):
            assert not isinstance(event[name], list)
        assert event["dtstamp"].dt.tzinfo is not None
        assert event["dtstart"].params["TZID"] == "Europe/Berlin"
    assert len({str(event["uid"]) for event in calendar.events}) == 2


def test_the_time_zone_is_defined_and_agrees_with_berlin_for_forty_years() -> None:
    """Each season's rule gives exactly the changes of the clock that Berlin has."""
    (zone,) = read(calendar_text([], network="suedharz", languages=["de"])).timezones
    changes = {}
    for season in zone.subcomponents:
        rule = season["rrule"].to_ical().decode()
        for at in rrulestr(rule, dtstart=season["dtstart"].dt).between(*YEARS):
            changes[at - season["tzoffsetfrom"].td] = season["tzoffsetto"].td

    assert len(changes) == 80
    for moment, offset in changes.items():
        before = (moment - timedelta(seconds=1)).replace(tzinfo=UTC).astimezone(BERLIN).utcoffset()
        after = moment.replace(tzinfo=UTC).astimezone(BERLIN).utcoffset()
        assert (before != after, after) == (True, offset)


def test_a_cancelled_event_stays_in_as_cancelled_and_texts_follow_the_reader() -> None:
    """So that calendars that took it over cross it out."""
    gone = an_event(state=EventState.CANCELLED, sequence=3)
    (event,) = read(calendar_text([gone], network="suedharz", languages=["ar"])).events

    assert (str(event["status"]), int(event["sequence"])) == ("CANCELLED", 3)
    assert str(event["summary"]) == "مقهى"


async def test_an_event_is_taken_over_into_ones_calendar(stage: Stage) -> None:
    """The same UID and a higher SEQUENCE after it was moved and after it was cancelled."""
    address = await stage.published()
    documents = [await stage.client.get(f"{address}/calendar")]
    starts = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
    moved = stage.event(starts=starts.isoformat(), ends=(starts + timedelta(hours=1)).isoformat(),
                        partner_id=None, region=None)
    await stage.client.put(address, json=moved, headers=stage.editor | {"If-Match": await stage.etag(address)})
    documents.append(await stage.client.get(f"{address}/calendar"))
    await stage.act(f"{address}/cancel", reason="krank")
    documents.append(await stage.client.get(f"{address}/calendar"))
    events = [read(document.content).events[0] for document in documents]

    assert {document.headers["content-type"] for document in documents} == {"text/calendar; charset=utf-8"}
    assert {str(event["uid"]) for event in events} == {f"event-{address.rsplit('/', 1)[1]}@test"}
    sequences = [int(event["sequence"]) for event in events]
    assert sequences == sorted(set(sequences))
    assert [str(event["status"]) for event in events] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    assert events[1]["dtstart"].dt == starts


async def test_the_feed_holds_what_is_wanted_and_shown(stage: Stage) -> None:
    """By region, kind and language; drafts are not in it, events of the network only for who may see them."""
    await stage.published(kind="training", languages=["uk"], region="15087370")
    await stage.published(visibility="network")
    await stage.draft()
    wishes = {"": 1, "?region=15087": 1, "?region=05": 0, "?kind=training": 1, "?kind=congress": 0, "?language=uk": 1,
              "?language=fa": 0}
    found = {wish: len(read((await stage.client.get(f"/v1/events/calendar{wish}")).content).events) for wish in wishes}
    inside = await stage.client.get("/v1/events/calendar", headers=stage.coordinator)

    assert found == wishes
    assert len(read(inside.content).events) == 2


async def test_a_feed_of_what_is_hidden_or_none_is_refused(stage: Stage) -> None:
    """A draft, another's invitation and what is no event are not there; a wrong wish is said to be wrong."""
    draft = (await stage.draft()).json()["id"]
    invited = await stage.published(visibility="invite")
    paths = {f"/v1/events/{draft}/calendar": 404, f"{invited}/calendar": 404, f"/v1/events/{uuid4()}/calendar": 404,
             "/v1/events/nothing/calendar": 422, "/v1/events/calendar?kind=fair": 422,
             "/v1/events/calendar?region=1": 422, "/v1/events/calendar?language=%00": 422}

    assert {path: (await stage.client.get(path)).status_code for path in paths} == paths
    refused = await stage.client.get(f"{invited}/calendar")
    assert refused.headers["content-type"].startswith("application/problem+json")
