"""Hard constraints: never traded, each with its code, the same in plain Python and over the whole pool."""

import math
from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.runs import nearby
from services.matching.runs.batch import Inputs
from services.matching.runs.candidates import CHECKS, find, obstacle_tables, obstacles_of, why_not
from services.matching.runs.encoding import EncodedPool, encode
from services.matching.runs.hard import HardCode, metres, obstacles, vector
from services.matching.runs.measures import metres_between
from services.matching.runs.points import points
from services.matching.runs.pool import Household, Housing, Member, Point, Rules, Unit
from services.matching.runs.scoring import points_of
from tests.matching.pools import EISLEBEN, HOUSING, a_household, a_unit, pools

HOME = Housing(persons=4, step_free=True, available_from=date(2026, 4, 1), rent_secured_until=date(2027, 5, 1))
WITH_HOUSING = Rules(housing=HOUSING)
# What makes the pair that suits impossible: the one code, what differs at the unit, at the household, and the rules.
ONE_OBSTACLE: list[tuple[HardCode, dict[str, Any], dict[str, Any], Rules]] = [
    (HardCode.NOT_VETTED, {"vetted": False}, {}, Rules()),
    (HardCode.CONSENT_MISSING, {"consented": False}, {}, Rules()),
    (HardCode.CONSENT_MISSING, {}, {"consented": False}, Rules()),
    (HardCode.PAUSED, {"paused": True}, {}, Rules()),
    (HardCode.AVAILABILITY_OVER, {"days_left": 0}, {}, Rules()),
    (HardCode.NO_PLACE_FREE, {"free": 0}, {}, Rules()),
    (HardCode.KIND_NOT_WISHED, {}, {"kinds": frozenset({"group", "duo"})}, Rules()),
    (HardCode.HOUSEHOLD_TOO_LARGE, {"largest": 1}, {}, Rules()),
    (HardCode.HOUSING_MISSING, {}, {}, WITH_HOUSING),
    (HardCode.HOUSING_TOO_SMALL, {"housing": replace(HOME, persons=1)}, {}, WITH_HOUSING),
    (HardCode.HOUSING_NOT_STEP_FREE, {"housing": replace(HOME, step_free=False), "step_free": True},
     {"must_haves": frozenset({"step_free"})}, WITH_HOUSING),
    (HardCode.HOUSING_NOT_READY, {"housing": replace(HOME, available_from=date(2026, 5, 2))}, {}, WITH_HOUSING),
    (HardCode.HOUSING_NOT_READY, {"housing": replace(HOME, rent_secured_until=date(2027, 4, 30))}, {}, WITH_HOUSING),
    (HardCode.HOUSING_NOT_READY, {"housing": replace(HOME, rent_secured_until=None)}, {}, WITH_HOUSING),
    (HardCode.GENDER_WISH_OF_HOUSEHOLD, {"contact_genders": frozenset({"f", "m"})},
     {"contact_genders": frozenset({"f"})}, Rules()),
    (HardCode.GENDER_WISH_OF_HOUSEHOLD, {"contact_genders": frozenset()},
     {"contact_genders": frozenset({"f"})}, Rules()),
    (HardCode.GENDER_WISH_OF_UNIT, {"accepts_genders": frozenset({"f"})},
     {"members": (Member("27-44", "f"), Member("45-64", "m"))}, Rules()),
    (HardCode.GENDER_WISH_OF_UNIT, {"accepts_genders": frozenset({"f"})}, {"members": (Member("27-44"),)}, Rules()),
    (HardCode.AGES_NOT_ACCEPTED, {"accepts_bands": frozenset({"27-44"})}, {}, Rules()),
    (HardCode.TOO_FAR, {"radius_km": 17}, {}, Rules()),
    (HardCode.TOO_FAR, {}, {"radius_km": 17}, Rules()),
    (HardCode.OTHER_DISTRICT, {"point": None, "district": "15084"}, {}, Rules()),
    (HardCode.OTHER_DISTRICT, {}, {"point": None, "district": "15084012"}, Rules()),
    (HardCode.TOO_FEW_COMMON_SLOTS, {"slots": 0b1001}, {}, Rules()),
    (HardCode.NO_COMMON_LANGUAGE, {"languages": {"de": "C2", "ar": "A1"}}, {}, Rules()),
    (HardCode.MUST_HAVE_MISSING, {"offers": frozenset({"school"})}, {"must_haves": frozenset({"childcare"})}, Rules()),
    (HardCode.VETOED, {}, {"vetoed_units": frozenset({UUID(int=0x1001)})}, Rules()),
    (HardCode.VETOED, {"persons": frozenset({UUID(int=7)})}, {"vetoed_persons": frozenset({UUID(int=7)})}, Rules()),
    (HardCode.VETOED, {"partner": UUID(int=8)}, {"vetoed_partners": frozenset({UUID(int=8)})}, Rules()),
    (HardCode.VETOED, {"vetoed_households": frozenset({UUID(int=0x2001)})}, {}, Rules()),
    (HardCode.CONFLICT, {"conflict_groups": frozenset({"a", "b"})}, {"conflict_groups": frozenset({"b"})}, Rules()),
]
SUITS: list[tuple[dict[str, Any], dict[str, Any], Rules]] = [
    ({}, {}, Rules()),
    ({"kind": "group"}, {"kinds": frozenset({"group"})}, Rules()),
    ({"housing": HOME, "step_free": True}, {"must_haves": frozenset({"step_free"})}, WITH_HOUSING),
    ({"housing": replace(HOME, available_from=date(2026, 5, 1))}, {}, WITH_HOUSING),
    ({}, {"contact_genders": frozenset({"f", "d"})}, Rules()),
    ({"accepts_genders": frozenset({"f"})}, {"members": (Member("27-44", "f"), Member("14-17", "m"))}, Rules()),
    ({"accepts_genders": frozenset({"m"})}, {"members": (Member("14-17", "m"),)}, Rules()),
    ({"accepts_bands": frozenset({"27-44", "6-13"})}, {}, Rules()),
    ({"radius_km": 18}, {"radius_km": 18}, Rules()),
    ({"point": None, "district": "15087370"}, {}, Rules()),
    ({"languages": {}}, {"interpreter": True}, Rules()),
    ({"childcare": True, "offers": frozenset({"school"})}, {"must_haves": frozenset({"childcare", "school"})}, Rules()),
    ({"slots": 0}, {}, Rules(min_common_slots=0)),
    ({"partner": UUID(int=9)}, {"vetoed_partners": frozenset({UUID(int=8)})}, Rules()),
]


