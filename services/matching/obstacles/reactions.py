"""What follows when a side has changed: its proposals and tandems are looked at again with the hard constraints."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from libs.common.db import OpenTransaction
from libs.common.due import cancel, schedule
from libs.common.reactions import when_due
from services.matching.households.model import Household
from services.matching.mentor_groups.model import MentorGroup
from services.matching.mentors.model import Mentor
from services.matching.obstacles.queries import between
from services.matching.prerequisites.reactions import recheck
from services.matching.profiles.queries import locked
from services.matching.profiles.rules import begin_of
from services.matching.proposals.model import OPEN, PENDING, DismissReason, Proposal, ProposalState
from services.matching.proposals.queries import Unit, lock_pair, lock_unit, of_side
from services.matching.proposals.reactions import dismissed
from services.matching.tandems.queries import locked_with_pair, running_of


async def look_again(transaction: OpenTransaction, of: Household | Unit) -> None:
    """A side has changed: what no longer fits is dismissed before anybody is invited, and noted afterwards.

    A household must be locked, a mentor or group with lock_unit; the caller reaches beyond the own scope. A noted
    obstacle goes as soon as the two fit again. A tandem never ends by itself.
    """
    await transaction.flush()
    for proposal_id in await _live(transaction, of):
        await _look_at(transaction, proposal_id)
    for running in await running_of(transaction, of):
        tandem, _ = await locked_with_pair(transaction, running)
        tandem.obstacles = await between(transaction, tandem)
    await transaction.flush()


async def unit_described(transaction: OpenTransaction, unit: Unit, values: Mapping[str, Any]) -> None:
    """A mentor or group locked with lock_unit, or one that is new, says something else of itself: these columns.

    Its proposals and tandems are looked at again, and once more after the last day on which it wants anybody new.
    """
    unit.describe(values)
    if unit.available_until is None:
        await cancel(transaction, "availability_end", unit.id)
    else:
        await schedule(transaction, "availability_end", unit.id, begin_of(unit.available_until + timedelta(days=1)))
    await look_again(transaction, unit)


@when_due("availability_end")
async def follow_end_of_availability(transaction: OpenTransaction, unit_id: UUID) -> None:
    """A mentor or group wants nobody new from today on: who was proposed, and nobody was invited to, is dismissed."""
    is_mentor = await transaction.get(Mentor, unit_id) is not None
    await look_again(transaction, await (
        lock_unit(transaction, Mentor, unit_id) if is_mentor else lock_unit(transaction, MentorGroup, unit_id)))


@when_due("obstacles")
async def look_at_noted(transaction: OpenTransaction, household_id: UUID) -> None:
    """A version before this one noted of what is going on with a household what may stand between them no longer."""
    await look_again(transaction, await locked(transaction, Household, household_id))


async def check(transaction: OpenTransaction, group: MentorGroup) -> None:
    """What a group has to show has changed: its checklist first, then whom it no longer fits together with.

    The group must be locked with lock_unit.
    """
    await recheck(transaction, group)
    await look_again(transaction, group)


async def _look_at(transaction: OpenTransaction, proposal_id: UUID) -> None:
    pair = await lock_pair(transaction, await transaction.get_one(Proposal, proposal_id))
    proposal = await locked(transaction, Proposal, proposal_id)
    proposal.obstacles = await between(transaction, proposal)
    if proposal.obstacles and proposal.state in PENDING:
        await dismissed(transaction, proposal, pair, DismissReason.NO_LONGER_FITS)
        await transaction.flush()  # its place is free for the next


async def _live(transaction: OpenTransaction, of: Household | Unit) -> Sequence[UUID]:
    """The proposals of a side that are under way; where places have become few, what is worth least goes first."""
    query = select(Proposal.id).where(of_side(Proposal, of), col(Proposal.state).in_(PENDING | OPEN))
    return (await transaction.scalars(query.order_by(
        col(Proposal.state) != ProposalState.PROPOSED, col(Proposal.worth), col(Proposal.id).desc()))).all()
