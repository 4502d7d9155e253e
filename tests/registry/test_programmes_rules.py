"""How rule sets follow one another: on each day at most one holds."""

from datetime import date
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.refusals import Invalid, Refused
from services.registry.programmes.model import Chooser, Programme, RuleSet
from services.registry.programmes.rules import make_room, overlap, rules_fact


def rules(valid_from: date, valid_until: date | None = None, members: int = 4) -> RuleSet:
    """A rule set for these days."""
    return RuleSet(
        programme_id=uuid4(), valid_from=valid_from, valid_until=valid_until, min_members=members, main_contacts=1,
        rent_months=12, support_months=12, trial_days=28, checkin_days=[28, 182],
        required_trainings=[{"training_code": "basic_training", "members": 2}], chooser=Chooser.AUTHORITY,
        required_records=3)


PILOT = (date(2019, 5, 1), date(2022, 12, 31))


def test_what_held_until_further_notice_ends_the_day_before() -> None:
    """New rules need no second step to end the old ones."""
    old, new = rules(date(2019, 5, 1)), rules(date(2023, 1, 1))

    assert make_room([old], new) == [old]
    assert old.valid_until == date(2022, 12, 31)


def test_rules_for_a_later_time_leave_the_earlier_ones_alone() -> None:
    """Where there is no common day nothing ends."""
    pilot = rules(*PILOT)

    assert make_room([pilot], rules(date(2023, 1, 1))) == []
    assert pilot.valid_until == PILOT[1]


@pytest.mark.parametrize(("valid_from", "valid_until"), [
    (date(2022, 12, 31), None), (date(2018, 1, 1), None), (date(2018, 1, 1), date(2019, 5, 1)),
    (date(2020, 1, 1), date(2020, 1, 1)),
])
def test_two_rule_sets_on_one_day_are_refused(valid_from: date, valid_until: date | None) -> None:
    """Nobody could say which of them holds."""
    with pytest.raises(Refused, match="2019-05-01"):
        make_room([rules(*PILOT)], rules(valid_from, valid_until))


def test_rules_that_end_before_they_begin_are_refused() -> None:
    """A slip of the keyboard is no rule set; a single day is one."""
    with pytest.raises(Invalid):
        rules(date(2023, 1, 2), date(2023, 1, 1)).refuse_backwards()
    rules(date(2023, 1, 1), date(2023, 1, 1)).refuse_backwards()


DAYS = st.dates(date(2020, 1, 1), date(2020, 1, 20))


@given(st.lists(st.tuples(DAYS, st.none() | DAYS).filter(lambda days: not days[1] or days[0] <= days[1]), max_size=8))
def test_whatever_is_entered_no_day_has_two_rule_sets(entered: list[tuple[date, date | None]]) -> None:
    """In any order, with refusals in between."""
    there: dict[date, RuleSet] = {}
    for valid_from, valid_until in entered:
        new = rules(valid_from, valid_until)
        others = [one for day, one in there.items() if day != valid_from]
        before = [(one.valid_from, one.valid_until) for one in others]
        try:
            make_room(others, new)
        except Refused:
            for one, (_, until) in zip(others, before, strict=True):
                one.valid_until = until
            continue
        there[valid_from] = new

    kept = list(there.values())
    assert not any(overlap(one, other) for one in kept for other in kept if one is not other)


def test_the_fact_tells_every_rule() -> None:
    """What a checklist and a match need, and the programme's code."""
    programme = Programme(name="NesT", sort_key="nest", code="nest")
    one = rules(date(2023, 1, 1), date(2025, 12, 31))
    one.programme_id = programme.id

    fact = rules_fact(programme, one)

    assert (fact.code, fact.chooser, fact.rent_months, fact.checkin_days) == ("nest", "authority", 12, (28, 182))
    assert (fact.required_trainings[0].training_code, fact.required_trainings[0].members) == ("basic_training", 2)
    assert (fact.valid_from, fact.valid_until) == (date(2023, 1, 1), date(2025, 12, 31))
    assert fact.required_records == 3
