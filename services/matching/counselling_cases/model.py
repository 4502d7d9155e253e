"""A counselling case: somebody whom the counsellors of a partner advise, from the first talk to a result."""

from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from dateutil.relativedelta import relativedelta
from pydantic import BaseModel
from sqlalchemy import CheckConstraint, Index, text
from uuid_utils.compat import uuid7

from libs.common.codes.lists import AgeBand, CounsellingResult, Gender, WorldRegion
from libs.common.columns import code, personal, plain, sealed
from libs.common.refusals import Invalid, Refused
from services.matching.profiles.model import code_list
from services.matching.tables import Table

SEALED_ORIGIN = "counselling_case.origin"
# How long what was written down word for word is kept after a case has ended, as long as claims may come of it.
KEPT = relativedelta(years=3)
# Facts tell the district alone.
DISTRICT_DIGITS = 5


class CaseState(StrEnum):
    """Where a case is; a reopened one is open again."""

    OPEN = "open"
    CLOSED = "closed"
    REOPENED = "reopened"


class Origin(BaseModel):
    """The country that somebody comes from; sealed with their key."""

    country: str


class CounsellingSpell(Table, table=True):
    """From when until when a case was open, and what came of it; who comes again begins another, which lies behind it.

    opened_on is reckoned from what stands, as that of the case, which is the first one's. The first has the case's id.
    """

    __tablename__ = "counselling_spell"
    __table_args__ = (
        CheckConstraint("closed_on >= opened_on", name="days"),
        Index("uq_counselling_spell_open", "counselling_case_id", unique=True,
              postgresql_where=text("closed_on IS NULL")),
    )

    counselling_case_id: UUID = plain(index=True, foreign_key="counselling_case.id")
    region: str = plain(index=True)
    partner_id: UUID = plain(index=True)
    opened_on: date = plain()
    said_opened_on: date = plain()
    closed_on: date | None = plain(None)
    result: CounsellingResult | None = code(CounsellingResult, None, privacy="personal")

    def holds(self, day: date) -> bool:
        """Whether the case was open on this day because of it."""
        return self.opened_on <= day and (self.closed_on is None or day <= self.closed_on)


