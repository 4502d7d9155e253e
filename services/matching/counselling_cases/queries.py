"""What every noun of counselling does with a case: open one, find it inside the scope, for whom it is."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select
from uuid_utils.compat import uuid7

from libs.common.audit import audited
from libs.common.callers import Role
from libs.common.codes.countries import world_region
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.facts.matching import (
    CounsellingCaseClosed,
    CounsellingCaseCorrected,
    CounsellingCaseFact,
    CounsellingCaseOpened,
)
from libs.common.outbox import announce
from libs.common.persons import persons_at
from libs.common.privacy import key_of, seal
from libs.common.refusals import Invalid, Refused
from services.matching.counselling_cases.model import (
    DISTRICT_DIGITS,
    SEALED_ORIGIN,
    CaseState,
    CounsellingCase,
    CounsellingSpell,
    Origin,
)
from services.matching.counselling_cases.rules import CaseFields, CaseIn
from services.matching.households.model import Household
from services.matching.profiles.queries import inside, met, sharing_address
from services.matching.profiles.rules import refuse_future, refuse_outside, today


async def opened(transaction: OpenTransaction, given: CaseIn, *, case_id: UUID | None = None) -> CounsellingCase:
    """Open a case of a person; refused while the partner has an open one of the same person."""
    now = transaction.clock.now()
    opened_on = given.opened_on or today(now)
    partner_id = _partner(transaction, given.partner_id)
    refuse_outside(transaction.caller.scope, given.region, partner_id)
    case = CounsellingCase(
        id=case_id or uuid7(), region=given.region, partner_id=partner_id, opened_on=opened_on,
        said_opened_on=opened_on, opened_by=transaction.caller.principal,
        counsellor=str(given.counsellor or transaction.caller.principal),
        person_ref=await _person(transaction, given, partner_id))
    if not given.another_person:
        await _refuse_doubled(transaction, case.person_ref, partner_id)
    await described(transaction, case, given)
    transaction.add(case)
    await transaction.flush()
    transaction.add(case.first_spell())
    await audited(transaction, "change", f"counselling_case/{case.id}", case.person_ref)
    tell(transaction, CounsellingCaseOpened, case, case.opened_on)
    return case


def tell(
    transaction: OpenTransaction, kind: type[CounsellingCaseFact], case: CounsellingCase, day: date,
    spell: CounsellingSpell | None = None,
) -> None:
    """Announce what happened to a case, or to one of its spells, by district and month; of whom, nobody learns."""
    announce(transaction, kind(
        counselling_case_id=case.id, partner_id=case.partner_id, region=case.region[:DISTRICT_DIGITS],
        month=f"{day:%Y-%m}", spell_id=spell.id if spell else None))


def tell_beginning(transaction: OpenTransaction, case: CounsellingCase, *, told: date) -> None:
    """The beginning of a case may have moved: announced when it lies in another month than was told."""
    if (case.opened_on.year, case.opened_on.month) != (told.year, told.month):
        tell(transaction, CounsellingCaseCorrected, case, case.opened_on)


def tell_closing(
    transaction: OpenTransaction, case: CounsellingCase, spell: CounsellingSpell, *, told: date | None,
) -> None:
    """The day of a closing may have moved: announced once more when it lies in another month than was told."""
    day = spell.closed_on
    if day and (told is None or (day.year, day.month) != (told.year, told.month)):
        tell(transaction, CounsellingCaseClosed, case, day, spell)


async def described(transaction: OpenTransaction, case: CounsellingCase, given: CaseFields) -> None:
    """Take over what is said of a person: the country of origin sealed, its region of the world to be counted."""
    refuse_future(given.opened_on or date.min, transaction.clock.now(), "opened_on")
    region = world_region(given.origin) if given.origin else None
    case.describe({
        "languages": sorted(set(given.languages)), "gender": given.gender, "age_band": given.age_band,
        "origin_region": region, "counsellor": str(given.counsellor or case.counsellor),
        "origin": await seal(transaction, case.person_ref, SEALED_ORIGIN, Origin(country=given.origin))
        if given.origin else None, "said_opened_on": given.opened_on or case.said_opened_on})


async def case_to_change(transaction: OpenTransaction, case_id: UUID) -> CounsellingCase:
    """The case inside the caller's scope, locked, and open."""
    case = await get_or_refuse(transaction, CounsellingCase, case_id, lock=True)
    case.refuse_closed()
    return case


