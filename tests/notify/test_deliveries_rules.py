"""Who is told what, and how a delivery goes on its way; without any fixture."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.common.facts.events import EventPublished, RegistrationCancelled
from libs.common.facts.matching import ProposalAccepted
from libs.common.facts.registry import OfferPublished
from libs.common.refusals import Refused
from services.notify.deliveries.model import TRIES, Delivery, DeliveryState, Outcome, Reason, pause_after
from services.notify.deliveries.reactions import ADDRESSEES, FACTS, WORDS
from services.notify.deliveries.rules import TOLD, Who, cause_of, persons_named
from services.notify.recipients.model import Recipient
from services.notify.recipients.rules import BERLIN, quiet_end
from services.notify.subscriptions.model import Subscription, SubscriptionState
from tests.notify.post import OFFER

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def a_delivery(state: DeliveryState = DeliveryState.QUEUED, **more: Any) -> Delivery:
    """A delivery in this state."""
    return Delivery(cause=uuid4(), speaker="registry", about="offer/1", person_ref=uuid4(), template="offer_new",
                    queued_at=NOW, state=state, **more)


def templates_of(fact: Any) -> list[str]:
    """The templates by which this fact is told."""
    return [told.template for told in TOLD[fact.subject] if told.when(fact)]


def test_every_fact_of_the_table_is_reacted_to_and_names_its_persons() -> None:
    """The table and the reactions are of the same facts, and each fact has the field that the table reads."""
    assert TOLD.keys() == {fact.subject for fact in FACTS}
    for fact in FACTS:
        for told in TOLD[fact.subject]:
            assert told.who in {Who.SUBSCRIBERS, Who.REGISTERED} or told.who.value in fact.model_fields
        assert fact.speaker() in ADDRESSEES.keys() & WORDS.keys()


def test_only_news_are_told_to_subscribers() -> None:
    """A change to an offer, or an event for a closed circle, is no news for everyone."""
    event = {"event_id": UUID(int=1), "kind": "workshop", "region": "15087", "starts": NOW, "ends": NOW}

    assert templates_of(OfferPublished(**OFFER)) == ["offer_published", "offer_new"]
    assert templates_of(OfferPublished(**OFFER, first_time=False)) == ["offer_published"]
    assert templates_of(EventPublished(**event)) == ["event_new"]
    assert templates_of(EventPublished(**event, open_to_all=False)) == []


def test_the_same_fact_reads_differently_by_who_decided() -> None:
    """Who cancelled is told so kindly; who is cancelled on gets an apology. One acceptance alone is told to nobody."""
    cancelled = {"registration_id": uuid4(), "event_id": uuid4(), "person_ref": uuid4(), "region": "15087"}
    accepted = {"proposal_id": uuid4(), "region": "15087", "household_id": uuid4(), "side": "mentors"}

    assert templates_of(RegistrationCancelled(**cancelled)) == ["registration_cancelled"]
    assert templates_of(RegistrationCancelled(**cancelled, by_organiser=True)) == ["event_cancelled"]
    assert templates_of(ProposalAccepted(**accepted, both=False)) == []
    assert templates_of(ProposalAccepted(**accepted, both=True)) == ["proposal_accepted"]


def test_the_dates_of_a_series_are_told_once() -> None:
    """Sixty Tuesdays are one piece of news; an event of its own is told by itself."""
    event = {"event_id": UUID(int=1), "kind": "language_cafe", "region": "15087", "starts": NOW, "ends": NOW}
    (told,), fact_id, series = TOLD[EventPublished.subject], uuid4(), uuid4()

    assert cause_of(EventPublished(**event), told, fact_id) == fact_id
    assert cause_of(EventPublished(**event, series_id=series), told, fact_id) == series


def test_each_person_is_named_once() -> None:
    """A person who speaks for a partner twice is told once."""
    one, two = uuid4(), uuid4()

    assert persons_named(OfferPublished(**OFFER, contact_refs=(one, two, one)), Who.CONTACTS) == (one, two)


def test_a_delivery_goes_out() -> None:
    """queued, sending, sent, delivered."""
    delivery = a_delivery()

    delivery.begin("de", "abc")
    delivery.arrive(NOW)
    delivery.report(Outcome.DELIVERED)

    assert (delivery.state, delivery.sent_at, delivery.language) == (DeliveryState.DELIVERED, NOW, "de")


def test_a_mail_that_came_back_later_bounced() -> None:
    """sent, bounced, as reported."""
    delivery = a_delivery(DeliveryState.SENT)

    delivery.report(Outcome.BOUNCED)

    assert (delivery.state, delivery.reason) == (DeliveryState.BOUNCED, Reason.REPORTED)


def test_tries_are_over_some_time() -> None:
    """The pauses grow, and after the last try the delivery is dead until an operator lets it be tried again."""
    delivery = a_delivery()
    pauses = []

    for _ in range(TRIES - 1):
        delivery.fail(Reason.REFUSED_FOR_NOW, NOW, SECOND)
        assert (delivery.state, delivery.not_before) != (DeliveryState.DEAD, None)
        pauses.append(delivery.not_before - NOW if delivery.not_before else None)
    delivery.fail(Reason.REFUSED_FOR_NOW, NOW, SECOND)

    assert pauses == [SECOND * 3**attempt for attempt in range(TRIES - 1)]
    assert (delivery.state, delivery.reason) == (DeliveryState.DEAD, Reason.REFUSED_FOR_NOW)
    delivery.retry()
    assert (delivery.state, delivery.attempts, delivery.reason) == (DeliveryState.QUEUED, 0, None)
    assert pause_after(TRIES, timedelta(hours=3)) == timedelta(hours=12)


def test_a_doubt_allows_one_more_try_and_a_second_one_ends_it() -> None:
    """Where sending again could duplicate, it is done once; where it cannot, as often as needed."""
    delivery, safe = a_delivery(DeliveryState.SENDING), a_delivery(DeliveryState.SENDING)

    delivery.doubt(again_is_safe=False)
    assert (delivery.state, delivery.uncertain) == (DeliveryState.QUEUED, True)
    delivery.begin("de", "abc")
    delivery.doubt(again_is_safe=False)
    assert (delivery.state, delivery.reason) == (DeliveryState.DEAD, Reason.UNCERTAIN_TWICE)

    for _ in range(3):
        safe.doubt(again_is_safe=True)
        safe.begin("de", "abc")
    assert (safe.state, safe.uncertain) == (DeliveryState.SENDING, True)


@pytest.mark.parametrize(("state", "does"), [
    (DeliveryState.SENT, lambda one: one.begin("de", "abc")),
    (DeliveryState.SENDING, lambda one: one.begin("de", "abc")),
    (DeliveryState.QUEUED, lambda one: one.arrive(NOW)),
    (DeliveryState.SENT, lambda one: one.suppress(Reason.BY_OPERATOR)),
    (DeliveryState.SENDING, lambda one: one.suppress(Reason.BY_OPERATOR)),
    (DeliveryState.FAILED, lambda one: one.retry()),
    (DeliveryState.QUEUED, lambda one: one.report(Outcome.BOUNCED)),
    (DeliveryState.BOUNCED, lambda one: one.report(Outcome.DELIVERED)),
    (DeliveryState.SUPPRESSED, lambda one: one.fail(Reason.BUG, NOW, SECOND)),
])
def test_other_ways_are_refused(state: DeliveryState, does: Any) -> None:
    """What was sent is never sent again, what ended stays ended."""
    delivery = a_delivery(state)

    with pytest.raises(Refused) as refused:
        does(delivery)

    assert (refused.value.slug, delivery.state) == ("delivery-state", state)


@pytest.mark.parametrize(("fields", "languages", "field", "offered_in", "wanted"), [
    ([], ["uk"], "health", ("uk",), True),
    (["language"], ["uk"], "health", ("uk",), False),
    (["language", "health"], ["uk"], "health", ("uk", "de"), True),
    ([], ["uk"], "health", ("ar", "de"), False),
    ([], ["ar-SY"], "health", ("ar",), True),
    ([], ["de"], "health", ("de-simple",), True),
    ([], ["uk"], "health", (), True),
    ([], ["uk"], None, ("uk",), True),
    (["language"], ["uk"], None, ("uk",), False),
])
def test_a_subscriber_hears_of_what_was_asked_for(
    fields: list[str], languages: list[str], field: str | None, offered_in: tuple[str, ...], wanted: bool,
) -> None:
    """By field and by a language they understand; what names no field only for those who want all."""
    one = Subscription(person_ref=uuid4(), region="15087", fields=fields, languages=languages,
                       state=SubscriptionState.ACTIVE, created_at=NOW)

    assert one.wants(field, offered_in) is wanted


def test_only_a_confirmed_subscription_hears_anything() -> None:
    """Pending and ended ones want nothing, and an ended one cannot be confirmed any more."""
    one = Subscription(person_ref=uuid4(), region="15087", languages=["de"], created_at=NOW)

    assert not one.wants("health", ("de",))
    assert one.confirm(NOW)
    assert not one.confirm(NOW)
    assert one.wants("health", ("de",))
    assert one.end(NOW)
    assert not one.end(NOW)
    assert (one.wants("health", ()), one.languages) == (False, [])
    with pytest.raises(Refused, match="ended"):
        one.confirm(NOW)


@pytest.mark.parametrize(("hour", "quiet_from", "quiet_until", "day_and_hour"), [
    (20, 21, 7, None), (21, 21, 7, (3, 7)), (23, 21, 7, (3, 7)), (3, 21, 7, (2, 7)), (7, 21, 7, None),
    (14, 13, 15, (2, 15)), (15, 13, 15, None), (12, None, None, None), (23, 22, 0, (3, 0)), (0, 22, 0, None),
])
def test_quiet_hours_end_when_the_person_said(
    hour: int, quiet_from: int | None, quiet_until: int | None, day_and_hour: tuple[int, int] | None,
) -> None:
    """By the clock on the wall in Germany, also over midnight."""
    end = quiet_end(datetime(2026, 3, 2, hour, 30, tzinfo=BERLIN).astimezone(UTC), quiet_from, quiet_until)

    assert (end and (end.day, end.hour)) == day_and_hour


def test_preferences_refuse_what_makes_no_sense() -> None:
    """No language, too many, half of the quiet hours, or an hour without length."""
    recipient = Recipient(person_ref=uuid4())

    for languages in ([], ["de", "en", "uk", "ar", "fa", "tr"]):
        with pytest.raises(Refused):
            recipient.prefer(languages)
    for hours in ((21, None), (7, 7)):
        with pytest.raises(Refused):
            recipient.keep_quiet(*hours)
    recipient.prefer(["ar", "de", "ar"])
    assert recipient.languages == ["ar", "de"]
