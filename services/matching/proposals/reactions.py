"""What follows for proposals: a place is free again, nobody answered in time, somebody is no longer to be had."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlmodel import col, select

from libs.common.audit import ENTER, entry
from libs.common.db import OpenTransaction
from libs.common.due import cancel, schedule
from libs.common.facts.matching import (
    ProposalAccepted,
    ProposalApproved,
    ProposalDeclined,
    ProposalDismissed,
    ProposalExpired,
    ProposalInvited,
    Side,
)
from libs.common.facts.notify import DeliveryBounced, DeliverySuppressed
from libs.common.outbox import announce
from libs.common.reactions import reacts_to, when_due
from libs.common.refusals import Refused
from services.matching.households.model import Household
from services.matching.mentor_groups.model import MentorGroup
from services.matching.obstacles.queries import refuse_obstacles
from services.matching.prerequisites.queries import contact_refs, rules_on
from services.matching.prerequisites.reactions import recheck
from services.matching.profiles.queries import among, locked
from services.matching.profiles.rules import today
from services.matching.proposals.model import (
    OPEN,
    PENDING,
    ApproveReason,
    DeclineReason,
    DismissReason,
    Proposal,
    ProposalState,
    refuse_full,
)
from services.matching.proposals.queries import (
    Pair,
    Unit,
    invitation_of,
    is_busy,
    lock_pair,
    lock_rows,
    of_side,
    of_state,
    pair_of,
    persons_of,
    persons_of_both,
    promised,
    refuse_unless_available,
    taken,
    without_address,
)
from services.matching.proposals.rules import proposal_fact

# So many of a run's proposals are let go by one request, which lasts ten seconds at most.
AT_ONCE = 500
# Why notify sent nothing where nobody is missed: the invitation was over, or the person is erased.
MOOT = frozenset({"nothing_to_tell", "erased"})
OTHER = {Side.MENTORS: Side.HOUSEHOLD, Side.HOUSEHOLD: Side.MENTORS}


async def part(transaction: OpenTransaction, pair: Pair) -> None:
    """What follows when a pair does not come about: the household waits again, the group's checklist decides."""
    pair.household.release()
    if isinstance(pair.unit, MentorGroup):
        pair.unit.unmatch()
        await recheck(transaction, pair.unit)


async def approved(
    transaction: OpenTransaction, proposal: Proposal, pair: Pair, reason: ApproveReason | None,
    decided_on: date | None = None, reference: str | None = None,
) -> None:
    """The coordinator approves; where an authority chooses, its decision is what is recorded."""
    proposal.approve(
        transaction.caller.principal, transaction.clock.now(), authority_chooses=await _authority(transaction, pair),
        decided_on=decided_on, reference=reference, reason=reason)
    announce(transaction, proposal_fact(ProposalApproved, proposal))


async def _authority(transaction: OpenTransaction, pair: Pair) -> bool:
    day = pair.unit.interested_on if isinstance(pair.unit, MentorGroup) else today(transaction.clock.now())
    rules = await rules_on(transaction, pair.unit.programme_id, day)
    return rules is not None and rules.authority_chooses


async def invited(transaction: OpenTransaction, proposal: Proposal, pair: Pair) -> None:
    """Both sides are asked; a place is held for them, and never two, and only for a pair that still fits."""
    refuse_full(await taken(transaction, pair.unit), pair.unit.capacity)
    await refuse_unless_available(transaction, pair.unit, transaction.clock.now())
    pair.unit.refuse_availability_over(today(transaction.clock.now()))
    if await is_busy(transaction, pair.household):
        raise Refused("household-busy", "An invitation is open or a tandem runs; end it first.")
    now = transaction.clock.now()
    expires = proposal.invite(now, transaction.caller.principal)
    await refuse_obstacles(transaction, proposal)
    await schedule(transaction, "invitation_end", proposal.id, expires)
    for side in Side:
        speaking = await persons_of(transaction, pair, side)
        proposal.miss(side, await without_address(transaction, speaking), speaking, now)
    told = await persons_of_both(transaction, pair)
    announce(transaction, proposal_fact(ProposalInvited, proposal, told, expires=expires))


async def accepted(transaction: OpenTransaction, proposal: Proposal, pair: Pair, side: Side) -> None:
    """A side says yes. Promised places are counted again, and what keeps the two apart: an invitation is no promise."""
    both = proposal.accept(side, transaction.clock.now())
    refuse_full(await promised(transaction, pair.unit, besides=proposal.id), pair.unit.capacity)
    await refuse_unless_available(transaction, pair.unit, transaction.clock.now())
    await refuse_obstacles(transaction, proposal)
    if both:
        await cancel(transaction, "invitation_end", proposal.id)
    if both and isinstance(pair.unit, MentorGroup):
        pair.unit.match()
    told = await persons_of_both(transaction, pair) if both else ()
    announce(transaction, proposal_fact(ProposalAccepted, proposal, told, side=side, both=both))


async def declined(
    transaction: OpenTransaction, proposal: Proposal, pair: Pair, side: Side, reason: DeclineReason | None,
) -> None:
    """A side says no: the place is free, the pair does not come back, and the other side is told.

    reason: None where the side did not answer, but takes part no longer.
    """
    proposal.decline(side, reason, transaction.clock.now())
    await cancel(transaction, "invitation_end", proposal.id)
    await part(transaction, pair)
    told = await persons_of(transaction, pair, OTHER[side])
    announce(transaction, proposal_fact(ProposalDeclined, proposal, told, side=side))


