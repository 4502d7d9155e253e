"""What is stored about a mentor, a household's contact or a group's member; all of it, but nothing about others."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlmodel import col, select

from libs.common.db import OpenTransaction
from libs.common.privacy import unseal
from libs.common.refusals import NotFound
from services.matching.checkins.model import SEALED_NOTE as CHECKIN_NOTE
from services.matching.checkins.model import Checkin
from services.matching.concerns.model import SEALED_TEXT, Concern
from services.matching.consents.model import Consent
from services.matching.households.model import SEALED_NOTE, Household, Note
from services.matching.meetings.model import Meeting
from services.matching.members.model import Member
from services.matching.mentor_groups.model import MentorGroup
from services.matching.mentors.model import Mentor
from services.matching.persons.queries import names_for
from services.matching.prerequisites.model import AttendedTraining
from services.matching.profiles.queries import contact_out, locked
from services.matching.profiles.rules import ContactOut, slots_of
from services.matching.proposals.model import OPEN, Proposal
from services.matching.proposals.queries import Unit, bool_column, lock_unit, of_unit
from services.matching.tandems.queries import running_of

Holder = Mentor | Household | Member
KINDS: tuple[type[Mentor] | type[Household] | type[Member], ...] = (Mentor, Household, Member)
# The version is the database's own, and who registered a household is another person.
NOT_THEIRS = {"version", "registered_by"}


class OwnKind(StrEnum):
    """What somebody is here."""

    MENTOR = "mentor"
    HOUSEHOLD = "household"
    MEMBER = "member"


class OwnPairOut(BaseModel):
    """A proposal or tandem that is going on, in outline; other: who it is with, once both sides have said yes."""

    id: UUID
    kind: str
    state: str
    since: datetime | None
    other: str | None


class OwnDataOut(BaseModel):
    """All that is stored about somebody: stored, by the names of the columns; noted, what they said or attended."""

    kind: OwnKind
    id: UUID
    state: str
    contact: ContactOut
    stored: dict[str, Any]
    pairs: list[OwnPairOut]
    noted: dict[str, list[dict[str, Any]]]


async def holder_of(transaction: OpenTransaction, about: UUID, person_ref: UUID) -> Holder:
    """Whose data a link leads to; NotFound once they take part no longer, or have been erased."""
    for kind in KINDS:
        found: Holder | None = await transaction.get(kind, about)
        if found is not None and found.person_ref == person_ref and found.takes_part:
            return found
    raise NotFound("own-data-over", "This link holds no longer: you take part no longer, or your data was erased.")


async def locked_holder(transaction: OpenTransaction, about: UUID, person_ref: UUID) -> Holder:
    """The same, locked with all that what they change may reach, in the order in which everybody locks."""
    holder = await holder_of(transaction, about, person_ref)
    if isinstance(holder, Mentor):
        await lock_unit(transaction, Mentor, holder.id)
    elif isinstance(holder, Member):
        await lock_unit(transaction, MentorGroup, holder.mentor_group_id)
        await locked(transaction, Member, holder.id)
    else:
        await locked(transaction, Household, holder.id)
    return await holder_of(transaction, about, person_ref)


def kind_of(holder: Holder) -> OwnKind:
    """What somebody is here."""
    if isinstance(holder, Mentor):
        return OwnKind.MENTOR
    return OwnKind.HOUSEHOLD if isinstance(holder, Household) else OwnKind.MEMBER


def state_of(holder: Holder) -> str:
    """Where they are; a member is there, or has left."""
    if isinstance(holder, Member):
        return "member" if holder.takes_part else "left"
    return holder.state.value


async def own_data(transaction: OpenTransaction, holder: Holder) -> OwnDataOut:
    """All that is stored about them. Reading it is noted in the audit."""
    kind, ref = kind_of(holder), holder.person_ref
    contact = await contact_out(transaction, ref, f"{kind.value}/{holder.id}")
    return OwnDataOut(
        kind=kind, id=holder.id, state=state_of(holder), contact=contact, stored=await _stored(transaction, holder),
        pairs=[one async for one in _pairs(transaction, holder)], noted=await _noted(transaction, ref))


async def _stored(transaction: OpenTransaction, holder: Holder) -> dict[str, Any]:
    values = {name: getattr(holder, name) for name in type(holder).model_fields if name not in NOT_THEIRS}
    if "slots" in values:
        values["slots"] = slots_of(values["slots"])
    if isinstance(holder, Household):
        values["note"] = await _opened(transaction, holder.person_ref, SEALED_NOTE, holder.note)
    return values


async def _opened(transaction: OpenTransaction, ref: UUID, label: str, sealed: bytes | None) -> str | None:
    note = await unseal(transaction, ref, label, sealed, Note)
    return note.text if note else None


async def _pairs(transaction: OpenTransaction, holder: Holder) -> Any:
    """The proposals that they were told of, and the tandems that run."""
    of: Household | Unit
    of = await transaction.get_one(MentorGroup, holder.mentor_group_id) if isinstance(holder, Member) else holder
    own = bool_column(Proposal.household_id == of.id) if isinstance(of, Household) else of_unit(Proposal, of)
    proposals = await transaction.scalars(select(Proposal).where(own, col(Proposal.state).in_(OPEN)).order_by(
        col(Proposal.id)))
    for kind, since, rows in (("proposal", "invited_at", proposals.all()),
                              ("tandem", "started_at", await running_of(transaction, of))):
        for row in rows:
            named = await names_for(transaction, f"{kind}/{row.id}", holder.person_ref)
            yield OwnPairOut(id=row.id, kind=kind, state=row.state, since=getattr(row, since), other=named.get("other"))


async def _noted(transaction: OpenTransaction, ref: UUID) -> dict[str, list[dict[str, Any]]]:
    """What they noted, answered, told the neutral contact and attended."""
    checkins = (await transaction.scalars(select(Checkin).where(Checkin.answered_by == ref))).all()
    concerns = (await transaction.scalars(select(Concern).where(Concern.person_ref == ref))).all()
    meetings = (await transaction.scalars(select(Meeting).where(Meeting.person_ref == ref))).all()
    trainings = (await transaction.scalars(select(AttendedTraining).where(AttendedTraining.person_ref == ref))).all()
    consents = (await transaction.scalars(select(Consent).where(Consent.person_ref == ref))).all()
    return {
        "consents": _columns(consents, {"purpose", "text_version", "language", "given_on", "given_by", "withdrawn_on",
                                        "replaced_on"}),
        "meetings": _columns(meetings, {"tandem_id", "met_on", "minutes"}),
        "trainings": _columns(trainings, {"training_code", "attended_on", "counts"}),
        "checkins": [
            {"note": await _opened(transaction, ref, CHECKIN_NOTE, one.note)} | row for one, row in zip(
                checkins, _columns(checkins, {"tandem_id", "done_at", "mood", "meetings_since"}), strict=True)],
        "concerns": [
            {"text": await _opened(transaction, ref, SEALED_TEXT, one.text)} | row for one, row in zip(
                concerns, _columns(concerns, {"tandem_id", "raised_at", "state"}), strict=True)],
    }


def _columns(rows: Iterable[Any], names: set[str]) -> list[dict[str, Any]]:
    return [row.model_dump(include=names) for row in rows]