def encoded(given_: Inputs) -> EncodedPool:
    """The pool as columns."""
    return encode(given_.households, given_.units, given_.rules, given_.declined)


@given(given_=pools(5, 4))
@settings(max_examples=60, deadline=None)
def test_each_pair_is_told_its_obstacles(given_: Inputs) -> None:
    """Asked about any pairs, the columns name the codes that plain Python names, in the same order."""
    every = [(i, j) for i in range(len(given_.households)) for j in range(len(given_.units))]
    places = np.array(every, dtype=np.int64).reshape(-1, 2)

    assert obstacles_of(encoded(given_), places[:, 0], places[:, 1]) == [
        obstacles(given_.households[i], given_.units[j], given_.rules, given_.declined) for i, j in every]


def alone(household: Household, unit: Unit, rules: Rules) -> EncodedPool:
    """A pool of one pair as columns."""
    return encode([household], [unit], rules)


def table_of(pool: EncodedPool) -> dict[HardCode, list[list[bool]]]:
    """Each code against each pair, as the whole pool is checked."""
    everyone = np.arange(pool.n_households)
    return {code: table.tolist() for code, table in obstacle_tables(pool, everyone)}


@pytest.mark.parametrize(("code", "unit", "household", "rules"), ONE_OBSTACLE)
def test_each_obstacle_has_its_code(
    code: HardCode, unit: dict[str, Any], household: dict[str, Any], rules: Rules,
) -> None:
    """One thing that does not fit makes the pair impossible, and is told by its code and no other."""
    pair = a_household(**household), a_unit(**unit)
    pool = alone(*pair, rules)

    assert obstacles(*pair, rules) == (code,)
    assert [found for found, table in table_of(pool).items() if table == [[True]]] == [code]
    assert len(find(pool)) == 0


