"""The door of the bus: every fact that is told to someone, and the owners who are asked how to reach them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from libs.common.asks import ask
from libs.common.bus import Bus
from libs.common.db import OpenTransaction
from libs.common.facts import events, matching, registry
from libs.common.facts.fact import Fact
from libs.common.facts.question import Addressee, AddresseeAsked, Words, WordsAsked
from libs.common.reactions import reacts_to
from services.notify.deliveries.model import Delivery
from services.notify.deliveries.queries import Addressed, queue
from services.notify.deliveries.rules import TOLD, Told, Who, cause_of, persons_named
from services.notify.registrations.queries import registered_for
from services.notify.subscriptions.queries import subscribers

FACTS: tuple[type[Fact], ...] = (
    registry.PartnerVerified, registry.PartnerSuspended,
    registry.OfferChangesRequested, registry.OfferRejected, registry.OfferPublished,
    registry.OfferAssuranceDue, registry.OfferStaled, registry.ReferralReceived, registry.ReferralWithdrawn,
    registry.ObservationAnswered,
    events.EventPublished, events.EventRescheduled,
    events.RegistrationReceived, events.RegistrationConfirmed, events.RegistrationWaitlisted,
    events.RegistrationSeatOffered, events.RegistrationOfferExpired, events.RegistrationDeclined,
    events.RegistrationCancelled,
    matching.MentorGroupInterestRegistered, matching.MentorGroupReady, matching.PrerequisiteFulfilled,
    matching.OwnDataOffered,
    matching.ProposalInvited, matching.ProposalAccepted, matching.ProposalDeclined, matching.ProposalExpired,
    matching.TandemStarted, matching.TandemTrialEnded, matching.TandemConfirmed, matching.TandemPaused,
    matching.TandemCompleted, matching.TandemEndedEarly, matching.CheckinDue, matching.CheckinMissed,
)
ADDRESSEES: Mapping[str, type[AddresseeAsked]] = {
    "registry": registry.RegistryAddresseeAsked, "events": events.EventsAddresseeAsked,
    "matching": matching.MatchingAddresseeAsked,
}
WORDS: Mapping[str, type[WordsAsked]] = {
    "registry": registry.RegistryWordsAsked, "events": events.EventsWordsAsked, "matching": matching.MatchingWordsAsked,
}


@reacts_to(*FACTS)
async def tell(transaction: OpenTransaction, fact: Fact) -> None:
    """Queue what this fact brings about, for each person once."""
    heard = transaction.hearing
    assert heard is not None  # noqa: S101 - a reaction always hears something
    for told in TOLD[fact.subject]:
        if told.when(fact):
            await queue(transaction, await _addressed(transaction, fact, told, heard.time), speaker=heard.speaker,
                        cause=cause_of(fact, told, heard.fact_id), about=heard.about, template=told.template,
                        region=heard.region)


async def _addressed(transaction: OpenTransaction, fact: Any, told: Told, at: datetime) -> list[Addressed]:
    if told.who is Who.SUBSCRIBERS:
        found = await subscribers(transaction, region=fact.region, field=fact.field, languages=fact.languages, at=at)
        return [Addressed(one.person_ref, one.id) for one in found]
    if told.who is Who.REGISTERED:
        return [Addressed(person_ref) for person_ref in await registered_for(transaction, fact.event_id)]
    return [Addressed(person_ref) for person_ref in persons_named(fact, told.who)]


async def ask_owner(bus: Bus, delivery: Delivery) -> Addressee:
    """All that the owner of the person gives for this delivery; Unavailable while it is away."""
    kind = ADDRESSEES[delivery.speaker]
    return await ask(bus, kind(person_ref=delivery.person_ref, about=delivery.about, template=delivery.template))


async def ask_keeper(bus: Bus, delivery: Delivery, found: Addressee) -> Addressee:
    """What the owner gave, with the name, address and languages that another service keeps."""
    keeper = ADDRESSEES.get(found.keeper or "")
    if keeper is None:
        return found
    about = f"person/{delivery.person_ref}"
    kept = await ask(bus, keeper(person_ref=delivery.person_ref, about=about, template=delivery.template))
    return found.model_copy(update=kept.model_dump(include={"name", "email", "languages"}))


async def ask_words(bus: Bus, delivery: Delivery) -> Words:
    """What the speaker has to say about the thing; Unavailable while it is away."""
    return await ask(bus, WORDS[delivery.speaker](about=delivery.about))
