"""A member: a person in a mentor group."""

from datetime import date
from uuid import UUID

from sqlalchemy import CheckConstraint

from libs.common.codes.lists import Gender
from libs.common.columns import code, personal, plain
from libs.common.refusals import Refused
from services.matching.profiles.model import CertificateSeen, TrainingsShown
from services.matching.tables import Table


class Member(CertificateSeen, TrainingsShown, Table, table=True):
    """A person in a group. Who has left stays as a row without a name, so that the past of the group adds up."""

    __tablename__ = "mentor_group_member"
    __table_args__ = (CheckConstraint("record_relevant_entry IS NOT TRUE", name="no_relevant_entry_kept"),)

    mentor_group_id: UUID = plain(index=True, foreign_key="mentor_group.id")
    region: str = plain()
    person_ref: UUID = personal(unique=True)
    is_main_contact: bool = plain(default=False)
    gender: Gender = code(Gender, Gender.NOT_STATED, privacy="personal")
    consented_on: date | None = personal(None)
    joined_on: date = plain()
    left_on: date | None = plain(None)

    @property
    def takes_part(self) -> bool:
        """Whether they have not left."""
        return self.left_on is None

    def was_there(self, began: date, ended: date | None) -> bool:
        """Whether they belonged to the group on some day between the two; None: it lasts."""
        return (ended is None or self.joined_on <= ended) and (self.left_on is None or began <= self.left_on)

    def leave(self, day: date) -> None:
        """They are no longer of the group."""
        self.refuse_left()
        self.left_on = day

    def refuse_left(self) -> None:
        """Nothing more is done about who has left."""
        if self.left_on is not None:
            raise Refused("member-left", "This member has left already.")

    def note_record(self, *, seen_on: date, certificate_date: date, relevant_entry: bool) -> None:
        """The certificate was seen. With a relevant entry nothing of it is kept, and the checklist misses it."""
        self.refuse_left()
        super().note_record(seen_on=seen_on, certificate_date=certificate_date, relevant_entry=relevant_entry)

    def withdraw_record(self) -> None:
        """That a certificate was seen counts no longer, and nothing of it is kept."""
        self.refuse_left()
        super().withdraw_record()

    def note_training(self, *, training_code: str, attended_on: date, certificate: str) -> None:
        """They were trained elsewhere, and showed the certificate's code; shown again it replaces what was noted."""
        self.refuse_left()
        super().note_training(training_code=training_code, attended_on=attended_on, certificate=certificate)

    def withdraw_training(self, training_code: str) -> None:
        """That they showed such a certificate counts no longer; what they attended in the network does."""
        self.refuse_left()
        super().withdraw_training(training_code)

    def consent(self, given_on: date) -> None:
        """They consented that their data are kept for the group."""
        self.refuse_left()
        self.consented_on = given_on

    def withdraw_consent(self, day: date) -> None:
        """They took their consent back, and are no longer of the group; nothing is kept of a certificate."""
        self.left_on, self.consented_on = self.left_on or day, None
        self.forget_record()

    def erase(self, day: date) -> None:
        """Blank what can be read of the person; they have left."""
        self.left_on = self.left_on or day
        self.gender, self.consented_on, self.trainings_shown = Gender.NOT_STATED, None, []
        self.forget_record()
