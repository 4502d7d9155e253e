"""Reads about concerns: what somebody may speak of to the neutral contact, and for which side."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlmodel import col, or_, select

from libs.common.audit import audited
from libs.common.callers import EVERYTHING, Scope
from libs.common.db import OpenTransaction
from libs.common.facts.matching import Side
from libs.common.persons import persons_at
from libs.common.refusals import Invalid, NotFound
from services.matching.concerns.model import ConcernAbout, Matter
from services.matching.holders.queries import KINDS, Holder, Reader, as_former, home_of, read_by
from services.matching.households.model import Household
from services.matching.households.queries import spoke_before, spoke_until
from services.matching.members.model import Member
from services.matching.mentors.model import Mentor
from services.matching.own_data.model import FormerContact
from services.matching.profiles.queries import beyond_scope, first_id, inside, is_erased, locked
from services.matching.profiles.rules import today
from services.matching.tandems.model import RUNNING, Tandem
from services.matching.tandems.queries import link_not_valid, side_in

# What a concern of who speaks of themselves is about, by what they are.
OWN: MappingProxyType[type[Any], ConcernAbout] = MappingProxyType({
    Mentor: ConcernAbout.MENTOR, Member: ConcernAbout.MEMBER, Household: ConcernAbout.HOUSEHOLD,
    FormerContact: ConcernAbout.HOUSEHOLD})


@dataclass(frozen=True)
class Found:
    """What somebody who called may speak of; tandem: None where it is themselves.

    member_id: as whom, where they are of its group. former_contact: who they are, where another speaks for the
    household today.
    """

    matter: Matter
    tandem: Tandem | None = None
    member_id: UUID | None = None
    former_contact: UUID | None = None


async def heard(transaction: OpenTransaction, about: UUID, person_ref: UUID, *, lock: bool = False) -> Matter:
    """What somebody may raise a concern about by link: a tandem of theirs, or what they are here; NotFound else.

    Also once they are erased; locked, no erasure comes between.
    """
    tandem = await transaction.get(Tandem, about, with_for_update=lock or None)
    reader = await read_by(transaction, about, person_ref) if tandem is None else None
    if lock and reader is not None:
        await locked(transaction, Household if isinstance(reader, FormerContact) else type(reader), reader.id)
    if await is_erased(transaction, person_ref, lock=lock):
        raise link_not_valid()
    if tandem is not None:
        return Matter.of(tandem, await side_heard(transaction, tandem, person_ref))
    if reader is None:
        raise link_not_valid()
    return _matter(reader)


async def side_heard(transaction: OpenTransaction, tandem: Tandem, person_ref: UUID) -> Side:
    """The side of who speaks for one today, was of the group while the tandem ran, or the contact when it began.

    NotFound when of neither.
    """
    member = (await transaction.scalars(select(Member).where(
        Member.person_ref == person_ref, Member.mentor_group_id == tandem.mentor_group_id))).first()
    if member and accompanied(member, tandem):
        return Side.MENTORS
    if await spoke_then(transaction, tandem, person_ref):
        return Side.HOUSEHOLD
    return await side_in(transaction, tandem, person_ref)


async def spoke_then(transaction: OpenTransaction, tandem: Tandem, person_ref: UUID) -> bool:
    """Whether somebody was the household's contact when a tandem began, and another is today."""
    household = await transaction.get_one(Household, tandem.household_id)
    until = await spoke_until(transaction, household, person_ref)
    return until is not None and began_before(tandem, until)


async def to_speak_of(
    transaction: OpenTransaction, reader: Reader, scope: Scope = EVERYTHING,
) -> Sequence[Tandem]:
    """The tandems of somebody inside a scope that run, else the last one; of those that were theirs."""
    if isinstance(reader, Member):
        own = col(Tandem.mentor_group_id) == reader.mentor_group_id
    else:
        own = col(Tandem.mentor_id if isinstance(reader, Mentor) else Tandem.household_id) == reader.id
    found = (await transaction.scalars(
        select(Tandem).where(own, inside(Tandem, scope)).order_by(col(Tandem.id)))).all()
    if isinstance(reader, Member):
        found = [one for one in found if accompanied(reader, one)]
    elif isinstance(reader, FormerContact):
        found = [one for one in found if await spoke_then(transaction, one, reader.person_ref)]
    return [one for one in found if one.state in RUNNING] or found[-1:]


