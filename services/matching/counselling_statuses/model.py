"""A counselling status: since when something is true of somebody; entered once, never changed, corrected by another."""

from datetime import date, datetime
from uuid import UUID

from libs.common.columns import code, moment, personal, plain
from services.matching.counselling_statuses.rules import Attribute
from services.matching.tables import Table


class CounsellingStatus(Table, table=True):
    """One entry of a case's history. What it corrects holds no longer; without a value that is all that it says."""

    __tablename__ = "counselling_status"

    counselling_case_id: UUID = plain(index=True, foreign_key="counselling_case.id")
    region: str = plain(index=True)
    partner_id: UUID = plain(index=True)
    attribute: Attribute = code(Attribute)
    value: str | None = personal(None)
    valid_from: date = personal()
    corrects: UUID | None = plain(None, unique=True, foreign_key="counselling_status.id")
    entered_by: str = plain()
    entered_at: datetime = moment()
