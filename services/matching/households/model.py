"""A household: one person or several who are accompanied, known here by a pseudonym and what matching needs."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import CheckConstraint
from sqlalchemy.dialects.postgresql import JSONB

from libs.common.columns import code, moment, personal, plain, sealed
from libs.common.refusals import Invalid, Refused
from services.matching.profiles.model import Awaited, Described, Pausing, code_list, id_list
from services.matching.tables import Table

SEALED_NOTE = "household.note"


class HouseholdState(StrEnum):
    """Where a household is between registration and its end."""

    REGISTERED = "registered"
    INTERVIEWED = "interviewed"
    WAITING = "waiting"
    PROPOSED = "proposed"
    IN_TANDEM = "in_tandem"
    CLOSED = "closed"


BEFORE_WAITING = frozenset({HouseholdState.REGISTERED, HouseholdState.INTERVIEWED})
MATCHED_FOR = frozenset({HouseholdState.WAITING, HouseholdState.PROPOSED, HouseholdState.IN_TANDEM})


class HouseholdChangeKind(StrEnum):
    """What made a household as large as it is."""

    REGISTERED = "registered"
    BIRTH = "birth"
    JOINED = "joined"
    MOVED_OUT = "moved_out"
    DIED = "died"
    CORRECTED = "corrected"


class Note(BaseModel):
    """A free text; sealed with the key of the person it is about."""

    text: str


class Household(Described, Pausing, Table, table=True):
    """A household. Nobody is matched without consent: the check constraint holds it against any way of writing.

    Waiting is the time without anybody: waiting_since stays when a proposal comes to nothing, however long it took, so
    that nobody starts again at the end; a tandem that ends early moves it on by as long as it lasted.
    """

    __table_args__ = (
        CheckConstraint(
            "state NOT IN ('waiting', 'proposed', 'in_tandem') OR consented_on IS NOT NULL", name="consented"),
        CheckConstraint(
            "state NOT IN ('waiting', 'proposed', 'in_tandem') OR waiting_since IS NOT NULL", name="waiting_since"),
    )

    region: str = plain(index=True)
    partner_id: UUID | None = plain(None, index=True)
    programme_id: UUID = plain(index=True)
    person_ref: UUID = personal(unique=True)
    registered_by: str = plain()
    state: HouseholdState = code(HouseholdState, HouseholdState.REGISTERED)
    members: list[dict[str, str]] = personal(default_factory=list, sa_type=JSONB)
    least_level: str = personal("A2")
    interpreter: bool = personal(default=False)
    kinds: list[str] = code_list()
    contact_genders: list[str] = code_list()
    must_haves: list[str] = code_list()
    wishes: list[str] = code_list()
    vetoed_units: list[UUID] = id_list()
    vetoed_persons: list[UUID] = id_list()
    vetoed_partners: list[UUID] = id_list()
    urgency: int = personal(0)
    arrived_on: date | None = personal(None)
    note: bytes | None = sealed("special")
    consented_on: date | None = personal(None)
    consent_version: int | None = personal(None)
    waiting_since: datetime | None = moment(None)
    closed_at: datetime | None = moment(None)
    closed_reason: str | None = plain(None)

    @property
    def takes_part(self) -> bool:
        """Whether they have not been closed."""
        return self.state is not HouseholdState.CLOSED

    def interview(self) -> None:
        """The counsellor or coordinator has talked with them about what they need and wish."""
        self._move({HouseholdState.REGISTERED}, HouseholdState.INTERVIEWED)

    def take_in(self, member: dict[str, str]) -> None:
        """Somebody was born into the household, or joins it."""
        self.refuse_closed()
        self.members = [*self.members, member]

    def lose(self, member: dict[str, str]) -> None:
        """Somebody leaves it, or died: nobody is named, so of those of one age band and gender it is any."""
        self.refuse_closed()
        if member not in self.members:
            raise Invalid("member-not-there", "Nobody of this age band and gender belongs to the household.",
                          field="age_band")
        if len(self.members) == 1:
            raise Refused("household-empty", "Nobody would be left; close the household instead.")
        place = self.members.index(member)
        self.members = [*self.members[:place], *self.members[place + 1:]]

    def consent(self, given_on: date, text_version: int) -> None:
        """They consented to be matched, in this version of the text."""
        self.refuse_closed()
        self.consented_on, self.consent_version = given_on, text_version

    def replace_contact(
        self, person_ref: UUID, consented_on: date | None = None, text_version: int | None = None,
    ) -> None:
        """Another person speaks for them, by a consent of their own; what was noted of the former one goes."""
        self.refuse_closed()
        if consented_on is None and self.state in MATCHED_FOR:
            raise Refused("contact-without-consent", "The new contact person has not consented to matching: note their "
                          "consent with this, or end what is going on and close the household.", field="consent")
        self.person_ref, self.note = person_ref, None
        self.consented_on, self.consent_version = consented_on, text_version

    def wait(self, now: datetime) -> None:
        """From now on runs look for somebody to accompany them; only with consent."""
        self.refuse_without_consent()
        self._move({HouseholdState.INTERVIEWED}, HouseholdState.WAITING)
        self.waiting_since = self.waiting_since or now

    def propose(self) -> None:
        """They are proposed to somebody; not while they pause."""
        self.refuse_paused()
        self._move({HouseholdState.WAITING}, HouseholdState.PROPOSED)

    def release(self) -> None:
        """A proposal came to nothing: they wait again, as long as they have waited already."""
        if self.state is HouseholdState.PROPOSED:
            self.state = HouseholdState.WAITING

    def wait_again(self, accompanied_since: datetime, now: datetime) -> None:
        """A tandem ended early, and somebody else is looked for: they have waited as long as before it began."""
        self._move({HouseholdState.IN_TANDEM}, HouseholdState.WAITING)
        if self.waiting_since:
            # It may have begun before they were entered; and a clock may have been set back meanwhile.
            self.waiting_since += max(timedelta(), now - max(accompanied_since, self.waiting_since))

    def accompany(self) -> None:
        """A tandem begins."""
        self._move({HouseholdState.PROPOSED}, HouseholdState.IN_TANDEM)

    def close(self, reason: str, now: datetime, *, busy: bool) -> None:
        """They need or want nobody any more; not while an invitation is open or a tandem runs."""
        if busy:
            raise Refused("household-busy", "An invitation is open or a tandem runs; end it first.")
        self._move(set(HouseholdState) - {HouseholdState.CLOSED}, HouseholdState.CLOSED)
        self.closed_at, self.closed_reason, self.paused_on = now, reason, None

    def pause(self, day: date, *, awaited: Awaited | None) -> None:
        """Nobody is looked for for now; they have waited since the same day."""
        self.refuse_closed()
        self.begin_pause(day, awaited=awaited)

    def resume(self) -> None:
        """They are back from a pause, where they were."""
        self.end_pause()

    def end(self, reason: str, now: datetime) -> None:
        """Closed, whatever came before."""
        if self.state is not HouseholdState.CLOSED:
            self.state, self.closed_at, self.closed_reason = HouseholdState.CLOSED, now, reason
            self.paused_on = None

    def withdraw_consent(self, now: datetime) -> None:
        """They took their consent back: they are not matched any more, and not looked for."""
        self.end("consent_withdrawn", now)
        self.closed_reason, self.consented_on, self.consent_version = "consent_withdrawn", None, None

    def refuse_closed(self) -> None:
        """What is closed is not changed any more."""
        if self.state is HouseholdState.CLOSED:
            raise Refused("household-closed", "The household is closed; nothing about it is changed any more.")

    def refuse_without_consent(self) -> None:
        """Nobody is looked for without consent."""
        if self.consented_on is None:
            raise Refused("consent-missing", "Consent to matching must be noted first.")

    def erase(self, now: datetime) -> None:
        """Blank what can be read of them; they are closed."""
        self.end("erased", now)
        self.blank()
        self.consented_on = self.consent_version = self.arrived_on = self.note = None
        self.members = []

    def blank(self) -> None:
        """Forget everything that was said."""
        super().blank()
        for name in BLANKED:
            setattr(self, name, Household.model_fields[name].get_default(call_default_factory=True))

    def _move(self, sources: set[HouseholdState], target: HouseholdState) -> None:
        if self.state not in sources:
            raise Refused("household-state", "The household is {state}; that does not lead to {target}.",
                          state=self.state, target=target)
        self.state = target


class HouseholdChange(Table, table=True):
    """How large a household has been since a day, and why; nobody is named. It goes with an erasure."""

    __tablename__ = "household_change"

    household_id: UUID = plain(index=True, foreign_key="household.id")
    region: str = plain(index=True)
    partner_id: UUID | None = plain(None)
    kind: HouseholdChangeKind = code(HouseholdChangeKind)
    happened_on: date = personal()
    persons: int = personal()
    noted_by: str = plain()
    noted_at: datetime = moment()


BLANKED = ("least_level", "interpreter", "kinds", "contact_genders", "must_haves", "wishes", "vetoed_units",
           "vetoed_persons", "vetoed_partners", "urgency")
FEMALE_ONLY = ["f"]


def shape_of(members: list[dict[str, Any]]) -> dict[str, int]:
    """How many persons, and how many of them are children: all that the other side learns before it accepts."""
    minors = {"0-5", "6-13", "14-17"}
    return {"persons": len(members), "children": sum(one["age_band"] in minors for one in members)}
