"""A delivery: one notification on its way to one person over one channel, and why it has not arrived."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import DateTime, Index, UniqueConstraint, text

from libs.common.columns import code, moment, personal, plain
from libs.common.facts.notify import Channel
from libs.common.refusals import Refused
from services.notify.tables import Table

TRIES = 8
GROWTH = 3
LONGEST_PAUSE = timedelta(hours=12)


class DeliveryState(StrEnum):
    """Where a delivery is. failed: it is tried again; dead: only an operator can let it be tried again."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"
    FAILED = "failed"
    DEAD = "dead"


class Reason(StrEnum):
    """Why a delivery was suppressed, bounced, failed or died."""

    NO_CONSENT = "no_consent"
    OPTED_OUT = "opted_out"
    ERASED = "erased"
    NO_ADDRESS = "no_address"
    NOTHING_TO_TELL = "nothing_to_tell"
    BY_OPERATOR = "by_operator"
    MISSING_LANGUAGE = "missing_language"
    MISSING_VARIABLE = "missing_variable"
    OWNER_REFUSED = "owner_refused"
    REFUSED_FOR_NOW = "refused_for_now"
    REFUSED_FOR_GOOD = "refused_for_good"
    REPORTED = "reported"
    UNCERTAIN_TWICE = "uncertain_twice"
    BUG = "bug"


class Outcome(StrEnum):
    """What the receiving side said of a sent mail later."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"


TO_SEND = frozenset({DeliveryState.QUEUED, DeliveryState.FAILED})


class Delivery(Table, table=True):
    """One notification to one person; unique by cause, person, template and channel, so never sent twice knowingly.

    cause is the id of the fact that it tells of (or of the series, or of the subscription to confirm), speaker and
    about whom to ask for the words. not_before goes by the real clock (pauses after a try), delayed_until by the
    network's (quiet hours). uncertain: it may have been sent before a crash, and is sent again with one Message-ID.
    """

    __table_args__ = (
        UniqueConstraint("cause", "person_ref", "template", "channel"),
        Index("ix_delivery_unfinished", "id", postgresql_where=text("state IN ('queued', 'sending', 'failed')")),
        Index("ix_delivery_to_forget", "id", postgresql_where=text("to_forget")),
    )

    cause: UUID = plain()
    speaker: str = plain()
    about: str = plain()
    person_ref: UUID = personal(index=True)
    subscription_id: UUID | None = personal(None)
    template: str = plain()
    template_version: str | None = plain(None)
    channel: Channel = code(Channel, Channel.EMAIL)
    region: str | None = plain(None, index=True)
    correlation: str = plain("")
    state: DeliveryState = code(DeliveryState, DeliveryState.QUEUED)
    reason: Reason | None = code(Reason, None)
    missing: str | None = plain(None)
    language: str | None = personal(None)
    attempts: int = plain(0)
    not_before: datetime | None = moment(None)
    delayed_until: datetime | None = moment(None)
    uncertain: bool = plain(default=False)
    to_forget: bool = plain(default=False)
    queued_at: datetime = personal(sa_type=DateTime(timezone=True))
    sent_at: datetime | None = personal(None, sa_type=DateTime(timezone=True))

    def begin(self, language: str, template_version: str) -> None:
        """Everything is there; from now on it counts as possibly sent."""
        self._move(TO_SEND, DeliveryState.SENDING)
        self.language, self.template_version = language, template_version

    def arrive(self, now: datetime) -> None:
        """The mail server, or the folder, has taken it."""
        self._move({DeliveryState.SENDING}, DeliveryState.SENT)
        self.sent_at, self.not_before = now, None

    def put_back(self) -> None:
        """Nothing was sent, for a reason that is not the delivery's: it is tried again as if it had not been."""
        self._move({DeliveryState.SENDING}, DeliveryState.QUEUED)

    def doubt(self, *, again_is_safe: bool) -> None:
        """Nobody knows whether it was sent: sent once more, flagged; a second doubt ends it, unless again is safe."""
        twice = self.uncertain and not again_is_safe
        self._move({DeliveryState.SENDING}, DeliveryState.DEAD if twice else DeliveryState.QUEUED)
        self.uncertain = True
        if twice:
            self.reason = Reason.UNCERTAIN_TWICE

    def fail(self, reason: Reason, now: datetime, first_pause: timedelta) -> None:
        """Not this time: the pauses grow, and after the last try it is dead. now is the real time."""
        self.attempts += 1
        last = self.attempts >= TRIES
        self._move(TO_SEND | {DeliveryState.SENDING}, DeliveryState.DEAD if last else DeliveryState.FAILED, reason)
        self.not_before = None if last else now + pause_after(self.attempts, first_pause)

    def bounce(self) -> None:
        """The mail server refused it for good."""
        self._move({DeliveryState.SENDING}, DeliveryState.BOUNCED, Reason.REFUSED_FOR_GOOD)

    def suppress(self, reason: Reason) -> None:
        """It is not sent."""
        self._move(TO_SEND, DeliveryState.SUPPRESSED, reason)

    def die(self, reason: Reason, missing: str | None = None) -> None:
        """It cannot be sent as it is; missing names the language or variable that a gap consists of."""
        self._move(TO_SEND, DeliveryState.DEAD, reason)
        self.missing = missing

    def retry(self) -> None:
        """An operator has mended what was in the way."""
        self._move({DeliveryState.DEAD}, DeliveryState.QUEUED)
        self.attempts, self.not_before, self.missing, self.uncertain = 0, None, None, False

    def report(self, outcome: Outcome) -> None:
        """What the receiving side said later."""
        reason = Reason.REPORTED if outcome is Outcome.BOUNCED else None
        self._move({DeliveryState.SENT}, DeliveryState(outcome.value), reason)

    def _move(self, sources: frozenset[DeliveryState] | set[DeliveryState], target: DeliveryState,
              reason: Reason | None = None) -> None:
        if self.state not in sources:
            raise Refused("delivery-state", "The delivery is {state}; that does not lead to {target}.",
                          state=self.state, target=target)
        self.state, self.reason = target, reason


def pause_after(attempts: int, first: timedelta) -> timedelta:
    """How long to wait after so many tries."""
    grown: timedelta = first * GROWTH ** (attempts - 1)
    return min(grown, LONGEST_PAUSE)
