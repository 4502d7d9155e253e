"""The live process keeps so many units and no more: the pool that was asked longest ago goes, and is read again."""

from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.matching.runs import live_serving
from services.matching.runs.columns import Side
from services.matching.runs.live_serving import expected_here, serve
from services.matching.runs.pool import Household, Housing, Rules, Unit
from tests.matching.pools import HOUSING, TODAY, a_household, a_unit
from tests.matching.test_copied import UNIT, copied

RULES = {name: value for name, value in vars(Rules()).items() if name not in ("weights", "housing")}
NOTHING: dict[str, Any] = {"changed": [], "gone": [], "prices": None}


@pytest.fixture(autouse=True)
def _no_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_serving, "_POOLS", type(live_serving._POOLS)())


def kept(programme: UUID, units: int) -> UUID:
    """The token of a programme's pool of so many units, as the service hands it over."""
    token = uuid4()
    side = copied(tuple(a_unit(number) for number in range(units)), UNIT)
    serve({"programme": programme, "token": token, "whole": {
        "units": side, "today": TODAY, "rent_months": 0, "weights": asdict(Rules().weights) | RULES}})
    return token


def possible(programme: UUID, token: UUID) -> int | None:
    """How many units the household of a question could have there; None where the pool is not there."""
    one = a_household()
    assert one.point is not None
    household = {name: value for name, value in vars(one).items() if name != "point"} | {
        "members": [vars(member) for member in one.members], "lat": one.point.lat, "lon": one.point.lon,
        "waiting_since": datetime(2026, 3, 1, tzinfo=UTC)}
    within = {"everything": True, "regions": (), "partners": frozenset()}
    ask = {"today": TODAY, "top": 5, "barred": [], "within": within, "household": household}
    found: int | None = serve({"programme": programme, "token": token, "ask": ask} | NOTHING).get("possible")
    return found


def test_the_pool_that_was_asked_longest_ago_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six units fit: with a third pool of two the second goes, since the first was asked after it."""
    monkeypatch.setattr(live_serving, "MOST_UNITS", 6)
    one, other, third = uuid4(), uuid4(), uuid4()
    tokens = {one: kept(one, 2), other: kept(other, 3)}
    assert [possible(programme, token) for programme, token in tokens.items()] == [2, 3]
    assert possible(one, tokens[one]) == 2
    tokens[third] = kept(third, 2)

    assert [possible(programme, token) for programme, token in tokens.items()] == [2, None, 2]


def test_a_pool_that_alone_is_larger_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for it has to be answered; all others go."""
    monkeypatch.setattr(live_serving, "MOST_UNITS", 3)
    small, large = uuid4(), uuid4()
    tokens = {small: kept(small, 1), large: kept(large, 5)}

    assert [possible(programme, token) for programme, token in tokens.items()] == [None, 5]


def test_another_token_is_another_pool() -> None:
    """What a service was told by a process that has ended since is not taken for what this one knows."""
    programme = uuid4()
    kept(programme, 2)

    assert possible(programme, uuid4()) is None


@pytest.mark.parametrize("gone", [{"days_left": 0}, {"paused": True}, {"vetted": False}, {"consented": False}])
def test_among_places_that_are_not_to_be_had_nobody_looks(gone: dict[str, Any]) -> None:
    """As many look here as if they were not there; as long as somebody new is wanted they count."""
    over, there = replace(a_unit(0), **gone), replace(a_unit(1), days_left=5)
    other = a_unit(2)
    past = Side.of(Household, [a_household(number) for number in range(20)])
    found = [expected_here(Side.of(Unit, units), past, Rules(), joined=4, days=364)
             for units in ([over, other], [other], [there, other])]

    assert found[0] == found[1] < found[2]


@pytest.mark.parametrize(("joined", "expected"), [(0, 10), (2, 5), (4, 3), (18, 1)])
def test_who_comes_looks_among_places_that_are_yet_to_join_too(joined: int, expected: int) -> None:
    """Of twenty a year ten come in half of one; so many places join in that time that one in so many is here today."""
    past = Side.of(Household, [a_household(number) for number in range(20)])

    assert expected_here(Side.of(Unit, [a_unit()]), past, Rules(), joined=joined, days=364) == expected


def test_where_a_home_is_asked_for_only_who_has_one_is_here() -> None:
    """Whom a run would propose to nobody counts for nobody here either."""
    past, home = Side.of(Household, [a_household(number) for number in range(20)]), Housing(
        persons=4, available_from=TODAY, rent_secured_until=date(2100, 1, 1))
    units = Side.of(Unit, [a_unit(1, kind="group"), a_unit(2, kind="group", housing=home)])
    found = [expected_here(units, past, rules, joined=2, days=364) for rules in (Rules(), Rules(housing=HOUSING))]

    assert found == [7, 5]
