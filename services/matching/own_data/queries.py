"""What is stored about a mentor, a household's contact or a group's member; all of it, but nothing about others."""

from collections.abc import Iterable
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import and_, text
from sqlmodel import col, select

from libs.common.db import OpenTransaction
from libs.common.privacy import unseal
from services.matching.checkins.model import Checkin
from services.matching.closings.model import Closing
from services.matching.concerns.model import Concern
from services.matching.consents.model import Consent
from services.matching.counselling_cases.model import CounsellingCase, CounsellingSpell
from services.matching.counselling_contacts.model import CounsellingContact
from services.matching.counselling_statuses.model import CounsellingStatus
from services.matching.decisions.model import OF_SAFETY, Decision
from services.matching.holders.queries import Holder, Reader, kind_of, may_pause, side_of, spoken_for, state_of
from services.matching.households.model import SEALED_NOTE, Household, HouseholdChange, Note
from services.matching.meetings.model import Meeting
from services.matching.members.model import Member
from services.matching.mentor_groups.model import ENDED
from services.matching.own_data.model import SEALED, TOLD, CounselledDataOut, FormerContact, OwnDataOut, OwnPairOut
from services.matching.persons.queries import names_for
from services.matching.prerequisites.model import AttendedTraining
from services.matching.profiles.queries import beyond_scope, contact_out, inside
from services.matching.profiles.rules import slots_of, today
from services.matching.proposals.model import OPEN, Proposal
from services.matching.proposals.queries import of_side, why_for_both
from services.matching.referrals.model import Referral
from services.matching.runs.explanation import LANGUAGES as TEXTS
from services.matching.runs.explanation import what_is_missing
from services.matching.runs.hard import HardCode
from services.matching.runs.model import Unserved
from services.matching.runs.outcome import Unserved as Lacking
from services.matching.runs.words import CHANGED_MEANWHILE
from services.matching.tandems.model import Tandem
from services.matching.tandems.queries import running_of

# The version is the database's own, and who registered a household is another person. Why somebody is held back, or no
# longer, may lead to who told of it (Art. 15(4) GDPR).
NOT_THEIRS = {"version", "registered_by", "held_back_by", "held_back_note", "held_back_ref", "held_back_why",
              "resumed_by", "resumed_why"}
# The languages in which the reasons of a proposal are told to both sides.
LANGUAGES = ("de", "en", "uk", "ar")
# What stands between two may be what the other side said: such codes are told to nobody but the coordinators.
OF_OTHERS = frozenset({HardCode.VETOED, HardCode.CONFLICT, HardCode.DECLINED_BEFORE, HardCode.FORBIDDEN})


async def own_data(transaction: OpenTransaction, holder: Reader) -> OwnDataOut:
    """All that is stored about them. Reading it is noted in the audit.

    What a household is and what became of it belongs to who speaks for it today: of a former contact only what they
    said themselves.
    """
    kind, ref = kind_of(holder), holder.person_ref
    contact = await contact_out(transaction, ref, f"{kind.value}/{holder.id}")
    noted = await _noted(transaction, ref)
    if isinstance(holder, FormerContact):
        stored, pairs = {}, []
        noted["closings"] = await _said_at_closings(transaction, ref)
    else:
        stored, pairs = await _stored(transaction, holder), [one async for one in _pairs(transaction, holder)]
        noted |= await _brought_together(transaction, holder)
    return OwnDataOut(kind=kind, id=holder.id, state=state_of(holder), takes_part=holder.takes_part, contact=contact,
                      may=await may_pause(transaction, holder), stored=stored, pairs=pairs, noted=noted,
                      group=await _group(transaction, holder))


async def _group(transaction: OpenTransaction, holder: Reader) -> dict[str, Any] | None:
    """What a main contact may change of their group."""
    group = await spoken_for(transaction, holder) if isinstance(holder, Member) else None
    if group is None or group.state in ENDED:
        return None
    return {"slots": slots_of(group.slots), "languages": group.languages, "radius_km": group.radius_km,
            "available_until": group.available_until}


