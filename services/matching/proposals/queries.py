"""Reads about proposals: which places are taken, who is asked, and locking a pair in one order for all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_
from sqlalchemy import select as select_columns
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.callers import Role
from libs.common.codes.languages import language_name
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.facts.matching import ProposalInvited, Side
from libs.common.persons import languages_of
from libs.common.refusals import NotFound
from libs.common.tables import outbox
from services.matching.households.model import Household, shape_of
from services.matching.links.queries import say
from services.matching.mentor_groups.model import MentorGroup
from services.matching.mentors.model import Mentor
from services.matching.prerequisites.queries import contact_refs, members_of, refuse_unprepared, rules_on
from services.matching.profiles.model import Awaited
from services.matching.profiles.queries import address_mark, among, beyond_scope, locked
from services.matching.profiles.rules import BERLIN, today
from services.matching.proposals.model import ANSWERABLE, FIRM, OPEN, PENDING, Proposal, ProposalState
from services.matching.runs.explanation import DENIED
from services.matching.runs.pairs import in_common
from services.matching.runs.queries import household_rows, rules_of_day, units_by_id
from services.matching.tandems.model import RUNNING, Tandem

Unit = Mentor | MentorGroup
UnitT = TypeVar("UnitT", Mentor, MentorGroup)
Row = TypeVar("Row")


@dataclass(frozen=True)
class Pair:
    """The two that a proposal would bring together."""

    household: Household
    unit: Unit


def of_unit(kind: Any, unit: Unit) -> ColumnElement[bool]:
    """The rows of a table that are about this mentor or group."""
    column = kind.mentor_id if isinstance(unit, Mentor) else kind.mentor_group_id
    return bool_column(column == unit.id)


def of_side(kind: Any, of: Household | Unit) -> ColumnElement[bool]:
    """The rows of a table that are about this household, mentor or group."""
    return bool_column(kind.household_id == of.id) if isinstance(of, Household) else of_unit(kind, of)


def bool_column(condition: Any) -> ColumnElement[bool]:
    """The condition, as SQLAlchemy types it."""
    found: ColumnElement[bool] = condition
    return found


async def taken(transaction: OpenTransaction, unit: Unit) -> int:
    """How many places are taken: by open invitations, and by tandems on trial, active or paused."""
    return await _count(transaction, unit, OPEN)


async def promised(transaction: OpenTransaction, unit: Unit, *, besides: UUID) -> int:
    """How many places are promised for good, the named proposal aside: both sides said yes, or a tandem runs."""
    return await _count(transaction, unit, FIRM, besides)


async def _count(
    transaction: OpenTransaction, unit: Unit, states: Iterable[ProposalState], besides: UUID | None = None,
) -> int:
    proposals = select(func.count()).select_from(Proposal).where(
        of_unit(Proposal, unit), col(Proposal.state).in_(states))
    if besides:
        proposals = proposals.where(col(Proposal.id) != besides)
    tandems = select(func.count()).select_from(Tandem).where(of_unit(Tandem, unit), col(Tandem.state).in_(RUNNING))
    return (await transaction.scalar(proposals) or 0) + (await transaction.scalar(tandems) or 0)


async def awaited_of(transaction: OpenTransaction, of: Household | Unit) -> Awaited | None:
    """What an invitation of either side waits for that has not come to its end: first of all an answer."""
    query = select(Proposal.state).where(of_side(Proposal, of), col(Proposal.state).in_(OPEN))
    states = set(await transaction.scalars(query))
    if states & ANSWERABLE:
        return Awaited.ANSWER
    return Awaited.FIRST_MEETING if states else None


async def is_busy(transaction: OpenTransaction, household: Household) -> bool:
    """Whether the household is invited, or in a tandem that runs."""
    invited = select(func.count()).select_from(Proposal).where(
        Proposal.household_id == household.id, col(Proposal.state).in_(OPEN))
    running = select(func.count()).select_from(Tandem).where(
        Tandem.household_id == household.id, col(Tandem.state).in_(RUNNING))
    return bool(await transaction.scalar(invited) or await transaction.scalar(running))


async def lock_pair(transaction: OpenTransaction, of: Proposal | Tandem) -> Pair:
    """Lock household and unit, in this order everywhere: who decides about a place waits for who does so already."""
    household = await locked(transaction, Household, of.household_id)
    if of.mentor_id:
        return Pair(household, await locked(transaction, Mentor, of.mentor_id))
    return Pair(household, await locked(transaction, MentorGroup, of.unit_id))


async def lock_pairs(transaction: OpenTransaction, of: Sequence[Proposal]) -> None:
    """The same of several: all households by id, then all mentors and groups; the caller reaches beyond the own scope.

    Pair by pair, two callers who have the same mentors in another order would wait for each other.
    """
    await lock_rows(transaction, Household, [one.household_id for one in of])
    for kind in (Mentor, MentorGroup):
        await lock_rows(transaction, kind, [one.unit_id for one in of if bool(one.mentor_id) == (kind is Mentor)])


async def pair_of(transaction: OpenTransaction, of: Proposal | Tandem) -> Pair:
    """Household and unit, to be read only."""
    household = await transaction.get_one(Household, of.household_id)
    if of.mentor_id:
        return Pair(household, await transaction.get_one(Mentor, of.mentor_id))
    return Pair(household, await transaction.get_one(MentorGroup, of.unit_id))


async def lock_unit(
    transaction: OpenTransaction, kind: type[UnitT], unit_id: UUID, *, version: int | None = None,
) -> UnitT:
    """Lock a mentor or group, but before, by id, the households that something of theirs is going on with."""
    unit = await get_or_refuse(transaction, kind, unit_id)
    await beyond_scope(transaction)
    await lock_units(transaction, [unit])
    return await locked(transaction, kind, unit_id, version=version)


async def lock_units(
    transaction: OpenTransaction, units: Sequence[Unit], *, besides: Iterable[UUID] = (),
) -> None:
    """Lock these mentors and groups by id, but before the households that something of theirs is going on with.

    Households `besides` are locked with them. A run may propose them one more household in between: then all are let go
    and locked anew, since who waited for a household while holding a unit might be waited for by its holder.
    """
    known = set(besides)
    while True:
        known = known.union(*[await households_with(transaction, unit) for unit in units])
        async with transaction.begin_nested() as attempt:
            await lock_rows(transaction, Household, known)
            for kind in (Mentor, MentorGroup):
                await lock_rows(transaction, kind, [unit.id for unit in units if isinstance(unit, kind)])
            if known.union(*[await households_with(transaction, unit) for unit in units]) == known:
                return
            await attempt.rollback()


async def lock_rows(transaction: OpenTransaction, kind: type[Row], ids: Iterable[UUID]) -> Sequence[Row]:
    """Lock rows of a table, by id."""
    table: Any = kind
    query = select(kind).where(table.id.in_(set(ids))).order_by(table.id)
    return (await transaction.scalars(query.with_for_update().execution_options(populate_existing=True))).all()


async def households_with(transaction: OpenTransaction, unit: Unit) -> set[UUID]:
    """The households that a mentor or group is proposed to, invited with, or in a tandem with."""
    proposals = select(Proposal.household_id).where(of_unit(Proposal, unit), col(Proposal.state).in_(PENDING | OPEN))
    tandems = select(Tandem.household_id).where(of_unit(Tandem, unit), col(Tandem.state).in_(RUNNING))
    return {*await transaction.scalars(proposals), *await transaction.scalars(tandems)}


async def locked_proposal(
    transaction: OpenTransaction, proposal_id: UUID, *, version: int | None = None,
) -> tuple[Proposal, Pair]:
    """The proposal inside the caller's scope and its pair, all locked; NotFound, or Stale, else."""
    seen = await get_or_refuse(transaction, Proposal, proposal_id)
    await beyond_scope(transaction)
    pair = await lock_pair(transaction, seen)
    return await locked(transaction, Proposal, proposal_id, version=version), pair


