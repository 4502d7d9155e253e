"""How events read as an iCalendar document (RFC 5545)."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from icalendar import Calendar, Timezone, TimezoneDaylight, TimezoneStandard
from icalendar import Event as Entry

from libs.common.codes.labels import label
from services.events.events.model import Event, EventState
from services.events.events.rules import BERLIN, text_of

PRODUCT = "-//Lotsennetz//Events//DE"
REFRESH = timedelta(hours=6)


def calendar_text(events: Iterable[Event], *, network: str, languages: Sequence[str]) -> bytes:
    """The events as an iCalendar document (RFC 5545), texts in the first of these languages that has them.

    UIDs are the events' ids and never change; SEQUENCE rises with each change; a cancelled event stays in as such.
    """
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("refresh-interval", REFRESH, parameters={"value": "DURATION"})
    calendar.add_component(_berlin())
    for event in events:
        calendar.add_component(_entry(event, network, languages))
    document: bytes = calendar.to_ical()
    return document


def _entry(event: Event, network: str, languages: Sequence[str]) -> Entry:
    entry = Entry()
    entry.add("uid", f"event-{event.id}@{network}")
    entry.add("sequence", event.sequence)
    entry.add("dtstamp", event.changed_at.astimezone(UTC))
    entry.add("last-modified", event.changed_at.astimezone(UTC))
    entry.add("dtstart", event.starts.astimezone(BERLIN))
    entry.add("dtend", event.ends.astimezone(BERLIN))
    entry.add("summary", text_of(event, "title", languages))
    entry.add("description", text_of(event, "description", languages))
    entry.add("status", "CANCELLED" if event.state is EventState.CANCELLED else "CONFIRMED")
    entry.add("categories", [label(event.kind, languages[0] if languages else "de")])
    place = ", ".join(part for part in (event.venue, event.postcode) if part)
    if place:
        entry.add("location", place)
    return entry


def _berlin() -> Timezone:
    """Europe/Berlin as it has been since 1996: the rules, not a list of years."""
    zone = Timezone()
    zone.add("tzid", "Europe/Berlin")
    seasons: tuple[tuple[Any, str, datetime, int, int, int], ...] = (
        (TimezoneDaylight(), "CEST", datetime(1996, 3, 31, 2), 3, 1, 2),  # noqa: DTZ001 - RFC 5545 wants local time
        (TimezoneStandard(), "CET", datetime(1996, 10, 27, 3), 10, 2, 1),  # noqa: DTZ001
    )
    for season, name, begins, month, before, after in seasons:
        season.add("tzname", name)
        season.add("dtstart", begins)
        season.add("rrule", {"freq": "yearly", "bymonth": month, "byday": "-1su"})
        season.add("tzoffsetfrom", timedelta(hours=before))
        season.add("tzoffsetto", timedelta(hours=after))
        zone.add_component(season)
    return zone
