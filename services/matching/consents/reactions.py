"""What follows when a consent is given or taken back, wherever that is said: who withdraws stops what it was for."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlmodel import col, or_, select
from uuid_utils.compat import uuid7

from libs.common.audit import audited
from libs.common.db import OpenTransaction
from libs.common.facts.matching import MatchingConsentGiven, MatchingConsentWithdrawn
from libs.common.facts.notify import ConsentWithdrawn
from libs.common.outbox import announce
from libs.common.reactions import reacts_to
from services.matching.checkins.reactions import ask_again, stop_asking
from services.matching.closings.model import Closing
from services.matching.consents.model import Consent, GivenBy, Purpose
from services.matching.consents.queries import agreeing, holding
from services.matching.households.model import Household
from services.matching.mentor_groups.model import MentorGroup
from services.matching.obstacles.reactions import look_again
from services.matching.persons.queries import OfPersons, lock_of_persons, of_persons
from services.matching.persons.reactions import end_all
from services.matching.prerequisites.queries import members_of
from services.matching.profiles.rules import today
from services.matching.proposals.queries import Unit
from services.matching.tandems.model import Tandem
from services.matching.tandems.queries import running_of


@dataclass(frozen=True)
class Given:
    """What somebody agreed to: purposes, the text, and how and when they said so."""

    purposes: tuple[Purpose, ...]
    given_on: date
    text_version: int
    language: str = "de"
    given_by: GivenBy = GivenBy.PAPER


async def consent_given(
    transaction: OpenTransaction, person_ref: UUID, what: Given, *, region: str, partner_id: UUID | None = None,
    consent_id: UUID | None = None,
) -> None:
    """Keep that a person consents, and tell it; a former consent to the same purpose is replaced.

    consent_id: the new consent's, where there is one purpose. Who may be asked how it goes is asked from now on; a
    household, mentor or group that is there already must be locked.
    """
    for purpose in dict.fromkeys(what.purposes):
        former = await holding(transaction, person_ref, purpose)
        if former is not None:
            former.replace(today(transaction.clock.now()))
            await transaction.flush()
        consent = Consent(
            region=region, partner_id=partner_id, person_ref=person_ref, purpose=purpose, given_on=what.given_on,
            text_version=what.text_version, language=what.language, given_by=what.given_by,
            noted_by=transaction.caller.principal, id=consent_id or uuid7())
        transaction.add(consent)
        await audited(transaction, "change", f"consent/{consent.id}", person_ref)
        announce(transaction, MatchingConsentGiven(
            person_ref=person_ref, purpose=purpose.value, text_version=what.text_version))
    await transaction.flush()
    if Purpose.CHECKINS in what.purposes:
        for tandem in await _tandems_of(transaction, await of_persons(transaction, [person_ref])):
            await ask_again(transaction, tandem)


async def consent_withdrawn(
    transaction: OpenTransaction, person_ref: UUID, purpose: Purpose, *, said_at: datetime | None = None,
) -> None:
    """A person takes a consent back: what was done for the purpose stops in this transaction, and it is told.

    said_at: when they said so, where it may be heard late; what was given since then holds.
    """
    of = await lock_of_persons(transaction, [person_ref])
    consent = await holding(transaction, person_ref, purpose)
    if consent is not None and said_at is not None and consent.was_noted_after(said_at):
        return
    if consent is not None:
        consent.withdraw(today(transaction.clock.now()))
        await audited(transaction, "change", f"consent/{consent.id}", person_ref)
        announce(transaction, MatchingConsentWithdrawn(
            person_ref=person_ref, purpose=purpose.value, text_version=consent.text_version))
    await transaction.flush()
    await STOPS[purpose](transaction, of, person_ref)


@reacts_to(ConsentWithdrawn)
async def stop_processing(transaction: OpenTransaction, fact: ConsentWithdrawn) -> None:
    """Who takes a consent back by a link of notify is asked nothing else: it counts here too, where there is one."""
    if fact.purpose in set(Purpose):
        said_at = transaction.hearing.time if transaction.hearing else None
        await consent_withdrawn(transaction, fact.person_ref, Purpose(fact.purpose), said_at=said_at)


async def keep_application(transaction: OpenTransaction, group: MentorGroup) -> None:
    """A group stays with the authority only while each of its members agrees to it: else it is taken back."""
    refs = [one.person_ref for one in await members_of(transaction, group.id)]
    agree = await agreeing(transaction, refs, Purpose.AUTHORITY)
    if len(agree) < len(refs) and group.take_back():
        await look_again(transaction, group)


async def _end_matching(transaction: OpenTransaction, _: OfPersons, person_ref: UUID) -> None:
    await end_all(transaction, [person_ref], erase=False)


async def _stop_checkins(transaction: OpenTransaction, of: OfPersons, _: UUID) -> None:
    for tandem in await _tandems_of(transaction, of):
        await stop_asking(transaction, tandem)


async def _discard_learnings(transaction: OpenTransaction, of: OfPersons, person_ref: UUID) -> None:
    """Also of tandems that have ended: what is still a draft stays one no longer. What left names nobody.

    Of a household what this person said as its contact, also once another is. Who writes one meanwhile is waited for.
    """
    tandems = select(Tandem.id).where(or_(
        col(Tandem.mentor_id).in_([one.id for one in of.mentors]),
        col(Tandem.mentor_group_id).in_([one.mentor_group_id for one in of.members])))
    closings = select(Closing).where(or_(col(Closing.tandem_id).in_(tandems), Closing.person_ref == person_ref))
    for closing in await transaction.scalars(closings.order_by(col(Closing.id)).with_for_update()):
        closing.forget_draft()


async def _take_applications_back(transaction: OpenTransaction, of: OfPersons, _: UUID) -> None:
    for member in of.members:
        await keep_application(transaction, await transaction.get_one(MentorGroup, member.mentor_group_id))


async def _tandems_of(transaction: OpenTransaction, of: OfPersons) -> Iterable[Tandem]:
    """The running tandems of these persons, also as members of a group."""
    groups = [await transaction.get_one(MentorGroup, one.mentor_group_id) for one in of.members]
    sides: list[Household | Unit] = [*of.households, *of.mentors, *groups]
    return [tandem for one in sides for tandem in await running_of(transaction, one)]


STOPS: dict[Purpose, Callable[[OpenTransaction, OfPersons, UUID], Awaitable[None]]] = {
    Purpose.MATCHING: _end_matching, Purpose.CHECKINS: _stop_checkins, Purpose.LEARNINGS: _discard_learnings,
    Purpose.AUTHORITY: _take_applications_back,
}
