"""Reads about consents: who agrees to a purpose today, and whose consent is missing."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from libs.common.callers import Role
from libs.common.db import OpenTransaction
from libs.common.refusals import NotFound, Refused
from services.matching.consents.model import Consent, Purpose
from services.matching.households.model import Household
from services.matching.members.model import Member
from services.matching.mentor_groups.model import MentorGroup
from services.matching.mentors.model import Mentor
from services.matching.prerequisites.queries import members_of
from services.matching.profiles.queries import inside


async def agreeing(transaction: OpenTransaction, refs: Iterable[UUID], purpose: Purpose) -> tuple[UUID, ...]:
    """Those of these persons who consent to the purpose today, in the same order."""
    await transaction.flush()
    asked = list(refs)
    found = set(await transaction.scalars(select(Consent.person_ref).where(
        col(Consent.person_ref).in_(asked), Consent.purpose == purpose,
        col(Consent.withdrawn_on).is_(None), col(Consent.replaced_on).is_(None))))
    return tuple(ref for ref in asked if ref in found)


async def holding(transaction: OpenTransaction, person_ref: UUID, purpose: Purpose) -> Consent | None:
    """The consent that the person has given to the purpose and not taken back, locked."""
    return (await transaction.scalars(select(Consent).where(
        Consent.person_ref == person_ref, Consent.purpose == purpose,
        col(Consent.withdrawn_on).is_(None), col(Consent.replaced_on).is_(None)).with_for_update())).one_or_none()


async def refuse_without(transaction: OpenTransaction, refs: Sequence[UUID], purpose: Purpose) -> None:
    """Nothing is done for a purpose that not all of these persons agree to."""
    missing = len(refs) - len(await agreeing(transaction, refs, purpose))
    if missing:
        raise Refused("purpose-without-consent", "{missing} of those whom it is about have not consented to {purpose}.",
                      missing=missing, purpose=purpose)


async def refuse_application(transaction: OpenTransaction, group: MentorGroup) -> None:
    """A group's application is shown to the authority only if each of its members agrees."""
    refs = [one.person_ref for one in await members_of(transaction, group.id)]
    await refuse_without(transaction, refs, Purpose.AUTHORITY)


async def belonging_of(
    transaction: OpenTransaction, person_ref: UUID, *, former: bool = False,
) -> tuple[str, UUID | None]:
    """Region and partner of the household, mentor or member that this person is; NotFound outside the own scope.

    Who counsels finds households only: mentors and members say to the coordinator to what they agree. former: so do
    former contacts of households, of whom there are consents alone.
    """
    counselling = transaction.caller.role is Role.COUNSELLOR
    kinds: tuple[Any, ...] = (Household,) if counselling else (Household, Mentor, Member)
    for kind in kinds:
        found = (await transaction.scalars(select(kind).where(kind.person_ref == person_ref))).first()
        if found is not None and transaction.caller.scope.covers(found):
            return found.region, getattr(found, "partner_id", None)
    if former and not counselling:
        given = (await transaction.scalars(select(Consent).where(
            Consent.person_ref == person_ref, inside(Consent, transaction.caller.scope)))).first()
        if given is not None:
            return given.region, given.partner_id
    raise NotFound("not-found", "There is no such {noun}.", noun="person")