async def of_state(
    transaction: OpenTransaction, condition: ColumnElement[bool], states: Iterable[ProposalState],
) -> Sequence[Proposal]:
    """The proposals in these states, locked, by id."""
    query = select(Proposal).where(condition, col(Proposal.state).in_(states)).order_by(col(Proposal.id))
    return (await transaction.scalars(query.with_for_update().execution_options(populate_existing=True))).all()


async def persons_of(transaction: OpenTransaction, pair: Pair, side: Side) -> tuple[UUID, ...]:
    """Who speaks for a side: the household's contact, the mentor, or the group's main contacts."""
    if side is Side.HOUSEHOLD:
        return (pair.household.person_ref,)
    if isinstance(pair.unit, Mentor):
        return (pair.unit.person_ref,)
    return await contact_refs(transaction, pair.unit.id)


async def without_address(transaction: OpenTransaction, person_refs: Iterable[UUID]) -> list[UUID]:
    """Those of these persons who have no mail address."""
    return [ref for ref in person_refs if not await address_mark(transaction, ref)]


def was_not_reached() -> ColumnElement[bool]:
    """Proposals of which it is known that the invitation did not reach a side."""
    return or_(col(Proposal.mentors_not_reached_since).is_not(None),
               col(Proposal.household_not_reached_since).is_not(None))


