"""A profile: the columns that both sides have, readable because matching computes with them, blanked by an erasure.

And what is kept of a criminal-record certificate, of trainings elsewhere, of a pause, and of being held back for
somebody's safety.
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from dateutil.relativedelta import relativedelta
from sqlalchemy import Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import SQLModel

from libs.common.columns import personal, plain, sealed
from libs.common.refusals import Invalid, Refused

# s. 72a SGB VIII as the field applies it: not older than three months when seen, and seen again after five years.
OLDEST = relativedelta(months=3)
SEEN_AGAIN = relativedelta(years=5)


def code_list() -> Any:
    """A list of codes about a person."""
    return personal(default_factory=list, sa_type=ARRAY(Text))


def id_list() -> Any:
    """A list of opaque ids that a person named."""
    return personal(default_factory=list, sa_type=ARRAY(Uuid))


class Described(SQLModel):
    """What either side says: languages with levels, parts of the week as a mask, about where, interests."""

    languages: dict[str, str] = personal(default_factory=dict, sa_type=JSONB)
    slots: int = personal(0)
    radius_km: int | None = personal(None)
    postcode: str | None = personal(None)
    lat: float | None = personal(None)
    lon: float | None = personal(None)
    interests: list[str] = code_list()
    conflict_groups: list[str] = code_list()

    def describe(self, fields: Mapping[str, Any]) -> None:
        """Take these values over, by the columns' names."""
        for name, value in fields.items():
            setattr(self, name, value)

    def blank(self) -> None:
        """Forget everything that was said; what an erasure does to readable codes."""
        for name, given in Described.model_fields.items():
            setattr(self, name, given.get_default(call_default_factory=True))


class Accompanying(Described):
    """What who accompanies says besides: whom they take in, and what they offer.

    available_until: the last day on which somebody new is proposed to them; None: no end is known.
    """

    available_until: date | None = personal(None)
    largest: int = personal(1)
    offers: list[str] = code_list()
    accepts_genders: list[str] = code_list()
    accepts_bands: list[str] = code_list()
    childcare: bool = personal(default=False)
    step_free: bool = personal(default=False)
    vetoed_households: list[UUID] = id_list()

    def blank(self) -> None:
        """Forget everything that was said."""
        for name, given in Accompanying.model_fields.items():
            setattr(self, name, given.get_default(call_default_factory=True))

    def refuse_availability_over(self, day: date) -> None:
        """Nobody new is invited with who wanted that until a day that has passed."""
        if self.available_until is not None and self.available_until < day:
            raise Refused("availability-over", "They were there for somebody new until {day}; ask them whether they"
                          " still are, and change that day.", day=self.available_until.isoformat())


class Awaited(StrEnum):
    """What an invitation waits for: an answer or, after both have accepted, the first meeting and what comes of it."""

    ANSWER = "answer"
    FIRST_MEETING = "first_meeting"


def refuse_awaiting(awaited: Awaited | None) -> None:
    """As long as somebody waits for something with them, nobody pauses, leaves or is turned away."""
    if awaited is Awaited.ANSWER:
        raise Refused("invitation-open", "An invitation waits for an answer; note the answer first.")
    if awaited is Awaited.FIRST_MEETING:
        raise Refused("first-meeting-agreed", "Both have accepted, and a first meeting is agreed: hold it and begin the"
                      " tandem, or cancel it, first.")


def refuse_running(count: int) -> None:
    """As long as something runs with them, nobody leaves or moves to another district."""
    if count:
        raise Refused("tandems-running", "{taken} tandems or proposals run; end them first.", taken=count)


def refuse_unnoted(*, noted: bool) -> None:
    """Only what was noted, and counts still, is taken back."""
    if not noted:
        raise Refused("evidence-not-noted", "This has not been noted, or no longer is; there is nothing to take back.")


class CertificateSeen(SQLModel):
    """Of a criminal-record certificate only that it was seen, when, and when it has to be seen again; never the paper.

    A relevant entry is never kept either: whose table it is says so by a check constraint, too.
    """

    record_seen_on: date | None = personal(None)
    record_certificate_date: date | None = personal(None)
    record_relevant_entry: bool | None = personal(None)
    record_next_due: date | None = personal(None)

    def note_record(self, *, seen_on: date, certificate_date: date, relevant_entry: bool) -> None:
        """The certificate was seen. With a relevant entry nothing of it is kept."""
        if certificate_date > seen_on:
            raise Invalid("record-after-seen", "A certificate is not dated after the day on which it was seen.",
                          field="certificate_date")
        if certificate_date < seen_on - OLDEST:
            raise Refused("record-too-old", "A certificate is at most three months old on the day it is seen.",
                          field="certificate_date")
        if relevant_entry:
            self.forget_record()
            return
        self.record_seen_on, self.record_certificate_date = seen_on, certificate_date
        self.record_relevant_entry, self.record_next_due = False, seen_on + SEEN_AGAIN

    def withdraw_record(self) -> None:
        """That a certificate was seen counts no longer, and nothing of it is kept."""
        refuse_unnoted(noted=self.record_seen_on is not None)
        self.forget_record()

    def forget_record(self) -> None:
        """Nothing about the certificate is kept any longer."""
        self.record_seen_on = self.record_certificate_date = self.record_next_due = None
        self.record_relevant_entry = None

    def has_valid_record(self, day: date) -> bool:
        """Whether a certificate was seen within the last five years."""
        return self.record_next_due is not None and day < self.record_next_due


