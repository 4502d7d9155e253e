"""Whatever is decided in whatever order, no place is given twice and every state fits every other: a machine tries.

Only the models and their rules, as the doors call them; test_proposals_walk.py does the same through the doors.
"""

import contextlib
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)

from libs.common.codes.lists import TandemKind
from libs.common.facts.matching import Side
from libs.common.refusals import Refused
from services.matching.households.model import Household, HouseholdState
from services.matching.mentor_groups.model import GroupState, MentorGroup
from services.matching.mentors.model import AVAILABLE, Mentor, MentorState
from services.matching.profiles.model import Awaited
from services.matching.proposals.model import (
    ANSWERABLE,
    FIRM,
    OPEN,
    PENDING,
    DeclineReason,
    DismissReason,
    Proposal,
    refuse_full,
)
from services.matching.tandems.model import RUNNING, EndReason, Tandem, TandemState

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PROGRAMME = uuid4()
SIDES = st.sampled_from(Side)


def a_mentor(capacity: int) -> Mentor:
    """A ready mentor."""
    return Mentor(region="15087", programme_id=PROGRAMME, person_ref=uuid4(), consented_on=NOW.date(),
                  state=MentorState.READY, capacity=capacity, record_next_due=NOW.date() + timedelta(days=900))


def a_household() -> Household:
    """A household that waits."""
    return Household(region="15087", programme_id=PROGRAMME, person_ref=uuid4(), registered_by="test",
                     state=HouseholdState.WAITING, consented_on=NOW.date(), waiting_since=NOW)