@pytest.mark.parametrize(("unit", "household", "rules"), SUITS)
def test_what_fits_is_possible(unit: dict[str, Any], household: dict[str, Any], rules: Rules) -> None:
    """Wishes that are met, limits just reached, and what is not asked for stand in nobody's way."""
    pair = a_household(**household), a_unit(**unit)

    assert obstacles(*pair, rules) == ()
    assert len(find(alone(*pair, rules))) == 1


def test_every_code_has_an_example() -> None:
    """No code is without a test that shows it alone."""
    assert {code for code, *_ in ONE_OBSTACLE} | {HardCode.DECLINED_BEFORE, HardCode.FORBIDDEN} == set(HardCode)


def test_a_declined_pair_never_comes_back() -> None:
    """A pair that was declined or expired is barred, that pair only."""
    household, unit, other = a_household(), a_unit(1), a_unit(2)
    declined = frozenset({(household.id, unit.id), (UUID(int=1), UUID(int=2))})
    candidates = find(encode([household], [unit, other], Rules(), declined))

    assert obstacles(household, unit, Rules(), declined) == (HardCode.DECLINED_BEFORE,)
    assert candidates.units.tolist() == [1]


def test_a_forbidden_pair_is_ruled_out() -> None:
    """Somebody ruled it out for this run; that a pair was declined, too, is told beside it."""
    household, unit, other = a_household(), a_unit(1), a_unit(2)
    pair = frozenset({(household.id, unit.id)})
    candidates = find(encode([household], [unit, other], Rules(), forbidden=pair))

    assert obstacles(household, unit, Rules(), forbidden=pair) == (HardCode.FORBIDDEN,)
    assert obstacles(household, unit, Rules(), pair, pair) == (HardCode.DECLINED_BEFORE, HardCode.FORBIDDEN)
    assert candidates.units.tolist() == [1]


@given(given_=pools())
@settings(max_examples=200, deadline=None)
def test_the_whole_pool_is_checked_as_each_pair_is(given_: Inputs) -> None:
    """NumPy and plain Python name the same codes for every pair; a pair is possible exactly when there is none."""
    pool, tables = encoded(given_), table_of(encoded(given_))
    candidates = find(pool)
    possible = set(zip(candidates.households.tolist(), candidates.units.tolist(), strict=True))

    for i, household in enumerate(given_.households):
        for j, unit in enumerate(given_.units):
            codes = obstacles(household, unit, given_.rules, given_.declined)
            assert codes == tuple(code for code in HardCode if tables[code][i][j])
            assert ((i, j) in possible) == (not codes)


@given(given_=pools(most_units=9))
@settings(max_examples=80, deadline=None)
def test_why_not_counts_every_unit_under_its_codes(given_: Inputs) -> None:
    """What each code took, and what it alone took, are the counts of plain Python; whoever is rejected has a code."""
    households = np.arange(len(given_.households))[::-1].copy()
    counts = why_not(encoded(given_), households)

    for row, i in enumerate(households):
        all_codes = [obstacles(given_.households[i], unit, given_.rules, given_.declined) for unit in given_.units]
        removed = Counter(code for codes in all_codes for code in codes)
        only = Counter(codes[0] for codes in all_codes if len(codes) == 1)
        assert counts.removed[row].tolist() == [removed[code] for code in HardCode]
        assert counts.alone[row].tolist() == [only[code] for code in HardCode]


def test_counts_hold_for_more_than_a_machine_word_of_units() -> None:
    """Rows of bits are filled up without being counted: 131 units, 40 households."""
    units = [a_unit(number, paused=number % 3 == 0, free=number % 2) for number in range(131)]
    counts = why_not(encode([a_household(number) for number in range(40)], units, Rules()), np.arange(40))
    paused, full = (list(HardCode).index(code) for code in (HardCode.PAUSED, HardCode.NO_PLACE_FREE))

    assert (counts.removed[:, paused] == 44).all()
    assert (counts.removed[:, full] == 66).all()
    assert (counts.alone[:, paused] == 22).all()