class TrainingsShown(SQLModel):
    """Trainings that somebody attended elsewhere, each with its day and the code of the certificate that was shown."""

    trainings_shown: list[dict[str, str]] = personal(
        default_factory=list, sa_type=JSONB, column={"server_default": "[]"})

    def note_training(self, *, training_code: str, attended_on: date, certificate: str) -> None:
        """They were trained elsewhere, and showed the certificate's code; shown again it replaces what was noted."""
        others = [one for one in self.trainings_shown if one["training_code"] != training_code]
        self.trainings_shown = [*others, {"training_code": training_code, "attended_on": attended_on.isoformat(),
                                          "certificate": certificate}]

    def withdraw_training(self, training_code: str) -> None:
        """That they showed such a certificate counts no longer; what they attended in the network does."""
        others = [one for one in self.trainings_shown if one["training_code"] != training_code]
        refuse_unnoted(noted=others != self.trainings_shown)
        self.trainings_shown = others


class Pausing(SQLModel):
    """Since when somebody wants nobody new by their own choice: they are ill, in hospital, away.

    A mark beside the state, where a mentor has a state besides: a group in preparation or a household before its first
    talk pauses too, and meanwhile goes on where it is: a checklist, an authority's list, a tandem, waiting_since. So
    who is back is where they were, and nothing has to remember where that was.
    """

    paused_on: date | None = personal(None)

    def refuse_paused(self) -> None:
        """Nothing new begins with who pauses."""
        if self.paused_on is not None:
            raise Refused("paused", "They have been pausing since {day}; nothing new begins before they are back.",
                          day=self.paused_on.isoformat())

    def begin_pause(self, day: date, *, awaited: Awaited | None) -> None:
        """Nobody new for now; a tandem goes on. Not while an answer or a first meeting is awaited."""
        self.refuse_paused()
        refuse_awaiting(awaited)
        self.paused_on = day

    def end_pause(self) -> None:
        """They are back."""
        if self.paused_on is None:
            raise Refused("not-paused", "They do not pause; there is nothing to come back from.")
        self.paused_on = None


class HeldBack(Pausing):
    """Since when somebody is proposed to nobody for somebody's safety, and by whom; or who ended that.

    A pause of their own is another thing: each begins and ends by itself, whatever becomes of the other.

    One reason is kept, that of the last of both: held_back_note, sealed with the key of held_back_ref (the mentor, or
    who spoke for the group first; None for a group of nobody). Versions before kept it in plain text, in
    held_back_why and resumed_why; what they left there, or still write, is sealed by due work.
    """

    held_back_on: date | None = personal(None)
    held_back_by: str | None = plain(None)
    resumed_by: str | None = plain(None)
    held_back_note: bytes | None = sealed("special")
    held_back_ref: UUID | None = personal(None)
    held_back_why: str | None = personal(None)
    resumed_why: str | None = personal(None)

    def note_held_back(self, day: date, *, by: str | None, why: str | None) -> None:
        """Until it is resumed. Who is held back already stays so since the same day, by who gave a reason last."""
        if self.held_back_on is None or why:
            self.held_back_by = by
            self.forget_why()
        self.held_back_on, self.resumed_by = self.held_back_on or day, None

    def ends_holding_back(self, by: str | None, why: str | None) -> bool:
        """Whether who resumes them means this: coordinators who say why, or anybody while there is no other pause."""
        return self.held_back_on is not None and (self.paused_on is None or (by is not None and why is not None))

    def note_resumed(self, by: str | None, why: str | None) -> None:
        """It goes on: the coordinators say so, and why. by: None: they themselves, who may not."""
        if by is None:
            raise Refused("held-back", "This pause is for somebody's safety: only the coordinators end it.")
        if why is None:
            raise Invalid("reason-missing", "This pause was for somebody's safety: whoever ends it says why.",
                          field="why")
        self.forget_holding_back()
        self.resumed_by = by

    def note_why(self, note: bytes, ref: UUID | None) -> None:
        """The reason is this, sealed with the key of ref."""
        self.forget_why()
        self.held_back_note, self.held_back_ref = note, ref

    def forget_holding_back(self) -> None:
        """Neither that they were held back is kept any longer, nor who ended it."""
        self.held_back_on = self.held_back_by = self.resumed_by = None
        self.forget_why()

    def forget_why(self) -> None:
        """The reason is kept no longer; whoever is held back stays so."""
        self.held_back_note = self.held_back_ref = self.held_back_why = self.resumed_why = None
