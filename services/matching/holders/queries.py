"""Reads about who holds a link to own data: a mentor, a household's contact, a member, or a former contact."""

from typing import Literal
from uuid import UUID

from libs.common.db import OpenTransaction
from libs.common.links import Link
from libs.common.refusals import NotFound, Refused
from services.matching.households.model import Household, HouseholdState
from services.matching.households.queries import was_contact
from services.matching.members.model import Member
from services.matching.mentor_groups.model import ENDED, MentorGroup
from services.matching.mentors.model import VETTED, Mentor
from services.matching.own_data.model import FormerContact, OwnKind
from services.matching.prerequisites.queries import contact_refs
from services.matching.profiles.queries import address_mark, beyond_scope, is_erased, locked, region_known
from services.matching.proposals.queries import Unit, lock_unit

Holder = Mentor | Household | Member
Reader = Holder | FormerContact
KINDS: tuple[type[Mentor] | type[Household] | type[Member], ...] = (Mentor, Household, Member)


async def holder_of(transaction: OpenTransaction, link: Link) -> Holder:
    """Whose data a link leads to, who may change them: NotFound once they take part no longer, and as reader_of."""
    found = await reader_of(transaction, link)
    if isinstance(found, FormerContact) or not found.takes_part:
        raise _over()
    return found


async def reader_of(transaction: OpenTransaction, link: Link) -> Reader:
    """Whose data a link leads to, also of who has left: what is stored of them may be read as long as it is.

    NotFound once they have been erased, or have another mail address than the link was sent to.
    """
    reader = await read_by(transaction, link.about, link.person_ref)
    if reader is None:
        raise _over()
    if not await is_current(transaction, link):
        raise NotFound("own-link-outdated",
                       "This link was sent to another mail address; ask the coordinators for a new one.")
    return reader


async def read_by(transaction: OpenTransaction, about: UUID, person_ref: UUID) -> Reader | None:
    """What a person is of the mentor, household or member with this id; None of another's, or once they are erased."""
    for kind in KINDS:
        found: Holder | None = await transaction.get(kind, about)
        reader = await _as(transaction, found, person_ref) if found else None
        if reader is not None and not await is_erased(transaction, person_ref):
            return reader
    return None


async def _as(transaction: OpenTransaction, found: Holder, person_ref: UUID) -> Reader | None:
    """What a person is of what was found: themselves, or a former contact of the household."""
    if found.person_ref == person_ref:
        return found
    if isinstance(found, Household) and await was_contact(transaction, found, person_ref):
        return await as_former(transaction, found, person_ref)
    return None


async def as_former(transaction: OpenTransaction, household: Household, person_ref: UUID) -> FormerContact:
    """Who spoke for a household before: they stay where they were known when another began to, as no move is theirs."""
    lives_in = await region_known(transaction, person_ref)
    return FormerContact(household.id, household.region, person_ref, lives_in or household.region)


def home_of(reader: Reader) -> str:
    """The region in which somebody lives, or accompanies others; a former contact's when another began to speak."""
    return reader.lives_in if isinstance(reader, FormerContact) else reader.region


async def former_contact(transaction: OpenTransaction, household: Household, person_ref: UUID) -> FormerContact:
    """Who spoke before for a household inside the caller's scope; NotFound when this person did not."""
    if not await was_contact(transaction, household, person_ref):
        raise NotFound("not-found", "There is no such {noun}.", noun="person")
    await beyond_scope(transaction)
    return await as_former(transaction, household, person_ref)


def _over() -> NotFound:
    return NotFound("own-data-over", "This link holds no longer: you take part no longer, or your data was erased.")


async def is_current(transaction: OpenTransaction, link: Link) -> bool:
    """Whether the person still has the mail address that the link was sent to."""
    return link.sent_to == await address_mark(transaction, link.person_ref)


async def locked_holder(transaction: OpenTransaction, link: Link) -> Holder:
    """The same, locked with all that what they change may reach, in the order in which everybody locks."""
    holder = await holder_of(transaction, link)
    if isinstance(holder, Mentor):
        await lock_unit(transaction, Mentor, holder.id)
    elif isinstance(holder, Member):
        await lock_unit(transaction, MentorGroup, holder.mentor_group_id)
        await locked(transaction, Member, holder.id)
    else:
        await locked(transaction, Household, holder.id)
    return await holder_of(transaction, link)


def kind_of(holder: Reader) -> OwnKind:
    """What somebody is here."""
    if isinstance(holder, FormerContact):
        return OwnKind.FORMER_CONTACT
    if isinstance(holder, Mentor):
        return OwnKind.MENTOR
    return OwnKind.HOUSEHOLD if isinstance(holder, Household) else OwnKind.MEMBER


def state_of(holder: Reader) -> str:
    """Where they are; a household that pauses is in its pause, and a member is there, or has left."""
    if isinstance(holder, Member | FormerContact):
        return "member" if holder.takes_part else "left"
    if isinstance(holder, Household) and holder.paused_on:
        return "paused"
    return holder.state.value


async def speaking_for(transaction: OpenTransaction, holder: Holder) -> Household | Unit:
    """The side that somebody speaks for; of a group its main contacts do, or all as long as it has none."""
    of = await side_of(transaction, holder)
    if isinstance(of, MentorGroup) and holder.person_ref not in await contact_refs(transaction, of.id):
        raise Refused("only-main-contacts-pause",
                      "Of a group its main contacts say when it pauses; please turn to them or to the coordinators.")
    return of


async def spoken_for(transaction: OpenTransaction, member: Member) -> MentorGroup | None:
    """The group of who speaks for it today, and belongs to it."""
    group = await transaction.get_one(MentorGroup, member.mentor_group_id)
    return group if member.takes_part and member.person_ref in await contact_refs(transaction, group.id) else None


async def may_pause(transaction: OpenTransaction, holder: Reader) -> Literal["pause", "resume"] | None:
    """Whether they pause by themselves and may come back, or may pause; held back or not, which they do not end."""
    if isinstance(holder, FormerContact):
        return None
    try:
        of = await speaking_for(transaction, holder)
    except Refused:
        return None
    if isinstance(of, Mentor):
        pauses, may = of.pauses, of.state in VETTED
    else:
        pauses, may = of.paused_on is not None, of.state not in {*ENDED, HouseholdState.CLOSED}
    if not (may and holder.takes_part):
        return None
    return "resume" if pauses else "pause"


async def side_of(transaction: OpenTransaction, holder: Holder) -> Household | Unit:
    """Who is brought together with somebody: a mentor, a household, of a member their group."""
    return await transaction.get_one(MentorGroup, holder.mentor_group_id) if isinstance(holder, Member) else holder
