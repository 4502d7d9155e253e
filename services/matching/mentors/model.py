"""A mentor: who accompanies households, from registration and screening to the last tandem."""

from collections.abc import Collection
from datetime import UTC, date, datetime
from enum import StrEnum
from uuid import UUID

from dateutil.relativedelta import relativedelta
from sqlalchemy import CheckConstraint

from libs.common.clock import day_of
from libs.common.codes.lists import Gender
from libs.common.columns import code, moment, personal, plain
from libs.common.refusals import Refused
from services.matching.profiles.model import (
    Accompanying,
    Awaited,
    CertificateSeen,
    HeldBack,
    TrainingsShown,
    refuse_awaiting,
    refuse_running,
)
from services.matching.tables import Table

# What was noted of a certificate is deleted three months after the activity ends, or at once when there is none.
KEPT = relativedelta(months=3)


class MentorState(StrEnum):
    """Where a mentor is; paused and left ones are never proposed."""

    REGISTERED = "registered"
    SCREENING = "screening"
    READY = "ready"
    ACTIVE = "active"
    PAUSED = "paused"
    LEFT = "left"


AVAILABLE = frozenset({MentorState.READY, MentorState.ACTIVE})
VETTED = AVAILABLE | {MentorState.PAUSED}


class Mentor(Accompanying, CertificateSeen, TrainingsShown, HeldBack, Table, table=True):
    """A person who accompanies. Of a criminal-record certificate only that it was seen is kept, never the paper.

    A relevant entry is never kept either: the check constraint says so to whoever writes past this class. Paused is who
    pauses by their own choice (paused_on; not kept by versions before), who is held back, or both.
    """

    __table_args__ = (
        CheckConstraint("record_relevant_entry IS NOT TRUE", name="no_relevant_entry_kept"),
        CheckConstraint("state NOT IN ('ready', 'active', 'paused') OR consented_on IS NOT NULL", name="consented"),
        CheckConstraint("capacity >= 1", name="capacity"),
    )

    region: str = plain(index=True)
    partner_id: UUID | None = plain(None)
    programme_id: UUID = plain(index=True)
    person_ref: UUID = personal(unique=True)
    state: MentorState = code(MentorState, MentorState.REGISTERED)
    gender: Gender = code(Gender, Gender.NOT_STATED, privacy="personal")
    capacity: int = plain(1)
    registered_on: date | None = plain(None)
    consented_on: date | None = personal(None)
    consent_version: int | None = personal(None)
    active_since: datetime | None = moment(None)
    left_at: datetime | None = moment(None)

    @property
    def takes_part(self) -> bool:
        """Whether they have not left."""
        return self.state is not MentorState.LEFT

    @property
    def registered_day(self) -> date:
        """On which day they were registered; of those whom versions before registered only the id says it."""
        return self.registered_on or day_of(made_at(self.id))

    def begin_screening(self) -> None:
        """The first talk is being held, papers are being seen."""
        self._only({MentorState.REGISTERED}, "screened")
        self.state = MentorState.SCREENING

    def note_record(self, *, seen_on: date, certificate_date: date, relevant_entry: bool) -> None:
        """The certificate was seen. With a relevant entry nothing of it is kept, and they are not proposed any more."""
        self._only(set(MentorState) - {MentorState.LEFT}, "checked")
        super().note_record(seen_on=seen_on, certificate_date=certificate_date, relevant_entry=relevant_entry)

    def withdraw_record(self) -> None:
        """That a certificate was seen counts no longer; until another is, they are not proposed."""
        self._only(set(MentorState) - {MentorState.LEFT}, "checked")
        super().withdraw_record()

    def note_training(self, *, training_code: str, attended_on: date, certificate: str) -> None:
        """They were trained elsewhere, and showed the certificate's code; shown again it replaces what was noted."""
        self.refuse_left()
        super().note_training(training_code=training_code, attended_on=attended_on, certificate=certificate)

    def withdraw_training(self, training_code: str) -> None:
        """That they showed such a certificate counts no longer; what they attended in the network does."""
        self.refuse_left()
        super().withdraw_training(training_code)

    def approve(self, day: date, *, trainings_missing: Collection[str] = (), why: str | None = None) -> None:
        """Screening went well: a certificate was seen that still holds, they consented to be matched, and are trained.

        why: the coordinator does without the trainings that they have not attended.
        """
        self._only({MentorState.SCREENING}, "approved")
        if not self.has_valid_record(day):
            raise Refused("record-missing", "A criminal-record certificate without relevant entry must be seen first.")
        if self.consented_on is None:
            raise Refused("consent-missing", "Consent to matching must be noted first.")
        if trainings_missing and why is None:
            raise Refused("training-missing", "They have not attended these trainings: {trainings}. Let them do so"
                          " first, or say why it goes without.", field="why", trainings=trainings_missing)
        self.state = MentorState.READY

    @property
    def pauses(self) -> bool:
        """Whether they pause by their own choice, held back besides or not."""
        return self.state is MentorState.PAUSED and (self.paused_on is not None or self.held_back_on is None)

    def pause(self, day: date, *, awaited: Awaited | None) -> None:
        """No new household for now; running tandems go on. Not while an answer or a first meeting is awaited.

        Who is held back may, too, and pauses on when that has ended.
        """
        self._only(AVAILABLE if self.pauses else VETTED, "paused")
        refuse_awaiting(awaited)
        self.state, self.paused_on = MentorState.PAUSED, day

    def hold_back(self, day: date, *, by: str | None = None, why: str | None = None) -> bool:
        """For somebody's safety nobody new, whatever is open; returns False for who is proposed to nobody anyway."""
        if self.state not in VETTED:
            return False
        self.paused_on = (self.paused_on or day) if self.pauses else None
        self.note_held_back(day, by=by, why=why)
        self.state = MentorState.PAUSED
        return True

    def refuse_unless_vetted(self) -> None:
        """Who is proposed to nobody, or has left, needs no holding back."""
        self._only(VETTED, "held back")

    def resume(self, *, by: str | None = None, why: str | None = None) -> None:
        """Held back no longer, for which the coordinators say why; else back from their own pause. The other stays.

        by: None: they themselves.
        """
        self._only({MentorState.PAUSED}, "resumed")
        if self.ends_holding_back(by, why):
            self.note_resumed(by, why)
        else:
            self.paused_on = None
        if self.held_back_on is None and self.paused_on is None:
            self.state = MentorState.ACTIVE if self.active_since else MentorState.READY

    def accompany(self, now: datetime) -> None:
        """A tandem begins."""
        self.state, self.active_since = MentorState.ACTIVE, self.active_since or now

    def leave(self, now: datetime, *, awaited: Awaited | None, taken: int) -> None:
        """They stop for good; what is open must be ended first."""
        self._only(set(MentorState) - {MentorState.LEFT}, "ended")
        refuse_awaiting(awaited)
        refuse_running(taken)
        self.end(now)

    def end(self, now: datetime) -> None:
        """Left, whatever came before; the record goes at once when they never accompanied anybody."""
        self.state, self.left_at, self.paused_on = MentorState.LEFT, self.left_at or now, None
        if self.active_since is None:
            self.forget_record()

    def set_capacity(self, capacity: int, *, taken: int) -> None:
        """How many households at a time; not fewer than there are."""
        if capacity < taken:
            raise Refused("capacity-below-taken", "{taken} places are taken; the capacity cannot be below that.",
                          field="capacity", taken=taken)
        self.capacity = capacity

    def consent(self, given_on: date, text_version: int) -> None:
        """They consented to be matched, in this version of the text."""
        self.refuse_left()
        self.consented_on, self.consent_version = given_on, text_version

    def refuse_left(self) -> None:
        """Nothing more is said of who has left; nor does it come back when they were erased."""
        self._only(set(MentorState) - {MentorState.LEFT}, "changed")

    def refuse_unless_available(self, day: date) -> None:
        """Only who is ready or active, with a certificate that holds, is invited."""
        if self.state not in AVAILABLE or not self.has_valid_record(day):
            raise Refused("mentor-not-available", "The mentor is {state} or has to show a certificate again.",
                          state=self.state)

    def withdraw_consent(self, now: datetime) -> None:
        """They took their consent back: they are not proposed any more."""
        self.end(now)
        self.consented_on = self.consent_version = None

    def erase(self, now: datetime) -> None:
        """Blank what can be read of the person; they have left."""
        self.end(now)
        self.forget_record()
        self.blank()
        self.gender, self.consented_on, self.consent_version = Gender.NOT_STATED, None, None
        self.trainings_shown = []
        self.forget_holding_back()

    def _only(self, states: set[MentorState] | frozenset[MentorState], done: str) -> None:
        if self.state not in states:
            raise Refused("mentor-state", "The mentor is {state}; they cannot be {done} now.",
                          state=self.state, done=done)


def made_at(row_id: UUID) -> datetime:
    """When what has this id was made: ids are UUIDv7, and begin with the time in milliseconds since 1970."""
    return datetime.fromtimestamp((row_id.int >> 80) / 1000, UTC)


def record_deleted_at(left_at: datetime) -> datetime:
    """When what was noted of a certificate goes, after the activity has ended."""
    return left_at + KEPT