async def dismissed(
    transaction: OpenTransaction, proposal: Proposal, pair: Pair, reason: DismissReason, by: str | None = None,
) -> None:
    """The proposal is not put to anybody; the household waits again."""
    proposal.dismiss(reason, transaction.clock.now(), by)
    pair.household.release()
    announce(transaction, proposal_fact(ProposalDismissed, proposal))


async def released(transaction: OpenTransaction, run_id: UUID, reason: DismissReason) -> list[UUID]:
    """The first of a run's proposals that nobody has approved are let go, and their households wait again."""
    undecided = {ProposalState.PROPOSED}
    first = (await transaction.scalars(select(Proposal).where(
        Proposal.run_id == run_id, col(Proposal.state).in_(undecided)).order_by(col(Proposal.id)).limit(AT_ONCE))).all()
    households = {one.id: one for one in await lock_rows(transaction, Household, (one.household_id for one in first))}
    found = await of_state(transaction, among(Proposal.id, [one.id for one in first]), undecided)
    for proposal in found:
        proposal.dismiss(reason, transaction.clock.now(), transaction.caller.principal)
        households[proposal.household_id].release()
        announce(transaction, proposal_fact(ProposalDismissed, proposal))
    if found:
        await transaction.execute(ENTER, [entry(
            transaction, "change", f"proposal/{one.id}", households[one.household_id].person_ref) for one in found])
    return [proposal.id for proposal in found]


async def let_go(transaction: OpenTransaction, of: Household | Unit) -> None:
    """A side is not to be had: its proposals that nobody was invited to are dismissed.

    A household must be locked, a mentor or group with lock_unit; the caller reaches beyond the own scope.
    """
    for proposal in await of_state(transaction, of_side(Proposal, of), PENDING):
        pair = await pair_of(transaction, proposal)
        await dismissed(transaction, proposal, pair, DismissReason.NO_LONGER_AVAILABLE)


async def step_back(transaction: OpenTransaction, of: Household | Unit) -> None:
    """A side takes part no longer: what is pending is dismissed, what is open is declined for it.

    A household must be locked, a mentor or group with lock_unit.
    """
    for proposal in await of_state(transaction, of_side(Proposal, of), PENDING | OPEN):
        pair = await lock_pair(transaction, proposal)
        if proposal.state in PENDING:
            await dismissed(transaction, proposal, pair, DismissReason.NO_LONGER_AVAILABLE)
        else:
            await declined(transaction, proposal, pair, _side(of), None)


def _side(of: Household | Unit) -> Side:
    return Side.HOUSEHOLD if isinstance(of, Household) else Side.MENTORS


async def invite_new_contact(transaction: OpenTransaction, household: Household) -> None:
    """Somebody else speaks for a locked household: an invitation that it has not answered goes to them too."""
    speaking = (household.person_ref,)
    await _invite_besides(transaction, household, speaking, speaking)


async def invite_others(transaction: OpenTransaction, group: MentorGroup, before: Collection[UUID]) -> None:
    """The same of a locked group, for which `before` spoke: it goes to those who speak for it now and did not then."""
    speaking = await contact_refs(transaction, group.id)
    if speaking:
        await _invite_besides(transaction, group, tuple(one for one in speaking if one not in before), speaking)


async def _invite_besides(
    transaction: OpenTransaction, of: Household | Unit, anew: tuple[UUID, ...], speaking: tuple[UUID, ...],
) -> None:
    side = _side(of)
    gone = await without_address(transaction, anew)
    for proposal in await of_state(transaction, of_side(Proposal, of), OPEN):
        if anew and proposal.expires_at and proposal.ask_anew(side):
            announce(transaction, proposal_fact(ProposalInvited, proposal, anew, expires=proposal.expires_at))
        proposal.miss(side, gone, speaking, transaction.clock.now())


@reacts_to(DeliveryBounced, DeliverySuppressed)
async def note_not_reached(transaction: OpenTransaction, fact: DeliveryBounced | DeliverySuppressed) -> None:
    """An invitation did not arrive: who works with the proposal sees which side waits for it in vain."""
    moot = isinstance(fact, DeliverySuppressed) and fact.reason in MOOT
    proposal_id = None if moot else await invitation_of(transaction, fact.cause)
    if fact.person_ref is None or proposal_id is None:
        return
    proposal = await locked(transaction, Proposal, proposal_id)
    pair = await pair_of(transaction, proposal)
    for side in Side:
        speaking = await persons_of(transaction, pair, side)
        if fact.person_ref in speaking:
            proposal.miss(side, [fact.person_ref], speaking, transaction.clock.now())


@when_due("invitation_end")
async def end_invitation(transaction: OpenTransaction, proposal_id: UUID) -> None:
    """Seven days have passed: unless both have accepted, the place is free and the pair does not come back."""
    seen = await transaction.get_one(Proposal, proposal_id)
    pair = await lock_pair(transaction, seen)
    proposal = await locked(transaction, Proposal, proposal_id)
    if not proposal.expire(transaction.clock.now()):
        return
    await part(transaction, pair)
    announce(transaction, proposal_fact(ProposalExpired, proposal, await persons_of_both(transaction, pair)))
