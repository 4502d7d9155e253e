"""A closing: both sides' ratings at the end of a tandem, and a learning that leaves only checked and approved."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Text
from sqlalchemy.dialects.postgresql import ARRAY

from libs.common.columns import code, moment, personal, plain, sealed
from libs.common.refusals import Refused
from services.matching.tables import Table

MOST_GOALS = 10
SEALED_DRAFT = "closing.draft"


class LearningState(StrEnum):
    """Where a learning is; none: nobody wrote one."""

    NONE = "none"
    DRAFT = "draft"
    APPROVED = "approved"
    DISCARDED = "discarded"


class LearningKind(StrEnum):
    """What a learning is about; the same kinds as an observation's."""

    BARRIER = "barrier"
    LESSON = "lesson"
    UNEQUAL_TREATMENT = "unequal_treatment"
    NEED = "need"


class Closing(Table, table=True):
    """One per tandem. The learning is sealed until it is approved as naming nobody; only then it is readable text."""

    __table_args__ = (
        CheckConstraint("learning IS NULL OR learning_state = 'approved'", name="learning_approved"),
    )

    tandem_id: UUID = plain(unique=True, foreign_key="tandem.id")
    region: str = plain(index=True)
    person_ref: UUID = personal()
    held_on: date = plain()
    mentors_rating: int | None = personal(None)
    household_rating: int | None = personal(None)
    goals_reached: list[str] = personal(default_factory=list, sa_type=ARRAY(Text))
    learning_state: LearningState = code(LearningState, LearningState.NONE)
    learning_kind: LearningKind | None = code(LearningKind, None)
    learning_field: str | None = plain(None)
    learning_language: str | None = plain(None)
    draft: bytes | None = sealed()
    learning: str | None = plain(None)
    approved_by: str | None = plain(None)
    approved_at: datetime | None = moment(None)

    def add(
        self, contact: UUID, *, mentors_rating: int | None, household_rating: int | None, goals_reached: list[str],
    ) -> None:
        """What a side said after the talk was noted, or reached besides; what stands there is not overwritten.

        contact: who speaks for the household now, whose word its rating is, unless another's learning is sealed there.
        """
        for said, given in ((self.mentors_rating, mentors_rating), (self.household_rating, household_rating)):
            if None not in (said, given) and said != given:
                raise Refused("closing-rated", "This side's rating has been noted already; it stays as it is.")
        goals = sorted({*self.goals_reached, *goals_reached})
        if len(goals) > MOST_GOALS:
            raise Refused("closing-goals", "A closing has {most} goals at most.", most=MOST_GOALS)
        if household_rating and self.household_rating is None and self.draft is None:
            self.person_ref = contact
        self.mentors_rating = self.mentors_rating or mentors_rating
        self.household_rating = self.household_rating or household_rating
        self.goals_reached = goals

    def write(self, draft: bytes, kind: LearningKind, field: str | None, language: str) -> None:
        """A learning was written, or written anew before its approval."""
        if self.learning_state is LearningState.APPROVED:
            raise Refused("learning-approved", "The learning has been approved already and may have left.")
        self.draft, self.learning_state = draft, LearningState.DRAFT
        self.learning_kind, self.learning_field, self.learning_language = kind, field, language

    def approve(self, text: str, by: str, now: datetime) -> None:
        """The coordinator has read it and says that it names nobody; from now on its text may be asked for."""
        self.refuse_unless_draft()
        self.learning, self.draft, self.learning_state = text, None, LearningState.APPROVED
        self.approved_by, self.approved_at = by, now

    def discard(self) -> None:
        """It does not leave; nothing of it is kept."""
        self.refuse_unless_draft()
        self.forget_draft()

    def forget_draft(self) -> None:
        """What was not approved goes."""
        if self.learning_state is LearningState.DRAFT:
            self.draft, self.learning_state = None, LearningState.DISCARDED

    def forget(self) -> None:
        """Blank what it tells about persons; what an erasure does. An approved learning names nobody, and stays."""
        self.forget_draft()
        self.mentors_rating = self.household_rating = None
        self.goals_reached = []

    def refuse_unless_draft(self) -> None:
        """Only what waits for approval is approved or discarded."""
        if self.learning_state is not LearningState.DRAFT:
            raise Refused("learning-not-waiting", "There is no learning that waits for approval.")
