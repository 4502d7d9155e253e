"""The table of decisions; a row is written with what was decided, and never changed but for an erasure."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from libs.common.columns import code, moment, personal, plain, sealed
from services.matching.tables import Table

SEALED_NOTE = "decision.note"


class DecisionAbout(StrEnum):
    """What was decided about."""

    MENTOR = "mentor"
    MENTOR_GROUP = "mentor_group"
    HOUSEHOLD = "household"
    TANDEM = "tandem"


class Decided(StrEnum):
    """What was decided. Proposals keep by themselves who approved or dismissed them, weights who set them."""

    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    WAIVED = "waived"
    DEMANDED = "demanded"
    HELD_BACK = "held_back"
    RESUMED = "resumed"
    LEFT = "left"
    CLOSED = "closed"
    ENDED_EARLY = "ended_early"
    COMPLETED = "completed"
    PAUSED = "paused"
    BACK = "back"


# Neither is kept of a mentor who is erased, nor told to whom it is about: it says more than why it was done.
OF_SAFETY = frozenset({Decided.HELD_BACK, Decided.RESUMED})


class Decision(Table, table=True):
    """One decision: reason is a code where there is a list of them, note the words, sealed with the key of note_ref.

    subject: the line of a checklist, or the member of a group, that it is about. Why somebody is held back stands with
    them, as long as it counts.
    """

    region: str = plain(index=True)
    about: DecisionAbout = code(DecisionAbout)
    about_id: UUID = plain(index=True)
    what: Decided = code(Decided)
    subject: str = plain("")
    reason: str | None = plain(None)
    note: bytes | None = sealed()
    note_ref: UUID | None = personal(None)
    decided_by: str = plain()
    decided_at: datetime = moment()

    def forget(self) -> None:
        """The words are kept no longer: whom they may tell of was erased."""
        self.note = self.note_ref = None
