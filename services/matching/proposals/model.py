"""A proposal: a pair that a run found, from the coordinator's approval to the first meeting."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from libs.common.columns import code, moment, personal, plain
from libs.common.facts.matching import Side
from libs.common.refusals import Invalid, Refused
from services.matching.tables import Table

ANSWER_WITHIN = timedelta(days=7)


class ProposalState(StrEnum):
    """Where a proposal is; tandem: it has become one."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    DISMISSED = "dismissed"
    INVITED = "invited"
    ACCEPTED_ONE = "accepted_one"
    ACCEPTED_BOTH = "accepted_both"
    FIRST_MEETING = "first_meeting"
    DECLINED = "declined"
    EXPIRED = "expired"
    TANDEM = "tandem"


class DeclineReason(StrEnum):
    """Why a side does not want to."""

    NO_TIME = "no_time"
    DISTANCE = "distance"
    LANGUAGE = "language"
    WISH_NOT_MET = "wish_not_met"
    PREFERS_OTHER = "prefers_other"
    ALREADY_MATCHED = "already_matched"
    PERSONAL = "personal"
    NO_REASON_GIVEN = "no_reason_given"


class DismissReason(StrEnum):
    """Why they are not invited; those of OF_SYSTEM are said by the system alone. NOT_BARRING: they may come again."""

    NOT_SUITABLE = "not_suitable"
    CONFLICT = "conflict"
    OTHER_PLAN = "other_plan"
    COMPUTED_ANEW = "computed_anew"
    POSTPONED = "postponed"
    AUTHORITY_DECIDED_OTHERWISE = "authority_decided_otherwise"
    NO_LONGER_AVAILABLE = "no_longer_available"
    NO_LONGER_FITS = "no_longer_fits"


class ApproveReason(StrEnum):
    """Why a coordinator wants these two brought together; none: they followed what was proposed without a word."""

    WAITED_LONGEST = "waited_longest"
    WISH_OF_BOTH = "wish_of_both"
    KNOWN_TO_FIT = "known_to_fit"
    AUTHORITY_DECIDED = "authority_decided"
    OTHER = "other"


OF_SYSTEM = frozenset({DismissReason.NO_LONGER_AVAILABLE, DismissReason.NO_LONGER_FITS})
NOT_BARRING = OF_SYSTEM | {DismissReason.COMPUTED_ANEW, DismissReason.POSTPONED}
PENDING = frozenset({ProposalState.PROPOSED, ProposalState.APPROVED})
ANSWERABLE = frozenset({ProposalState.INVITED, ProposalState.ACCEPTED_ONE})
# Both sides have said yes: a place is promised.
FIRM = frozenset({ProposalState.ACCEPTED_BOTH, ProposalState.FIRST_MEETING})
# A place is held, and the household is asked nothing else.
OPEN = ANSWERABLE | FIRM
_OPEN = text("state IN ('invited', 'accepted_one', 'accepted_both', 'first_meeting')")
_LIVE = text("state IN ('proposed', 'approved', 'invited', 'accepted_one', 'accepted_both', 'first_meeting')")


