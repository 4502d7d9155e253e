"""What matching answers about persons, and what follows when one takes part no longer or is erased."""

from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlmodel import col, or_, select

from libs.common.db import OpenTransaction, touch
from libs.common.facts.matching import (
    MatchingAddresseeAsked,
    MatchingPersonErased,
    MatchingPersonsByAddress,
    MatchingWordsAsked,
)
from libs.common.facts.question import Addressee, PersonsAsked, Words
from libs.common.facts.registry import ErasureRequested
from libs.common.outbox import announce
from libs.common.persons import addressee, erase_persons, persons_at
from libs.common.reactions import answers, reacts_to
from services.matching.checkins.model import Checkin
from services.matching.checkins.reactions import ask_others
from services.matching.closings.model import Closing
from services.matching.concerns.model import Concern
from services.matching.consents.model import Consent
from services.matching.counselling_cases.reactions import erase_cases
from services.matching.decisions.model import OF_SAFETY, Decision
from services.matching.households.model import Household, HouseholdChange
from services.matching.members.model import Member
from services.matching.mentor_groups.model import MentorGroup
from services.matching.mentors.model import Mentor
from services.matching.mentors.reactions import keep_record_for_now
from services.matching.obstacles.reactions import check
from services.matching.persons.queries import links_for, lock_of_persons, names_for, words_about
from services.matching.prerequisites.model import AttendedTraining, Prerequisite
from services.matching.prerequisites.queries import contact_refs, members_of
from services.matching.prerequisites.reactions import forget_evidence, forget_record
from services.matching.profiles.rules import today
from services.matching.proposals.model import Proposal
from services.matching.proposals.reactions import invite_others, step_back
from services.matching.runs.model import RunPair, Unserved
from services.matching.tandems.model import Tandem
from services.matching.tandems.reactions import leave_tandems

MATCHING = "matching"


@answers(MatchingAddresseeAsked)
async def reach(transaction: OpenTransaction, question: MatchingAddresseeAsked) -> Addressee:
    """How to reach a mentor or household for a notification, what to say, and the links to act by. Audited.

    Asked about the person itself, by name and address only: another service has the words.
    """
    if question.about == f"person/{question.person_ref}":
        return await addressee(transaction, question.person_ref, Words(), template=question.template)
    words = await words_about(transaction, question.about)
    names = await names_for(transaction, question.about, question.person_ref)
    words = words.model_copy(update={"values": words.values | names})
    return await addressee(transaction, question.person_ref, words, template=question.template,
                           links=await links_for(transaction, question.about, question.person_ref))


@answers(MatchingWordsAsked)
async def describe(transaction: OpenTransaction, question: MatchingWordsAsked) -> Words:
    """What to say about a thing to somebody whose address notify has itself; nobody's name."""
    return await words_about(transaction, question.about)


@answers(MatchingPersonsByAddress)
async def find_persons(transaction: OpenTransaction, question: MatchingPersonsByAddress) -> PersonsAsked:
    """The persons whom matching holds under an address; for an erasure."""
    return PersonsAsked(person_refs=await persons_at(transaction, question.address))


@reacts_to(ErasureRequested)
async def erase_everything(transaction: OpenTransaction, fact: ErasureRequested) -> None:
    """What is open of these persons ends, their readable codes are blanked, their keys destroyed; then it is told.

    May be repeated: what is gone stays gone.
    """
    refs = list(fact.person_refs)
    stores = await end_all(transaction, refs, erase=True)
    stores |= await _blank_words(transaction, refs)
    if await erase_persons(transaction, refs):
        stores.add("person")
    # Only now: whoever raises a concern of theirs at this moment holds the person until it is there to be found.
    if await _forget(transaction, select(Concern).where(col(Concern.person_ref).in_(refs))):
        stores.add("concerns")
    announce(transaction, MatchingPersonErased(
        erasure_id=fact.erasure_id, service=MATCHING, stores=tuple(sorted(stores))))


async def end_all(transaction: OpenTransaction, refs: list[UUID], *, erase: bool) -> set[str]:
    """End what is open of these persons as households, mentors and members; returns the stores that changed."""
    of = await lock_of_persons(transaction, refs)
    for household in of.households:
        await _end_household(transaction, household, erase=erase)
    for mentor in of.mentors:
        await _end_mentor(transaction, mentor, erase=erase)
    for member in of.members:
        await _end_member(transaction, member, erase=erase)
    await transaction.flush()
    return {store for store in ("households", "mentors", "members") if getattr(of, store)}


