"""A subscription: a wish to hear of new offers and events of a region, in fields and languages."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Text
from sqlalchemy.dialects.postgresql import ARRAY

from libs.common.columns import code, codes, moment, personal, plain
from libs.common.refusals import Refused
from services.notify.recipients.model import TEXT_VERSION
from services.notify.tables import Table

# Who does not confirm in this time is forgotten.
TO_CONFIRM = timedelta(days=7)
# An address gets no more unanswered confirmations than this, whoever types it in.
MOST_UNCONFIRMED = 3


class SubscriptionState(StrEnum):
    """Whether the person behind the address has confirmed, and not ended it."""

    PENDING = "pending"
    ACTIVE = "active"
    ENDED = "ended"


class Subscription(Table, table=True):
    """A person's wish. No fields: all. languages are those spoken, the dearest, in which to write, first."""

    person_ref: UUID = personal(index=True)
    region: str = plain(index=True)
    fields: list[str] = codes()
    languages: list[str] = personal(default_factory=list, sa_type=ARRAY(Text))
    state: SubscriptionState = code(SubscriptionState, SubscriptionState.PENDING)
    text_version: int = plain(TEXT_VERSION)
    created_at: datetime = moment()
    confirmed_at: datetime | None = moment(None)
    ended_at: datetime | None = moment(None)

    def confirm(self, now: datetime) -> bool:
        """The holder of the address wants it; returns False when that was known already."""
        if self.state is SubscriptionState.ENDED:
            raise Refused("subscription-ended", "This subscription has ended; please subscribe anew.")
        if self.state is SubscriptionState.ACTIVE:
            return False
        self.state, self.confirmed_at = SubscriptionState.ACTIVE, now
        return True

    def end(self, now: datetime) -> bool:
        """The person does not want it any more; returns False when it had ended before."""
        if self.state is SubscriptionState.ENDED:
            return False
        self.state, self.ended_at, self.languages = SubscriptionState.ENDED, now, []
        return True

    def wants(self, field: str | None, languages: Sequence[str]) -> bool:
        """Whether something of this field, in these languages (none: any), is what was asked for.

        What names no field is only for those who want all of them: nobody agreed to more than they chose.
        """
        if self.state is not SubscriptionState.ACTIVE or (self.fields and field not in self.fields):
            return False
        spoken = {_spoken(tag) for tag in self.languages}
        return not languages or any(_spoken(tag) in spoken for tag in languages)


def _spoken(tag: str) -> str:
    """The language alone: who speaks `ar-SY` understands what is in `ar`."""
    return tag.split("-", maxsplit=1)[0]
