"""A concern: what somebody raised about a tandem, for the eyes of the neutral contact alone."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from libs.common.columns import code, moment, personal, plain, sealed
from libs.common.facts.matching import Side
from libs.common.refusals import Refused
from services.matching.tables import Table

SEALED_TEXT, SEALED_OUTCOME = "concern.text", "concern.outcome"


class ConcernState(StrEnum):
    """Where a concern is."""

    RAISED = "raised"
    TAKEN_UP = "taken_up"
    RESOLVED = "resolved"


class Concern(Table, table=True):
    """Who raised it, on which side, and what they wrote; text and outcome are sealed with that person's key."""

    tandem_id: UUID = plain(index=True, foreign_key="tandem.id")
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
