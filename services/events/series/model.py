"""A series: a rule by which events repeat, what they have in common, and the days on which there is none."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime
from sqlalchemy.dialects.postgresql import JSONB

from libs.common.columns import codes, plain
from libs.common.refusals import Refused
from services.events.series.rules import at_wall_clock, further_times
from services.events.tables import Table


class Series(Table, table=True):
    """A series. first and last are wall-clock times in Berlin: when its first and its latest event begin.

    template is the body of an event without its times; the minutes say how long each event lasts, and how long
    before it registration opens and closes.
    """

    partner_id: UUID = plain(index=True)
    region: str = plain()
    project_id: UUID | None = plain(None)
    pattern: str = plain()
    first: datetime = plain(sa_type=DateTime(timezone=False))
    last: datetime = plain(sa_type=DateTime(timezone=False))
    minutes: int = plain()
    opens_before: int | None = plain(None)
    closes_before: int | None = plain(None)
    exceptions: list[str] = codes()
    template: dict[str, Any] = plain(default_factory=dict, sa_type=JSONB)

    def times_of(self, at: datetime) -> dict[str, datetime | None]:
        """The times of the event that begins at this wall-clock time, each by the wall clock of its own day."""
        before = {"registration_opens": self.opens_before, "registration_closes": self.closes_before}
        return {
            "starts": at_wall_clock(at), "ends": at_wall_clock(at + timedelta(minutes=self.minutes)),
            **{name: None if minutes is None else at_wall_clock(at - timedelta(minutes=minutes))
               for name, minutes in before.items()}}

    def extend(self, until: date) -> list[datetime]:
        """Go on until that day; returns when the further events begin."""
        times = further_times(self.pattern, self.first, after=self.last, until=until)
        if not times:
            raise Refused("series-not-longer", "No further event of the series would begin until then.", field="until")
        self.last = times[-1]
        return times

    def leave_out(self, on: date) -> None:
        """There is no event on this day."""
        day = on.isoformat()
        if day in self.exceptions:
            raise Refused("series-exception", "The series leaves this day out already.", field="on")
        self.exceptions = sorted([*self.exceptions, day])
