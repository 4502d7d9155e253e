"""From a queued delivery to a letter: may the person be written to, what does the owner say, how does it read."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from libs.common.bus import Bus
from libs.common.codes.regions import region
from libs.common.db import Database, OpenTransaction
from libs.common.facts.question import Addressee
from libs.common.links import Link
from libs.common.persons import details_of
from services.notify.deliveries.mail import Letter, Sender, letter
from services.notify.deliveries.model import TO_SEND, Delivery, Reason
from services.notify.deliveries.reactions import ask_keeper, ask_owner, ask_words
from services.notify.recipients.model import Recipient
from services.notify.recipients.queries import recipient_of
from services.notify.recipients.rules import quiet_end
from services.notify.subscriptions.model import TO_CONFIRM, Subscription, SubscriptionState
from services.notify.templates.model import Catalogue
from services.notify.templates.rules import Footer, render

CONFIRMATION = "subscription_confirmation"
# People keep mails: links that end something hold longer than those that begin something.
TO_UNSUBSCRIBE, TO_PREFER = timedelta(days=730), timedelta(days=365)


class Suppressed(Exception):
    """The person is not to be written to."""

    def __init__(self, reason: Reason) -> None:
        """reason stands in the delivery and in the fact."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Planned:
    """A delivery that may be sent now: what this service itself knows of the person."""

    delivery: Delivery
    footer: Footer
    languages: tuple[str, ...]
    own: Addressee | None


@dataclass(frozen=True)
class Composed:
    """A letter, and what is noted of it."""

    letter: Letter
    language: str
    template_version: str


class Composing:
    """Composes letters; asks the owners, and keeps nothing of what they say."""

    def __init__(self, database: Database, bus: Bus, catalogue: Catalogue, sender: Sender) -> None:
        """sender is whom the mails come from."""
        self._database, self._bus, self._catalogue, self._sender = database, bus, catalogue, sender

    async def plan(self, delivery_id: UUID) -> Planned | None:
        """What is needed to send it; None while quiet hours last, or when it is done. Suppressed when it may not go."""
        async with self._database.transaction() as transaction:
            delivery = await transaction.get_one(Delivery, delivery_id, with_for_update=True)
            if delivery.state not in TO_SEND:
                return None
            recipient = await recipient_of(transaction, delivery.person_ref)
            _refuse(delivery, recipient)
            own = await _own(transaction, delivery)
            delivery.delayed_until = _delay(recipient, transaction.clock.now())
            if delivery.delayed_until:
                return None
            languages = tuple(recipient.languages) if recipient else ()
            return Planned(delivery, _footer(transaction, delivery), languages, own)

    async def compose(self, planned: Planned) -> Composed:
        """The letter. Unavailable while the owner is away, Gap or Moot as render(), else Suppressed."""
        delivery = planned.delivery
        addressee = await self._addressee(planned)
        if not addressee.email:
            raise Suppressed(Reason.NO_ADDRESS)
        languages = planned.languages or addressee.languages
        notification = render(self._catalogue, delivery.template, addressee, languages, planned.footer)
        made = letter(
            notification, delivery_id=delivery.id, name=addressee.name, email=addressee.email, sender=self._sender,
            now=self._database.clock.now(), footer=planned.footer)
        return Composed(made, notification.language, notification.template.version)

    async def _addressee(self, planned: Planned) -> Addressee:
        if planned.own is None:
            found = await ask_owner(self._bus, planned.delivery)
            return await ask_keeper(self._bus, planned.delivery, found)
        if planned.delivery.template == CONFIRMATION:
            return planned.own
        words = await ask_words(self._bus, planned.delivery)
        return planned.own.model_copy(update=words.model_dump())


def _refuse(delivery: Delivery, recipient: Recipient | None) -> None:
    if recipient is None:
        return
    if recipient.erased_at:
        raise Suppressed(Reason.ERASED)
    # Who asks for a subscription anew wants that one mail: confirming it lifts the opt-out.
    if recipient.opted_out_at and delivery.template != CONFIRMATION:
        raise Suppressed(Reason.OPTED_OUT)


async def _own(transaction: OpenTransaction, delivery: Delivery) -> Addressee | None:
    """Address and languages of a subscriber, whom this service met first; None for everyone else."""
    if delivery.subscription_id is None:
        return None
    subscription = await transaction.get(Subscription, delivery.subscription_id)
    confirming = delivery.template == CONFIRMATION
    wanted = SubscriptionState.PENDING if confirming else SubscriptionState.ACTIVE
    if subscription is None or subscription.state is not wanted:
        raise Suppressed(Reason.NO_CONSENT)
    details = await details_of(transaction, [delivery.person_ref], about=f"template/{delivery.template}")
    if not details:
        raise Suppressed(Reason.ERASED)
    address = details[delivery.person_ref].email
    own = Addressee(email=address, languages=tuple(subscription.languages))
    if not confirming:
        return own
    link = Link("subscription-confirm", subscription.id, subscription.person_ref)
    url = transaction.links.url("/v1/subscriptions/confirm/{token}", link, valid=TO_CONFIRM)
    return own.model_copy(update={"values": {"region": region(subscription.region).name}, "links": {"confirm": url}})


def _delay(recipient: Recipient | None, now: datetime) -> datetime | None:
    return quiet_end(now, recipient.quiet_from, recipient.quiet_until) if recipient else None


def _footer(transaction: OpenTransaction, delivery: Delivery) -> Footer:
    links, person_ref = transaction.links, delivery.person_ref
    preferring = Link("preferences", person_ref, person_ref)
    preferences = links.url("/v1/recipients/preferences/{token}", preferring, valid=TO_PREFER)
    if delivery.subscription_id is None or delivery.template == CONFIRMATION:
        return Footer(preferences)
    ending = Link("unsubscribe", delivery.subscription_id, person_ref)
    return Footer(preferences, links.url("/v1/subscriptions/unsubscribe/{token}", ending, valid=TO_UNSUBSCRIBE))
