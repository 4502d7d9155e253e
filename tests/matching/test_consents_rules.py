"""Consents: what holds, what was given anew and what was taken back."""

from datetime import date
from uuid import uuid4

import pytest

from libs.common.refusals import Refused
from services.matching.consents.model import Consent, Purpose
from services.matching.consents.reactions import STOPS

DAY = date(2026, 3, 2)


def a_consent() -> Consent:
    """A consent that holds."""
    return Consent(region="15087", person_ref=uuid4(), purpose=Purpose.CHECKINS, text_version=1, language="de",
                   given_on=DAY, noted_by="test")


def test_a_consent_holds_until_it_is_taken_back() -> None:
    """Once."""
    consent = a_consent()
    assert consent.holds
    consent.withdraw(DAY)

    assert (consent.holds, consent.withdrawn_on) == (False, DAY)
    with pytest.raises(Refused, match="taken back"):
        consent.withdraw(DAY)


def test_what_was_given_anew_is_not_taken_back() -> None:
    """The newer one is."""
    consent = a_consent()
    consent.replace(DAY)

    assert not consent.holds
    with pytest.raises(Refused, match="given anew"):
        consent.withdraw(DAY)


def test_each_purpose_has_something_that_stops() -> None:
    """None is asked for whose withdrawal would change nothing."""
    assert STOPS.keys() == set(Purpose)
