"""A consent: that a person agreed to one purpose, in which version and language of the text, how, and until when."""

from datetime import UTC, date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, text

from libs.common.columns import code, personal, plain
from libs.common.refusals import Refused
from services.matching.tables import Table


class Purpose(StrEnum):
    """What a person's data is used for: each asked for, given and taken back by itself.

    checkins: being asked how it goes; learnings: what they say at the end may become a learning that names nobody;
    authority: their application is shown to the authority, where one chooses.
    """

    MATCHING = "matching"
    CHECKINS = "checkins"
    LEARNINGS = "learnings"
    AUTHORITY = "authority"


class GivenBy(StrEnum):
    """How somebody consented."""

    PAPER = "paper"
    SPOKEN = "spoken"
    LINK = "link"


# Ids of this version begin with the milliseconds in which they were given.
TELLS_TIME = 7
_HOLDING = text("withdrawn_on IS NULL AND replaced_on IS NULL")


class Consent(Table, table=True):
    """One consent of one person. The unique index holds one at a time for each purpose; former ones stay to be read.

    The day on which somebody consented to matching also stands with the mentor, household or member itself, where check
    constraints hold that nobody is matched without.
    """

    __table_args__ = (Index("uq_consent_holding", "person_ref", "purpose", unique=True, postgresql_where=_HOLDING),)

    region: str = plain(index=True)
    partner_id: UUID | None = plain(None)
    person_ref: UUID = personal(index=True)
    purpose: Purpose = code(Purpose)
    text_version: int = plain()
    language: str = plain()
    given_on: date = personal()
    given_by: GivenBy = code(GivenBy, GivenBy.PAPER)
    noted_by: str = plain()
    withdrawn_on: date | None = personal(None)
    replaced_on: date | None = personal(None)

    @property
    def holds(self) -> bool:
        """Whether it has neither been withdrawn nor given anew."""
        return self.withdrawn_on is None and self.replaced_on is None

    @property
    def noted_at(self) -> datetime | None:
        """When it was noted, by the real clock, as its id says; nobody knows it of what was carried over."""
        if self.id.version != TELLS_TIME:
            return None
        return datetime.fromtimestamp((self.id.int >> 80) / 1000, UTC)

    def was_noted_after(self, moment: datetime) -> bool:
        """Whether it came after what was said at that moment."""
        return self.noted_at is not None and self.noted_at > moment

    def replace(self, day: date) -> None:
        """They consented anew, perhaps to another text."""
        self.replaced_on = day

    def withdraw(self, day: date) -> None:
        """They took it back."""
        self.refuse_over()
        self.withdrawn_on = day

    def refuse_over(self) -> None:
        """What holds no longer is not taken back once more."""
        if not self.holds:
            raise Refused("consent-over", "This consent was taken back or given anew already.")
