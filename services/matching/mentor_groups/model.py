"""A mentor group: its members and its home, and its way from first interest to a household it accompanies."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlalchemy.dialects.postgresql import JSONB

from libs.common.columns import code, moment, personal, plain
from libs.common.refusals import Invalid, Refused
from services.matching.profiles.model import Accompanying, Awaited, HeldBack, refuse_awaiting, refuse_unnoted
from services.matching.tables import Table


class GroupState(StrEnum):
    """Where a mentor group is; applied and listed are steps of programmes in which an authority chooses."""

    INTERESTED = "interested"
    FORMING = "forming"
    IN_PREPARATION = "in_preparation"
    READY = "ready"
    APPLIED = "applied"
    LISTED = "listed"
    MATCHED = "matched"
    ACCOMPANYING = "accompanying"
    COMPLETED = "completed"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


ENDED = frozenset({GroupState.COMPLETED, GroupState.REJECTED, GroupState.WITHDRAWN})
WITH_HOUSEHOLD = frozenset({GroupState.MATCHED, GroupState.ACCOMPANYING})
# While it is here, a prerequisite that falls away takes the group back to its preparation.
PREPARED = frozenset({GroupState.READY, GroupState.APPLIED, GroupState.LISTED})
BEFORE_HOUSEHOLD = frozenset(GroupState) - ENDED - WITH_HOUSEHOLD

NOBODY_LEFT = "nobody_left"


class MentorGroup(Accompanying, HeldBack, Table, table=True):
    """A group; it takes in one household at a time. Its rule set is the one of the day it registered interest.

    One that is held back stays in preparation, whatever its checklist says, until the coordinators say that it goes on;
    one that pauses stays where it is, and is proposed to nobody.
    """

    __tablename__ = "mentor_group"
    __table_args__ = (CheckConstraint("housing IS NULL OR jsonb_typeof(housing) = 'object'", name="housing"),)

    region: str = plain(index=True)
    partner_id: UUID | None = plain(None)
    programme_id: UUID = plain(index=True)
    label: str = plain()
    state: GroupState = code(GroupState, GroupState.INTERESTED)
    interested_on: date = plain()
    housing: dict[str, Any] | None = plain(None, sa_type=JSONB(none_as_null=True))
    housing_lapsed_on: date | None = plain(None)
    documents_seen: list[dict[str, Any]] = plain(default_factory=list, sa_type=JSONB)
    end_reason: str | None = personal(None)
    ready_at: datetime | None = moment(None)
    ended_at: datetime | None = moment(None)

    @property
    def capacity(self) -> int:
        """A group takes in one household at a time."""
        return 1

    def form(self) -> None:
        """The first talk was held; the group looks for its members."""
        self._move({GroupState.INTERESTED}, GroupState.FORMING)

    def prepare(self) -> None:
        """The group works through its checklist; it becomes ready by itself once nothing on it is open."""
        self._move({GroupState.INTERESTED, GroupState.FORMING}, GroupState.IN_PREPARATION)

    def check(self, *, everything_there: bool, now: datetime) -> bool:
        """Follow the checklist: ready once nothing is open, else in preparation. Returns whether it became ready.

        As long as it is held back it is in preparation.
        """
        prepared = everything_there and self.held_back_on is None
        if prepared and self.state is GroupState.IN_PREPARATION:
            self.state, self.ready_at = GroupState.READY, now
            return True
        if not prepared and self.state in PREPARED:
            self.state, self.ready_at = GroupState.IN_PREPARATION, None
        return False

    def apply(self, *, authority_chooses: bool) -> None:
        """The group has applied to the authority that chooses."""
        _only_with_authority(authority_chooses=authority_chooses)
        self._move({GroupState.READY}, GroupState.APPLIED)

    def list_for_placement(self, *, authority_chooses: bool) -> None:
        """The authority has put the group on its placement list."""
        _only_with_authority(authority_chooses=authority_chooses)
        self._move({GroupState.APPLIED}, GroupState.LISTED)

    def take_back(self) -> bool:
        """The application is taken back from the authority; returns whether there was one."""
        if self.state not in {GroupState.APPLIED, GroupState.LISTED}:
            return False
        self.state = GroupState.READY
        return True

    def match(self) -> None:
        """Both sides have accepted."""
        self.state = GroupState.MATCHED

    def unmatch(self) -> None:
        """What both had accepted came to nothing; the checklist says whether the group is ready."""
        if self.state is GroupState.MATCHED:
            self.state = GroupState.IN_PREPARATION

    def part(self) -> None:
        """Its tandem ended early; the checklist says whether the group is ready for another."""
        if self.state is GroupState.ACCOMPANYING:
            self.state = GroupState.IN_PREPARATION

    def hold_back(self, day: date, *, by: str | None = None, why: str | None = None) -> bool:
        """For somebody's safety nobody new, whatever is open, until the coordinators say so; as a mentor, True."""
        self.refuse_ended()
        self.note_held_back(day, by=by, why=why)
        return True

    def pause(self, day: date, *, awaited: Awaited | None) -> None:
        """No new household for now; its checklist goes on."""
        self.refuse_ended()
        self.begin_pause(day, awaited=awaited)

    def resume(self, *, by: str | None = None, why: str | None = None) -> None:
        """Held back no longer, for which the coordinators say why; else back from their own pause. The other stays.

        by: None: they themselves.
        """
        self.refuse_ended()
        if self.ends_holding_back(by, why):
            self.note_resumed(by, why)
        else:
            self.end_pause()

    def accompany(self) -> None:
        """A tandem begins."""
        self.state = GroupState.ACCOMPANYING

    def complete(self, now: datetime) -> None:
        """Its tandem came to its good end."""
        self._over(GroupState.COMPLETED, now)

    def reject(self, reason: str, now: datetime, *, awaited: Awaited | None) -> None:
        """The network, or the authority, does not take the group."""
        self._end(GroupState.REJECTED, reason, now, awaited=awaited)

    def withdraw(self, reason: str, now: datetime, *, awaited: Awaited | None) -> None:
        """The group does not go on."""
        self._end(GroupState.WITHDRAWN, reason, now, awaited=awaited)

    def dissolve(self, now: datetime) -> None:
        """Nobody is left in it."""
        if self.state not in ENDED:
            self._over(GroupState.WITHDRAWN, now)
            self.end_reason = NOBODY_LEFT

    def forget_end_reason(self) -> None:
        """The words for which it ended are kept no longer: they may tell of somebody who was erased."""
        self.end_reason = NOBODY_LEFT if self.end_reason == NOBODY_LEFT else None

    def refuse_ended(self) -> None:
        """What has ended is not changed any more."""
        if self.state in ENDED:
            raise Refused("group-ended", "The group is {state}; nothing about it is changed any more.",
                          state=self.state)

    def refuse_unless_available(self, *, authority_chooses: bool) -> None:
        """Only a group with nothing open on its checklist is invited; where an authority chooses, a listed one."""
        wanted = GroupState.LISTED if authority_chooses else GroupState.READY
        if self.state is not wanted:
            raise Refused("group-not-ready", "The group is {state}; only one that is {wanted} is invited.",
                          state=self.state, wanted=wanted)

    def hold_home(self, home: dict[str, Any], day: date) -> None:
        """The group has found a home, or another one; the landlord may keep it free for them until a day."""
        until = home.get("offered_until")
        if until and date.fromisoformat(until) < day:
            raise Invalid("housing-offer-over", "This day has passed; the landlord no longer keeps the home free.",
                          field="offered_until")
        if until and date.fromisoformat(until) < date.fromisoformat(home["available_from"]):
            raise Invalid("housing-offer-too-short", "A home is not kept free until a day before it becomes free.",
                          field="offered_until")
        self.housing, self.housing_lapsed_on = home, None

    @property
    def home_held_until(self) -> date | None:
        """Until when the landlord keeps the home free; None without a home or without such a day."""
        until = (self.housing or {}).get("offered_until")
        return date.fromisoformat(until) if until else None

    def lose_home(self, day: date) -> bool:
        """The landlord has kept the home free long enough; returns False when somebody lives there, or it is not so."""
        until = self.home_held_until
        if until is None or day <= until or self.state is GroupState.ACCOMPANYING or self.state in ENDED:
            return False
        self.housing, self.housing_lapsed_on = None, until
        return True

    def withdraw_home(self) -> None:
        """The home counts no longer, whatever day it was kept free until."""
        refuse_unnoted(noted=self.housing is not None)
        self.housing, self.housing_lapsed_on = None, None

    def note_document(self, document: str, seen_on: date, by: str) -> None:
        """A document was seen; seen again replaces what was noted."""
        others = [one for one in self.documents_seen if one["document"] != document]
        self.documents_seen = [*others, {"document": document, "seen_on": seen_on.isoformat(), "by": by}]

    def withdraw_document(self, document: str) -> None:
        """That a document was seen counts no longer."""
        others = [one for one in self.documents_seen if one["document"] != document]
        refuse_unnoted(noted=others != self.documents_seen)
        self.documents_seen = others

    def _end(self, state: GroupState, reason: str, now: datetime, *, awaited: Awaited | None) -> None:
        refuse_awaiting(awaited)
        self._move(BEFORE_HOUSEHOLD, state)
        self._over(state, now)
        self.end_reason = reason

    def _over(self, state: GroupState, now: datetime) -> None:
        self.state, self.ended_at, self.paused_on = state, now, None

    def _move(self, sources: frozenset[GroupState] | set[GroupState], target: GroupState) -> None:
        if self.state not in sources:
            raise Refused("group-state", "The group is {state}; that does not lead to {target}.",
                          state=self.state, target=target)
        self.state = target


def _only_with_authority(*, authority_chooses: bool) -> None:
    if not authority_chooses:
        raise Refused("no-authority", "In this programme no authority chooses; a ready group is proposed at once.")
