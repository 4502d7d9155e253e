"""Reads about tandems: who belongs to one, which side somebody is on, and locking one with its pair."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlmodel import col, select

from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.facts.matching import Side
from libs.common.refusals import NotFound
from services.matching.households.model import Household
from services.matching.profiles.queries import beyond_scope, locked
from services.matching.profiles.rules import today
from services.matching.proposals.model import Proposal
from services.matching.proposals.queries import Pair, Unit, lock_pair, lock_units, of_side, pair_of, persons_of
from services.matching.tandems.model import RUNNING, Tandem


async def persons_of_side(transaction: OpenTransaction, tandem: Tandem, side: Side) -> tuple[UUID, ...]:
    """Who speaks for a side: the household's contact, the mentor, or the group's main contacts."""
    return await persons_of(transaction, await pair_of(transaction, tandem), side)


async def persons_of_tandem(transaction: OpenTransaction, tandem: Tandem) -> tuple[UUID, ...]:
    """Who speaks for either side."""
    return (*await persons_of_side(transaction, tandem, Side.MENTORS),
            *await persons_of_side(transaction, tandem, Side.HOUSEHOLD))


async def side_in(transaction: OpenTransaction, tandem: Tandem, person_ref: UUID) -> Side:
    """The side for which a person speaks today; NotFound when for neither."""
    for side in Side:
        if person_ref in await persons_of_side(transaction, tandem, side):
            return side
    raise link_not_valid()


def link_not_valid() -> NotFound:
    """What a link answers to who has nothing to do with what it is about."""
    return NotFound("link-not-valid", "This link is not complete or not valid; open it again from the mail it came in.")


async def locked_tandem(
    transaction: OpenTransaction, tandem_id: UUID, *, version: int | None = None, whole_unit: bool = False,
) -> tuple[Tandem, Pair]:
    """The tandem inside the caller's scope and its pair, all locked; NotFound, or Stale, else.

    whole_unit: with the mentor or group also, before, the households that something else of theirs is going on with.
    """
    seen = await get_or_refuse(transaction, Tandem, tandem_id)
    await beyond_scope(transaction)
    if whole_unit:
        await lock_units(transaction, [(await pair_of(transaction, seen)).unit], besides=[seen.household_id])
    return await locked_with_pair(transaction, seen, version=version)


async def locked_with_pair(
    transaction: OpenTransaction, seen: Tandem, *, version: int | None = None,
) -> tuple[Tandem, Pair]:
    """A tandem that follows from what was found inside the caller's scope, wherever it lies itself, and its pair."""
    pair = await lock_pair(transaction, seen)
    return await locked(transaction, Tandem, seen.id, version=version), pair


async def met_on(transaction: OpenTransaction, tandem: Tandem) -> date:
    """The day on which the two met for the first time; nothing between them was signed before."""
    proposal = await transaction.get_one(Proposal, tandem.proposal_id)
    began = today(tandem.started_at)
    return min(proposal.first_meeting_on or began, began)


async def running_of(transaction: OpenTransaction, of: Household | Unit) -> Sequence[Tandem]:
    """The tandems of a household, mentor or group that run, by id."""
    query = select(Tandem).where(of_side(Tandem, of), col(Tandem.state).in_(RUNNING))
    return (await transaction.scalars(query.order_by(col(Tandem.id)))).all()
