"""A check-in: one side of a tandem is asked how it goes; who does not answer is looked after by the coordinator."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, UniqueConstraint

from libs.common.columns import code, moment, personal, plain, sealed
from libs.common.facts.matching import Side
from libs.common.refusals import Refused
from services.matching.profiles.rules import days_later
from services.matching.tables import Table
from services.matching.tandems.rules import DAYS_AFTER_TRIAL

ANSWER_WITHIN = timedelta(days=14)
SEALED_NOTE = "checkin.note"


class CheckinState(StrEnum):
    """Where a check-in is; escalated: missed, and on the coordinator's list; dropped: nobody is asked.

    handled: the coordinator has looked after a missed one; its side may answer all the same.
    """

    PLANNED = "planned"
    DUE = "due"
    DONE = "done"
    ESCALATED = "escalated"
    HANDLED = "handled"
    DROPPED = "dropped"


UNSETTLED = frozenset({CheckinState.PLANNED, CheckinState.DUE, CheckinState.ESCALATED})
ANSWERABLE = UNSETTLED - {CheckinState.PLANNED} | {CheckinState.HANDLED}


class Checkin(Table, table=True):
    """One talk with one side. Whether that side raised an issue does not stand here: only the neutral contact knows."""

    __table_args__ = (
        UniqueConstraint("tandem_id", "day", "side"),
        CheckConstraint("mood BETWEEN 1 AND 5", name="mood"),
    )

    tandem_id: UUID = plain(foreign_key="tandem.id")
    region: str = plain(index=True)
    side: Side = code(Side)
    day: int = plain()
    due_at: datetime = moment()
    state: CheckinState = code(CheckinState, CheckinState.PLANNED)
    mood: int | None = personal(None)
    meetings_since: int | None = personal(None)
    language: str | None = personal(None)
    interpreter: bool | None = personal(None)
    note: bytes | None = sealed("special")
    answered_by: UUID | None = personal(None)
    recorded_by: str | None = plain(None)
    done_at: datetime | None = moment(None)
    escalated_at: datetime | None = moment(None)
    handled_by: str | None = plain(None)
    changed_at: datetime = moment()

    def comes_after(self, trial_until: datetime) -> bool:
        """Whether it is the one that asks besides whether to go on after the trial."""
        return trial_until <= self.due_at <= days_later(trial_until, DAYS_AFTER_TRIAL)

    def fall_due(self, now: datetime) -> bool:
        """It is time to ask; returns False when it has become moot."""
        if self.state is not CheckinState.PLANNED:
            return False
        self.state, self.changed_at = CheckinState.DUE, now
        return True

    def miss(self, now: datetime) -> bool:
        """Nobody answered in time: it goes on the coordinator's list; returns False when somebody had."""
        if self.state is not CheckinState.DUE:
            return False
        self.state, self.escalated_at, self.changed_at = CheckinState.ESCALATED, now, now
        return True

    @property
    def never_asks(self) -> bool:
        """Whether nobody is asked on its day: dropped, or answered before in a talk with a coordinator."""
        return self.state is CheckinState.DROPPED or (
            self.recorded_by is not None and self.done_at is not None and self.done_at < self.due_at)

    def is_asked(self, *, ended: bool = False, in_talk: bool = False) -> bool:
        """Whether an answer is taken: once it was asked, until it is answered or its tandem has ended.

        in_talk: with a coordinator, who may also hold it before its day.
        """
        return self.state in (UNSETTLED | ANSWERABLE if in_talk else ANSWERABLE) and not ended

    def answer(
        self, *, mood: int | None, meetings_since: int | None, now: datetime, ended: bool = False,
        in_talk: bool = False,
    ) -> None:
        """The side says how it goes, or rather not; a late answer counts too, not one after the tandem's end.

        Anybody may leave the mood out, so that a missing one does not tell that there is an issue.
        """
        if not self.is_asked(ended=ended, in_talk=in_talk):
            raise Refused("checkin-answered", "This has been answered already, or is not asked any more.")
        self.mood, self.meetings_since = mood, meetings_since
        self.state, self.done_at, self.changed_at = CheckinState.DONE, now, now

    def held(self, by: str, *, language: str | None, interpreter: bool | None) -> None:
        """It was a talk with a coordinator: in which language, and whether somebody interpreted, as far as is said."""
        self.recorded_by, self.language, self.interpreter = by, language, interpreter

    def handle(self, by: str, now: datetime) -> None:
        """The coordinator has looked after a missed one."""
        if self.state is not CheckinState.ESCALATED:
            raise Refused("checkin-not-escalated", "This check-in is {state}; only a missed one is looked after.",
                          state=self.state)
        self.state, self.handled_by, self.changed_at = CheckinState.HANDLED, by, now

    def ask_anew(self, now: datetime) -> bool:
        """Somebody else speaks for its side: they are asked, and have as long; returns False when nobody was."""
        if self.state is not CheckinState.DUE:
            return False
        self.state, self.changed_at = CheckinState.PLANNED, now
        return True

    def plan_again(self, now: datetime) -> bool:
        """Its side consents to be asked after all; returns False when it was not dropped, or its day has passed.

        What had passed before the clock was set back has passed.
        """
        if self.state is not CheckinState.DROPPED or self.due_at <= max(now, self.changed_at):
            return False
        self.state, self.changed_at = CheckinState.PLANNED, now
        return True

    def drop(self, now: datetime) -> None:
        """Its tandem has ended, or its side does not consent to be asked: nobody is asked."""
        if self.state in UNSETTLED:
            was_asked = self.state is not CheckinState.PLANNED
            self.state, self.changed_at = CheckinState.DROPPED, max(now, self.due_at) if was_asked else now

    def rest(self, now: datetime) -> None:
        """Its tandem rests: whether somebody is asked on that day has changed."""
        self.changed_at = now

    def go_on(self, now: datetime) -> None:
        """Its tandem goes on: what fell into the pause is asked now, and so is what could not be answered in time."""
        self.changed_at = now
        if self.state is CheckinState.DUE and now >= self.due_at + ANSWER_WITHIN:
            self.state = CheckinState.PLANNED
        if self.state is CheckinState.PLANNED:
            self.due_at = max(self.due_at, now)

    def forget(self) -> None:
        """Blank what it tells about a person; what an erasure does."""
        self.mood = self.meetings_since = self.note = self.language = self.interpreter = None
