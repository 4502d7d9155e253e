"""Places of an offer: an accepted referral takes one, and gives it back; what the partner says counts more."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.codes.lists import FieldOfAction
from libs.common.facts.matching import (
    ReferralAccepted,
    ReferralDeclined,
    ReferralDone,
    ReferralEnded,
    ReferralFact,
    ReferralRevoked,
    ReferralSent,
)
from services.registry.offers.model import Offer
from services.registry.referrals.model import ReceivedReferral
from tests.harness import Network
from tests.registry.happened import as_heard
from tests.registry.steps import Headers, a_published_offer, id_of, matching, ok, told

NOW = datetime(2027, 3, 2, tzinfo=UTC)
CHANGED = "registry.offer.capacity_changed.v1"


def an_offer(capacity: dict[str, Any] | None) -> Offer:
    """An offer with this capacity."""
    return Offer(partner_id=uuid4(), field=FieldOfAction.LANGUAGE, translations={}, capacity=capacity)


@given(st.integers(0, 5), st.lists(st.tuples(st.booleans(), st.integers(0, 7)), max_size=30))
def test_no_place_is_taken_twice_and_none_appears(maximum: int, steps: list[tuple[bool, int]]) -> None:
    """Whoever takes and gives back in whatever order: what is free and what is held are together all there is."""
    offer = an_offer({"unit": "persons", "maximum": maximum, "available": maximum})
    holding: set[int] = set()
    for takes, who in steps:
        if takes and who not in holding and offer.take_place(NOW):
            holding.add(who)
        elif not takes and who in holding:
            holding.remove(who)
            assert offer.give_back_place(NOW)
        assert offer.capacity is not None
        assert offer.capacity["available"] == maximum - len(holding) >= 0


@given(st.integers(0, 4), st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(1, 3)), max_size=30))
def test_whoever_goes_there_no_more_holds_no_place(maximum: int, heard: list[tuple[int, bool, int]]) -> None:
    """Accepted and ended in whatever order, each heard up to three times: free and held are together all there is."""
    offer = an_offer({"unit": "persons", "maximum": maximum, "available": maximum})
    referrals = [ReceivedReferral(id=uuid4(), offer_id=offer.id, partner_id=offer.partner_id, region="15087",
                                  sent_on=NOW.date()) for _ in range(6)]
    for who, is_taken, times in heard:
        step = referrals[who].take_place if is_taken else referrals[who].give_back_place
        changes = [step(offer, NOW) for _ in range(times)]
        assert not any(changes[1:])
        assert is_taken or not referrals[who].holds_place
        assert offer.capacity is not None
        assert offer.capacity["available"] == maximum - sum(one.holds_place for one in referrals) >= 0


@pytest.mark.parametrize("capacity", [None, {"unit": "hours", "maximum": 9, "available": 4}])
def test_what_is_not_counted_in_places_stays_as_the_partner_said(capacity: dict[str, Any] | None) -> None:
    """No capacity, and one in hours."""
    offer = an_offer(capacity)

    assert not offer.take_place(NOW)
    assert not offer.give_back_place(NOW)
    assert offer.capacity == capacity


def test_nothing_is_given_back_above_the_maximum() -> None:
    """The partner has said meanwhile that all places are free."""
    offer = an_offer({"unit": "places", "maximum": 3, "available": 3})

    assert not offer.give_back_place(NOW)
    assert offer.capacity == {"unit": "places", "maximum": 3, "available": 3}


async def free(network: Network, offer: str, headers: Headers, available: int | None = None) -> int:
    """How many of three places are free; available: the partner says so first."""
    registry = network["registry"].client
    if available is not None:
        body = {"unit": "persons", "maximum": 3, "available": available}
        now = await registry.get(offer, headers=headers)
        ok(await registry.put(f"{offer}/capacity", json=body, headers=headers | matching(now)))
    return int(ok(await registry.get(offer, headers=headers))["capacity"]["available"])


def fact(kind: type[ReferralFact], offer: str, referral: UUID) -> ReferralFact:
    """What matching tells of a referral to the offer."""
    more = {"sent_on": NOW.date()} if kind is ReferralRevoked else {}
    return kind(referral_id=referral, offer_id=id_of(offer), region="15084", **more)


@pytest.mark.parametrize("ends", [ReferralDeclined, ReferralDone, ReferralEnded, ReferralRevoked])
async def test_an_accepted_referral_takes_a_place_until_it_ends(
    network: Network, registry: Any, ends: type[ReferralFact],
) -> None:
    """Not one that was only sent; each change is told, and what is heard again changes nothing."""
    offer, editor, _ = await a_published_offer(network)
    referral = uuid4()
    assert await free(network, offer, editor, 2) == 2
    said = (await told(network)).count(CHANGED)
    kinds: list[type[ReferralFact]] = [ReferralSent, ReferralAccepted, ends]
    heard = [as_heard(fact(kind, offer, referral), number, uuid4()) for number, kind in enumerate(kinds, 1)]
    shown = []
    for one in heard:
        for _ in range(2):
            await network["registry"].running.inbox.take("matching", [one])
        shown.append(await free(network, offer, editor))

    assert shown == [2, 1, 2]
    assert (await told(network)).count(CHANGED) == said + 2


async def test_what_is_full_is_not_overdrawn(network: Network, registry: Any) -> None:
    """Taken all the same, and nothing is given back that was not taken; nor of a referral that is not known."""
    offer, editor, _ = await a_published_offer(network)
    referral, unknown = uuid4(), uuid4()
    assert await free(network, offer, editor, 0) == 0
    await network.tell("registry", fact(ReferralSent, offer, referral), fact(ReferralAccepted, offer, referral),
                       fact(ReferralAccepted, offer, unknown))
    assert await free(network, offer, editor) == 0
    await network.tell("registry", fact(ReferralDone, offer, referral), fact(ReferralDone, offer, unknown))

    assert await free(network, offer, editor) == 0
    assert await network.rows("registry", "SELECT 1 FROM waiting") == []
