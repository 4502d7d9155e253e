"""Reads about concerns: of which tandems somebody may speak to the neutral contact, and for which side."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, select

from libs.common.db import OpenTransaction
from libs.common.facts.matching import Side
from services.matching.members.model import Member
from services.matching.own_data.model import OwnDataOut, OwnKind
from services.matching.profiles.queries import is_erased
from services.matching.profiles.rules import today
from services.matching.tandems.model import RUNNING, Tandem
from services.matching.tandems.queries import side_in


async def side_heard(transaction: OpenTransaction, tandem: Tandem, person_ref: UUID) -> Side:
    """The side of who speaks for one today, or was of the group while the tandem ran; NotFound when of neither."""
    member = (await transaction.scalars(select(Member).where(
        Member.person_ref == person_ref, Member.mentor_group_id == tandem.mentor_group_id))).first()
    if member and accompanied(member, tandem) and not await is_erased(transaction, person_ref):
        return Side.MENTORS
    return await side_in(transaction, tandem, person_ref)


async def to_speak_of(transaction: OpenTransaction, data: OwnDataOut) -> Sequence[Tandem]:
    """The tandems of whoever reads these data that run, else the last one."""
    ids = [one["id"] for one in data.noted.get("tandems", ())]
    found = (await transaction.scalars(select(Tandem).where(col(Tandem.id).in_(ids)).order_by(col(Tandem.id)))).all()
    if data.kind is OwnKind.MEMBER:
        member = await transaction.get_one(Member, data.id)
        found = [one for one in found if accompanied(member, one)]
    return [one for one in found if one.state in RUNNING] or found[-1:]


def accompanied(member: Member, tandem: Tandem) -> bool:
    """Whether somebody was of the group while its tandem ran."""
    return member.was_there(today(tandem.started_at), today(tandem.ended_at) if tandem.ended_at else None)
