"""What follows when a mentor, a mentor group or a household pauses, is held back, or is back."""

from uuid import UUID

from libs.common.db import OpenTransaction
from libs.common.reactions import when_due
from services.matching.decisions.model import Decided
from services.matching.decisions.reactions import decided
from services.matching.households.model import Household
from services.matching.mentor_groups.model import MentorGroup
from services.matching.mentors.model import Mentor
from services.matching.obstacles.reactions import check, look_again
from services.matching.pauses.queries import keep_why
from services.matching.profiles.queries import beyond_scope
from services.matching.profiles.rules import today
from services.matching.proposals.queries import Unit, awaited_of, lock_unit
from services.matching.proposals.reactions import let_go


async def paused(transaction: OpenTransaction, of: Household | Unit, *, by: str | None = None) -> None:
    """Nothing new begins with a side for now; its proposals that nobody was invited to are dismissed.

    A household must be locked, a mentor or group with lock_unit; so it is below. by: which coordinator noted it
    (nobody asks why: it may be an illness); None: they themselves.
    """
    await beyond_scope(transaction)
    of.pause(today(transaction.clock.now()), awaited=await awaited_of(transaction, of))
    if by is not None:
        await decided(transaction, of, Decided.PAUSED)
    await let_go(transaction, of)


async def held_back(transaction: OpenTransaction, unit: Unit, why: str | None = None) -> None:
    """A mentor or group pauses for somebody's safety, whatever is open. why: None: a tandem ended so.

    Who was not invited is let go; an invitation is accepted no longer, and what was accepted has an obstacle.
    """
    if unit.hold_back(today(transaction.clock.now()), by=transaction.caller.principal, why=why):
        if why is not None:
            await keep_why(transaction, unit, why)
        await decided(transaction, unit, Decided.HELD_BACK)
        await let_go(transaction, unit)
        await _looked_at(transaction, unit)


async def resumed(
    transaction: OpenTransaction, of: Household | Unit, *, by: str | None = None, why: str | None = None,
) -> None:
    """A side is held back no longer, or else back from a pause of its own; the other stays.

    What that kept apart is looked at again, and a group may be ready, which is told. by: which coordinator says so, and
    why, without which nobody ends holding back; None: they themselves.
    """
    await beyond_scope(transaction)
    what = Decided.BACK
    if isinstance(of, Household):
        of.resume()
    else:
        for_safety = of.ends_holding_back(by, why)
        of.resume(by=by, why=why)
        if for_safety and why is not None:
            await keep_why(transaction, of, why)
            what = Decided.RESUMED
    if by is not None:
        await decided(transaction, of, what)
    await _looked_at(transaction, of)


@when_due("plain_why")
async def seal_plain_why(transaction: OpenTransaction, unit_id: UUID) -> None:
    """A version before this one kept in plain text why a mentor or group is held back, or no longer is."""
    is_mentor = await transaction.get(Mentor, unit_id) is not None
    unit: Unit = await (
        lock_unit(transaction, Mentor, unit_id) if is_mentor else lock_unit(transaction, MentorGroup, unit_id))
    why = unit.held_back_why or unit.resumed_why
    if why:
        await keep_why(transaction, unit, why)


async def _looked_at(transaction: OpenTransaction, of: Household | Unit) -> None:
    await (check(transaction, of) if isinstance(of, MentorGroup) else look_again(transaction, of))