class Proposal(Table, table=True):
    """A pair with its points and reasons. Unique indexes hold one live proposal per household, one open per group.

    points: by criterion, together the score; shared: what the reasons are told from whenever somebody reads them;
    reasons and besides: as they were told when they were still written down, by older versions; unit_price: what one
    more place there would have added to the whole run; pinned: who started the run wanted this pair. Without a run a
    coordinator proposed them; the price is then what the place is worth to those who are yet to come. obstacles: hard
    codes that stand between the two since one of them has changed. weights_version: of one without a run. unreached:
    persons whose invitation did not arrive, or who have no mail address; a side was not reached once that is true of
    all who speak for it. approved_reason: None where nobody gave one. …_answer_noted_by: which coordinator noted what a
    side said; None: it answered by its link.
    """

    __table_args__ = (
        CheckConstraint("(mentor_id IS NULL) <> (mentor_group_id IS NULL)", name="one_unit"),
        Index("uq_proposal_live_household", "household_id", unique=True, postgresql_where=_LIVE),
        Index("uq_proposal_open_group", "mentor_group_id", unique=True, postgresql_where=_OPEN),
    )

    run_id: UUID | None = plain(None, index=True, foreign_key="run.id")
    region: str = plain(index=True)
    programme_id: UUID = plain()
    household_id: UUID = plain(index=True, foreign_key="household.id")
    mentor_id: UUID | None = plain(None, index=True, foreign_key="mentor.id")
    mentor_group_id: UUID | None = plain(None, index=True, foreign_key="mentor_group.id")
    state: ProposalState = code(ProposalState, ProposalState.PROPOSED)
    score: int = plain()
    bonus: int = plain(0)
    worth: int = plain(0)
    unit_price: int = plain(0)
    pinned: bool = plain(default=False, column={"server_default": "false"})
    weights_version: str | None = plain(None)
    points: dict[str, int] = personal(default_factory=dict, sa_type=JSONB)
    reasons: list[dict[str, Any]] = personal(default_factory=list, sa_type=JSONB)
    besides: dict[str, list[str]] = personal(default_factory=dict, sa_type=JSONB)
    shared: dict[str, Any] = personal(default_factory=dict, sa_type=JSONB)
    obstacles: list[str] = personal(default_factory=list, sa_type=ARRAY(Text), column={"server_default": "{}"})
    next_best: dict[str, Any] | None = plain(None, sa_type=JSONB(none_as_null=True))
    proposed_by: str | None = plain(None)
    proposed_reason: ApproveReason | None = code(ApproveReason, None)
    approved_by: str | None = plain(None)
    approved_at: datetime | None = moment(None)
    approved_reason: ApproveReason | None = code(ApproveReason, None)
    decided_on: date | None = plain(None)
    decision_reference: str | None = plain(None)
    dismissed_reason: DismissReason | None = code(DismissReason, None)
    dismissed_by: str | None = plain(None)
    invited_by: str | None = plain(None)
    invited_at: datetime | None = moment(None)
    expires_at: datetime | None = moment(None)
    mentors_accepted_at: datetime | None = moment(None)
    household_accepted_at: datetime | None = moment(None)
    mentors_answer_noted_by: str | None = plain(None)
    household_answer_noted_by: str | None = plain(None)
    mentors_not_reached_since: datetime | None = moment(None)
    household_not_reached_since: datetime | None = moment(None)
    unreached: list[str] = personal(default_factory=list, sa_type=ARRAY(Text), column={"server_default": "{}"})
    declined_side: Side | None = code(Side, None)
    declined_reason: DeclineReason | None = code(DeclineReason, None)
    first_meeting_on: date | None = plain(None)
    ended_at: datetime | None = moment(None)

    @property
    def unit_id(self) -> UUID:
        """The mentor or group."""
        found = self.mentor_id or self.mentor_group_id
        assert found is not None  # noqa: S101 - the check constraint says so
        return found

    @property
    def stands_approved(self) -> bool:
        """Whether it was approved, and has not come to nothing since."""
        return self.state in OPEN | {ProposalState.APPROVED, ProposalState.TANDEM}

    def approve(
        self, by: str, now: datetime, *, authority_chooses: bool, decided_on: date | None, reference: str | None,
        reason: ApproveReason | None = None,
    ) -> None:
        """The coordinator approves; where an authority chooses, its decision is what is recorded."""
        if authority_chooses and (decided_on is None or reference is None):
            raise Invalid("decision-missing", "In this programme an authority chooses; record its decision.",
                          field="decision")
        self._move({ProposalState.PROPOSED}, ProposalState.APPROVED)
        self.approved_by, self.approved_at, self.approved_reason = by, now, reason
        self.decided_on, self.decision_reference = decided_on, reference

    def dismiss(self, reason: DismissReason, now: datetime, by: str | None = None) -> None:
        """The coordinator, or without `by` the system, does not bring them together."""
        self._move(PENDING, ProposalState.DISMISSED)
        self.dismissed_reason, self.dismissed_by, self.ended_at = reason, by, now

    def invite(self, now: datetime, by: str) -> datetime:
        """Ask both sides; returns until when they may answer. A place is held meanwhile."""
        self._move({ProposalState.APPROVED}, ProposalState.INVITED)
        self.invited_by, self.invited_at, self.expires_at = by, now, now + ANSWER_WITHIN
        return self.expires_at

    def accept(self, side: Side, now: datetime) -> bool:
        """A side says yes; returns whether the other had said so before."""
        self._refuse_unless_answerable()
        if self.accepted_at(side):
            raise Refused("invitation-answered", "Your side has accepted this invitation already.")
        if self.expires_at is not None and now >= self.expires_at:
            raise Refused("invitation-over", "This invitation is over; it can no longer be answered.")
        setattr(self, f"{_SIDES[side]}_accepted_at", now)
        setattr(self, f"{_SIDES[side]}_not_reached_since", None)
        both = self.state is ProposalState.ACCEPTED_ONE
        self.state = ProposalState.ACCEPTED_BOTH if both else ProposalState.ACCEPTED_ONE
        return both

    def miss(self, side: Side, gone: Collection[UUID], speaking: Collection[UUID], now: datetime) -> None:
        """The invitation reaches none of `gone`: nor the side, once there is nobody else of those who speak for it.

        Told late it counts too, but not of a side that has answered, or whose answer nobody waited for to the end.
        """
        if self.state not in ANSWERABLE | {ProposalState.EXPIRED} or self.accepted_at(side):
            return
        self.unreached = sorted({*self.unreached, *map(str, gone)})
        if self.not_reached_since(side) is None and {str(one) for one in speaking} <= set(self.unreached):
            setattr(self, f"{_SIDES[side]}_not_reached_since", now)

    def ask_anew(self, side: Side) -> bool:
        """Somebody else speaks for a side; returns whether it has still to answer. Whom it did not reach is past."""
        if self.state not in ANSWERABLE or self.accepted_at(side):
            return False
        setattr(self, f"{_SIDES[side]}_not_reached_since", None)
        return True

    def not_reached_since(self, side: Side) -> datetime | None:
        """Since when it is known that the invitation did not reach a side, if it did not."""
        return self.mentors_not_reached_since if side is Side.MENTORS else self.household_not_reached_since

    def decline(self, side: Side, reason: DeclineReason | None, now: datetime) -> None:
        """A side says no, also after it has accepted or after they have met; the pair does not come back.

        Without a reason: it takes part no longer.
        """
        if self.state not in OPEN:
            raise Refused("invitation-over", "This invitation is over; it can no longer be answered.")
        self.state, self.ended_at = ProposalState.DECLINED, now
        self.declined_side, self.declined_reason = side, reason

    def note_answer_by(self, side: Side, by: str) -> None:
        """What a side just answered was told to a coordinator, who noted it."""
        setattr(self, f"{_SIDES[side]}_answer_noted_by", by)

    def expire(self, now: datetime) -> bool:
        """Not both have answered in time; returns False when they had, or it was over before."""
        if self.state not in ANSWERABLE:
            return False
        self.state, self.ended_at = ProposalState.EXPIRED, now
        return True

    def meet(self, on: date) -> None:
        """They have met for the first time."""
        self._move({ProposalState.ACCEPTED_BOTH}, ProposalState.FIRST_MEETING)
        self.first_meeting_on = on

    def become_tandem(self, now: datetime) -> None:
        """Both want to try it."""
        self._move({ProposalState.FIRST_MEETING}, ProposalState.TANDEM)
        self.ended_at = now

    def accepted_at(self, side: Side) -> datetime | None:
        """When a side said yes, if it did."""
        return self.mentors_accepted_at if side is Side.MENTORS else self.household_accepted_at

    def forget(self) -> None:
        """Blank what the reasons tell about the persons; what an erasure does."""
        self.points, self.reasons, self.besides, self.shared, self.obstacles = {}, [], {}, {}, []
        self.unreached = []

    def _refuse_unless_answerable(self) -> None:
        if self.state in FIRM:
            raise Refused("invitation-answered", "Your side has accepted this invitation already.")
        if self.state not in ANSWERABLE:
            raise Refused("invitation-over", "This invitation is over; it can no longer be answered.")

    def _move(self, sources: frozenset[ProposalState] | set[ProposalState], target: ProposalState) -> None:
        if self.state not in sources:
            raise Refused("proposal-state", "The proposal is {state}; that does not lead to {target}.",
                          state=self.state, target=target)
        self.state = target


_SIDES = {Side.MENTORS: "mentors", Side.HOUSEHOLD: "household"}


def refuse_full(taken: int, capacity: int) -> None:
    """A place is never given twice."""
    if taken >= capacity:
        raise Refused("slot-taken", "All {capacity} places of this mentor or group are taken by now.",
                      capacity=capacity)
