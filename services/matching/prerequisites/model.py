"""A prerequisite: one line of a group's checklist; and what it is checked by: rule sets and attended trainings."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from libs.common.columns import code, moment, personal, plain
from libs.common.refusals import Refused
from services.matching.tables import Table


class Chooser(StrEnum):
    """Who decides which household a unit gets; an unknown value counts as the coordinator."""

    AUTHORITY = "authority"
    COORDINATOR = "coordinator"
    PARTICIPANTS = "participants"


class Demand(StrEnum):
    """What a rule set can demand."""

    MIN_MEMBERS = "min_members"
    MAIN_CONTACTS = "main_contacts"
    TRAINING = "training"
    DOCUMENT = "document"
    RENT = "rent_secured"
    RECORD = "record_seen"


class Standing(StrEnum):
    """How a prerequisite stands; expired: it had its evidence, and has it no longer."""

    OPEN = "open"
    FULFILLED = "fulfilled"
    WAIVED = "waived"
    EXPIRED = "expired"


FINE = frozenset({Standing.FULFILLED, Standing.WAIVED})


class RuleSet(Table, table=True):
    """The copy of a programme's rule set, as the registry told it."""

    __tablename__ = "rule_set"
    __table_args__ = (UniqueConstraint("programme_id", "valid_from"),)

    programme_id: UUID = plain(index=True)
    code: str = plain()
    valid_from: date = plain()
    valid_until: date | None = plain(None)
    min_members: int = plain()
    main_contacts: int = plain()
    rent_months: int = plain()
    support_months: int = plain()
    trial_days: int = plain()
    checkin_days: list[int] = plain(default_factory=list, sa_type=JSONB)
    required_trainings: list[dict[str, Any]] = plain(default_factory=list, sa_type=JSONB)
    required_documents: list[str] = plain(default_factory=list, sa_type=ARRAY(Text))
    required_records: int = plain(0, column={"server_default": "0"})
    chooser: str = plain(Chooser.COORDINATOR.value)

    @property
    def authority_chooses(self) -> bool:
        """Whether an authority's decision is what approves a proposal."""
        return self.chooser == Chooser.AUTHORITY.value


class AttendedTraining(Table, table=True):
    """That a person whom matching knows attended a training; id is the attendance's. counts False: taken back."""

    __tablename__ = "attended_training"

    person_ref: UUID = personal(index=True)
    region: str = plain()
    training_code: str = personal()
    attended_on: date | None = personal(None)
    counts: bool = personal(default=True)


class Prerequisite(Table, table=True):
    """One line of a group's checklist. evidence refers to what shows it: attendances, documents, members, the home."""

    __table_args__ = (UniqueConstraint("mentor_group_id", "demand", "subject"),)

    mentor_group_id: UUID = plain(foreign_key="mentor_group.id")
    region: str = plain(index=True)
    demand: Demand = code(Demand)
    subject: str = plain("")
    needed: int = plain()
    there: int = plain(0)
    standing: Standing = code(Standing, Standing.OPEN)
    evidence: list[str] = personal(default_factory=list, sa_type=ARRAY(Text))
    fulfilled_at: datetime | None = moment(None)
    waived_by: str | None = plain(None)
    waived_why: str | None = personal(None)

    @property
    def rule(self) -> str:
        """The line as a code, such as `min_members` or `training_basic`."""
        return f"{self.demand.value}_{self.subject}"[:63] if self.subject else self.demand.value

    def weigh(self, there: int, evidence: list[str], now: datetime) -> Standing | None:
        """Compare what is there with what is needed; returns the new standing when it changed, else None."""
        self.there, self.evidence = there, evidence
        if self.standing is Standing.WAIVED:
            return None
        before, enough = self.standing, there >= self.needed
        if enough and before is not Standing.FULFILLED:
            self.standing, self.fulfilled_at = Standing.FULFILLED, now
        elif not enough and before is Standing.FULFILLED:
            self.standing, self.fulfilled_at = Standing.EXPIRED, None
        return self.standing if self.standing is not before else None

    def waive(self, by: str, why: str) -> None:
        """The coordinator does without it, and says why."""
        if self.standing in FINE:
            raise Refused("prerequisite-settled", "This prerequisite is {standing} already.",
                          standing=self.standing)
        self.standing, self.waived_by, self.waived_why = Standing.WAIVED, by, why

    def forget(self) -> None:
        """In which words somebody went without it is kept no longer; who did is."""
        self.waived_why = None

    def demand_again(self) -> None:
        """A waiver is taken back; what is there counts again."""
        if self.standing is not Standing.WAIVED:
            raise Refused("prerequisite-not-waived", "This prerequisite has not been waived.")
        self.standing, self.waived_by, self.waived_why = Standing.OPEN, None, None
