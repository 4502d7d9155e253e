"""An offer: what a partner has for people who arrive, and when it may be shown."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import JSONB

from libs.common.codes.lists import FieldOfAction
from libs.common.columns import code, codes, moment, plain, texts
from libs.common.refusals import Refused
from services.registry.partners.model import Partner, PartnerState
from services.registry.tables import Table

# Volunteer agencies must look after their entries every three months (bagfa.de); hidden a month after that.
ASSURANCE = timedelta(days=90)
SHOWN_STALE = timedelta(days=30)
# The partner is asked this long before the offer would go stale.
REMINDER = timedelta(days=14)


class OfferState(StrEnum):
    """Where an offer is between a partner's draft and its end."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    CHANGES_REQUESTED = "changes_requested"
    REJECTED = "rejected"
    PUBLISHED = "published"
    PAUSED = "paused"
    STALE = "stale"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


# Units of a capacity of which a referral that was accepted takes one; hours and the like are the partner's to count.
PLACES = frozenset({"persons", "places", "households", "families"})
EDITABLE = frozenset({OfferState.DRAFT, OfferState.CHANGES_REQUESTED})
OUT = frozenset({OfferState.PUBLISHED, OfferState.PAUSED, OfferState.STALE})


class Offer(Table, table=True):
    """A partner's offer. revision holds a change to a published offer until a coordinator approves it.

    region: None only for what a listed organisation has for the whole country; free_of_charge: None when nobody said.
    """

    partner_id: UUID = plain(index=True, foreign_key="partner.id")
    region: str | None = plain(None, index=True)
    field: FieldOfAction = code(FieldOfAction)
    state: OfferState = code(OfferState, OfferState.DRAFT)
    translations: dict[str, Any] = texts()
    sort_key: str = plain("", index=True)
    languages: list[str] = codes()
    topics: list[str] = codes()
    women_only: bool = plain(default=False)
    childcare: bool = plain(default=False)
    barrier_free: bool = plain(default=False)
    online: bool = plain(default=False)
    free_of_charge: bool | None = plain(default=True)
    german_level: str | None = plain(None)
    min_age: int | None = plain(None)
    max_age: int | None = plain(None)
    residence_statuses: list[str] = codes()
    schedule: str | None = plain(None)
    postcode: str | None = plain(None)
    funding_note: str | None = plain(None)
    valid_until: date | None = plain(None)
    capacity: dict[str, Any] | None = plain(None, sa_type=JSONB)
    review_note: str | None = plain(None)
    revision: dict[str, Any] | None = plain(None, sa_type=JSONB)
    revision_state: OfferState | None = code(OfferState, None)
    assured_on: datetime | None = moment(None)
    assurance_due: datetime | None = moment(None)
    published_at: datetime | None = moment(None)

    def change(self, fields: dict[str, Any]) -> None:
        """The partner edits all fields: at once while it is a draft, as a pending revision while it is out."""
        if self.state in OUT:
            until = fields["valid_until"]
            self.revision = fields | {"valid_until": until.isoformat() if until else None}
            self.revision_state = OfferState.DRAFT
            return
        self._only(EDITABLE)
        self.take_over(fields)

    def take_over(self, fields: dict[str, Any]) -> None:
        """Set these fields."""
        for name, value in fields.items():
            setattr(self, name, value)

    def submit(self, by: Partner | None) -> None:
        """The partner hands the offer, or the change to it, in for review."""
        refuse_unless_verified(by)
        if self.state in OUT:
            if self.revision is None or self.revision_state not in EDITABLE:
                raise Refused("nothing-to-submit", "Nothing about the offer has been changed.")
            self.revision_state = OfferState.SUBMITTED
            return
        self._only(EDITABLE)
        self.state = OfferState.SUBMITTED

    def take_up(self) -> None:
        """A coordinator begins the review."""
        self._review({OfferState.SUBMITTED}, OfferState.IN_REVIEW)

    def request_changes(self, note: str) -> None:
        """The coordinator hands the offer back with a note."""
        self._review({OfferState.SUBMITTED, OfferState.IN_REVIEW}, OfferState.CHANGES_REQUESTED)
        self.review_note = note

    def reject(self, note: str) -> None:
        """The coordinator does not publish the offer, or the change to it."""
        self._review({OfferState.SUBMITTED, OfferState.IN_REVIEW}, OfferState.REJECTED)
        self.review_note = note
        if self.state in OUT:
            self.revision = self.revision_state = None

    def publish(self, by: Partner | None, now: datetime) -> bool:
        """The coordinator shows it to the network; returns whether for the first time (else: a change to it)."""
        refuse_unless_verified(by)
        self._review({OfferState.SUBMITTED, OfferState.IN_REVIEW}, OfferState.PUBLISHED)
        self.review_note = None
        if self.revision is not None:
            until = self.revision["valid_until"]
            self.take_over(self.revision | {"field": FieldOfAction(self.revision["field"]),
                                            "valid_until": date.fromisoformat(until) if until else None})
            self.revision = self.revision_state = None
            return False
        self.published_at = now
        self.assure(now)
        return True

    def assure(self, now: datetime) -> datetime:
        """The partner confirms that it still holds; returns when it is to be confirmed next."""
        self._only(OUT)
        if self.state is OfferState.STALE:
            self.state = OfferState.PUBLISHED
        self.assured_on, self.assurance_due = now, now + ASSURANCE
        return self.assurance_due

    def go_stale(self) -> bool:
        """Nobody confirmed it in time; returns False when it is not shown as fresh anyway."""
        if self.state is not OfferState.PUBLISHED:
            return False
        self.state = OfferState.STALE
        return True

    def pause(self) -> None:
        """Not to be had for now."""
        self._only({OfferState.PUBLISHED, OfferState.STALE})
        self.state = OfferState.PAUSED

    def resume(self, now: datetime) -> None:
        """To be had again, stale if its confirmation fell due meanwhile."""
        self._only({OfferState.PAUSED})
        late = self.assurance_due is not None and self.assurance_due <= now
        self.state = OfferState.STALE if late else OfferState.PUBLISHED

    def withdraw(self) -> None:
        """The partner takes it back for good."""
        self._only(OUT | EDITABLE | {OfferState.SUBMITTED, OfferState.IN_REVIEW})
        self.state = OfferState.WITHDRAWN

    def expire(self) -> bool:
        """Its time is over; returns False when it had ended before."""
        if self.state not in OUT:
            return False
        self.state = OfferState.EXPIRED
        return True

    def take_place(self, now: datetime) -> bool:
        """Who was referred is taken: a place less is free; returns False where none is counted, or none was free."""
        return self._move_free(-1, now)

    def give_back_place(self, now: datetime) -> bool:
        """Who was referred needs the place no longer; returns False where all are free already."""
        return self._move_free(1, now)

    def is_shown(self, now: datetime) -> bool:
        """Whether the public sees it: published, or stale for at most 30 days."""
        if self.state is OfferState.STALE:
            return self.assurance_due is not None and now < self.assurance_due + SHOWN_STALE
        return self.state is OfferState.PUBLISHED

    def _move_free(self, by: int, now: datetime) -> bool:
        there = self.capacity
        if there is None or there["unit"] not in PLACES or not 0 <= there["available"] + by <= there["maximum"]:
            return False
        self.capacity = there | {"available": there["available"] + by, "updated": now.isoformat()}
        return True

    def _review(self, sources: set[OfferState], target: OfferState) -> None:
        reviewed = self.revision_state if self.state in OUT and self.revision is not None else self.state
        if reviewed not in sources:
            raise Refused("offer-not-in-review", "The offer is {state}; only one in review can be {target}.",
                          state=(reviewed or self.state), target=target)
        if self.state in OUT:
            self.revision_state = target
        else:
            self.state = target

    def _only(self, states: set[OfferState] | frozenset[OfferState]) -> None:
        if self.state not in states:
            raise Refused("offer-state", "The offer is {state}; that is for one that is {wanted}.",
                          state=self.state, wanted=sorted(states))


def refuse_unless_verified(partner: Partner | None) -> None:
    """Only a verified partner's offers go out."""
    if partner is None or partner.state is not PartnerState.VERIFIED:
        raise Refused("partner-not-verified", "Only a verified partner's offers are published.")
