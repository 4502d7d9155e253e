"""When the events of a series take place: a weekly rule by the clock in Berlin, also when clocks change."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

from dateutil.rrule import rrulestr

from libs.common.refusals import Invalid, Refused
from services.events.events.rules import BERLIN

MOST_AT_ONCE = 60
PART = {
    "FREQ": "WEEKLY",
    "INTERVAL": "[1-9]|[1-4][0-9]|5[0-2]",
    "BYDAY": "(MO|TU|WE|TH|FR|SA|SU)(,(MO|TU|WE|TH|FR|SA|SU)){0,6}",
    "WKST": "MO|TU|WE|TH|FR|SA|SU",
    "COUNT": "[1-9][0-9]{0,3}",
    "UNTIL": "20[0-9]{6}(T[0-9]{6}Z)?",
}
BOUNDS = frozenset({"COUNT", "UNTIL"})


@dataclass(frozen=True, slots=True)
class Rule:
    """A weekly rule (RFC 5545) without its bound, and the bound: a number of events, or a last moment (wall clock)."""

    pattern: str
    count: int | None
    until: datetime | None


def parsed_rule(text: str) -> Rule:
    """The rule behind an RRULE: FREQ=WEEKLY with INTERVAL, BYDAY, WKST, and exactly one of COUNT and UNTIL."""
    parts = dict(part.partition("=")[::2] for part in text.split(";"))
    known = all(name in PART and re.fullmatch(PART[name], value) for name, value in parts.items())
    if not known or "FREQ" not in parts or len(parts) != text.count(";") + 1:
        raise Invalid("series-rule", "The rule is not one of RFC 5545 with FREQ=WEEKLY.", field="rrule")
    if len(BOUNDS & parts.keys()) != 1:
        raise Invalid("series-unbounded", "A series has an end: give either COUNT or UNTIL.", field="rrule")
    pattern = ";".join(f"{name}={value}" for name, value in parts.items() if name not in BOUNDS)
    return Rule(pattern, int(parts["COUNT"]) if "COUNT" in parts else None, _wall_clock(parts.get("UNTIL")))


def first_times(rule: Rule, first: datetime) -> list[datetime]:
    """When the events of a new series begin (wall clock), the first included; refused when they are too many."""
    times = _beginnings(rule.pattern, first)
    if next(_beginnings(rule.pattern, first), None) != first:
        raise Invalid("series-first-day", "The first event is not on a day of the rule.", field="starts")
    found = _bounded(times, rule.count, rule.until)
    if not found:
        raise Invalid("series-rule", "The rule is not one of RFC 5545 with FREQ=WEEKLY.", field="rrule")
    return found


def further_times(pattern: str, first: datetime, *, after: datetime, until: date) -> list[datetime]:
    """When the events of an extended series begin: those later than after, the day until included."""
    times = (at for at in _beginnings(pattern, first) if at > after)
    return _bounded(times, None, datetime.combine(until, time.max))


def at_wall_clock(at: datetime) -> datetime:
    """The moment (UTC) at which clocks in Berlin show this; the first of two, or the one after a skipped hour."""
    return at.replace(tzinfo=BERLIN).astimezone(UTC)


def wall_clock(moment: datetime) -> datetime:
    """What clocks in Berlin show at this moment."""
    return moment.astimezone(BERLIN).replace(tzinfo=None)


def without(times: Collection[datetime], exceptions: Collection[str]) -> list[datetime]:
    """The times that do not fall on an exception's day."""
    return [at for at in times if at.date().isoformat() not in exceptions]


def _beginnings(pattern: str, first: datetime) -> Iterator[datetime]:
    # WEEKLY always finds another day, so this ends only with the calendar (the year 9999).
    return iter(rrulestr(pattern, dtstart=first))


def _bounded(times: Iterator[datetime], count: int | None, until: datetime | None) -> list[datetime]:
    wanted = count or MOST_AT_ONCE + 1
    found = list(islice(times, min(wanted, MOST_AT_ONCE + 1)))
    found = [at for at in found if until is None or at <= until]
    if len(found) > MOST_AT_ONCE:
        raise Refused("series-too-long", "A series makes at most {most} events at once; extend it later.",
                      field="rrule", most=MOST_AT_ONCE)
    return found


def _wall_clock(until: str | None) -> datetime | None:
    if until is None:
        return None
    try:
        if until.endswith("Z"):
            return wall_clock(datetime.strptime(until, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC))
        return datetime.combine(date.fromisoformat(until), time.max)
    except ValueError as raised:
        raise Invalid("series-rule", "The rule is not one of RFC 5545 with FREQ=WEEKLY.", field="rrule") from raised


def lead(before: datetime | None, first: datetime) -> int | None:
    """How many minutes before the first event something is, by the wall clock."""
    return None if before is None else int((first - wall_clock(before)) / timedelta(minutes=1))
