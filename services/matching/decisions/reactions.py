"""What is noted when a person decides about a mentor, a mentor group, a household or a tandem."""

from uuid_utils.compat import uuid7

from libs.common.db import OpenTransaction
from services.matching.decisions.model import SEALED_NOTE, Decided, Decision, DecisionAbout
from services.matching.decisions.queries import sealed_about
from services.matching.households.model import Household
from services.matching.proposals.queries import Unit
from services.matching.tandems.model import Tandem


async def decided(
    transaction: OpenTransaction, of: Household | Unit | Tandem, what: Decided, *, subject: str = "",
    reason: str | None = None, why: str | None = None,
) -> None:
    """Note who decided this, and why: a code, or words. What people do by their own link is not a decision."""
    decision = Decision(
        id=uuid7(), region=of.region, about=DecisionAbout(str(of.__tablename__)), about_id=of.id, what=what,
        subject=subject, reason=reason, decided_by=transaction.caller.principal, decided_at=transaction.clock.now())
    if why is not None and not isinstance(of, Tandem):
        decision.note, decision.note_ref = await sealed_about(transaction, of, SEALED_NOTE, decision.id, why)
    transaction.add(decision)
