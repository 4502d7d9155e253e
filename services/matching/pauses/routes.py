"""The HTTP door of pauses: of mentors, groups and households, of their own or for somebody's safety; and their end."""

from uuid import UUID

from fastapi import APIRouter, Response

from libs.common.db import get_or_refuse
from libs.common.dependencies import Expected, Transaction
from services.matching.households.model import Household
from services.matching.households.routes import told as household_told
from services.matching.households.rules import HouseholdDetail
from services.matching.mentor_groups.model import MentorGroup
from services.matching.mentor_groups.routes import told as group_told
from services.matching.mentor_groups.rules import GroupOut
from services.matching.mentors.model import Mentor
from services.matching.mentors.routes import MentorOut
from services.matching.mentors.routes import told as mentor_told
from services.matching.pauses.reactions import held_back, paused, resumed
from services.matching.profiles.rules import HoldingBackIn, ResumingIn
from services.matching.proposals.queries import lock_unit

router = APIRouter(tags=["pauses"])


@router.post("/mentors/{mentor_id}/pause")
async def pause_mentor(mentor_id: UUID, transaction: Transaction, expected: Expected, response: Response) -> MentorOut:
    """No new household for now; proposals that nobody was invited to are dismissed.

    Who is held back may pause besides, and pauses on when that has ended.
    """
    mentor = await lock_unit(transaction, Mentor, mentor_id, version=expected)
    await paused(transaction, mentor, by=transaction.caller.principal)
    return await mentor_told(transaction, mentor, response)


@router.post("/mentors/{mentor_id}/hold_back")
async def hold_mentor_back(
    mentor_id: UUID, body: HoldingBackIn, transaction: Transaction, expected: Expected, response: Response,
) -> MentorOut:
    """For somebody's safety nobody new, whatever is open, also after the tandem ended; until a coordinator resumes.

    A pause of their own stays as it is, and is not ended by that.
    """
    mentor = await lock_unit(transaction, Mentor, mentor_id, version=expected)
    mentor.refuse_unless_vetted()
    await held_back(transaction, mentor, body.why)
    return await mentor_told(transaction, mentor, response)


@router.post("/mentors/{mentor_id}/resume")
async def resume_mentor(
    mentor_id: UUID, transaction: Transaction, expected: Expected, response: Response, body: ResumingIn | None = None,
) -> MentorOut:
    """The mentor is held back no longer, if `why` says why, and only that: a pause of their own goes on.

    Without `why`, or when not held back, they are back from their own pause, and who is held back stays so.
    """
    mentor = await lock_unit(transaction, Mentor, mentor_id, version=expected)
    await resumed(transaction, mentor, by=transaction.caller.principal, why=body.why if body else None)
    return await mentor_told(transaction, mentor, response)


@router.post("/mentor_groups/{mentor_group_id}/pause")
async def pause_mentor_group(
    mentor_group_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """No household for now, whatever its state, which stays; proposals that nobody was invited to are dismissed.

    One that is held back may pause besides, and pauses on when that has ended.
    """
    group = await lock_unit(transaction, MentorGroup, mentor_group_id, version=expected)
    await paused(transaction, group, by=transaction.caller.principal)
    return await group_told(transaction, group, response)


@router.post("/mentor_groups/{mentor_group_id}/hold_back")
async def hold_mentor_group_back(
    mentor_group_id: UUID, body: HoldingBackIn, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """For somebody's safety the group takes in nobody, also after the tandem ended; until a coordinator resumes it.

    A pause of its own stays as it is, and is not ended by that.
    """
    group = await lock_unit(transaction, MentorGroup, mentor_group_id, version=expected)
    await held_back(transaction, group, body.why)
    return await group_told(transaction, group, response)


@router.post("/mentor_groups/{mentor_group_id}/resume")
async def resume_mentor_group(
    mentor_group_id: UUID, transaction: Transaction, expected: Expected, response: Response,
    body: ResumingIn | None = None,
) -> GroupOut:
    """The group is held back no longer, if `why` says why, and only that: a pause of its own goes on.

    Without `why`, or when not held back, it is back from its own pause, where it was, and stays held back if it is.
    Held back no longer its checklist says when it takes in a household again.
    """
    group = await lock_unit(transaction, MentorGroup, mentor_group_id, version=expected)
    await resumed(transaction, group, by=transaction.caller.principal, why=body.why if body else None)
    return await group_told(transaction, group, response)


@router.post("/households/{household_id}/pause")
async def pause_household(
    household_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> HouseholdDetail:
    """Nobody is looked for for now: they are ill, in hospital or away. They have waited since the same day."""
    household = await get_or_refuse(transaction, Household, household_id, version=expected, lock=True)
    await paused(transaction, household, by=transaction.caller.principal)
    return await household_told(transaction, household, response)


@router.post("/households/{household_id}/resume")
async def resume_household(
    household_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> HouseholdDetail:
    """They are back from a pause, where they were."""
    household = await get_or_refuse(transaction, Household, household_id, version=expected, lock=True)
    await resumed(transaction, household, by=transaction.caller.principal)
    return await household_told(transaction, household, response)