async def invitation_of(transaction: OpenTransaction, cause: UUID) -> UUID | None:
    """The proposal whose invitation the fact with this id told of, if it told of one."""
    query = select_columns(outbox.c.about).where(
        outbox.c.fact_id == cause, outbox.c.subject == ProposalInvited.subject)
    about = await transaction.scalar(query)
    return UUID(about.partition("/")[2]) if about else None


async def persons_of_both(transaction: OpenTransaction, pair: Pair) -> tuple[UUID, ...]:
    """Who speaks for either side."""
    return (*await persons_of(transaction, pair, Side.MENTORS), *await persons_of(transaction, pair, Side.HOUSEHOLD))


async def side_of(transaction: OpenTransaction, pair: Pair, person_ref: UUID) -> Side:
    """The side for which a person speaks today; NotFound when for neither."""
    for side in Side:
        if person_ref in await persons_of(transaction, pair, side):
            return side
    raise NotFound("link-not-valid",
                   "This link is not complete or not valid; open it again from the mail it came in.")


async def refuse_unless_available(transaction: OpenTransaction, unit: Unit, now: datetime) -> None:
    """Only who is available by the programme's rules is invited, or accepts."""
    if isinstance(unit, Mentor):
        unit.refuse_unless_available(today(now))
        return
    if transaction.caller.role is not Role.LINK:  # what is open says something about persons
        await refuse_unprepared(transaction, unit)
    rules = await rules_on(transaction, unit.programme_id, unit.interested_on)
    unit.refuse_unless_available(authority_chooses=rules is not None and rules.authority_chooses)


async def told_before(transaction: OpenTransaction, proposal: Proposal, pair: Pair, side: Side, ref: UUID) -> list[str]:
    """What a side learns before it accepts, in its language: whom in outline, why, and until when. Never a name."""
    languages = await languages_of(transaction, ref)
    until = proposal.expires_at.astimezone(BERLIN).strftime("%d.%m.%Y") if proposal.expires_at else ""
    reasons = why_for_both((await shared_now(transaction, [proposal]))[proposal.id], languages)
    lines = [await _outline(transaction, pair, side, languages), *reasons,
             say("invitation_until", languages, until=until).text, say("no_names_yet", languages).text]
    await audited(transaction, "read", f"proposal/{proposal.id}", pair.household.person_ref)
    return lines


async def _outline(transaction: OpenTransaction, pair: Pair, side: Side, languages: Sequence[str]) -> str:
    if side is Side.MENTORS:
        return say("outline_household", languages, **shape_of(pair.household.members)).text
    if isinstance(pair.unit, Mentor):
        return say("outline_mentor", languages).text
    return say("outline_group", languages, persons=len(await members_of(transaction, pair.unit.id))).text


async def shared_now(transaction: OpenTransaction, proposals: Sequence[Proposal]) -> dict[UUID, dict[str, Any]]:
    """By proposal, what the two have in common as they are today, reached beyond the caller's scope.

    As it was once nothing is going on; nothing once one is erased.
    """
    await beyond_scope(transaction)
    live = [one for one in proposals if one.shared and one.state in PENDING | OPEN]
    shared = {one.id: one.shared for one in proposals}
    for programme_id in {one.programme_id for one in live}:
        own = [one for one in live if one.programme_id == programme_id]
        shared |= await _in_programme(transaction, programme_id, own)
    return shared


async def _in_programme(transaction: OpenTransaction, programme_id: UUID, of: Sequence[Proposal]) -> dict[UUID, Any]:
    rules, ids = await rules_of_day(transaction, programme_id), {one.household_id for one in of}
    households = {row["id"]: row for row in await household_rows(transaction, lambda kind: among(kind.id, ids))}
    found = await units_by_id(transaction, programme_id, {one.unit_id for one in of}, rules)
    units = {row["id"]: row for row in found}
    return {one.id: in_common(rules, households[one.household_id], units[one.unit_id])
            for one in of if one.household_id in households and one.unit_id in units}


def why_for_both(shared: dict[str, Any], languages: Sequence[str]) -> list[str]:
    """The reasons of a proposal, as far as both sides may know them; not that of which the opposite is true today."""
    spoken, metres = ", ".join(language_name(tag, tag) for tag in shared.get("languages", {})), shared.get("metres")
    by_criterion = {
        "language": say("why_language", languages, spoken=spoken) if spoken and not shared.get("interpreter")
        else say("why_interpreter", languages),
        "distance": say("why_district", languages) if metres is None
        else say("why_distance", languages, km=max(1, round(metres / 1000))),
        "availability": say("why_slots", languages, slots=shared.get("slots", 0)),
        **({"interests": say("why_interests", languages, interests=shared["interests"])}
           if shared.get("interests") else {}),
    }
    against = shared.get("against", ())
    return [said.text for criterion, said in by_criterion.items() if DENIED.get(criterion) not in against]