async def counselled_data(transaction: OpenTransaction, case: CounsellingCase) -> CounselledDataOut:
    """All that is stored about who is counselled in this case, inside the caller's scope, to be handed to them.

    Of the same person's other cases too. What they told the neutral contact, or as a mentor, only they read themselves.
    Reading it is noted in the audit.
    """
    ref, scope = case.person_ref, transaction.caller.scope
    consents = select(Consent).where(Consent.person_ref == ref, inside(Consent, scope)).order_by(col(Consent.id))
    which = and_(col(CounsellingCase.person_ref) == ref, inside(CounsellingCase, scope))
    noted = {"consents": await _rows(transaction, ref, consents), **await _advised(transaction, ref, which)}
    await beyond_scope(transaction)  # they may have moved since
    return CounselledDataOut(contact=await contact_out(transaction, ref, f"counselling_case/{case.id}"), noted=noted)


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
    """The proposals that they were told of, and the tandems that run; nothing goes on with who has left."""
    if not holder.takes_part:
        return
    of = await side_of(transaction, holder)
    proposals = await transaction.scalars(select(Proposal).where(
        of_side(Proposal, of), col(Proposal.state).in_(OPEN)).order_by(col(Proposal.id)))
    for kind, since, rows in (("proposal", "invited_at", proposals.all()),
                              ("tandem", "started_at", await running_of(transaction, of))):
        for row in rows:
            named = await names_for(transaction, f"{kind}/{row.id}", holder.person_ref)
            yield OwnPairOut(id=row.id, kind=kind, state=row.state, since=getattr(row, since), other=named.get("other"))


async def _noted(transaction: OpenTransaction, ref: UUID) -> dict[str, list[dict[str, Any]]]:
    """What they noted, answered, told the neutral contact and attended, and what they were advised on."""
    of = {
        "consents": select(Consent).where(Consent.person_ref == ref),
        "meetings": select(Meeting).where(Meeting.person_ref == ref),
        "trainings": select(AttendedTraining).where(AttendedTraining.person_ref == ref),
        "checkins": select(Checkin).where(Checkin.answered_by == ref),
        "concerns": select(Concern).where(Concern.person_ref == ref),
    }
    advised = await _advised(transaction, ref, CounsellingCase.person_ref == ref)
    return {name: await _rows(transaction, ref, query) for name, query in of.items()} | advised


async def _advised(transaction: OpenTransaction, ref: UUID, which: Any) -> dict[str, list[dict[str, Any]]]:
    """What they were advised on, in which cases."""
    cases = select(CounsellingCase.id).where(which)
    of: dict[str, Any] = {
        "counselling_cases": select(CounsellingCase).where(which),
        **{name: select(kind).where(col(kind.counselling_case_id).in_(cases)) for name, kind in (
            ("counselling_spells", CounsellingSpell), ("counselling_contacts", CounsellingContact),
            ("counselling_statuses", CounsellingStatus),
            ("referrals", Referral))},
    }
    return {name: await _rows(transaction, ref, query.order_by(text("id"))) for name, query in of.items()}


async def _brought_together(transaction: OpenTransaction, holder: Holder) -> dict[str, list[dict[str, Any]]]:
    """What became of them: tandems, closings, invitations; and for a household how large it was and what it lacked."""
    ref, household = holder.person_ref, isinstance(holder, Household)
    of = await side_of(transaction, holder)
    known = (await transaction.scalars(select(Tandem).where(of_side(Tandem, of)))).all()
    theirs = col(Tandem.id).in_([one.id for one in known if _was_there(holder, one.started_at, one.ended_at)])
    proposals = select(Proposal).where(of_side(Proposal, of), col(Proposal.invited_at).is_not(None))
    invited = (await transaction.scalars(proposals.order_by(col(Proposal.id)))).all()
    found = {
        "tandems": await _rows(transaction, ref, select(Tandem).where(theirs).order_by(col(Tandem.id))),
        "closings": await _closings(transaction, ref, theirs, household=household),
        "proposals": [_invitation(one, household=household) for one in invited
                      if one.invited_at and _was_there(holder, one.invited_at, one.ended_at)],
        "decisions": await _rows(transaction, ref, select(Decision).where(
            Decision.about_id == holder.id, col(Decision.what).not_in(OF_SAFETY)).order_by(col(Decision.id))),
    }
    if not household:
        return found
    unserved = (await transaction.scalars(select(Unserved).where(Unserved.household_id == of.id))).all()
    return found | {
        "changes": await _rows(transaction, ref, select(HouseholdChange).where(HouseholdChange.household_id == of.id)),
        "unserved": [lacking(one) for one in unserved],
    }


