"""What events announces, and what it may be asked."""

from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from libs.common.codes.lists import AgeBand, EventKind, Gender
from libs.common.codes.types import Ags, Code, LanguageTag
from libs.common.facts.fact import ErasedFact, Fact
from libs.common.facts.question import AddresseeAsked, PersonsByAddress, WordsAsked


class EventFact(Fact):
    """What is told of an event whenever its state changes."""

    event_id: UUID
    kind: EventKind
    region: Ags
    starts: datetime
    ends: datetime
    field: Code | None = None
    languages: tuple[LanguageTag, ...] = ()
    project_id: UUID | None = None
    partner_id: UUID | None = None
    series_id: UUID | None = None
    open_to_all: bool = True


class EventPublished(EventFact):
    """People can see an event."""

    subject: ClassVar[str] = "events.event.published.v1"


class EventRescheduled(EventFact):
    """An event takes place at another time."""

    subject: ClassVar[str] = "events.event.rescheduled.v1"


class EventCancelled(EventFact):
    """An event does not take place."""

    subject: ClassVar[str] = "events.event.cancelled.v1"


class EventHeld(EventFact):
    """An event took place."""

    subject: ClassVar[str] = "events.event.held.v1"


class RegistrationFact(Fact):
    """What is told of a registration whenever its state changes."""

    registration_id: UUID
    event_id: UUID
    person_ref: UUID
    region: Ags


class RegistrationReceived(RegistrationFact):
    """Someone registered, and waits for approval."""

    subject: ClassVar[str] = "events.registration.received.v1"


class RegistrationConfirmed(RegistrationFact):
    """A registered party has its seats, and its childcare places if it needs any."""

    subject: ClassVar[str] = "events.registration.confirmed.v1"


class RegistrationWaitlisted(RegistrationFact):
    """A registered party waits until everything it needs is free."""

    subject: ClassVar[str] = "events.registration.waitlisted.v1"


class RegistrationSeatOffered(RegistrationFact):
    """Everything a waiting party needs is free, kept for it until the time said."""

    subject: ClassVar[str] = "events.registration.seat_offered.v1"

    expires: datetime


class RegistrationOfferExpired(RegistrationFact):
    """A waiting party did not answer in time."""

    subject: ClassVar[str] = "events.registration.offer_expired.v1"


class RegistrationDeclined(RegistrationFact):
    """A party that asked was not accepted."""

    subject: ClassVar[str] = "events.registration.declined.v1"


class RegistrationCancelled(RegistrationFact):
    """A party does not come, or its event does not take place."""

    subject: ClassVar[str] = "events.registration.cancelled.v1"

    by_organiser: bool = False


class AttendanceRecorded(Fact):
    """Someone was at an event. count_key counts persons without names; random_key says that it could not be derived.

    person_ref only where a person known to another service was registered by a coordinator or counsellor.
    """

    subject: ClassVar[str] = "events.attendance.recorded.v1"

    attendance_id: UUID
    event_id: UUID
    kind: EventKind
    region: Ags
    on: date
    project_id: UUID | None = None
    count_key: str | None = None
    random_key: bool = False
    person_ref: UUID | None = None
    training_code: Code | None = None
    sector: Code | None = None
    home_region: Ags | None = None


class AttendanceTallied(Fact):
    """How many people were at a drop-in event, without anyone being named; again: the last tally counts."""

    subject: ClassVar[str] = "events.attendance.tallied.v1"
    about_field: ClassVar[str] = "event_id"

    event_id: UUID
    kind: EventKind
    region: Ags
    on: date
    project_id: UUID | None = None
    total: int
    genders: dict[Gender, int] = {}
    age_bands: dict[AgeBand, int] = {}


class AttendanceCorrected(Fact):
    """A recorded attendance did not take place (counts is False), or did after all."""

    subject: ClassVar[str] = "events.attendance.corrected.v1"

    attendance_id: UUID
    event_id: UUID
    region: Ags
    counts: bool
    project_id: UUID | None = None
    person_ref: UUID | None = None
    training_code: Code | None = None


class EventsPersonErased(ErasedFact):
    """Events has erased its part of an erasure."""

    subject: ClassVar[str] = "events.person.erased.v1"


class EventsAddresseeAsked(AddresseeAsked):
    """How to reach who registered."""

    subject: ClassVar[str] = "ask.events.addressee.v1"


class EventsWordsAsked(WordsAsked):
    """What to say about an event."""

    subject: ClassVar[str] = "ask.events.words.v1"


class EventsPersonsByAddress(PersonsByAddress):
    """Which persons events holds under an address."""

    subject: ClassVar[str] = "ask.events.persons.v1"
