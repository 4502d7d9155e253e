"""A consultation: who was advised when about what, and the key by which a project counts them."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel

from libs.common.columns import code, codes, personal, plain, sealed, secret
from libs.common.refusals import Invalid, Refused
from services.registry.tables import Table

NOTE = "consultation.note"


class SubjectKind(StrEnum):
    """Whether one person is advised, or a group."""

    PERSON = "person"
    GROUP = "group"


class ConsultationState(StrEnum):
    """Where a consultation is between the agreement and the talk."""

    PLANNED = "planned"
    HELD = "held"
    CANCELLED = "cancelled"


class Note(BaseModel):
    """What the advisor noted; opened only by the advised person's own key."""

    text: str


class Consultation(Table, table=True):
    """Advice by a partner (or a coordinator) to people who help; person_ref is whom it was agreed with."""

    project_id: UUID | None = plain(None, index=True, foreign_key="project.id")
    partner_id: UUID | None = plain(None, index=True, foreign_key="partner.id")
    region: str = plain(index=True)
    state: ConsultationState = code(ConsultationState, ConsultationState.PLANNED)
    subject_kind: SubjectKind = code(SubjectKind)
    subject_key: str | None = secret(None)
    random_key: bool = plain(default=False)
    person_ref: UUID | None = personal(None, index=True)
    topics: list[str] = codes()
    planned_for: date = plain()
    held_on: date | None = plain(None)
    minutes: int | None = plain(None)
    note: bytes | None = sealed()

    def hold(self, on: date, minutes: int, topics: list[str], today: date) -> None:
        """The talk took place, today or before."""
        self._only_planned()
        if on > today:
            raise Invalid("held-in-future", "A consultation is recorded after it was held.", field="held_on")
        self.state, self.held_on, self.minutes, self.topics = ConsultationState.HELD, on, minutes, topics

    def cancel(self) -> None:
        """The talk does not take place."""
        self._only_planned()
        self.state = ConsultationState.CANCELLED

    def _only_planned(self) -> None:
        if self.state is not ConsultationState.PLANNED:
            raise Refused("consultation-state", "The consultation is {state}; only a planned one is held or cancelled.",
                          state=self.state)
