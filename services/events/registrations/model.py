"""A registration: a party's wish to attend an event, and what became of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY

from libs.common.codes.lists import AgeBand, AudienceSector
from libs.common.columns import code, moment, personal, plain, sealed
from libs.common.refusals import Refused
from services.events.events.model import Event
from services.events.registrations.rules import Places
from services.events.tables import Table

NOTE = "registration.note"


class RegistrationState(StrEnum):
    """Where a registration is between asking and having been there."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    WAITLISTED = "waitlisted"
    OFFERED = "offered"
    DECLINED = "declined"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    ATTENDED = "attended"
    NO_SHOW = "no_show"


# Whose places nobody else gets.
HOLDING = frozenset({RegistrationState.CONFIRMED, RegistrationState.OFFERED,
                     RegistrationState.ATTENDED, RegistrationState.NO_SHOW})
# Who still hopes to come. A party that waits for approval may withdraw as well.
ALIVE = frozenset({RegistrationState.PENDING, RegistrationState.CONFIRMED,
                   RegistrationState.WAITLISTED, RegistrationState.OFFERED})


class Note(BaseModel):
    """What the party needs to be able to take part; about health, so sealed and never indexed."""

    text: str


class Registration(Table, table=True):
    """A party's registration. place is its number in the order of arrival at its event.

    seats and childcare are what it holds or waits for; known_elsewhere says that another service knows the person,
    made_by is the principal who registered them.
    """

    __table_args__ = (UniqueConstraint("event_id", "place"),)

    event_id: UUID = plain(foreign_key="event.id")
    region: str = plain()
    partner_id: UUID = plain()
    person_ref: UUID = personal(index=True)
    known_elsewhere: bool = plain(default=False)
    made_by: str | None = plain(None)
    state: RegistrationState = code(RegistrationState)
    place: int = plain()
    seats: int = plain()
    childcare: int = plain(0)
    adults: int = personal()
    children: list[str] = personal(default_factory=list, sa_type=ARRAY(Text))
    language: str | None = personal(None)
    interpretation: str | None = personal(None)
    home_region: str | None = personal(None)
    sector: AudienceSector | None = code(AudienceSector, None, privacy="personal")
    note: bytes | None = sealed("special")
    registered_at: datetime = moment()
    offer_expires: datetime | None = moment(None)

    @property
    def needs(self) -> Places:
        """Everything that the party needs at once."""
        return Places(self.seats, self.childcare)

    @property
    def alive(self) -> bool:
        """Whether the party may still come."""
        return self.state in ALIVE

    def admit(self, *, fits: bool) -> None:
        """Let the party in when there is room for all of it; else it waits."""
        self._only({RegistrationState.PENDING}, "approved")
        self.state = RegistrationState.CONFIRMED if fits else RegistrationState.WAITLISTED

    def decline(self) -> None:
        """The organiser does not accept the party."""
        self._only({RegistrationState.PENDING}, "declined")
        self.state = RegistrationState.DECLINED

    def offer(self, now: datetime, starts: datetime, hours: int) -> datetime:
        """Keep free places for the waiting party; returns until when: never beyond the event's beginning."""
        self._only({RegistrationState.WAITLISTED}, "offered a place")
        self.state = RegistrationState.OFFERED
        self.offer_expires = min(now + timedelta(hours=hours), starts)
        return self.offer_expires

    def accept(self, now: datetime) -> None:
        """The party takes the places that were offered, in time."""
        self._only({RegistrationState.OFFERED}, "accepted")
        if self.offer_expires is None or now >= self.offer_expires:
            raise Refused("offer-expired", "The time for accepting this place is over.")
        self.state, self.offer_expires = RegistrationState.CONFIRMED, None

    def expire(self) -> bool:
        """The party did not answer in time; returns False when it did, or no longer wants to come."""
        if self.state is not RegistrationState.OFFERED:
            return False
        self.state, self.offer_expires = RegistrationState.EXPIRED, None
        return True

    def cancel(self) -> None:
        """The party does not come."""
        self._only(ALIVE, "cancelled")
        self.state, self.offer_expires = RegistrationState.CANCELLED, None

    def attend(self) -> None:
        """The party was there; saying so again changes nothing."""
        self._only({RegistrationState.CONFIRMED, RegistrationState.ATTENDED}, "marked as attended")
        self.state = RegistrationState.ATTENDED

    def miss(self) -> None:
        """The party was expected and did not come."""
        self._only({RegistrationState.CONFIRMED}, "marked as not attended")
        self.state = RegistrationState.NO_SHOW

    def correct(self, *, attended: bool) -> None:
        """What was written down about attendance was wrong."""
        self._only({RegistrationState.ATTENDED, RegistrationState.NO_SHOW}, "corrected")
        self.state = RegistrationState.ATTENDED if attended else RegistrationState.NO_SHOW

    def blank(self) -> None:
        """The person was erased: nothing about them stays readable; how many places were held does."""
        self.adults, self.children, self.note = 0, [], None
        self.language = self.interpretation = self.home_region = self.sector = None

    def _only(self, states: set[RegistrationState] | frozenset[RegistrationState], done: str) -> None:
        if self.state not in states:
            raise Refused("registration-state", "The registration is {state}; it cannot be {done} now.",
                          state=self.state, done=done)


def needs_of(seats: int, children: Sequence[str], event: Event, *, childcare: bool) -> Places:
    """What a party of so many persons needs at this event; refused when the event could never have room for it.

    With childcare every child of an age that the event looks after needs a childcare place beside its seat.
    """
    looked_after = 0
    if childcare:
        if not event.childcare_places:
            raise Refused("no-childcare", "This event has no childcare.", field="needs.childcare")
        bands = event.childcare_age_bands
        looked_after = sum(1 for child in children if not bands or child in bands)
        if not looked_after:
            raise Refused("childcare-age", "The childcare takes children of these ages only: {ages}.",
                          field="party.children", ages=[AgeBand(band) for band in bands] or "-")
    if event.capacity is not None and seats > event.capacity:
        raise Refused("party-too-large", "The event has {seats} seats in all.", field="party", seats=event.capacity)
    if looked_after > event.childcare_places:
        raise Refused("childcare-too-small", "The event has {places} childcare places in all.",
                      field="party.children", places=event.childcare_places)
    return Places(seats, looked_after)