class CounsellingCase(Table, table=True):
    """Whom a partner advises: one open case for each person. Of the origin figures know the region of the world alone.

    The counsellor is who answers for it; the partner's other counsellors are the team, and see it too. opened_on is
    reckoned from what stands: the day on which it was said to be opened, and the contacts. closed_on and result are
    those of the last spell; methods that need the spells take them in their order.
    """

    __tablename__ = "counselling_case"
    __table_args__ = (
        Index("uq_counselling_case_open", "person_ref", "partner_id", unique=True,
              postgresql_where=text("state <> 'closed'")),
    )

    region: str = plain(index=True)
    partner_id: UUID = plain(index=True)
    person_ref: UUID = personal(index=True)
    counsellor: str = plain()
    opened_by: str = plain()
    state: CaseState = code(CaseState, CaseState.OPEN)
    languages: list[str] = code_list()
    gender: Gender = code(Gender, Gender.NOT_STATED, privacy="personal")
    age_band: AgeBand | None = code(AgeBand, None, privacy="personal")
    origin: bytes | None = sealed("special")
    origin_region: WorldRegion | None = code(WorldRegion, None, privacy="personal")
    opened_on: date = plain()
    said_opened_on: date | None = plain(None)
    closed_on: date | None = plain(None)
    result: CounsellingResult | None = code(CounsellingResult, None, privacy="personal")

    @property
    def is_open(self) -> bool:
        """Whether somebody is counselled in it."""
        return self.state is not CaseState.CLOSED

    def describe(self, fields: dict[str, Any]) -> None:
        """Take these values over, by the columns' names; not of a closed case."""
        self.refuse_closed()
        for name, value in fields.items():
            setattr(self, name, value)

    def refuse_beginning(self, first: CounsellingSpell, day: date | None) -> None:
        """No case begins behind its first end."""
        if day is not None and first.closed_on is not None and day > first.closed_on:
            raise _odd_day("opened_on")

    def refuse_after_closing(self, day: date) -> None:
        """No contact of a case lies behind its end."""
        if self.closed_on is not None and day > self.closed_on:
            raise Invalid("contact-after-closing", "The case was closed before this day; reopen it first.",
                          field="held_on")

    def first_spell(self) -> CounsellingSpell:
        """The spell with which a case that was just opened begins."""
        return self._spell(self.opened_on, self.id)

    def begin(self, spells: Sequence[CounsellingSpell], contacts: Iterable[date]) -> None:
        """Each spell begins with the first contact behind the one before, at the latest on the day that was said of it.

        The case begins with the first; what was said of a case from before that was kept is the day on which it begins
        now.
        """
        self.said_opened_on = min(self.said_opened_on or self.opened_on, spells[0].closed_on or date.max)
        spells[0].said_opened_on = self.said_opened_on
        days, ended = list(contacts), date.min
        for spell in spells:
            closed_on = spell.closed_on or date.max
            spell.opened_on = min([spell.said_opened_on, *(day for day in days if ended < day <= closed_on)])
            ended = closed_on
        self.opened_on = spells[0].opened_on

    def close(
        self, spell: CounsellingSpell, result: CounsellingResult, on: date, *, last_contact: date | None = None,
    ) -> None:
        """Its last spell has ended, with this result; its notes are kept for three years from the last contact on."""
        self.refuse_closed()
        self._end(spell, result, on, last_contact=last_contact)
        self.state = CaseState.CLOSED

    def correct_closing(
        self, spells: Sequence[CounsellingSpell], result: CounsellingResult | None, on: date | None, *,
        last_contact: date | None = None,
    ) -> None:
        """What was noted of its last closing was wrong; None: that was right. last_contact: until then."""
        spell, again = last_closed(spells), spells[-1]
        if again is not spell and on is not None and on >= again.said_opened_on:
            raise Invalid("case-came-again", "They had come again by this day; the case was closed before it.",
                          field="closed_on")
        self._end(spell, result or spell.result, on or spell.closed_on or spell.opened_on, last_contact=last_contact)
        self.result, self.closed_on = again.result, again.closed_on

    def withdraw_closing(self, spells: Sequence[CounsellingSpell]) -> CounsellingSpell:
        """Its last closing was a mistake: returns the spell that goes on as if nothing was.

        What began when they came again after it is a part of that spell, and no spell of its own.
        """
        spell = last_closed(spells)
        self.state = CaseState.OPEN if spell is spells[0] else CaseState.REOPENED
        self.result = self.closed_on = spell.result = spell.closed_on = None
        return spell

    def reopen(self, last: CounsellingSpell, on: date) -> CounsellingSpell:
        """They have come again: another spell; on the day of the closing the last one goes on as if nothing was."""
        if self.is_open:
            raise Refused("case-open", "There is an open case of this person already.")
        self.state, self.result, self.closed_on = CaseState.REOPENED, None, None
        if last.closed_on is not None and last.closed_on < on:
            return self._spell(on)
        last.result, last.closed_on = None, None
        return last

    def refuse_closed(self) -> None:
        """What is closed is not changed any more."""
        if not self.is_open:
            raise Refused("case-closed", "The case is closed; reopen it first.")

    def refuse_deleted(self, day: date) -> None:
        """Nothing of a case is told any more once its notes are to be deleted."""
        if self.closed_on is not None and day >= self.closed_on + KEPT:
            raise Refused("case-deleted", "What was noted of this case has been deleted.")

    def forget(self) -> None:
        """What was kept of a closed case word for word goes; what figures count stays."""
        self.origin = None

    def erase(self, last: CounsellingSpell, day: date) -> None:
        """Blank what can be read of the person; that there was a case, and the region of the world, stays counted."""
        if self.is_open:
            # A clock may have been set back meanwhile.
            self.state, self.closed_on = CaseState.CLOSED, max(day, last.opened_on)
            last.closed_on = self.closed_on
        self.forget()
        self.languages, self.gender, self.age_band = [], Gender.NOT_STATED, None

    def _end(
        self, spell: CounsellingSpell, result: CounsellingResult | None, on: date, *, last_contact: date | None,
    ) -> None:
        if on < max(spell.opened_on, last_contact or spell.opened_on):
            raise _odd_day("closed_on")
        self.said_opened_on = min(self.said_opened_on or self.opened_on, on)
        spell.said_opened_on = min(spell.said_opened_on, on)
        self.result, self.closed_on = spell.result, spell.closed_on = result, on

    def _spell(self, day: date, spell_id: UUID | None = None) -> CounsellingSpell:
        return CounsellingSpell(
            id=spell_id or uuid7(), counselling_case_id=self.id, region=self.region, partner_id=self.partner_id,
            opened_on=day, said_opened_on=day)


def last_closed(spells: Sequence[CounsellingSpell]) -> CounsellingSpell:
    """The spell that was closed last, whether or not they have come again since."""
    closed = [spell for spell in spells if spell.closed_on is not None]
    if not closed:
        raise Refused("case-not-closed", "The case has not been closed yet.")
    return closed[-1]


def _odd_day(field: str) -> Invalid:
    return Invalid("case-day", "A case is not closed before the day on which it was opened or reopened, nor before that"
                   " of its last contact.", field=field)
