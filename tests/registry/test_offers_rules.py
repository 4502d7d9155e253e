"""The offer's states and refusals, without database: each path by itself, and all of them at random."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from libs.common.codes.lists import FieldOfAction, PartnerKind
from libs.common.refusals import Refused
from services.registry.offers.model import ASSURANCE, EDITABLE, OUT, SHOWN_STALE, Offer, OfferState
from services.registry.offers.rules import end_of_day
from services.registry.partners.model import Partner, PartnerState

NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)
REVIEWABLE = {OfferState.SUBMITTED, OfferState.IN_REVIEW}


def a_partner(state: PartnerState = PartnerState.VERIFIED) -> Partner:
    """A partner in this state."""
    return Partner(name="Lindenhof", sort_key="lindenhof", kind=PartnerKind.INITIATIVE, state=state)


def an_offer(state: OfferState = OfferState.DRAFT) -> Offer:
    """An offer in this state, assured now when it is out."""
    due = NOW + ASSURANCE if state in OUT else None
    return Offer(partner_id=uuid4(), region="15087", field=FieldOfAction.LANGUAGE, state=state, assurance_due=due,
                 translations={"de": {"title": "Eins", "description": ""}})


def fields(title: str, until: date | None = None) -> dict[str, Any]:
    """What an editor sends."""
    return {"translations": {"de": {"title": title, "description": ""}}, "field": FieldOfAction.LANGUAGE,
            "valid_until": until}


@pytest.mark.parametrize("state", [state for state in PartnerState if state is not PartnerState.VERIFIED])
def test_only_a_verified_partners_offer_is_published(state: PartnerState) -> None:
    """Whoever has not been verified, or not any more, publishes nothing."""
    offer = an_offer(OfferState.IN_REVIEW)

    with pytest.raises(Refused, match="verified"):
        offer.publish(by=a_partner(state), now=NOW)

    assert offer.state is OfferState.IN_REVIEW


def test_an_offer_whose_partner_is_hidden_is_not_published() -> None:
    """A partner that the reviewer may not know of counts as not verified."""
    with pytest.raises(Refused, match="verified"):
        an_offer(OfferState.IN_REVIEW).publish(by=None, now=NOW)


@pytest.mark.parametrize("state", [state for state in OfferState if state not in REVIEWABLE])
def test_only_a_submitted_offer_is_reviewed(state: OfferState) -> None:
    """Nothing is published, handed back or rejected that nobody has handed in."""
    acts: list[Callable[[Offer], object]] = [
        lambda offer: offer.publish(by=a_partner(), now=NOW), lambda offer: offer.request_changes("?"),
        lambda offer: offer.reject("no")]
    for act in acts:
        with pytest.raises(Refused) as refused:
            act(an_offer(state))
        assert refused.value.slug == "offer-not-in-review"


def test_a_change_to_a_published_offer_waits_for_approval() -> None:
    """The old text stays until a coordinator approves the new one, with the day on which it ends."""
    offer = an_offer(OfferState.PUBLISHED)
    offer.change(fields("Zwei", date(2027, 12, 31)))
    assert offer.translations["de"]["title"] == "Eins"
    offer.submit(by=a_partner())
    offer.take_up()

    first = offer.publish(by=a_partner(), now=NOW)

    assert (first, offer.translations["de"]["title"], offer.valid_until) == (False, "Zwei", date(2027, 12, 31))
    assert (offer.revision, offer.revision_state, offer.state) == (None, None, OfferState.PUBLISHED)


def test_a_rejected_change_leaves_the_offer_as_it_was() -> None:
    """What was refused is gone; the offer stays out, and can be changed again."""
    offer = an_offer(OfferState.PUBLISHED)
    offer.change(fields("Zwei"))
    offer.submit(by=a_partner())
    offer.reject("Zu lang.")

    assert (offer.state, offer.revision, offer.translations["de"]["title"]) == (OfferState.PUBLISHED, None, "Eins")
    with pytest.raises(Refused, match="changed"):
        offer.submit(by=a_partner())


def test_an_unconfirmed_offer_is_shown_as_stale_for_30_days() -> None:
    """After 90 days it is marked, after 120 hidden; one confirmation makes it fresh again."""
    offer = an_offer(OfferState.PUBLISHED)
    due = offer.assure(NOW)
    assert due == NOW + timedelta(days=90)
    assert offer.go_stale()
    assert offer.is_shown(due + SHOWN_STALE - timedelta(seconds=1))
    assert not offer.is_shown(due + SHOWN_STALE)

    offer.assure(due + timedelta(days=200))

    assert offer.state is OfferState.PUBLISHED


def test_a_paused_offer_comes_back_stale_when_its_time_has_passed() -> None:
    """A pause is no way around the 90 days."""
    offer = an_offer(OfferState.PAUSED)
    assert not offer.go_stale()

    offer.resume(NOW + ASSURANCE)

    assert offer.state is OfferState.STALE


def test_the_last_day_ends_at_midnight_in_germany() -> None:
    """Also on the day on which the clocks change."""
    assert end_of_day(date(2027, 3, 28)) == datetime(2027, 3, 28, 22, tzinfo=UTC)
    assert end_of_day(date(2027, 12, 31)) == datetime(2027, 12, 31, 23, tzinfo=UTC)


class OfferLife(RuleBasedStateMachine):
    """An offer to which anything is done in any order, beside a table of what may follow what."""

    @initialize(verified=st.booleans())
    def begin(self, verified: bool) -> None:
        """A draft of a partner who is verified, or not."""
        self.offer, self.now = an_offer(), NOW
        self.partner = a_partner(PartnerState.VERIFIED if verified else PartnerState.SUSPENDED)
        self.title, self.pending = "Eins", ""

    def attempt(self, act: Any, *, may: bool) -> bool:
        """Do it; it must be refused exactly when it may not be, and then changes nothing."""
        before = self.offer.model_dump()
        try:
            act()
        except Refused:
            assert not may
            assert self.offer.model_dump() == before
            return False
        assert may
        return True

    @property
    def reviewed(self) -> OfferState | None:
        """The state of what a coordinator would look at."""
        pending = self.offer.state in OUT and self.offer.revision is not None
        return self.offer.revision_state if pending else self.offer.state

    @rule(title=st.sampled_from(["Zwei", "Drei"]))
    def change(self, title: str) -> None:
        """An edit is at once in a draft, pending in what is out, refused elsewhere."""
        out = self.offer.state in OUT
        if self.attempt(lambda: self.offer.change(fields(title)), may=out or self.offer.state in EDITABLE):
            self.pending, self.title = (title, self.title) if out else ("", title)

    @rule()
    def submit(self) -> None:
        """Only a verified partner hands in, a draft or a change."""
        may = self.partner.state is PartnerState.VERIFIED and self.reviewed in EDITABLE
        self.attempt(lambda: self.offer.submit(by=self.partner), may=may)

    @rule()
    def publish(self) -> None:
        """What was handed in is what is seen."""
        may = self.partner.state is PartnerState.VERIFIED and self.reviewed in REVIEWABLE
        if self.attempt(lambda: self.offer.publish(by=self.partner, now=self.now), may=may):
            self.title, self.pending = self.pending or self.title, ""

    @rule()
    def reject(self) -> None:
        """A rejected change is gone."""
        if self.attempt(lambda: self.offer.reject("no"), may=self.reviewed in REVIEWABLE):
            self.pending = ""

    @rule()
    def hand_back(self) -> None:
        """Asking for a change keeps what was written."""
        self.attempt(lambda: self.offer.request_changes("?"), may=self.reviewed in REVIEWABLE)

    @rule(days=st.integers(0, 130))
    def wait(self, days: int) -> None:
        """Time passes, and what falls due happens."""
        self.now += timedelta(days=days)
        if self.offer.assurance_due and self.offer.assurance_due <= self.now:
            self.offer.go_stale()

    @rule()
    def assure(self) -> None:
        """What is out is confirmed."""
        self.attempt(lambda: self.offer.assure(self.now), may=self.offer.state in OUT)

    @rule()
    def pause(self) -> None:
        """What is shown is paused."""
        self.attempt(self.offer.pause, may=self.offer.state in {OfferState.PUBLISHED, OfferState.STALE})

    @rule()
    def resume(self) -> None:
        """What is paused comes back."""
        self.attempt(lambda: self.offer.resume(self.now), may=self.offer.state is OfferState.PAUSED)

    @rule()
    def withdraw(self) -> None:
        """What has not ended is taken back."""
        ended = {OfferState.WITHDRAWN, OfferState.EXPIRED, OfferState.REJECTED}
        self.attempt(self.offer.withdraw, may=self.offer.state not in ended)

    @rule()
    def expire(self) -> None:
        """Only what is out ends by its own time."""
        was_out = self.offer.state in OUT
        assert self.offer.expire() is was_out

    @invariant()
    def what_is_fresh_was_confirmed(self) -> None:
        """Nothing is published whose 90 days are over, and nothing is out that was never confirmed."""
        if self.offer.state is OfferState.PUBLISHED:
            assert self.offer.assurance_due
            assert self.offer.assurance_due > self.now
        if self.offer.state in OUT:
            assert self.offer.published_at is not None

    @invariant()
    def the_seen_text_is_the_approved_one(self) -> None:
        """A pending change shows nowhere."""
        assert self.offer.translations["de"]["title"] == self.title


OfferLife.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestOfferLife = OfferLife.TestCase
