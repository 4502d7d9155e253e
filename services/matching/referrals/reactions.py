"""What falls due for referrals, and what becomes of them when a person is erased."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from uuid import UUID

from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.db import OpenTransaction
from libs.common.due import cancel, schedule
from libs.common.reactions import when_due
from services.matching.counselling_cases.model import CounsellingCase
from services.matching.profiles.queries import locked
from services.matching.profiles.rules import BERLIN, today
from services.matching.referrals.model import UNSENT, Referral, ReferralState
from services.matching.referrals.queries import person_of, tell_ended, tell_revoked, unerased

CONSENT_OVER = "referral_consent_over"


async def watch_consent(transaction: OpenTransaction, referral: Referral) -> None:
    """A consent that nothing was sent by yet ends after its last day; else there is nothing to wait for."""
    if referral.state is ReferralState.CONSENTED and referral.consent_until is not None:
        ends = datetime.combine(referral.consent_until + timedelta(days=1), time(), BERLIN)
        await schedule(transaction, CONSENT_OVER, referral.id, ends)
    else:
        await cancel(transaction, CONSENT_OVER, referral.id)


@when_due(CONSENT_OVER)
async def expire_referral(transaction: OpenTransaction, referral_id: UUID) -> None:
    """The consent's last day has passed, and nothing was sent: it takes a new one."""
    referral = await locked(transaction, Referral, referral_id)
    if referral.expire(today(transaction.clock.now())):
        await audited(transaction, "change", f"referral/{referral.id}", await person_of(transaction, referral))


async def end_unsent(transaction: OpenTransaction, case: CounsellingCase) -> None:
    """Who is counselled no longer is sent nowhere any more; what was sent goes on."""
    query = select(Referral).where(
        Referral.counselling_case_id == case.id, col(Referral.state).in_(UNSENT)).order_by(col(Referral.id))
    for referral in (await transaction.scalars(query.with_for_update())).all():
        referral.end(transaction.clock.now())
        await watch_consent(transaction, referral)
        await audited(transaction, "change", f"referral/{referral.id}", case.person_ref)


async def end_referrals(transaction: OpenTransaction, case_id: UUID) -> None:
    """Of whom nothing is kept any more is referred nowhere any more; nobody took the consent back."""
    for referral in await _referrals_of(transaction, [case_id]):
        before = referral.state
        referral.end(transaction.clock.now())
        tell_ended(transaction, referral, before=before)
        await watch_consent(transaction, referral)


async def erase_referrals(transaction: OpenTransaction, case_ids: list[UUID]) -> None:
    """Who is erased is referred nowhere any more, and whoever got something of them is told, also of what is over.

    Once: of whoever was erased before, it has been told.
    """
    known = await unerased(transaction, case_ids)
    for referral in await _referrals_of(transaction, case_ids):
        referral.erase(transaction.clock.now())
        if referral.counselling_case_id in known:
            tell_revoked(transaction, referral)
        await watch_consent(transaction, referral)


async def _referrals_of(transaction: OpenTransaction, case_ids: list[UUID]) -> Sequence[Referral]:
    """All of these cases, locked."""
    query = select(Referral).where(col(Referral.counselling_case_id).in_(case_ids)).order_by(col(Referral.id))
    return (await transaction.scalars(query.with_for_update())).all()
