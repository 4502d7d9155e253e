"""What follows when a mentor, a mentor group or a household pauses, is held back, or is back."""

from libs.common.db import OpenTransaction
from services.matching.households.model import Household
from services.matching.mentor_groups.model import MentorGroup
from services.matching.mentors.model import Mentor
from services.matching.obstacles.reactions import check, look_again
from services.matching.profiles.queries import beyond_scope
from services.matching.profiles.rules import today
from services.matching.proposals.queries import Unit, awaited_of
from services.matching.proposals.reactions import let_go


async def paused(transaction: OpenTransaction, of: Household | Unit) -> None:
    """Nothing new begins with a side for now; its proposals that nobody was invited to are dismissed.

    A household must be locked, a mentor or group with lock_unit; so it is below.
    """
    await beyond_scope(transaction)
    awaited = await awaited_of(transaction, of)
    if isinstance(of, Mentor):
        of.pause(awaited=awaited)
    else:
        of.pause(today(transaction.clock.now()), awaited=awaited)
    await let_go(transaction, of)


async def held_back(transaction: OpenTransaction, unit: Unit, why: str | None = None) -> None:
    """A mentor or group pauses for somebody's safety, whatever is open. why: None: a tandem ended so.

    Who was not invited is let go; an invitation is accepted no longer, and what was accepted has an obstacle.
    """
    if unit.hold_back(today(transaction.clock.now()), by=transaction.caller.principal, why=why):
        await let_go(transaction, unit)
        await _looked_at(transaction, unit)


async def resumed(
    transaction: OpenTransaction, of: Household | Unit, *, by: str | None = None, why: str | None = None,
) -> None:
    """A side is back from a pause; what that kept apart is looked at again, and a group may be ready, which is told.

    by: which coordinator says so, and why; None: they themselves.
    """
    await beyond_scope(transaction)
    if isinstance(of, Household):
        of.resume()
    else:
        of.resume(by=by, why=why)
    await _looked_at(transaction, of)


async def _looked_at(transaction: OpenTransaction, of: Household | Unit) -> None:
    await (check(transaction, of) if isinstance(of, MentorGroup) else look_again(transaction, of))
