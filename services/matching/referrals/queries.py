"""Reads about referrals: one with its case, and what of a person is handed over by consent."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.facts.matching import ReferralEnded, ReferralFact, ReferralRevoked
from libs.common.outbox import announce
from libs.common.persons import details_of
from libs.common.refusals import Refused
from libs.common.tables import person
from services.matching.counselling_cases.model import DISTRICT_DIGITS, CounsellingCase
from services.matching.counselling_contacts.model import CounsellingContact
from services.matching.counselling_statuses.queries import entries_of
from services.matching.counselling_statuses.rules import Attribute, standing
from services.matching.profiles.queries import beyond_scope
from services.matching.profiles.rules import today
from services.matching.referrals.model import OPEN, REACHED, UNSENT, Referral, ReferralState, Shared


async def referral_to_change(transaction: OpenTransaction, referral_id: UUID, version: int) -> Referral:
    """The referral inside the caller's scope, locked; NotFound or Stale else."""
    return await get_or_refuse(transaction, Referral, referral_id, version=version, lock=True)


async def refuse_ended(transaction: OpenTransaction, referral: Referral) -> None:
    """Of a case that is closed nothing is begun, nor sent, any more."""
    (await transaction.get_one(CounsellingCase, referral.counselling_case_id)).refuse_closed()


async def refuse_second(transaction: OpenTransaction, case: CounsellingCase, offer_id: UUID) -> None:
    """A case is sent to an offer once at a time, else it took two places; the case must be locked."""
    query = select(Referral.id).where(
        Referral.counselling_case_id == case.id, Referral.offer_id == offer_id, col(Referral.state).in_(OPEN))
    there = (await transaction.scalars(query.order_by(col(Referral.id)).limit(1))).first()
    if there:
        raise Refused("referral-open", "This case is being sent to this offer already: {referral}. Go on with that.",
                      referral=there)


async def unerased(transaction: OpenTransaction, case_ids: Collection[UUID]) -> set[UUID]:
    """Those of the cases whose person is known still."""
    query = select(CounsellingCase.id).join(person, person.c.person_ref == col(CounsellingCase.person_ref)).where(
        col(CounsellingCase.id).in_(case_ids), person.c.erased_at.is_(None))
    return set((await transaction.scalars(query)).all())


async def person_of(transaction: OpenTransaction, referral: Referral) -> UUID:
    """Whom the referral is about."""
    return (await transaction.get_one(CounsellingCase, referral.counselling_case_id)).person_ref


def tell(transaction: OpenTransaction, kind: type[ReferralFact], referral: Referral, **more: Any) -> None:
    """Announce what happened to a referral, by ids and the district; of whom, nobody learns."""
    announce(transaction, kind(
        referral_id=referral.id, offer_id=referral.offer_id, region=referral.region[:DISTRICT_DIGITS],
        partner_id=referral.partner_id, **more))


def tell_revoked(transaction: OpenTransaction, referral: Referral) -> None:
    """Who got something by the consent learns that it is to be deleted; whom nothing has reached, learns nothing."""
    if referral.sent_at:
        tell(transaction, ReferralRevoked, referral, sent_on=today(referral.sent_at))


def tell_ended(transaction: OpenTransaction, referral: Referral, *, before: ReferralState) -> None:
    """What had been sent goes on no longer: a place that they were to have is free again."""
    if before in REACHED:
        tell(transaction, ReferralEnded, referral)


async def handed_over(transaction: OpenTransaction, referral: Referral) -> dict[str, Any]:
    """What whoever offers it may be told, by the consent that holds today; the reading is audited."""
    day = today(transaction.clock.now())
    referral.refuse_without_consent(day)
    case = await transaction.get_one(CounsellingCase, referral.counselling_case_id)
    case.refuse_deleted(day)
    if referral.state in UNSENT:
        case.refuse_closed()
    told: dict[str, Any] = {}
    for what in map(Shared, referral.shared):
        match what:
            case Shared.LANGUAGES:
                told["languages"] = case.languages
            case Shared.TOPICS:
                told["topics"] = await _topics(transaction, case.id)
            case Shared.RESIDENCE_STATUS:
                statuses = standing(await entries_of(transaction, case.id), day)
                told["residence_status"] = statuses.get(Attribute.RESIDENCE_STATUS)
    await audited(transaction, "read", f"referral/{referral.id}", case.person_ref)
    return told | await _addresses(transaction, referral, case.person_ref)


async def _addresses(transaction: OpenTransaction, referral: Referral, person_ref: UUID) -> dict[str, str | None]:
    """Name, and how to reach them, of which only what they consented to."""
    if not {Shared.NAME, Shared.CONTACT} & set(referral.shared):
        return {}
    await beyond_scope(transaction)  # they may have moved since
    details = (await details_of(transaction, [person_ref], about=f"referral/{referral.id}")).get(person_ref)
    known = details.model_dump() if details else {}
    wanted = {Shared.NAME: ("name",), Shared.CONTACT: ("email", "phone")}
    return {name: known.get(name) for what, names in wanted.items() if what in referral.shared for name in names}


async def _topics(transaction: OpenTransaction, case_id: UUID) -> list[str]:
    rows = await transaction.scalars(select(CounsellingContact.topics).where(
        col(CounsellingContact.counselling_case_id) == case_id, col(CounsellingContact.struck_at).is_(None)))
    return sorted({topic for topics in rows for topic in topics})
