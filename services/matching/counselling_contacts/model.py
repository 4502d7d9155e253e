"""A counselling contact: that somebody was counselled on a day; codes that are counted, and a note that is not."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint

from libs.common.codes.lists import CounsellingMode
from libs.common.columns import code, moment, personal, plain, sealed
from services.matching.profiles.model import code_list
from services.matching.tables import Table

SEALED_NOTE = "counselling_contact.note"
LONGEST_MINUTES = 24 * 60


class CounsellingContact(Table, table=True):
    """One talk or visit of a case. held_by is the principal of whoever counselled, staff or volunteer.

    The note is sealed with the person's key; it is part of no fact and no export.
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
