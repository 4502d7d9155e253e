"""An observation: what somebody noticed, before which body it was put, and what was answered."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from libs.common.columns import code, personal, plain
from libs.common.refusals import Refused
from services.registry.tables import Table


class ObservationKind(StrEnum):
    """What was noticed."""

    BARRIER = "barrier"
    LESSON = "lesson"
    UNEQUAL_TREATMENT = "unequal_treatment"
    NEED = "need"


class ObservationState(StrEnum):
    """Where an observation is on its way to an answer."""

    RECEIVED = "received"
    IN_REVIEW = "in_review"
    FORWARDED = "forwarded"
    NOT_FORWARDED = "not_forwarded"
    ANSWERED = "answered"
    CLOSED = "closed"


class Observation(Table, table=True):
    """What somebody noticed in a region; the description names nobody.

    partner_id: whose editor submitted it; submitter_ref: who wants to be told the answer; learning_id: of which
    learning it was made.
    """

    kind: ObservationKind = code(ObservationKind)
    state: ObservationState = code(ObservationState, ObservationState.RECEIVED)
    region: str = plain(index=True)
    partner_id: UUID | None = plain(None)
    description: str = plain()
    affected_group: str | None = plain(None)
    submitter_ref: UUID | None = personal(None, index=True)
    learning_id: UUID | None = plain(None, unique=True)
    body_id: UUID | None = plain(None, foreign_key="body.id")
    forwarded_on: date | None = plain(None)
    reason: str | None = plain(None)
    answer: str | None = plain(None)
    answered_on: date | None = plain(None)

    def take_up(self) -> None:
        """A coordinator begins to look at it."""
        self._move({ObservationState.RECEIVED}, ObservationState.IN_REVIEW)

    def forward(self, body_id: UUID, on: date) -> None:
        """It is put before a body."""
        self._move({ObservationState.IN_REVIEW}, ObservationState.FORWARDED)
        self.body_id, self.forwarded_on = body_id, on

    def keep_back(self, reason: str) -> None:
        """It is put before nobody, for a reason."""
        self._move({ObservationState.IN_REVIEW}, ObservationState.NOT_FORWARDED)
        self.reason = reason

    def take_answer(self, summary: str, on: date) -> None:
        """The body answered."""
        self._move({ObservationState.FORWARDED}, ObservationState.ANSWERED)
        self.answer, self.answered_on = summary, on

    def close(self) -> None:
        """Nothing more follows from it."""
        self._move({ObservationState.ANSWERED, ObservationState.NOT_FORWARDED}, ObservationState.CLOSED)

    def _move(self, sources: set[ObservationState], target: ObservationState) -> None:
        if self.state not in sources:
            raise Refused("observation-state", "The observation is {state}; that does not lead to {target}.",
                          state=self.state, target=target)
        self.state = target
