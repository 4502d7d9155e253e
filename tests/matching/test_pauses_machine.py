"""Whoever pauses, is held back, comes back or goes on, in whatever order: neither ends the other, as a machine tries.

Only the models and their rules, as the doors call them.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from libs.common.refusals import Refused
from services.matching.mentor_groups.model import GroupState, MentorGroup
from services.matching.mentors.model import AVAILABLE, Mentor, MentorState
from services.matching.profiles.model import Awaited

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
AWAITED = st.sampled_from([None, None, *Awaited])


def a_mentor() -> Mentor | MentorGroup:
    """A ready mentor."""
    return Mentor(region="15087", programme_id=uuid4(), person_ref=uuid4(), consented_on=NOW.date(),
                  state=MentorState.READY)


def a_group() -> Mentor | MentorGroup:
    """A ready group."""
    return MentorGroup(region="15087", programme_id=uuid4(), label="Gruppe", interested_on=NOW.date(),
                       state=GroupState.READY)


class Pauses(RuleBasedStateMachine):
    """A mentor or a group, and what everybody may say of their pauses; two marks are all that has to be remembered."""

    @initialize(mentor=st.booleans(), accompanied=st.booleans())
    def begin(self, *, mentor: bool, accompanied: bool) -> None:
        """They could be proposed."""
        self.unit = a_mentor() if mentor else a_group()
        if accompanied and isinstance(self.unit, Mentor):
            self.unit.accompany(NOW)
        self.own = self.held = False

    @rule(awaited=AWAITED)
    def pause(self, awaited: Awaited | None) -> None:
        """They want nobody new; not twice, and not while something is awaited, whether they are held back or not."""
        assert self.done(lambda: self.unit.pause(NOW.date(), awaited=awaited)) == (not self.own and awaited is None)
        self.own = self.own or awaited is None

    @rule(why=st.sampled_from([None, "something happened"]))
    def hold_back(self, why: str | None) -> None:
        """Always, also once more."""
        assert self.unit.hold_back(NOW.date(), by="coordinator", why=why)
        self.held = True

    @rule(by=st.sampled_from([None, "coordinator"]))
    def come_back(self, by: str | None) -> None:
        """Without a reason nothing but their own pause ends, whoever says so."""
        assert self.done(lambda: self.unit.resume(by=by)) == self.own
        self.own = False

    @rule()
    def give_a_reason_alone(self) -> None:
        """Nobody ends being held back by a reason of their own."""
        assert self.done(lambda: self.unit.resume(why="I feel better")) == self.own
        self.own = False

    @rule()
    def go_on(self) -> None:
        """With a reason coordinators end that they are held back, and only that; else their own pause."""
        assert self.done(lambda: self.unit.resume(by="coordinator", why="they talked")) == (self.own or self.held)
        self.own, self.held = self.own and self.held, False

    @rule(everything_there=st.booleans())
    def check(self, *, everything_there: bool) -> None:
        """A group's checklist goes on meanwhile."""
        if isinstance(self.unit, MentorGroup):
            self.unit.check(everything_there=everything_there, now=NOW)
            assert (self.unit.state is GroupState.READY) == (everything_there and not self.held)

    @invariant()
    def both_stand_as_they_were_said(self) -> None:
        """What is kept is what was said; who has neither is to be had, as they were before."""
        if not hasattr(self, "unit"):
            return
        assert ((self.unit.paused_on is not None), (self.unit.held_back_on is not None)) == (self.own, self.held)
        if isinstance(self.unit, Mentor):
            to_be_had = self.unit.state in AVAILABLE
            assert to_be_had == (not self.own and not self.held)
            assert self.unit.pauses == self.own
            assert not to_be_had or (self.unit.state is MentorState.ACTIVE) == bool(self.unit.active_since)

    @staticmethod
    def done(what: Callable[[], object]) -> bool:
        """Whether it was not refused."""
        try:
            what()
        except Refused:
            return False
        return True


TestPauses = Pauses.TestCase
TestPauses.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