async def spells_of(transaction: OpenTransaction, case_id: UUID) -> Sequence[CounsellingSpell]:
    """From when until when a case was open, in order; each has one at least."""
    query = select(CounsellingSpell).where(CounsellingSpell.counselling_case_id == case_id)
    return (await transaction.scalars(query.order_by(col(CounsellingSpell.opened_on)))).all()


async def spells_to_correct(transaction: OpenTransaction, case: CounsellingCase) -> Sequence[CounsellingSpell]:
    """The same, of a case of which is still kept who it was, and what was noted."""
    await key_of(transaction, case.person_ref)
    case.refuse_deleted(today(transaction.clock.now()))
    return await spells_of(transaction, case.id)


async def cases_at(transaction: OpenTransaction, address: str) -> Sequence[CounsellingCase]:
    """The cases inside the caller's scope of whoever has this mail address or telephone number. Audited."""
    found = (await transaction.scalars(select(CounsellingCase).where(
        col(CounsellingCase.person_ref).in_(await persons_at(transaction, address)),
        inside(CounsellingCase, transaction.caller.scope)).order_by(col(CounsellingCase.id)))).all()
    for case in found:
        await audited(transaction, "find", f"counselling_case/{case.id}", case.person_ref)
    return found


async def refuse_second(transaction: OpenTransaction, person_ref: UUID, partner_id: UUID) -> None:
    """A person has one open case at a partner, also when two open one at the same moment."""
    await transaction.execute(text("SELECT pg_advisory_xact_lock(hashtext(:person))"),
                              {"person": f"case {person_ref} {partner_id}"})
    there = await transaction.scalar(select(CounsellingCase.id).where(
        CounsellingCase.person_ref == person_ref, CounsellingCase.partner_id == partner_id,
        col(CounsellingCase.state) != CaseState.CLOSED))
    if there:
        raise Refused("case-open", "There is an open case of this person already.")


async def _refuse_doubled(transaction: OpenTransaction, person_ref: UUID, partner_id: UUID) -> None:
    """Who has an open case at the partner is not entered again, also when two enter them at the same moment."""
    await transaction.execute(text("SELECT pg_advisory_xact_lock(hashtext(:partner))"),
                              {"partner": f"case address {partner_id}"})
    there = await transaction.scalar(select(CounsellingCase.id).where(
        col(CounsellingCase.person_ref).in_(await sharing_address(transaction, person_ref)),
        CounsellingCase.partner_id == partner_id, col(CounsellingCase.state) != CaseState.CLOSED,
        inside(CounsellingCase, transaction.caller.scope)).order_by(col(CounsellingCase.id)).limit(1))
    if there:
        raise Refused("case-at-address", "There is an open case with this mail address or telephone number already:"
                      " {case}. Go on with it, or say that this is another person.", case=there)


def _partner(transaction: OpenTransaction, named: UUID | None) -> UUID:
    """The partner whose case it is: a counsellor's own unless named."""
    partners = transaction.caller.scope.partners
    if named is None and transaction.caller.role is Role.COUNSELLOR and len(partners) == 1:
        return next(iter(partners))
    if named is None:
        raise Invalid("partner-missing", "Name the partner whose case it is.", field="partner_id")
    return named


async def _person(transaction: OpenTransaction, given: CaseIn, partner_id: UUID) -> UUID:
    """Who is counselled: met here, or known by a household or an earlier case of the same partner.

    Of another partner's nobody is taken over: those who counsel could not read who it is.
    """
    if given.person is not None:
        return await met(transaction, given.person, region=given.region, partner_id=partner_id)
    for kind in (Household, CounsellingCase):
        known = await transaction.scalar(select(kind.person_ref).where(
            col(kind.person_ref) == given.person_ref, col(kind.partner_id) == partner_id,
            inside(kind, transaction.caller.scope)).limit(1))
        if known:
            await key_of(transaction, known)
            await refuse_second(transaction, known, partner_id)
            return known
    raise Invalid("person-unknown", "This partner has no household and no case of such a person.", field="person_ref")
