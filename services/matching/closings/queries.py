"""Reads about closings: whose names a learning must not hold."""

from sqlmodel import select

from libs.common.db import OpenTransaction
from libs.common.persons import details_of
from services.matching.checkins.model import Checkin
from services.matching.closings.model import Closing
from services.matching.meetings.model import Meeting
from services.matching.members.model import Member
from services.matching.tandems.model import Tandem
from services.matching.tandems.queries import persons_of_tandem


async def names_of_tandem(transaction: OpenTransaction, closing: Closing) -> list[str]:
    """The names of all persons of the closing's tandem, of everyone who was ever in its group, audited as read.

    Also of the household's former contacts: who told something then, or noted or answered something before.
    """
    tandem = await transaction.get_one(Tandem, closing.tandem_id)
    refs = {closing.person_ref, *await persons_of_tandem(transaction, tandem)}
    refs |= set(await transaction.scalars(select(Meeting.person_ref).where(Meeting.tandem_id == tandem.id)))
    answered = select(Checkin.answered_by).where(Checkin.tandem_id == tandem.id)
    refs |= {ref for ref in await transaction.scalars(answered) if ref}
    if tandem.mentor_group_id:
        refs |= set(await transaction.scalars(select(Member.person_ref).where(
            Member.mentor_group_id == tandem.mentor_group_id)))
    return [one.name for one in (await details_of(transaction, refs, about=f"closing/{closing.id}")).values()]
