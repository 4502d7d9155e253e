"""A referral: who is counselled is sent on to an offer; nothing of them leaves but what they consented to."""

from collections.abc import Collection
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint

from libs.common.columns import code, moment, personal, plain
from libs.common.refusals import Invalid, Refused
from services.matching.profiles.model import code_list
from services.matching.tables import Table


class ReferralState(StrEnum):
    """Where a referral is; expired: the consent ended before anything was sent.

    not_taken_up: it was sent, but they did not come. revoked: they took it back, or do not want it, while it went on;
    ended: nobody took it back, but counselling is over, or its notes are deleted. None of them goes on.
    """

    PROPOSED = "proposed"
    CONSENTED = "consented"
    SENT = "sent"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    DONE = "done"
    NOT_TAKEN_UP = "not_taken_up"
    REVOKED = "revoked"
    EXPIRED = "expired"
    ENDED = "ended"


class Shared(StrEnum):
    """What somebody consents to be told about them."""

    NAME = "name"
    CONTACT = "contact"
    LANGUAGES = "languages"
    TOPICS = "topics"
    RESIDENCE_STATUS = "residence_status"


class TurnedDown(StrEnum):
    """Why whoever offers it does not take somebody."""

    FULL = "full"
    NOT_RESPONSIBLE = "not_responsible"
    CRITERIA_NOT_MET = "criteria_not_met"
    LANGUAGE = "language"
    NOT_REACHED = "not_reached"
    OTHER = "other"


# The end of the id is random.
REFERENCE_SIGNS = 8
HANDED_OVER = frozenset({ReferralState.CONSENTED, ReferralState.SENT, ReferralState.ACCEPTED})
UNSENT = frozenset({ReferralState.PROPOSED, ReferralState.CONSENTED, ReferralState.EXPIRED})
# Whoever offers it has got what they consented to, and may use it.
REACHED = frozenset({ReferralState.SENT, ReferralState.ACCEPTED})
OPEN = HANDED_OVER | {ReferralState.PROPOSED, ReferralState.EXPIRED}


class Referral(Table, table=True):
    """A case sent on to an offer. The consent is what (shared), to whom (offered_by), when and until when.

    revoked_at: since when the consent is taken back, also of what was over by then, which stays as it came out.
    Nothing was ever sent without one: the check constraint holds it against any way of writing.
    """

    __table_args__ = (
        CheckConstraint(
            "sent_at IS NULL OR (consented_on IS NOT NULL AND consent_until IS NOT NULL)", name="consented"),
    )

    counselling_case_id: UUID = plain(index=True, foreign_key="counselling_case.id")
    region: str = plain(index=True)
    partner_id: UUID = plain(index=True)
    offer_id: UUID = plain(index=True)
    offered_by: UUID = plain()
    state: ReferralState = code(ReferralState, ReferralState.PROPOSED)
    proposed_by: str = plain()
    shared: list[str] = code_list()
    consented_on: date | None = personal(None)
    consent_until: date | None = personal(None)
    sent_at: datetime | None = moment(None)
    answered_at: datetime | None = moment(None)
    declined_reason: TurnedDown | None = code(TurnedDown, None)
    ended_at: datetime | None = moment(None)
    revoked_at: datetime | None = moment(None)

    @property
    def reference(self) -> str:
        """What the partners who refer and who offer it call it among themselves; it names nobody."""
        return str(self.id)[-REFERENCE_SIGNS:]

    def consent(self, what: Collection[Shared], *, to_whom: UUID, given_on: date, until: date, day: date) -> None:
        """They consented that this is told to whoever offers it, until a day; anew when an earlier consent ended."""
        self._only({ReferralState.PROPOSED, ReferralState.EXPIRED}, "consented")
        if to_whom != self.offered_by:
            raise Invalid("consent-elsewhere", "The consent is for another partner than the one who offers it.",
                          field="to_whom")
        if until < max(day, given_on):
            raise Invalid("consent-until", "A consent ends on a day to come.", field="until")
        self.state, self.shared = ReferralState.CONSENTED, sorted(set(what))
        self.consented_on, self.consent_until = given_on, until

    def send(self, now: datetime, *, day: date, available: bool) -> None:
        """It is handed over: with a consent that holds, to an offer that is to be had."""
        self._only({ReferralState.CONSENTED}, "sent")
        self.refuse_without_consent(day)
        if not available:
            raise Refused("offer-not-available", "This offer is not to be had at the moment.")
        self.state, self.sent_at = ReferralState.SENT, now

    def accept(self, now: datetime) -> None:
        """Whoever offers it takes them."""
        self._only({ReferralState.SENT}, "accepted")
        self.state, self.answered_at = ReferralState.ACCEPTED, now

    def decline(self, reason: TurnedDown, now: datetime) -> None:
        """Whoever offers it does not take them, or not after all: an acceptance entered wrongly is corrected."""
        self._only(REACHED, "declined")
        self.state, self.declined_reason = ReferralState.DECLINED, reason
        self.answered_at = self.ended_at = now
        self.forget()

    def finish(self, now: datetime) -> None:
        """They received what was offered."""
        self._only({ReferralState.ACCEPTED}, "finished")
        self.state, self.ended_at = ReferralState.DONE, now
        self.forget()

    def lapse(self, now: datetime) -> None:
        """They did not take up what was offered; whether they were taken stays as it was answered."""
        self._only(REACHED, "noted as not taken up")
        self.state, self.ended_at = ReferralState.NOT_TAKEN_UP, now
        self.forget()

    def revoke(self, now: datetime) -> None:
        """They take the consent back, or do not want it: from now on nothing is told any more.

        At any time, once: whoever got something by it has it still when all is over, and is to delete it.
        """
        if self.sent_at is None or self.revoked_at:
            self._only(OPEN, "revoked")
        if self.state in OPEN:
            self.state, self.ended_at = ReferralState.REVOKED, now
        self.revoked_at = now
        self.forget()

    def end(self, now: datetime) -> None:
        """What is open ends with the case, or with its notes: from now on nothing is told, though nobody revoked it."""
        if self.state in OPEN:
            self.state, self.ended_at = ReferralState.ENDED, now
        self.forget()

    def expire(self, day: date) -> bool:
        """The last day of the consent has passed before anything was sent; returns False when it is moot."""
        if self.state is not ReferralState.CONSENTED or self._holds_on(day):
            return False
        self.state = ReferralState.EXPIRED
        self.forget()
        return True

    def refuse_without_consent(self, day: date) -> None:
        """Nothing about a person leaves without a consent that holds on the day."""
        if self.state not in HANDED_OVER or not self._holds_on(day):
            raise Refused("referral-consent", "There is no consent that holds today; nothing may be handed over.")

    def erase(self, now: datetime) -> None:
        """Who wants to be erased revokes what is open; what they consented to is forgotten."""
        if self.state in OPEN:
            self.revoke(now)
        self.forget()

    def forget(self) -> None:
        """What was to be told is nobody's business any more."""
        self.shared = []

    def _holds_on(self, day: date) -> bool:
        return self.consent_until is not None and day <= self.consent_until

    def _only(self, states: Collection[ReferralState], done: str) -> None:
        if self.state not in states:
            raise Refused("referral-state", "The referral is {state}; it cannot be {done} now.",
                          state=self.state, done=done)
