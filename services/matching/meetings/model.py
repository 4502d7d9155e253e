"""A meeting: that a tandem met, as one of its sides noted; the regularity that funders ask for."""

from datetime import date
from uuid import UUID

from sqlalchemy import UniqueConstraint

from libs.common.columns import code, personal, plain
from libs.common.facts.matching import Side
from libs.common.refusals import Invalid
from services.matching.tables import Table

LONGEST_MINUTES = 24 * 60


class Meeting(Table, table=True):
    """That a tandem met on a day, and for how long. Noted by one side, it need not be noted by the other."""

    __table_args__ = (UniqueConstraint("tandem_id", "met_on"),)

    tandem_id: UUID = plain(foreign_key="tandem.id")
    region: str = plain(index=True)
    project_id: UUID | None = plain(None)
    side: Side = code(Side)
    person_ref: UUID = personal()
    met_on: date = plain()
    minutes: int = plain()


def refuse_meeting(met_on: date, *, started_on: date, day: date) -> None:
    """A meeting took place since the tandem began, and not in the future."""
    if not started_on <= met_on <= day:
        raise Invalid("meeting-day", "A meeting lies between the tandem's beginning and today.", field="on")
