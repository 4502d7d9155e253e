"""What notify announces, and what it may be asked."""

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from libs.common.codes.types import Code, LanguageTag
from libs.common.facts.fact import ErasedFact, Fact
from libs.common.facts.question import PersonsByAddress


class Channel(StrEnum):
    """By which way a notification is delivered."""

    EMAIL = "email"


class DeliveryFact(Fact):
    """What is told of one delivery; cause is the id of the fact that it tells of."""

    delivery_id: UUID
    cause: UUID
    template: Code
    channel: Channel


class DeliverySent(DeliveryFact):
    """A notification went out, in this language."""

    subject: ClassVar[str] = "notify.delivery.sent.v1"

    language: LanguageTag


class UndeliveredFact(DeliveryFact):
    """What is told of a delivery that did not reach its person; whom, older versions did not tell."""

    person_ref: UUID | None = None


class DeliveryBounced(UndeliveredFact):
    """A notification cannot be delivered."""

    subject: ClassVar[str] = "notify.delivery.bounced.v1"


class DeliverySuppressed(UndeliveredFact):
    """A notification was not sent, for a reason."""

    subject: ClassVar[str] = "notify.delivery.suppressed.v1"

    reason: Code


class ConsentGiven(Fact):
    """A person consented to a purpose."""

    subject: ClassVar[str] = "notify.consent.given.v1"
    about_field: ClassVar[str] = "person_ref"

    person_ref: UUID
    purpose: Code
    text_version: int


class ConsentWithdrawn(Fact):
    """A person withdrew a consent."""

    subject: ClassVar[str] = "notify.consent.withdrawn.v1"
    about_field: ClassVar[str] = "person_ref"

    person_ref: UUID
    purpose: Code


class NotifyPersonErased(ErasedFact):
    """Notify has erased its part of an erasure."""

    subject: ClassVar[str] = "notify.person.erased.v1"


class NotifyPersonsByAddress(PersonsByAddress):
    """Which subscribers notify holds under an address."""

    subject: ClassVar[str] = "ask.notify.persons.v1"