async def _end_household(transaction: OpenTransaction, household: Household, *, erase: bool) -> None:
    await step_back(transaction, household)
    await leave_tandems(transaction, household)
    if not erase:
        household.withdraw_consent(transaction.clock.now())
        return
    household.erase(transaction.clock.now())
    await transaction.execute(delete(HouseholdChange).where(col(HouseholdChange.household_id) == household.id))
    await _forget(transaction, select(Decision).where(Decision.about_id == household.id))
    await _forget(transaction, select(Proposal).where(Proposal.household_id == household.id))
    for kind in (Unserved, RunPair):
        await _forget(transaction, select(kind).where(col(kind.household_id) == household.id))
    await _forget(transaction, select(Tandem).where(Tandem.household_id == household.id))


async def _end_mentor(transaction: OpenTransaction, mentor: Mentor, *, erase: bool) -> None:
    await step_back(transaction, mentor)
    await leave_tandems(transaction, mentor)
    if not erase:
        mentor.withdraw_consent(transaction.clock.now())
        await keep_record_for_now(transaction, mentor)
        return
    mentor.erase(transaction.clock.now())
    await transaction.execute(delete(Decision).where(
        col(Decision.about_id) == mentor.id, col(Decision.what).in_(OF_SAFETY)))
    await _forget(transaction, select(Decision).where(Decision.about_id == mentor.id))
    await keep_record_for_now(transaction, mentor)
    await _forget(transaction, select(Proposal).where(Proposal.mentor_id == mentor.id))
    await _forget(transaction, select(RunPair).where(RunPair.unit_id == mentor.id))
    await _forget(transaction, select(Tandem).where(Tandem.mentor_id == mentor.id))


async def _end_member(transaction: OpenTransaction, member: Member, *, erase: bool) -> None:
    """A member leaves their group, which goes on with who is left; with nobody left it ends."""
    group, now = await transaction.get_one(MentorGroup, member.mentor_group_id), transaction.clock.now()
    before = await contact_refs(transaction, group.id)
    if erase:
        member.erase(today(now))
        group.forget_why()  # nobody can say of whom in the group it told
        group.forget_end_reason()
        for about in (select(Decision).where(Decision.about_id == group.id),
                      select(Prerequisite).where(Prerequisite.mentor_group_id == group.id)):
            await _forget(transaction, about)
    else:
        member.withdraw_consent(today(now))
    await forget_record(transaction, group, member)
    touch(group)
    await check(transaction, group)
    await invite_others(transaction, group, before)
    await ask_others(transaction, group, before)
    if erase:
        await forget_evidence(transaction, group, member.person_ref)
    await end_if_empty(transaction, group)


async def end_if_empty(transaction: OpenTransaction, group: MentorGroup) -> None:
    """With nobody left in it a group ends, and so does what is open of it. It must be locked with lock_unit."""
    if await members_of(transaction, group.id):
        return
    await step_back(transaction, group)
    await leave_tandems(transaction, group)
    group.dissolve(transaction.clock.now())


async def _blank_words(transaction: OpenTransaction, refs: list[UUID]) -> set[str]:
    """Blank what these persons wrote or said, but for concerns, and where they were trained; returns what changed."""
    mentors = select(Tandem.id).join(Mentor, col(Mentor.id) == col(Tandem.mentor_id)).where(
        col(Mentor.person_ref).in_(refs))
    changed = {
        "checkins": await _forget(transaction, select(Checkin).where(col(Checkin.answered_by).in_(refs))),
        "closings": await _forget(transaction, select(Closing).where(or_(
            col(Closing.person_ref).in_(refs), col(Closing.tandem_id).in_(mentors)))),
        "trainings": await _drop(transaction, AttendedTraining, refs),
        "counselling_cases": await erase_cases(transaction, refs),
        "consents": await _drop(transaction, Consent, refs),
    }
    return {store for store, done in changed.items() if done}


async def _forget(transaction: OpenTransaction, query: Any) -> bool:
    await transaction.flush()  # what was ended here must not be read over
    rows = (await transaction.scalars(query.with_for_update().execution_options(populate_existing=True))).all()
    for row in rows:
        row.forget()
    await transaction.flush()
    return bool(rows)


async def _drop(transaction: OpenTransaction, kind: Any, refs: list[UUID]) -> bool:
    done = await transaction.execute(delete(kind).where(col(kind.person_ref).in_(refs)))
    return bool(done.rowcount)  # type: ignore[attr-defined]