class Matching(RuleBasedStateMachine):
    """Two mentors, a group and five households, and everything that can be decided about them."""

    proposals: Bundle[Proposal] = Bundle("proposals")
    tandems: Bundle[Tandem] = Bundle("tandems")

    @initialize(target=proposals)
    def begin(self) -> MultipleResults[Proposal]:
        """Everyone is ready, or waits."""
        self.now = NOW
        group = MentorGroup(region="15087", programme_id=PROGRAMME, label="Gruppe", interested_on=NOW.date(),
                            state=GroupState.READY)
        self.units: dict[UUID, Mentor | MentorGroup] = {
            one.id: one for one in (a_mentor(1), a_mentor(2), group)}
        self.households = {one.id: one for one in (a_household() for _ in range(5))}
        self.all_proposals: list[Proposal] = []
        self.all_tandems: list[Tandem] = []
        self.barred: set[tuple[UUID, UUID]] = set()
        return multiple()

    def taken(self, unit: UUID, states: frozenset[object] = frozenset(OPEN), besides: UUID | None = None) -> int:
        """The places that are taken, or promised."""
        return (sum(one.unit_id == unit and one.state in states and one.id != besides for one in self.all_proposals)
                + sum(one.unit_id == unit and one.state in RUNNING for one in self.all_tandems))

    def available(self, unit: Mentor | MentorGroup) -> None:
        """Refuse who is not to be had."""
        if isinstance(unit, Mentor):
            unit.refuse_unless_available(self.now.date())
        else:
            unit.refuse_unless_available(authority_chooses=False)

    def part(self, proposal: Proposal) -> None:
        """The pair does not come about."""
        self.barred.add((proposal.household_id, proposal.unit_id))
        self.households[proposal.household_id].release()
        unit = self.units[proposal.unit_id]
        if isinstance(unit, MentorGroup):
            unit.unmatch()
            unit.check(everything_there=True, now=self.now)

    @rule(target=proposals, household=st.integers(0, 4), unit=st.integers(0, 2))
    def propose(self, household: int, unit: int) -> MultipleResults[Proposal] | Proposal:
        """A run proposes who waits to who is to be had, unless the pair is barred."""
        one, other = list(self.households.values())[household], list(self.units.values())[unit]
        there = other.state in AVAILABLE if isinstance(other, Mentor) else other.state is GroupState.READY
        if one.state is not HouseholdState.WAITING or not there or (one.id, other.id) in self.barred:
            return multiple()
        proposal = Proposal(
            run_id=uuid4(), region="15087", programme_id=PROGRAMME, household_id=one.id, score=1,
            mentor_id=other.id if isinstance(other, Mentor) else None,
            mentor_group_id=other.id if isinstance(other, MentorGroup) else None)
        one.state = HouseholdState.PROPOSED
        self.all_proposals.append(proposal)
        return proposal

    @rule(proposal=proposals)
    def approve_and_invite(self, proposal: Proposal) -> None:
        """The coordinator puts it to both sides, if there is a place."""
        with contextlib.suppress(Refused):
            proposal.approve("coordinator", self.now, authority_chooses=False, decided_on=None, reference=None)
        with contextlib.suppress(Refused):
            unit = self.units[proposal.unit_id]
            refuse_full(self.taken(unit.id), unit.capacity)
            self.available(unit)
            proposal.invite(self.now, "coordinator")

    @rule(proposal=proposals)
    def dismiss(self, proposal: Proposal) -> None:
        """The coordinator does not."""
        with contextlib.suppress(Refused):
            proposal.dismiss(DismissReason.CONFLICT, self.now)
            self.households[proposal.household_id].release()
            self.barred.add((proposal.household_id, proposal.unit_id))

    @rule(proposal=proposals, side=SIDES)
    def accept(self, proposal: Proposal, side: Side) -> None:
        """A side says yes."""
        unit = self.units[proposal.unit_id]
        with contextlib.suppress(Refused):
            refuse_full(self.taken(unit.id, frozenset(FIRM), proposal.id), unit.capacity)
            self.available(unit)
            if proposal.accept(side, self.now) and isinstance(unit, MentorGroup):
                unit.match()

    @rule(proposal=proposals, side=SIDES)
    def decline(self, proposal: Proposal, side: Side) -> None:
        """A side says no."""
        with contextlib.suppress(Refused):
            proposal.decline(side, DeclineReason.PERSONAL, self.now)
            self.part(proposal)

    @rule(days=st.integers(1, 8))
    def days_pass(self, days: int) -> None:
        """What nobody answered in time is over."""
        self.now += timedelta(days=days)
        for proposal in self.all_proposals:
            if proposal.expires_at and proposal.expires_at <= self.now and proposal.expire(self.now):
                self.part(proposal)

    @rule(target=tandems, proposal=proposals)
    def meet_and_begin(self, proposal: Proposal) -> MultipleResults[Tandem] | Tandem:
        """They meet and want to try it."""
        try:
            proposal.meet(self.now.date())
            proposal.become_tandem(self.now)
        except Refused:
            return multiple()
        self.households[proposal.household_id].accompany()
        unit = self.units[proposal.unit_id]
        if isinstance(unit, Mentor):
            unit.accompany(self.now)
        else:
            unit.accompany()
        tandem = Tandem(
            proposal_id=proposal.id, region="15087", programme_id=PROGRAMME, household_id=proposal.household_id,
            mentor_id=proposal.mentor_id, mentor_group_id=proposal.mentor_group_id, kind=TandemKind.EVERYDAY,
            started_at=self.now, trial_until=self.now + timedelta(days=2), planned_until=self.now.date())
        self.all_tandems.append(tandem)
        return tandem

    @rule(tandem=tandems, side=SIDES)
    def consent(self, tandem: Tandem, side: Side) -> None:
        """A side wants to go on."""
        with contextlib.suppress(Refused):
            tandem.consent(side, self.now)

    @rule(tandem=tandems)
    def end_early(self, tandem: Tandem) -> None:
        """It ends before its time; somebody else is looked for."""
        with contextlib.suppress(Refused):
            tandem.end_early(EndReason.MOVED, self.now)
            self.households[tandem.household_id].wait_again(tandem.started_at, self.now)
            self.barred.add((tandem.household_id, tandem.unit_id))
            unit = self.units[tandem.unit_id]
            if isinstance(unit, MentorGroup):
                unit.part()
                unit.check(everything_there=True, now=self.now)

    @rule(mentor=st.integers(0, 1), capacity=st.integers(1, 3))
    def change_mentor(self, mentor: int, capacity: int) -> None:
        """A mentor pauses or comes back, and takes in more or fewer."""
        unit = list(self.units.values())[mentor]
        assert isinstance(unit, Mentor)
        with contextlib.suppress(Refused):
            unit.set_capacity(capacity, taken=self.taken(unit.id))
        states = {one.state for one in self.all_proposals if one.unit_id == unit.id and one.state in OPEN}
        awaited = Awaited.ANSWER if states & ANSWERABLE else Awaited.FIRST_MEETING if states else None
        with contextlib.suppress(Refused):
            if unit.state is MentorState.PAUSED:
                unit.resume()
                return
            unit.pause(self.now.date(), awaited=awaited)
            for proposal in self.all_proposals:
                if proposal.unit_id == unit.id and proposal.state in PENDING:
                    proposal.dismiss(DismissReason.NO_LONGER_AVAILABLE, self.now)
                    self.households[proposal.household_id].release()

    @invariant()
    def everything_fits(self) -> None:
        """(a) capacities hold, (b) one live proposal per household, (d) nobody asks who paused; states agree."""
        if not hasattr(self, "units"):
            return
        for unit in self.units.values():
            assert self.taken(unit.id) <= unit.capacity
            live = [one for one in self.all_proposals if one.unit_id == unit.id and one.state in OPEN | PENDING]
            if isinstance(unit, Mentor):
                assert unit.state is not MentorState.PAUSED or not live
            else:
                running = any(one.unit_id == unit.id and one.state in RUNNING for one in self.all_tandems)
                assert (unit.state is GroupState.MATCHED) == any(one.state in FIRM for one in live)
                assert (unit.state is GroupState.ACCOMPANYING) == running
        for household in self.households.values():
            self.fits(household)

    def fits(self, household: Household) -> None:
        """What a household's state says is so; and no pair is live that was barred."""
        live = [one for one in self.all_proposals
                if one.household_id == household.id and one.state in OPEN | PENDING]
        running = [one for one in self.all_tandems if one.household_id == household.id and one.state in RUNNING]
        expected = {HouseholdState.WAITING: (0, 0), HouseholdState.PROPOSED: (1, 0), HouseholdState.IN_TANDEM: (0, 1)}
        assert (len(live), len(running)) == expected[household.state]
        assert not {(one.household_id, one.unit_id) for one in live} & self.barred
        assert all(one.mentors_consented_at and one.household_consented_at
                   for one in running if one.state is TandemState.ACTIVE)


TestMatching = Matching.TestCase
TestMatching.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
