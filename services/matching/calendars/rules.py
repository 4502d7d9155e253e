"""How check-ins read as an iCalendar document (RFC 5545)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, timedelta

from icalendar import Calendar, Event

from services.matching.checkins.model import Checkin, CheckinState
from services.matching.profiles.rules import today
from services.matching.tandems.model import Tandem, TandemState

PRODUCT = "-//Lotsennetz//Matching//DE"
REFRESH = timedelta(hours=6)


@dataclass(frozen=True)
class Entry:
    """A check-in of a tandem, and what its day is called for who reads it; nobody's name."""

    checkin: Checkin
    tandem: Tandem
    summary: str
    description: str

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody is asked on that day: the tandem has ended, or rests, or the side was talked with before."""
        state = self.checkin.state
        resting = self.tandem.state is TandemState.PAUSED and state is CheckinState.PLANNED
        return self.checkin.never_asks or resting


def calendar_text(entries: Iterable[Entry], *, network: str) -> bytes:
    """The check-ins as whole days of an iCalendar document (RFC 5545).

    UIDs are the check-ins' ids and never change; SEQUENCE rises with each change; a cancelled one stays in as such.
    """
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("refresh-interval", REFRESH, parameters={"value": "DURATION"})
    for entry in entries:
        calendar.add_component(_event(entry, network))
    document: bytes = calendar.to_ical()
    return document


def _event(entry: Entry, network: str) -> Event:
    checkin, event = entry.checkin, Event()
    day = today(checkin.due_at)
    event.add("uid", f"checkin-{checkin.id}@{network}")
    event.add("sequence", checkin.version)
    event.add("dtstamp", checkin.changed_at.astimezone(UTC))
    event.add("last-modified", checkin.changed_at.astimezone(UTC))
    event.add("dtstart", day)
    event.add("dtend", day + timedelta(days=1))
    event.add("summary", entry.summary)
    event.add("description", entry.description)
    event.add("status", "CANCELLED" if entry.is_cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT")
    return event
