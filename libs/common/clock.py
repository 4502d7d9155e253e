"""The only source of time: the real clock, or one that a demonstration's operations team has moved forward."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")


class Clock:
    """Now, in UTC. `ahead` is how far a demonstration network's time has been moved forward."""

    def __init__(self, ahead: timedelta = timedelta()) -> None:
        """Start `ahead` of the real clock (never behind it)."""
        self.ahead = ahead

    def now(self) -> datetime:
        """The time that rules and due work go by, with time zone UTC."""
        return datetime.now(UTC) + self.ahead


def real_now() -> datetime:
    """The real time in UTC: for what must not follow a demonstration's clock (keys, tokens, retries)."""
    return datetime.now(UTC)


def day_of(moment: datetime) -> date:
    """The day on which this moment falls in Germany."""
    return moment.astimezone(BERLIN).date()


def start_of(day: date) -> datetime:
    """The moment at which this day begins in Germany, in UTC."""
    return datetime.combine(day, time(), BERLIN).astimezone(UTC)
