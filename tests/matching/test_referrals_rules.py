"""What a referral may do in which state; nothing leaves without a consent that holds."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.refusals import Invalid, Refused
from services.matching.referrals.model import Referral, ReferralState, Shared, TurnedDown

NOW, DAY = datetime(2026, 3, 2, 12, tzinfo=UTC), date(2026, 3, 2)
S = ReferralState
WHOM = uuid4()


def a_referral(state: ReferralState = S.PROPOSED, until: date = DAY) -> Referral:
    """A referral in this state, whose consent holds until a day."""
    consented: dict[str, Any] = {} if state is S.PROPOSED else {
        "shared": ["name"], "consented_on": DAY, "consent_until": until}
    return Referral(counselling_case_id=uuid4(), region="15087", partner_id=uuid4(), offer_id=uuid4(), offered_by=WHOM,
                    state=state, proposed_by="p", **consented)


def consent(one: Referral, **given: Any) -> None:
    """They consent that their name is told until today."""
    usual: dict[str, Any] = {"to_whom": WHOM, "given_on": DAY, "until": DAY, "day": DAY}
    one.consent([Shared.NAME], **usual | given)


ENDED = {S.DECLINED, S.DONE, S.NOT_TAKEN_UP, S.REVOKED, S.ENDED}
STEPS: dict[str, tuple[Callable[[Referral], Any], dict[ReferralState, ReferralState]]] = {
    "consent": (consent, {S.PROPOSED: S.CONSENTED, S.EXPIRED: S.CONSENTED}),
    "send": (lambda one: one.send(NOW, day=DAY, available=True), {S.CONSENTED: S.SENT}),
    "accept": (lambda one: one.accept(NOW), {S.SENT: S.ACCEPTED}),
    "decline": (lambda one: one.decline(TurnedDown.FULL, NOW), {S.SENT: S.DECLINED, S.ACCEPTED: S.DECLINED}),
    "finish": (lambda one: one.finish(NOW), {S.ACCEPTED: S.DONE}),
    "lapse": (lambda one: one.lapse(NOW), {S.SENT: S.NOT_TAKEN_UP, S.ACCEPTED: S.NOT_TAKEN_UP}),
    "revoke": (lambda one: one.revoke(NOW), {state: S.REVOKED for state in S if state not in ENDED}),
}


@pytest.mark.parametrize("state", ReferralState)
@pytest.mark.parametrize("step", STEPS)
def test_each_step_leads_from_its_states_only(step: str, state: ReferralState) -> None:
    """Proposed, consented, sent, accepted, done; a consent is revoked at any time before the end."""
    referral, (take, leads) = a_referral(state), STEPS[step]
    if state in leads:
        take(referral)
    else:
        with pytest.raises(Refused) as refused:
            take(referral)
        assert refused.value.slug == "referral-state"

    assert referral.state is leads.get(state, state)


@given(st.lists(st.tuples(st.sampled_from([*STEPS, "expire"]), st.integers(0, 2)), max_size=12))
def test_nothing_is_handed_over_without_a_consent_that_holds(steps: list[tuple[str, int]]) -> None:
    """Whatever is tried in whatever order: while something may be handed over they have consented, and not revoked."""
    referral, consented, day = a_referral(), False, DAY
    for step, days in steps:
        day += timedelta(days=days)
        try:
            if step == "expire":
                consented = consented and not referral.expire(day)
            elif step == "consent":
                consent(referral, given_on=day, until=day + timedelta(days=1), day=day)
                consented = True
            elif step == "send":
                referral.send(NOW, day=day, available=True)
                assert consented
            else:
                STEPS[step][0](referral)
                consented = consented and step == "accept"
        except Refused:
            continue
        allowed = _may_be_handed_over(referral, day)
        assert not allowed or (consented and referral.shared == ["name"])


def _may_be_handed_over(referral: Referral, day: date) -> bool:
    try:
        referral.refuse_without_consent(day)
    except Refused:
        return False
    return True


@pytest.mark.parametrize(("given", "slug"), [
    ({"to_whom": uuid4()}, "consent-elsewhere"), ({"until": DAY - timedelta(days=1)}, "consent-until"),
    ({"given_on": DAY + timedelta(days=2), "until": DAY + timedelta(days=1)}, "consent-until")])
def test_a_consent_is_for_who_offers_it_and_for_days_to_come(given: dict[str, Any], slug: str) -> None:
    """Not for somebody else, nor for days that are over."""
    referral = a_referral()
    with pytest.raises(Invalid) as refused:
        consent(referral, **given)

    assert (refused.value.slug, referral.state, referral.shared) == (slug, S.PROPOSED, [])


def test_a_consent_holds_on_its_last_day_and_not_after_it() -> None:
    """Nothing is sent then, and it ends by itself; what was sent before is answered all the same."""
    late = DAY + timedelta(days=1)
    referral, sent = a_referral(S.CONSENTED), a_referral(S.SENT)
    for one in (referral, sent):
        one.refuse_without_consent(DAY)
        with pytest.raises(Refused, match="no consent"):
            one.refuse_without_consent(late)
    with pytest.raises(Refused, match="no consent"):
        referral.send(NOW, day=late, available=True)
    assert not referral.expire(DAY)
    assert referral.expire(late)
    assert (referral.state, referral.shared) == (S.EXPIRED, [])
    assert not sent.expire(late)
    sent.accept(NOW)


def test_nobody_is_sent_to_an_offer_that_is_not_to_be_had() -> None:
    """Paused, withdrawn or at its end: it stays consented, and may be sent once it is there again."""
    referral = a_referral(S.CONSENTED)
    with pytest.raises(Refused, match="not to be had"):
        referral.send(NOW, day=DAY, available=False)

    assert (referral.state, referral.sent_at) == (S.CONSENTED, None)


@pytest.mark.parametrize("state", ReferralState)
def test_a_consent_is_taken_back_of_what_is_over_too(state: ReferralState) -> None:
    """Whatever had come of it stays; once, and not where nothing was ever sent."""
    referral = a_referral(state)
    referral.sent_at = NOW
    if state is S.REVOKED:
        referral.revoked_at = NOW
    else:
        referral.revoke(NOW)
        assert (referral.revoked_at, referral.shared) == (NOW, [])
        assert referral.state is (state if state in ENDED else S.REVOKED)
    with pytest.raises(Refused):
        referral.revoke(NOW)
    with pytest.raises(Refused, match="no consent"):
        referral.refuse_without_consent(DAY)


@pytest.mark.parametrize("state", ReferralState)
def test_what_ends_with_its_case_was_revoked_by_nobody(state: ReferralState) -> None:
    """What is open is ended, what is over stays as it was, and nothing goes on."""
    referral = a_referral(state)
    referral.end(NOW)

    assert referral.state is (state if state in ENDED else S.ENDED)
    assert (referral.shared, referral.ended_at) == ([], None if state in ENDED else NOW)
    for step, (take, leads) in STEPS.items():
        assert referral.state not in leads, step
        with pytest.raises(Refused):
            take(referral)


@pytest.mark.parametrize("state", ReferralState)
def test_who_is_erased_is_referred_nowhere(state: ReferralState) -> None:
    """What is open ends, what is over stays as it was; what was to be told is forgotten."""
    referral = a_referral(state)
    referral.erase(NOW)

    assert referral.state is (state if state in ENDED else S.REVOKED)
    assert referral.shared == []
