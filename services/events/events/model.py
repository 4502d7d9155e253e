"""An event: what people attend, at a time and place, and what may be done with it when."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint

from libs.common.codes.lists import EventKind, FieldOfAction
from libs.common.columns import code, codes, moment, plain, texts
from libs.common.refusals import Refused
from services.events.registrations.rules import Places
from services.events.tables import Table


class EventState(StrEnum):
    """Where an event is between the organiser's draft and its report. Full is no state: it is computed."""

    DRAFT = "draft"
    PUBLISHED = "published"
    OPEN = "open"
    CLOSED = "closed"
    RUNNING = "running"
    HELD = "held"
    REPORTED = "reported"
    CANCELLED = "cancelled"


class Visibility(StrEnum):
    """Who finds an event: everyone, whoever has a role in the network, or only who manages it."""

    PUBLIC = "public"
    NETWORK = "network"
    INVITE = "invite"


class RegistrationMode(StrEnum):
    """Whether a party registers by itself, asks and is approved, or simply comes (drop-in)."""

    OPEN = "open"
    APPROVAL = "approval"
    NONE = "none"


AHEAD = frozenset({EventState.DRAFT, EventState.PUBLISHED, EventState.OPEN, EventState.CLOSED})
ANNOUNCED = frozenset({EventState.PUBLISHED, EventState.OPEN, EventState.CLOSED})
# What others have counted on since the event was published.
FIXED = ("kind", "project_id", "registration_mode")
TIMES = ("starts", "ends")