def _was_there(holder: Holder, began: datetime, ended: datetime | None) -> bool:
    """Whether it was theirs: of what a group had, a member's is what fell into the time that they were of it."""
    return not isinstance(holder, Member) or holder.was_there(today(began), today(ended) if ended else None)


async def _closings(
    transaction: OpenTransaction, ref: UUID, theirs: Any, *, household: bool,
) -> list[dict[str, Any]]:
    """The closings of their tandems: each side reads what it said itself, a household's contact not what a former said.

    The draft is sealed for who was the contact then.
    """
    found = select(Closing).where(col(Closing.tandem_id).in_(select(Tandem.id).where(theirs)))
    if not household:
        return await _rows(transaction, ref, found, besides={"household_rating", "draft"})
    own, others = found.where(Closing.person_ref == ref), found.where(Closing.person_ref != ref)
    return [*await _rows(transaction, ref, own, besides={"mentors_rating"}),
            *await _rows(transaction, ref, others, besides={"mentors_rating", "household_rating", "draft"})]


async def _said_at_closings(transaction: OpenTransaction, ref: UUID) -> list[dict[str, Any]]:
    """What somebody said at closings as a household's contact."""
    own = select(Closing).where(Closing.person_ref == ref).order_by(col(Closing.id))
    return await _rows(transaction, ref, own, besides={"mentors_rating"})


def _invitation(proposal: Proposal, *, household: bool) -> dict[str, Any]:
    """Why they were invited, as both sides were told it; the household also which of its wishes were met."""
    wishes = ("wishes_met", "wishes_missing") if household else ()
    row = proposal.model_dump(include=set(TOLD[Proposal] - {"reasons", "shared"}))
    return row | {
        "reasons": {tag: why_for_both(proposal.shared, [tag]) for tag in LANGUAGES} if proposal.shared else {},
        "shared": {name: proposal.shared[name] for name in wishes if name in proposal.shared}}


def lacking(unserved: Unserved) -> dict[str, Any]:
    """Why a run found nobody for them; without what others may have said of them."""
    if CHANGED_MEANWHILE in unserved.removed:
        return unserved.model_dump(include=set(TOLD[Unserved]))
    removed, alone = ({HardCode(code): number for code, number in codes.items() if code not in OF_OTHERS}
                      for codes in (unserved.removed, unserved.alone))
    told = Lacking(unserved.household_id, unserved.possible, removed, alone)
    missing = {tag: what_is_missing(told, tag) for tag in TEXTS} if removed or not unserved.removed else {}
    return unserved.model_dump(include=set(TOLD[Unserved])) | {"removed": removed, "alone": alone, "missing": missing}


async def _rows(
    transaction: OpenTransaction, ref: UUID, query: Any, *, besides: Iterable[str] = (),
) -> list[dict[str, Any]]:
    """What is told of each row, opened where it is sealed."""
    told = []
    for row in (await transaction.scalars(query)).all():
        sealed = SEALED.get(type(row), MappingProxyType({}))
        values = row.model_dump(include=set(TOLD[type(row)]).difference(besides))
        for name, (label, kind) in sealed.items():
            if name in values:
                opened = await unseal(transaction, ref, label, values[name], kind)
                values[name] = next(iter(opened.model_dump().values())) if opened else None
        told.append(values)
    return told