def test_sets_of_any_size_are_compared() -> None:
    """More codes than a machine word has bits: must-haves, languages and conflicts are still seen."""
    codes = [f"code_{number:03}" for number in range(150)]
    spoken = {f"q{chr(97 + number // 26)}{chr(97 + number % 26)}": "C1" for number in range(130)}
    units = [a_unit(number, offers=frozenset(codes[: 150 - number]), languages=spoken) for number in range(2)]
    household = a_household(must_haves=frozenset({codes[149]}), languages={sorted(spoken)[129]: "B1"})
    pool = encode([household], units, Rules())

    assert find(pool).units.tolist() == [0]
    assert obstacles(household, units[1], Rules()) == (HardCode.MUST_HAVE_MISSING,)


def test_wishes_and_interests_of_any_number_are_counted() -> None:
    """More codes than a machine word has bits: NumPy counts what is shared as plain Python does."""
    codes = [f"code_{number:03}" for number in range(150)]
    household = a_household(wishes=frozenset(codes[::2]), interests=frozenset(codes[148:]))
    unit = a_unit(offers=frozenset(codes[60:]), interests=frozenset(codes[:149]))
    zero = np.zeros(1, dtype=np.int64)

    assert points_of(alone(household, unit, Rules()), zero, zero).at(0) == points(household, unit, Rules())


PLACES = st.builds(Point, st.floats(-90, 90), st.floats(-180, 180))


@pytest.mark.slow
@given(one=PLACES, other=PLACES)
@settings(max_examples=800, deadline=None)
def test_ways_are_the_same_metres_bit_for_bit(one: Point, other: Point) -> None:
    """Anywhere on earth plain Python and NumPy compute one number."""
    pool = alone(a_household(point=one), a_unit(point=other), Rules())
    zero = np.zeros(1, dtype=np.int64)

    assert metres_between(pool, zero, zero).tolist() == [metres(vector(one), vector(other))]


NEARBY = st.builds(Point, st.floats(47.3, 52.0), st.floats(5.9, 13.0))


@given(one=NEARBY, other=NEARBY)
@settings(max_examples=200, deadline=None)
def test_ways_are_right_to_the_metre(one: Point, other: Point) -> None:
    """Across the country the way is what the haversine formula says."""
    lat, other_lat = math.radians(one.lat), math.radians(other.lat)
    half = math.sin((lat - other_lat) / 2) ** 2
    half += math.cos(lat) * math.cos(other_lat) * math.sin(math.radians(one.lon - other.lon) / 2) ** 2

    assert metres(vector(one), vector(other)) == pytest.approx(2 * 6_371_008.8 * math.asin(math.sqrt(half)), abs=1.5)


@pytest.mark.parametrize(("one", "other", "way"), [
    (EISLEBEN, EISLEBEN, 0), (Point(0, 179.95), Point(0, -179.95), 11_119), (Point(90, 0), Point(90, 120), 0),
])
def test_ways_know_no_edge(one: Point, other: Point, way: int) -> None:
    """Over the date line and at a pole a way is as long as anywhere."""
    assert metres(vector(one), vector(other)) == way


@given(given_=pools(7, 6), most=st.sampled_from((1, 7, 500_000)))
@settings(max_examples=80, deadline=None)
def test_blocks_hold_every_pair_within_reach_once(given_: Inputs, most: int) -> None:
    """What is not even looked at is too far away or in another district; nothing is looked at twice."""
    pool, before = encoded(given_), nearby.BLOCK_PAIRS
    nearby.BLOCK_PAIRS = most
    try:
        blocks = list(nearby.blocks(pool, np.arange(pool.n_households), np.arange(pool.n_units)))
    finally:
        nearby.BLOCK_PAIRS = before
    seen = Counter((int(i), int(j)) for block in blocks for i in block.households for j in block.units)

    assert set(seen.values()) <= {1}
    for i, household in enumerate(given_.households):
        for j, unit in enumerate(given_.units):
            unreachable = {HardCode.TOO_FAR, HardCode.OTHER_DISTRICT} & set(obstacles(household, unit, given_.rules))
            assert unreachable or (i, j) in seen


def test_every_code_is_checked_over_the_whole_pool() -> None:
    """A code added in one form only would be noticed."""
    pool = alone(a_household(), a_unit(), Rules())

    assert [code for code, _ in obstacle_tables(pool, np.arange(1))] == list(HardCode)
    assert set(CHECKS) == set(HardCode) - {HardCode.VETOED, HardCode.DECLINED_BEFORE, HardCode.FORBIDDEN}
