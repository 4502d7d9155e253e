"""The HTTP door of moves: a mentor, a mentor group or a household goes on in another district."""

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
from services.matching.moves.reactions import moved
from services.matching.moves.rules import MovingIn
from services.matching.proposals.queries import lock_unit

router = APIRouter(tags=["moves"])


@router.post("/mentors/{mentor_id}/move")
async def move_mentor(
    mentor_id: UUID, body: MovingIn, transaction: Transaction, expected: Expected, response: Response,
) -> MentorOut:
    """The mentor goes on in another district: for who works for both, while no invitation is open and no tandem runs.

    Proposals that nobody was invited to are dismissed. State, consents and what was noted of a certificate stay.
    """
    mentor = await lock_unit(transaction, Mentor, mentor_id, version=expected)
    mentor.refuse_left()
    await moved(transaction, mentor, body)
    return await mentor_told(transaction, mentor, response)


@router.post("/mentor_groups/{mentor_group_id}/move")
async def move_mentor_group(
    mentor_group_id: UUID, body: MovingIn, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """The group goes on in another district: for who works for both, while no invitation is open and no tandem runs.

    Proposals that nobody was invited to are dismissed. State, members, checklist, home and documents stay.
    """
    group = await lock_unit(transaction, MentorGroup, mentor_group_id, version=expected)
    group.refuse_ended()
    await moved(transaction, group, body)
    return await group_told(transaction, group, response)


@router.post("/households/{household_id}/move")
async def move_household(
    household_id: UUID, body: MovingIn, transaction: Transaction, expected: Expected, response: Response,
) -> HouseholdDetail:
    """The household lives in another district: for who works for both, while no invitation is open and no tandem runs.

    A proposal that nobody was invited to is dismissed. They have waited since the same day; consents and history stay.
    """
    household = await get_or_refuse(transaction, Household, household_id, version=expected, lock=True)
    household.refuse_closed()
    await moved(transaction, household, body)
    return await household_told(transaction, household, response)
