"""A concern: what somebody raised about a tandem, or who is in none, for the eyes of the neutral contact alone."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint

from libs.common.columns import code, moment, personal, plain, sealed
from libs.common.facts.matching import Side
from libs.common.refusals import Refused
from services.matching.tables import Table
from services.matching.tandems.model import Tandem

SEALED_TEXT, SEALED_OUTCOME = "concern.text", "concern.outcome"


class ConcernState(StrEnum):
    """Where a concern is."""

    RAISED = "raised"
    TAKEN_UP = "taken_up"
    RESOLVED = "resolved"


class ConcernAbout(StrEnum):
    """What a concern is about: a tandem, or of who speaks of themselves what they are here."""

    TANDEM = "tandem"
    MENTOR = "mentor"
    MEMBER = "member"
    HOUSEHOLD = "household"


@dataclass(frozen=True)
class Matter:
    """What somebody may raise a concern about, by its id, and for which side; its region's neutral contact reads it."""

    about: ConcernAbout
    id: UUID
    region: str
    side: Side

    @classmethod
    def of(cls, tandem: Tandem, side: Side) -> "Matter":
        """A tandem, for one of its sides."""
        return cls(ConcernAbout.TANDEM, tandem.id, tandem.region, side)


class Concern(Table, table=True):
    """Who raised it, on which side, and what they wrote; text and outcome are sealed with that person's key.

    Of who speaks of themselves own_id is that of the mentor, member or household that they are, or spoke for.
    """

    __table_args__ = (CheckConstraint(
        "(about = 'tandem') = (tandem_id IS NOT NULL) AND (about = 'tandem') = (own_id IS NULL)",
        name="about_one_thing"),)

    about: ConcernAbout = code(ConcernAbout, ConcernAbout.TANDEM, privacy="personal",
                               column={"server_default": ConcernAbout.TANDEM.value})
    tandem_id: UUID | None = plain(None, index=True, foreign_key="tandem.id")
    own_id: UUID | None = plain(None, index=True)
    checkin_id: UUID | None = plain(None)
    region: str = plain(index=True)
    person_ref: UUID = personal(index=True)
    side: Side = code(Side, privacy="personal")
    state: ConcernState = code(ConcernState, ConcernState.RAISED)
    text: bytes | None = sealed("special")
    outcome: bytes | None = sealed("special")
    raised_at: datetime = moment()
    taken_up_by: str | None = plain(None)
    resolved_at: datetime | None = moment(None)

    def take_up(self, by: str) -> None:
        """The neutral contact looks after it."""
        self._only(ConcernState.RAISED)
        self.state, self.taken_up_by = ConcernState.TAKEN_UP, by

    def resolve(self, now: datetime) -> None:
        """It has been settled, or nothing more can be done."""
        self._only(ConcernState.TAKEN_UP)
        self.state, self.resolved_at = ConcernState.RESOLVED, now

    def forget(self) -> None:
        """Blank what it tells; what an erasure does."""
        self.text = self.outcome = None

    def _only(self, state: ConcernState) -> None:
        if self.state is not state:
            raise Refused("concern-state", "The concern is {state}; this is done with one that is {wanted}.",
                          state=self.state, wanted=state)