class Event(Table, table=True):
    """An event. The last four columns count its registrations, so that everyone may see how much room there is.

    The two checks are the last wall against selling a place twice; the first is the lock on this row.
    """

    __table_args__ = (
        CheckConstraint("capacity IS NULL OR seats_taken <= capacity", name="seats"),
        CheckConstraint("childcare_taken <= childcare_places", name="childcare"),
    )

    partner_id: UUID = plain(index=True)
    region: str = plain(index=True)
    project_id: UUID | None = plain(None)
    series_id: UUID | None = plain(None, index=True, foreign_key="series.id")
    kind: EventKind = code(EventKind)
    field: FieldOfAction | None = code(FieldOfAction, None)
    state: EventState = code(EventState, EventState.DRAFT)
    translations: dict[str, Any] = texts()
    venue: str | None = plain(None)
    postcode: str | None = plain(None)
    barrier_free: bool = plain(default=False)
    online_url: str | None = plain(None)
    languages: list[str] = codes()
    interpretation: list[str] = codes()
    audience: list[str] = codes()
    women_only: bool = plain(default=False)
    age_bands: list[str] = codes()
    visibility: Visibility = code(Visibility, Visibility.PUBLIC)
    starts: datetime = moment(index=True)
    ends: datetime = moment()
    capacity: int | None = plain(None)
    min_participants: int | None = plain(None)
    childcare_places: int = plain(0)
    childcare_age_bands: list[str] = codes()
    registration_mode: RegistrationMode = code(RegistrationMode, RegistrationMode.OPEN)
    registration_opens: datetime | None = moment(None)
    registration_closes: datetime | None = moment(None)
    offer_hours: int = plain(48)
    fill_gaps: bool = plain(default=False)
    training_code: str | None = plain(None)
    cancel_reason: str | None = plain(None)
    sequence: int = plain(0)
    changed_at: datetime = moment()
    published_at: datetime | None = moment(None)
    seats_taken: int = plain(0)
    childcare_taken: int = plain(0)
    waiting: int = plain(0)
    arrivals: int = plain(0)

    @property
    def places(self) -> Places:
        """All seats and childcare places; seats without limit where there is no capacity."""
        return Places(self.capacity, self.childcare_places)

    @property
    def taken(self) -> Places:
        """The places that are confirmed or offered."""
        return Places(self.seats_taken, self.childcare_taken)

    @property
    def full(self) -> bool:
        """Whether no seat is free."""
        return self.capacity is not None and self.seats_taken >= self.capacity

    def change(self, fields: dict[str, Any], now: datetime) -> bool:
        """The organiser edits; returns whether a published event takes place at another time from now on."""
        self._only(AHEAD, "changed")
        published = self.published_at is not None
        if published:
            self._refuse_fixed(fields)
            _refuse_past(fields["starts"], now)
        self._refuse_below_taken(fields)
        moved = published and any(getattr(self, name) != fields[name] for name in TIMES)
        for name, value in fields.items():
            setattr(self, name, value)
        self._revised(now)
        return moved

    def publish(self, now: datetime) -> None:
        """Show it; its window of registration opens at once unless it has a time of its own."""
        self._only({EventState.DRAFT}, "published")
        _refuse_past(self.starts, now)
        self.state, self.published_at = EventState.PUBLISHED, now
        self._revised(now)
        self.open_when_due(now)

    def open(self) -> None:
        """The organiser lets people register before the time that was set."""
        self._refuse_drop_in()
        self._only({EventState.PUBLISHED}, "opened")
        self.state = EventState.OPEN

    def open_when_due(self, now: datetime) -> bool:
        """The time of registration has come; returns False when there is nothing to open."""
        opens = self.registration_opens or self.published_at
        if self.state is not EventState.PUBLISHED or self.registration_mode is RegistrationMode.NONE:
            return False
        if opens is None or now < opens:
            return False
        self.state = EventState.OPEN
        return True

    def close(self) -> None:
        """No more registrations; those who wait may still be offered what falls free."""
        self._refuse_drop_in()
        self._only({EventState.PUBLISHED, EventState.OPEN}, "closed")
        self.state = EventState.CLOSED

    def close_when_due(self) -> bool:
        """The time of registration is over; returns False when it was closed before."""
        if self.state not in {EventState.PUBLISHED, EventState.OPEN}:
            return False
        self.state = EventState.CLOSED
        return True

    def begin(self, now: datetime) -> bool:
        """It takes place now; returns False when it does not, or did before."""
        if self.state not in ANNOUNCED or now < self.starts:
            return False
        self.state = EventState.RUNNING
        return True

    def hold(self, now: datetime) -> None:
        """The organiser says that it has taken place, maybe earlier than planned, but not before it began."""
        self.begin(now)
        if self.state in ANNOUNCED:
            raise Refused("event-not-begun", "The event has not begun yet.")
        self._only({EventState.RUNNING}, "held")
        self.state = EventState.HELD

    def hold_when_due(self, now: datetime) -> bool:
        """Its end has come; returns False when it was held or cancelled before."""
        self.begin(now)
        if self.state is not EventState.RUNNING:
            return False
        self.state = EventState.HELD
        return True

    def report(self) -> None:
        """The organiser has written down who came; who was confirmed and did not is a no-show."""
        self._only({EventState.HELD}, "reported")
        self.state = EventState.REPORTED

    def cancel(self, reason: str | None, now: datetime) -> None:
        """It does not take place; possible until it begins."""
        self.begin(now)
        self._only(AHEAD, "cancelled")
        self.state, self.cancel_reason = EventState.CANCELLED, reason
        self._revised(now)

    def takes_registrations(self, now: datetime) -> bool:
        """Whether a party may register now; goes by the clock, also when due work is late."""
        due = self.state is EventState.PUBLISHED and (self.registration_opens or now) <= now
        closes = min(self.registration_closes or self.starts, self.starts)
        is_open = self.state is EventState.OPEN or (due and self.registration_mode is not RegistrationMode.NONE)
        return is_open and now < closes

    def refuse_unless_open(self, now: datetime) -> None:
        """Refuse a registration outside the window, or for an event without registration."""
        if self.published_at is not None:
            self._refuse_drop_in()
        if not self.takes_registrations(now):
            raise Refused("registration-not-open", "Registration for this event is not open now.")

    def may_promote(self, now: datetime) -> bool:
        """Whether who waits may still be offered a place: until the event begins."""
        return self.state in ANNOUNCED and now < self.starts

    def refuse_if_begun(self, now: datetime) -> None:
        """Who comes is settled once the event begins, or when it does not take place."""
        if not self.may_promote(now):
            raise Refused("registration-too-late", "The event has begun, or does not take place.")

    def refuse_unless_begun(self, now: datetime) -> None:
        """Attendance is recorded while the event runs and until it is reported."""
        self.begin(now)
        if self.state in AHEAD:
            raise Refused("event-not-begun", "The event has not begun yet.")
        if self.state not in {EventState.RUNNING, EventState.HELD}:
            raise Refused("event-over", "The event is {state}; attendance is recorded until it is reported.",
                          state=self.state)

    def _revised(self, now: datetime) -> None:
        self.changed_at = now
        if self.published_at is not None:
            self.sequence += 1

    def _refuse_fixed(self, fields: dict[str, Any]) -> None:
        for name in FIXED:
            if getattr(self, name) != fields[name]:
                raise Refused("event-field-fixed", "Once the event is published, {name} cannot be changed.",
                              field=name, name=name)

    def _refuse_below_taken(self, fields: dict[str, Any]) -> None:
        if not self.taken.within(Places(fields["capacity"], fields["childcare_places"])):
            raise Refused(
                "places-taken", "There are {seats} seats and {childcare} childcare places taken; it cannot be fewer.",
                field="capacity", seats=self.seats_taken, childcare=self.childcare_taken)

    def _refuse_drop_in(self) -> None:
        if self.registration_mode is RegistrationMode.NONE:
            raise Refused("no-registration", "This event needs no registration: people simply come.")

    def _only(self, states: set[EventState] | frozenset[EventState], done: str) -> None:
        if self.state not in states:
            raise Refused("event-state", "The event is {state}; it cannot be {done} now.",
                          state=self.state, done=done)


def _refuse_past(starts: datetime, now: datetime) -> None:
    if starts <= now:
        raise Refused("event-in-the-past", "The event would begin in the past.", field="starts")
