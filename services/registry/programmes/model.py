"""A programme: who carries it, whom to call, and the rule sets that hold from a day on."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from libs.common.columns import code, codes, moment, plain
from libs.common.refusals import Invalid
from services.registry.tables import Table


class Chooser(StrEnum):
    """Who decides which household a mentor group gets.

    authority: its decision is recorded; coordinator: decides alone; participants: both sides get to know each other
    and choose.
    """

    AUTHORITY = "authority"
    COORDINATOR = "coordinator"
    PARTICIPANTS = "participants"


class Programme(Table, table=True):
    """A programme of the network. Without a region it is the whole network's."""

    name: str = plain()
    sort_key: str = plain(index=True)
    code: str = plain()
    carrier_id: UUID | None = plain(None, foreign_key="partner.id")
    contact_line: str | None = plain(None)
    region: str | None = plain(None)
    rules_changed_at: datetime | None = moment(None)


class RuleSet(Table, table=True):
    """What a programme demands from a day on, until a day (both included) or until further notice."""

    __tablename__ = "rule_set"
    __table_args__ = (UniqueConstraint("programme_id", "valid_from"),)

    programme_id: UUID = plain(foreign_key="programme.id")
    region: str | None = plain(None)
    valid_from: date = plain()
    valid_until: date | None = plain(None)
    min_members: int = plain()
    main_contacts: int = plain()
    rent_months: int = plain()
    support_months: int = plain()
    trial_days: int = plain()
    checkin_days: list[int] = plain(sa_type=ARRAY(Integer))
    required_trainings: list[dict[str, Any]] = plain(sa_type=JSONB)
    required_documents: list[str] = codes()
    required_records: int = plain(0, column={"server_default": "0"})
    chooser: Chooser = code(Chooser)
    statutory_status: str | None = plain(None)

    def refuse_backwards(self) -> None:
        """A rule set ends after it began."""
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise Invalid("rules-backwards", "The rule set ends before it begins.", field="valid_until")
