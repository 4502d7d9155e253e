"""What follows when a mentor, a mentor group or a household moves to another district.

Along goes what tells who they are and where they are on their way: their names and addresses, consents, a group's
members (also former ones, who are listed with it) and checklist with its waivers, how large a household has been. Who
coordinates the new district reads and changes that, who coordinated the former one no longer.

What happened stays where it happened, with those who saw to it, the other side and the figures of that district:
proposals, tandems with meetings, check-ins, closings and concerns, and what runs found. So do the cases and referrals
of a partner's counsellors, the copy of an attendance (which has its event's district), and a household's former
contacts, who may live there still. No fact tells of a move: no other service keeps where somebody lives.
"""

from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlmodel import col, select

from libs.common.db import OpenTransaction, touch
from libs.common.tables import person
from services.matching.consents.model import Consent
from services.matching.decisions.model import Decision
from services.matching.households.model import Household, HouseholdChange
from services.matching.members.model import Member
from services.matching.mentor_groups.model import MentorGroup
from services.matching.mentors.model import Mentor
from services.matching.moves.rules import MovingIn
from services.matching.prerequisites.model import Prerequisite
from services.matching.profiles.model import refuse_awaiting, refuse_running
from services.matching.profiles.queries import among, beyond_scope
from services.matching.profiles.rules import located, refuse_outside
from services.matching.proposals.queries import Unit, awaited_of
from services.matching.proposals.reactions import let_go
from services.matching.tandems.queries import running_of

# The rows that belong to who moves, and by which column.
ALONG: MappingProxyType[type[Any], tuple[Any, ...]] = MappingProxyType({
    Mentor: (Decision.about_id,), Household: (HouseholdChange.household_id, Decision.about_id),
    MentorGroup: (Member.mentor_group_id, Prerequisite.mentor_group_id, Decision.about_id)})


async def moved(transaction: OpenTransaction, of: Household | Unit, to: MovingIn) -> None:
    """A side inside the caller's scope lives elsewhere, inside it too; nothing that it is bound to may be under way.

    Proposals that nobody was invited to are dismissed: runs of the new district look for somebody. A household must be
    locked, a mentor or group with lock_unit.
    """
    refuse_outside(transaction.caller.scope, to.region, of.partner_id)
    await beyond_scope(transaction)
    refuse_awaiting(await awaited_of(transaction, of))
    refuse_running(len(await running_of(transaction, of)))
    await let_go(transaction, of)
    of.region = to.region
    of.describe(located(to.postcode))
    touch(of)  # also what belongs to it is another
    for column in ALONG[type(of)]:
        await _carry(transaction, column.class_, column == of.id, to.region)
    refs = await _persons_of(transaction, of)
    await _carry(transaction, Consent, among(Consent.person_ref, refs), to.region)
    await _carry(transaction, person, person.c.person_ref.in_(refs) & person.c.erased_at.is_(None), to.region)


async def _persons_of(transaction: OpenTransaction, of: Household | Unit) -> list[UUID]:
    if not isinstance(of, MentorGroup):
        return [of.person_ref]
    return list(await transaction.scalars(select(Member.person_ref).where(col(Member.mentor_group_id) == of.id)))


async def _carry(transaction: OpenTransaction, kind: Any, which: Any, region: str) -> None:
    await transaction.execute(update(kind).where(which).values(region=region))
