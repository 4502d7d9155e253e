"""Reads about concerns: of which tandems somebody may speak to the neutral contact, and for which side."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, or_, select

from libs.common.audit import audited
from libs.common.callers import EVERYTHING, Scope
from libs.common.db import OpenTransaction
from libs.common.facts.matching import Side
from libs.common.persons import persons_at
from services.matching.households.model import Household
from services.matching.households.queries import spoke_before, spoke_until
from services.matching.members.model import Member
from services.matching.mentors.model import Mentor
from services.matching.own_data.model import OwnDataOut, OwnKind
from services.matching.profiles.queries import beyond_scope, first_id, inside, is_erased
from services.matching.profiles.rules import today
from services.matching.tandems.model import RUNNING, Tandem
from services.matching.tandems.queries import side_in


@dataclass(frozen=True)
class Found:
    """A tandem that somebody who called belongs to; member_id: as whom, where they are of its group.

    former_contact: who they are, where another speaks for the household today.
    """

    tandem: Tandem
    side: Side
    member_id: UUID | None = None
    former_contact: UUID | None = None


async def side_heard(transaction: OpenTransaction, tandem: Tandem, person_ref: UUID) -> Side:
    """The side of who speaks for one today, was of the group while the tandem ran, or the contact when it began.

    NotFound when of neither.
    """
    member = (await transaction.scalars(select(Member).where(
        Member.person_ref == person_ref, Member.mentor_group_id == tandem.mentor_group_id))).first()
    if member and accompanied(member, tandem) and not await is_erased(transaction, person_ref):
        return Side.MENTORS
    if await spoke_then(transaction, tandem, person_ref) and not await is_erased(transaction, person_ref):
        return Side.HOUSEHOLD
    return await side_in(transaction, tandem, person_ref)


async def spoke_then(transaction: OpenTransaction, tandem: Tandem, person_ref: UUID) -> bool:
    """Whether somebody was the household's contact when a tandem began, and another is today."""
    household = await transaction.get_one(Household, tandem.household_id)
    until = await spoke_until(transaction, household, person_ref)
    return until is not None and began_before(tandem, until)


async def to_speak_of(transaction: OpenTransaction, data: OwnDataOut) -> Sequence[Tandem]:
    """The tandems of whoever reads these data that run, else the last one."""
    if data.kind is OwnKind.FORMER_CONTACT:
        household = await transaction.get_one(Household, data.id)
        until = await spoke_until(transaction, household, data.contact.person_ref)
        return await _of(transaction, household, EVERYTHING, until) if until else ()
    ids = [one["id"] for one in data.noted.get("tandems", ())]
    found = (await transaction.scalars(select(Tandem).where(col(Tandem.id).in_(ids)).order_by(col(Tandem.id)))).all()
    if data.kind is OwnKind.MEMBER:
        member = await transaction.get_one(Member, data.id)
        found = [one for one in found if accompanied(member, one)]
    return _running_or_last(found)


async def found_by(transaction: OpenTransaction, caller: str) -> list[Found]:
    """The tandems inside the own scope that whoever called may speak of, wherever they live. Audited, also in vain."""
    scope, pseudonym = transaction.caller.scope, _pseudonym(caller)
    await beyond_scope(transaction)
    refs = [pseudonym] if pseudonym else await persons_at(transaction, caller)
    found: list[Found] = []
    for kind in (Household, Mentor, Member):
        own: Any = kind
        for one in (await transaction.scalars(select(own).where(
                or_(own.person_ref.in_(refs), own.id == pseudonym)).order_by(own.id))).all():
            if await is_erased(transaction, one.person_ref):
                continue
            for tandem in await _of(transaction, one, scope):
                await audited(transaction, "find", f"tandem/{tandem.id}", one.person_ref)
                found.append(Found(tandem, Side.HOUSEHOLD if kind is Household else Side.MENTORS,
                                   one.id if kind is Member else None))
    found += await _found_before(transaction, refs, scope)
    if not found:
        await audited(transaction, "find", "tandem/none")
    return found


async def _found_before(transaction: OpenTransaction, refs: Sequence[UUID], scope: Scope) -> list[Found]:
    """The tandems that began while one of these persons was the contact of a household for which another speaks now."""
    found: list[Found] = []
    for household, ref, until in await spoke_before(transaction, refs):
        if await is_erased(transaction, ref):
            continue
        for tandem in await _of(transaction, household, scope, until):
            await audited(transaction, "find", f"tandem/{tandem.id}", ref)
            found.append(Found(tandem, Side.HOUSEHOLD, former_contact=ref))
    return found


async def _of(
    transaction: OpenTransaction, one: Household | Mentor | Member, scope: Scope, until: datetime | None = None,
) -> Sequence[Tandem]:
    if isinstance(one, Member):
        own = col(Tandem.mentor_group_id) == one.mentor_group_id
    else:
        own = col(Tandem.household_id if isinstance(one, Household) else Tandem.mentor_id) == one.id
    found = (await transaction.scalars(
        select(Tandem).where(own, inside(Tandem, scope)).order_by(col(Tandem.id)))).all()
    return _running_or_last([each for each in found if (until is None or began_before(each, until))
                             and (not isinstance(one, Member) or accompanied(one, each))])


def _pseudonym(caller: str) -> UUID | None:
    with contextlib.suppress(ValueError):
        return UUID(caller)
    return None


def _running_or_last(found: Sequence[Tandem]) -> Sequence[Tandem]:
    return [one for one in found if one.state in RUNNING] or found[-1:]


def accompanied(member: Member, tandem: Tandem) -> bool:
    """Whether somebody was of the group while its tandem ran."""
    return member.was_there(today(tandem.started_at), today(tandem.ended_at) if tandem.ended_at else None)


def began_before(tandem: Tandem, until: datetime) -> bool:
    """Whether a tandem began before another person became the household's contact."""
    return tandem.id < first_id(until)
