"""What is kept of a member's criminal-record certificate, and until when."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from libs.common.refusals import Refused
from services.matching.members.model import Member

DAY = date(2026, 3, 2)
COLUMNS = ("record_seen_on", "record_certificate_date", "record_relevant_entry", "record_next_due")


def a_member() -> Member:
    """Somebody who has joined a group."""
    return Member(mentor_group_id=uuid4(), region="15087", person_ref=uuid4(), consented_on=DAY, joined_on=DAY)


def checked(seen_on: date = DAY, **given: Any) -> Member:
    """The same, after a certificate was seen."""
    member = a_member()
    usual: dict[str, Any] = {"seen_on": seen_on, "certificate_date": seen_on, "relevant_entry": False}
    member.note_record(**usual | given)
    return member


def kept(member: Member) -> list[Any]:
    """What is known of a certificate."""
    return [getattr(member, name) for name in COLUMNS]


@given(seen_on=st.dates(date(2020, 1, 1), date(2030, 12, 31)), age=st.integers(0, 200), later=st.integers(-10, 2500))
def test_a_certificate_holds_for_five_years_from_the_day_it_was_seen(seen_on: date, age: int, later: int) -> None:
    """Older than three months it is not taken; only the days and that there was no relevant entry are kept."""
    dated, day = seen_on - timedelta(days=age), seen_on + timedelta(days=later)
    if dated < seen_on - relativedelta(months=3):
        with pytest.raises(Refused, match="three months"):
            checked(seen_on, certificate_date=dated)
        return
    member = checked(seen_on, certificate_date=dated)

    assert kept(member) == [seen_on, dated, False, seen_on + relativedelta(years=5)]
    assert member.has_valid_record(day) is (day < seen_on + relativedelta(years=5))


def test_a_relevant_entry_is_never_kept() -> None:
    """Nor what was noted before; without any certificate none holds."""
    member = checked()
    member.note_record(seen_on=DAY, certificate_date=DAY, relevant_entry=True)

    assert kept(member) == [None] * 4
    assert not member.has_valid_record(DAY)


def test_no_certificate_is_dated_after_it_was_seen() -> None:
    """What cannot be is refused, and nothing is noted."""
    with pytest.raises(Refused, match="not dated after"):
        checked(certificate_date=DAY + timedelta(days=1))


@pytest.mark.parametrize("gone", [lambda one: one.withdraw_consent(DAY), lambda one: one.erase(DAY)],
                         ids=["consent withdrawn", "erased"])
def test_who_is_gone_for_good_leaves_nothing_of_it(gone: Callable[[Member], None]) -> None:
    """And nothing more is noted."""
    member = checked()
    gone(member)
    assert kept(member) == [None] * 4
    with pytest.raises(Refused, match="left"):
        member.note_record(seen_on=DAY, certificate_date=DAY, relevant_entry=False)