async def to_raise(transaction: OpenTransaction, reader: Reader, scope: Scope = EVERYTHING) -> list[Found]:
    """What somebody may speak of inside a scope: their tandems, and themselves where they live and none is heard."""
    former = reader.person_ref if isinstance(reader, FormerContact) else None
    member = reader.id if isinstance(reader, Member) else None
    found = [Found(Matter.of(one, _side(reader)), one, member, former)
             for one in await to_speak_of(transaction, reader, scope)]
    if scope.covers_region(home_of(reader)) and await speaks_of_themselves(transaction, reader):
        found.append(Found(_matter(reader), former_contact=former))
    return found


async def speaks_of_themselves(transaction: OpenTransaction, reader: Reader) -> bool:
    """Whether none of somebody's tandems runs, and the neutral contact of where they live hears of none of them."""
    return not any(one.state in RUNNING or one.region.startswith(home_of(reader))
                   for one in await to_speak_of(transaction, reader))


async def own_matter(
    transaction: OpenTransaction, own_id: UUID, former_contact: UUID | None = None,
) -> tuple[Matter, UUID]:
    """What somebody who lives inside the own scope, and has no tandem heard there, speaks of; and who they are.

    former_contact: who it was, where another speaks for the household today.
    """
    scope = transaction.caller.scope
    await beyond_scope(transaction)
    rows: list[Holder | None] = [await transaction.get(kind, own_id) for kind in KINDS]
    person_ref = former_contact or next((one.person_ref for one in rows if one), None)
    reader = await read_by(transaction, own_id, person_ref) if person_ref else None
    if (reader is None or not scope.covers_region(home_of(reader))
            or isinstance(reader, FormerContact) != bool(former_contact)):
        raise NotFound("not-found", "There is no such {noun}.", noun="person")
    if not await speaks_of_themselves(transaction, reader):
        raise Invalid("concern-of-tandem", "This person is in a tandem, or was in one where they live; name it.",
                      field="tandem_id")
    return _matter(reader), reader.person_ref


async def found_by(transaction: OpenTransaction, caller: str) -> list[Found]:
    """What inside the own scope whoever called may speak of, wherever they live. Audited, also in vain."""
    scope, pseudonym = transaction.caller.scope, _pseudonym(caller)
    await beyond_scope(transaction)
    refs = [pseudonym] if pseudonym else await persons_at(transaction, caller)
    found: list[Found] = []
    for kind in (Household, Mentor, Member):
        own: Any = kind
        for one in (await transaction.scalars(select(own).where(
                or_(own.person_ref.in_(refs), own.id == pseudonym)).order_by(own.id))).all():
            found += await _theirs(transaction, one, scope)
    for household, ref, _ in await spoke_before(transaction, refs):
        found += await _theirs(transaction, await as_former(transaction, household, ref), scope)
    if not found:
        await audited(transaction, "find", "tandem/none")
    return found


async def _theirs(transaction: OpenTransaction, reader: Reader, scope: Scope) -> list[Found]:
    """What somebody may speak of inside a scope, in the audit; nothing once they are erased."""
    if await is_erased(transaction, reader.person_ref):
        return []
    found = await to_raise(transaction, reader, scope)
    for one in found:
        await audited(transaction, "find", f"{one.matter.about}/{one.matter.id}", reader.person_ref)
    return found


def _matter(reader: Reader) -> Matter:
    return Matter(OWN[type(reader)], reader.id, home_of(reader), _side(reader))


def _side(reader: Reader) -> Side:
    return Side.HOUSEHOLD if isinstance(reader, Household | FormerContact) else Side.MENTORS


def _pseudonym(caller: str) -> UUID | None:
    with contextlib.suppress(ValueError):
        return UUID(caller)
    return None


def accompanied(member: Member, tandem: Tandem) -> bool:
    """Whether somebody was of the group while its tandem ran."""
    return member.was_there(today(tandem.started_at), today(tandem.ended_at) if tandem.ended_at else None)


def began_before(tandem: Tandem, until: datetime) -> bool:
    """Whether a tandem began before another person became the household's contact."""
    return tandem.id < first_id(until)
