"""A recipient: what a person has said about being written to; where to reach them is asked at sending."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Text
from sqlalchemy.dialects.postgresql import ARRAY

from libs.common.columns import personal, plain
from libs.common.refusals import Invalid
from services.notify.tables import Table

MOST_LANGUAGES = 5
HOURS = 24
# What subscribers consent to, and which version of the sentence they read; a changed sentence is a new version.
PURPOSE, TEXT_VERSION = "offers_and_events", 1


class Recipient(Table, table=True):
    """A person's preferences by person_ref. No row: nothing was said, and the owner's order of languages holds.

    quiet_from and quiet_until are hours of the day in Germany between which nothing is sent.
    """

    person_ref: UUID = personal(unique=True)
    languages: list[str] = personal(default_factory=list, sa_type=ARRAY(Text))
    quiet_from: int | None = personal(None)
    quiet_until: int | None = personal(None)
    opted_out_at: datetime | None = personal(None, sa_type=DateTime(timezone=True))
    erased_at: datetime | None = personal(None, sa_type=DateTime(timezone=True))

    def prefer(self, languages: Sequence[str]) -> None:
        """Write in these languages, the dearest first; repeated ones count once."""
        chosen = list(dict.fromkeys(languages))
        if not 0 < len(chosen) <= MOST_LANGUAGES:
            raise Invalid("language-order", "Name between 1 and {most} languages.",
                          field="language", most=MOST_LANGUAGES)
        self.languages = chosen

    def keep_quiet(self, quiet_from: int | None, quiet_until: int | None) -> None:
        """Send nothing between these hours; both None: at any hour."""
        if (quiet_from is None) != (quiet_until is None) or (quiet_from is not None and quiet_from == quiet_until):
            raise Invalid("quiet-hours", "Name two different hours, or none.", field="until_hour")
        self.quiet_from, self.quiet_until = quiet_from, quiet_until

    def opt_out(self, now: datetime) -> None:
        """Send nothing any more; may be repeated."""
        self.opted_out_at = self.opted_out_at or now

    def opt_in(self) -> None:
        """Send again."""
        self.opted_out_at = None

    def forget(self, now: datetime) -> None:
        """The person is erased: only the opaque reference stays, so that nothing is sent to it any more."""
        self.languages, self.quiet_from, self.quiet_until, self.opted_out_at = [], None, None, None
        self.erased_at = self.erased_at or now


class Consent(Table, table=True):
    """That a person agreed to a purpose, by which version of the text, in which language it was read, and how."""

    person_ref: UUID = personal(index=True)
    purpose: str = plain()
    text_version: int = plain()
    language: str = personal()
    source: str = plain("double_opt_in")
    given_at: datetime = personal(sa_type=DateTime(timezone=True))
    withdrawn_at: datetime | None = personal(None, sa_type=DateTime(timezone=True))
