"""A counselling contact: that somebody was counselled on a day; codes that are counted, and a note that is not."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint

from libs.common.codes.lists import CounsellingMode
from libs.common.columns import code, moment, personal, plain, sealed
from libs.common.refusals import Invalid, Refused
from services.matching.counselling_cases.model import CounsellingCase
from services.matching.profiles.model import code_list
from services.matching.tables import Table

SEALED_NOTE = "counselling_contact.note"
LONGEST_MINUTES = 24 * 60


class Mistaken(StrEnum):
    """Why a contact does not belong where it was entered."""

    WRONG_PERSON = "wrong_person"
    ENTERED_TWICE = "entered_twice"
    NOT_HELD = "not_held"
    OTHER = "other"


class CounsellingContact(Table, table=True):
    """One talk or visit of a case. held_by is the principal of whoever counselled, staff or volunteer.

    The note is sealed with the person's key; it is part of no fact and no export. What was struck counts nowhere, and
    stays to be seen without its note.
    """

    __tablename__ = "counselling_contact"
    __table_args__ = (
        CheckConstraint(f"minutes BETWEEN 1 AND {LONGEST_MINUTES}", name="minutes"),
        CheckConstraint("cardinality(topics) > 0", name="topics"),
    )

    counselling_case_id: UUID = plain(index=True, foreign_key="counselling_case.id")
    region: str = plain(index=True)
    partner_id: UUID = plain(index=True)
    held_on: date = personal(index=True)
    minutes: int = plain()
    mode: CounsellingMode = code(CounsellingMode)
    topics: list[str] = code_list()
    results: list[str] = code_list()
    held_by: str = plain()
    recorded_by: str = plain()
    recorded_at: datetime = moment()
    note: bytes | None = sealed("special")
    mistaken: Mistaken | None = code(Mistaken, None)
    struck_at: datetime | None = moment(None)

    def move_to(self, case: CounsellingCase, reason: Mistaken) -> None:
        """It was entered at the wrong case; this one of the same partner is right."""
        self.refuse_struck()
        if case.partner_id != self.partner_id or case.id == self.counselling_case_id:
            raise Invalid("case-not-other", "A contact is moved to another case of the same partner.",
                          field="counselling_case_id")
        case.refuse_closed()
        self.counselling_case_id, self.region, self.mistaken = case.id, case.region, reason

    def strike(self, reason: Mistaken, now: datetime) -> None:
        """It should not have been entered: it counts no longer, and nobody reads what was noted."""
        self.refuse_struck()
        self.struck_at, self.mistaken, self.note = now, reason, None

    def refuse_struck(self) -> None:
        """What was struck is not corrected any more."""
        if self.struck_at is not None:
            raise Refused("contact-struck", "This contact has been struck; enter what is right as a new one.")
