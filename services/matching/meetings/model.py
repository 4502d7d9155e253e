"""A meeting: that a tandem met, as one of its sides noted; the regularity that funders ask for."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import UniqueConstraint

from libs.common.clock import day_of
from libs.common.columns import code, moment, personal, plain
from libs.common.facts.matching import Side
from libs.common.refusals import Invalid, Refused
from services.matching.projects.model import KnownProject
from services.matching.tables import Table

LONGEST_MINUTES = 24 * 60
# By a link; the coordinator notes what lies further back, or comes later.
NOTED_BACK, NOTED_AFTER_THE_END = timedelta(days=60), timedelta(days=30)


class Meeting(Table, table=True):
    """That a tandem met on a day, and for how long. Noted by one side, it need not be noted by the other.

    recorded_by: the coordinator who noted it as that side told it; noted_at: unknown of what older versions noted.
    """

    __table_args__ = (UniqueConstraint("tandem_id", "met_on"),)

    tandem_id: UUID = plain(foreign_key="tandem.id")
    region: str = plain(index=True)
    project_id: UUID | None = plain(None)
    side: Side = code(Side)
    person_ref: UUID = personal()
    met_on: date = plain()
    minutes: int = plain()
    recorded_by: str | None = plain(None)
    noted_at: datetime | None = moment(None)

    def is_of(self, side: Side) -> bool:
        """Whether this side noted it itself, by its link."""
        return self.side is side and self.recorded_by is None

    @property
    def noted_on(self) -> date | None:
        """The day on which it was noted, if that is known."""
        return day_of(self.noted_at) if self.noted_at else None

    def counts_on(self, known: Mapping[UUID, KnownProject]) -> date | None:
        """As which day it counts for its project, in whose term they met; the day itself nobody else is told.

        It is that on which it was noted when that is in the same month, else its last; and never outside the term.
        """
        project = known.get(self.project_id) if self.project_id else None
        if project is None or not project.covers(self.met_on):
            return None
        last = self.met_on.replace(day=monthrange(self.met_on.year, self.met_on.month)[1])
        return min(max(min(self.noted_on or last, last), project.starts), project.ends)

    def correct(self, minutes: int) -> bool:
        """It took another time; returns False when that is what stands there already."""
        changed, self.minutes = minutes != self.minutes, minutes
        return changed


def refuse_meeting(met_on: date, *, started_on: date, ended_on: date | None, day: date) -> None:
    """A meeting took place since the tandem began, until it ended, and not in the future."""
    if not started_on <= met_on <= min(day, ended_on or day):
        raise Invalid("meeting-day", "A meeting lies between the tandem's beginning and its end, or today.", field="on")


def refuse_late(met_on: date, *, ended_on: date | None, day: date) -> None:
    """By a link only what is not too long ago is noted, corrected or withdrawn."""
    if is_closed(ended_on=ended_on, day=day):
        raise Refused("meetings-closed", "The tandem ended more than 30 days ago; turn to the coordinators.")
    if day - met_on > NOTED_BACK:
        raise Invalid("meeting-too-old", "Your link is for the last 60 days; the coordinators note earlier meetings.",
                      field="on")


def noted_or_refuse(meeting: Meeting | None, side: Side) -> Meeting:
    """The meeting that this side noted of a day; only such a one it withdraws."""
    if meeting is None:
        raise Refused("meeting-not-noted", "No meeting of this day has been noted.", field="on")
    if not meeting.is_of(side):
        raise Refused("meeting-of-others", "Only who noted this meeting withdraws it; turn to the coordinators.",
                      field="on")
    return meeting


def is_closed(*, ended_on: date | None, day: date) -> bool:
    """Whether the tandem ended so long ago that its links note nothing any more."""
    return ended_on is not None and day - ended_on > NOTED_AFTER_THE_END
