"""A tandem: on trial until both sides consent, then active, and one day completed or ended early."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY

from libs.common.clock import day_of
from libs.common.codes.lists import TandemKind
from libs.common.columns import code, moment, personal, plain
from libs.common.facts.matching import Side
from libs.common.refusals import Invalid, Refused
from services.matching.tables import Table


class TandemState(StrEnum):
    """Where a tandem is."""

    TRIAL = "trial"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    ENDED_EARLY = "ended_early"


class EndReason(StrEnum):
    """Why a tandem ended."""

    GOAL_REACHED = "goal_reached"
    TERM_OVER = "term_over"
    MOVED = "moved"
    LOST_CONTACT = "lost_contact"
    CONFLICT = "conflict"
    MENTOR_UNAVAILABLE = "mentor_unavailable"
    HOUSEHOLD_WISH = "household_wish"
    SAFEGUARDING = "safeguarding"
    OTHER = "other"


RUNNING = frozenset({TandemState.TRIAL, TandemState.ACTIVE, TandemState.PAUSED})
_RUNNING = text("state IN ('trial', 'active', 'paused')")


class Tandem(Table, table=True):
    """A household and who accompanies it. Partial unique indexes hold one running tandem per household, and group.

    obstacles: hard codes that stand between the two since one of them has changed; a tandem never ends by itself.
    former_project_ids: for which it counted before, the latest last: what lies in their terms alone still does.
    started_for, completed_for: the projects for which its beginning and its good end count.
    """

    __table_args__ = (
        CheckConstraint("(mentor_id IS NULL) <> (mentor_group_id IS NULL)", name="one_unit"),
        Index("uq_tandem_running_household", "household_id", unique=True, postgresql_where=_RUNNING),
        Index("uq_tandem_running_group", "mentor_group_id", unique=True, postgresql_where=_RUNNING),
    )

    proposal_id: UUID = plain(unique=True, foreign_key="proposal.id")
    region: str = plain(index=True)
    programme_id: UUID = plain()
    project_id: UUID | None = plain(None)
    former_project_ids: list[UUID] = plain(
        default_factory=list, sa_type=ARRAY(Uuid), column={"server_default": "{}"})
    started_for: UUID | None = plain(None)
    completed_for: UUID | None = plain(None)
    household_id: UUID = plain(index=True, foreign_key="household.id")
    mentor_id: UUID | None = plain(None, index=True, foreign_key="mentor.id")
    mentor_group_id: UUID | None = plain(None, index=True, foreign_key="mentor_group.id")
    kind: TandemKind = code(TandemKind)
    state: TandemState = code(TandemState, TandemState.TRIAL)
    goals: list[str] = personal(default_factory=list, sa_type=ARRAY(Text))
    obstacles: list[str] = personal(default_factory=list, sa_type=ARRAY(Text), column={"server_default": "{}"})
    started_at: datetime = moment()
    trial_until: datetime = moment()
    planned_until: date = plain()
    mentors_consented_at: datetime | None = moment(None)
    household_consented_at: datetime | None = moment(None)
    confirmed_at: datetime | None = moment(None)
    agreement_signed_on: date | None = plain(None)
    ended_at: datetime | None = moment(None)
    end_reason: EndReason | None = code(EndReason, None)

    @property
    def unit_id(self) -> UUID:
        """The mentor or group."""
        found = self.mentor_id or self.mentor_group_id
        assert found is not None  # noqa: S101 - the check constraint says so
        return found

    @property
    def started_on(self) -> date:
        """The day on which it began."""
        return day_of(self.started_at)

    @property
    def completed_on(self) -> date | None:
        """The day on which it came to its good end, if it has."""
        return day_of(self.ended_at) if self.ended_at and self.state is TandemState.COMPLETED else None

    @property
    def project_ids(self) -> list[UUID]:
        """The projects for which something of it may count, the latest last."""
        return [*self.former_project_ids, *([self.project_id] if self.project_id else [])]

    def consent(self, side: Side, now: datetime) -> bool:
        """A side wants to go on after the trial; returns whether the other had said so: then the tandem is active."""
        self._only({TandemState.TRIAL}, "confirmed")
        if now < self.trial_until:
            raise Refused("trial-not-over", "The trial is not over yet; after it both sides say whether to go on.")
        if self.consented_at(side):
            raise Refused("consent-given", "Your side has consented already.")
        setattr(self, "mentors_consented_at" if side is Side.MENTORS else "household_consented_at", now)
        if not (self.mentors_consented_at and self.household_consented_at):
            return False
        self.state, self.confirmed_at = TandemState.ACTIVE, now
        return True

    def is_trial_over(self, now: datetime) -> bool:
        """Whether both sides are to say if they go on."""
        return self.state is TandemState.TRIAL and now >= self.trial_until

    def refuse_unless_trial(self) -> None:
        """Only while it is on trial a side may say by itself that it ends."""
        self._only({TandemState.TRIAL}, "refused")

    def consented_at(self, side: Side) -> datetime | None:
        """When a side consented, if it did."""
        return self.mentors_consented_at if side is Side.MENTORS else self.household_consented_at

    def sign(self, on: date) -> None:
        """Both have signed their agreement."""
        self.refuse_ended()
        self.agreement_signed_on = on

    def plan(self, until: date, goals: list[str], project_id: UUID | None) -> None:
        """How long it is to last, what for, and for which project it counts; for none any more, when that is gone.

        For which project it counts may be put right once it has ended, too.
        """
        if (until, goals) != (self.planned_until, self.goals):
            self.refuse_ended()
        self.planned_until, self.goals = until, goals
        if project_id != self.project_id:
            self.former_project_ids = [one for one in self.project_ids if one != project_id] if project_id else []
            self.project_id = project_id

    def begin_otherwise(self, at: datetime, first: date | None) -> None:
        """It began at another time than was entered; not after `first`, when they had met or signed already."""
        self.refuse_ended()
        if first and day_of(at) > first:
            raise Invalid("began-too-late", "They had met, or signed their agreement, on {day}: it began by then.",
                          field="started_on", day=first.isoformat())
        self.started_at = at

    def pause(self) -> None:
        """It rests for a while."""
        self._only({TandemState.ACTIVE}, "paused")
        self.state = TandemState.PAUSED

    def resume(self) -> None:
        """It goes on."""
        self._only({TandemState.PAUSED}, "resumed")
        self.state = TandemState.ACTIVE

    def complete(self, reason: EndReason, now: datetime) -> None:
        """It came to its good end, with a closing talk."""
        self._only({TandemState.ACTIVE, TandemState.PAUSED}, "completed")
        self.state, self.end_reason, self.ended_at = TandemState.COMPLETED, reason, now

    def end_early(self, reason: EndReason, now: datetime) -> None:
        """It ends before its time, also while on trial."""
        self._only(RUNNING, "ended")
        self.state, self.end_reason, self.ended_at = TandemState.ENDED_EARLY, reason, now

    def refuse_ended(self) -> None:
        """What has ended is not changed any more."""
        self._only(RUNNING, "changed")

    def forget(self) -> None:
        """Blank what it tells about the two; what an erasure does."""
        self.goals, self.obstacles = [], []

    def _only(self, states: set[TandemState] | frozenset[TandemState], done: str) -> None:
        if self.state not in states:
            raise Refused("tandem-state", "The tandem is {state}; it cannot be {done} now.",
                          state=self.state, done=done)
