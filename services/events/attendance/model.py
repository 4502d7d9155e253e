"""Attendance: that somebody was at an event, with a code as evidence; and the anonymous tally of a drop-in event."""

import base64
import secrets
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from libs.common.codes.lists import EventKind
from libs.common.columns import code, moment, personal, plain
from libs.common.refusals import Refused
from services.events.events.model import Event, RegistrationMode
from services.events.tables import Table

CERTIFICATE_BYTES = 10
CERTIFICATE_PATTERN = "^[A-Z2-7]{16}$"


def new_certificate() -> str:
    """A code that can be read out and not be guessed: 80 random bits as 16 letters and digits."""
    return base64.b32encode(secrets.token_bytes(CERTIFICATE_BYTES)).decode()


class Attendance(Table, table=True):
    """That one person was there. member numbers the persons of a party, 0 is who registered it.

    person_ref is only kept of who registered, or gave a name as a walk-in; counts is False once it was corrected.
    kind and training_code are the event's then, so that the certificate stands for itself.
    """

    __table_args__ = (UniqueConstraint("registration_id", "member"),)

    event_id: UUID = plain(index=True, foreign_key="event.id")
    region: str = plain()
    partner_id: UUID = plain()
    project_id: UUID | None = plain(None)
    registration_id: UUID | None = plain(None, foreign_key="registration.id")
    walk_in_id: UUID | None = plain(None, index=True)
    member: int = plain()
    person_ref: UUID | None = personal(None, index=True)
    known_elsewhere: bool = plain(default=False)
    kind: EventKind = code(EventKind)
    training_code: str | None = plain(None)
    on: date = plain()
    counts: bool = plain(default=True)
    certificate: str = personal(unique=True)
    recorded_at: datetime = moment()

    def correct(self, *, counts: bool) -> bool:
        """What was written down was wrong; returns False when it says so already."""
        if self.counts is counts:
            return False
        self.counts = counts
        return True


class Tally(Table, table=True):
    """How many people were at a drop-in event; its id is the event's, and the last count is the one that counts."""

    region: str = plain()
    partner_id: UUID = plain()
    project_id: UUID | None = plain(None)
    on: date = plain()
    total: int = plain()
    genders: dict[str, Any] = plain(default_factory=dict, sa_type=JSONB)
    age_bands: dict[str, Any] = plain(default_factory=dict, sa_type=JSONB)
    languages: dict[str, Any] = plain(default_factory=dict, sa_type=JSONB)
    tallied_at: datetime = moment()


def refuse_tally(event: Event, *, listed: bool) -> None:
    """Only a drop-in event is tallied, and only if nobody was written down: no one is to be counted twice."""
    if event.registration_mode is not RegistrationMode.NONE:
        raise Refused("tally-not-drop-in", "Only an event without registration is tallied; record attendance instead.")
    if listed:
        raise Refused("counted-by-list", "Attendance at this event is counted by its list already.")


def refuse_list(*, tallied: bool) -> None:
    """Who is counted by a tally is not counted by a list as well."""
    if tallied:
        raise Refused("counted-by-tally", "Attendance at this event is counted by its tally already.")
