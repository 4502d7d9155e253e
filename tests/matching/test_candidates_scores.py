"""Scores and their weights: whole points that sum up, bit for bit the same twice, and nobody's traits in them."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.runs.batch import Inputs
from services.matching.runs.encoding import encode
from services.matching.runs.points import Points, bonus, points
from services.matching.runs.pool import AGE_BANDS, CRITERIA, GENDERS, Household, Member, Rules, Unit, Weights
from services.matching.runs.scoring import points_of
from tests.matching.pools import CHANCES, TODAY, Chance, a_household, a_unit, pairs, pools

# What must never be worth anything, in any spelling a programme's data might try.
PROTECTED = (
    "gender", "sex", "sexual_orientation", "age", "age_band", "religion", "belief", "origin", "ethnicity",
    "nationality", "country", "residence_status", "disability", "health", "trauma", "family_status", "children",
)


@given(given_=pools(6, 5))
@settings(max_examples=150, deadline=None)
def test_numpy_scores_as_plain_python_does(given_: Inputs) -> None:
    """Bit for bit the same points per criterion, for every pair of any pool under any rules."""
    pool = encode(given_.households, given_.units, given_.rules)
    every = [(i, j) for i in range(len(given_.households)) for j in range(len(given_.units))]
    columns = np.array(every, dtype=np.int64).reshape(-1, 2).T
    found = points_of(pool, columns[0], columns[1])

    for position, (i, j) in enumerate(every):
        assert found.at(position) == points(given_.households[i], given_.units[j], given_.rules)
    assert found.score.tolist() == [found.at(position).score for position in range(len(every))]


@given(pair=pairs())
@settings(max_examples=200, deadline=None)
def test_points_sum_to_a_score_of_1_to_1000(pair: tuple[Household, Unit, Rules]) -> None:
    """Each criterion gives whole points from 0 to its weight, and together they are the score."""
    household, unit, rules = pair
    found = points(household, unit, rules)

    for name in CRITERIA:
        assert 0 <= getattr(found, name) <= getattr(rules.weights, name)
    assert found.score == sum(getattr(found, name) for name in CRITERIA)
    assert 1 <= found.score <= 1000


LOW: dict[str, Any] = {"languages": {}, "offers": frozenset(), "interests": frozenset({"chess"}), "slots": 0}


@pytest.mark.parametrize(("unit", "household", "expected"), [
    ({}, {}, Points(language=250 * 4 // 7, distance=112, needs=125, interests=75, availability=150 * 3 // 8)),
    ({"languages": {"ar": "C2"}}, {}, Points(250, 112, 125, 75, 56)),
    ({"languages": {"de": "C2"}}, {"interpreter": True}, Points(0, 112, 125, 75, 56)),
    ({"point": None}, {}, Points(142, 100, 125, 75, 56)),
    ({"offers": frozenset("a")}, {"wishes": frozenset("abc")}, Points(142, 112, 83, 75, 56)),
    ({"childcare": True}, {"wishes": frozenset({"childcare"})}, Points(142, 112, 250, 75, 56)),
    ({"interests": frozenset({"chess"})}, {"interests": frozenset({"chess", "music"})}, Points(142, 112, 125, 75, 56)),
    ({"interests": frozenset("abcde")}, {"interests": frozenset("abcdxyz")}, Points(142, 112, 125, 150, 56)),
    ({"interests": frozenset("a")}, {"interests": frozenset("xyz")}, Points(142, 112, 125, 0, 56)),
    ({"slots": 0xFFFFFFF}, {"slots": 0xFFFFFFF}, Points(142, 112, 125, 75, 150)),
])
def test_points_as_worked_out_by_hand(unit: dict[str, Any], household: dict[str, Any], expected: Points) -> None:
    """Each criterion by example: who speaks less well, metres, wishes met, three interests, eight slots."""
    assert points(a_household(**household), a_unit(**unit), Rules()) == expected


def test_a_possible_pair_is_worth_at_least_one_point() -> None:
    """Where nothing speaks for a pair it is still better than none."""
    rules = Rules(weights=Weights(language=0, distance=0, needs=0, interests=1000, availability=0))
    pair = a_household(interests=frozenset({"music"})), a_unit(**LOW)

    assert points(*pair, rules) == Points(language=0, distance=0, needs=0, interests=1, availability=0)


MEMBERS = st.lists(st.builds(Member, st.sampled_from(AGE_BANDS), st.sampled_from(GENDERS)), min_size=1, max_size=5)
TRAITS = st.tuples(MEMBERS, st.frozensets(st.sampled_from(GENDERS)), st.frozensets(st.sampled_from(("x", "y"))))


@given(pair=pairs(), theirs=TRAITS, ours=TRAITS)
@settings(max_examples=150, deadline=None)
def test_no_trait_of_a_person_changes_a_score(pair: tuple[Household, Unit, Rules], theirs: Any, ours: Any) -> None:
    """Ages, genders, size, conflicts and the wishes about them decide who is possible, never what a pair is worth."""
    household, unit, rules = pair
    other = replace(household, members=tuple(theirs[0]), contact_genders=theirs[1], conflict_groups=theirs[2])
    their_unit = replace(unit, contact_genders=ours[1], accepts_genders=theirs[1], conflict_groups=ours[2],
                         accepts_bands=frozenset(member.age_band for member in ours[0]))

    assert points(other, their_unit, rules) == points(household, unit, rules)


def test_the_weights_have_no_room_for_a_trait() -> None:
    """Five criteria about what people can do together, and no sixth; none of them is a protected trait."""
    assert [each.name for each in fields(Weights)] == ["language", "distance", "needs", "interests", "availability"]
    assert {each.name for each in fields(Points)} == set(CRITERIA)
    assert not set(CRITERIA) & set(PROTECTED)


@pytest.mark.parametrize("trait", PROTECTED)
def test_weights_for_a_trait_are_refused(trait: str) -> None:
    """Stored weights that name anything else than the five criteria are not read."""
    with pytest.raises(ValueError, match=f"^weights: {trait}: not a criterion"):
        Weights.of({"language": 250, "distance": 200, "needs": 250, "interests": 150, "availability": 150, trait: 0})


@pytest.mark.parametrize(("data", "why"), [
    ({"language": 1000, "distance": 0, "needs": 0, "interests": 0}, "availability: missing"),
    ({"language": 1001, "distance": 0, "needs": 0, "interests": 0, "availability": 0}, "1001"),
    ({"language": 1100, "distance": -100, "needs": 0, "interests": 0, "availability": 0}, "distance"),
    ({"language": 999.5, "distance": 0.5, "needs": 0, "interests": 0, "availability": 0}, "language"),
    ({"language": True, "distance": 999, "needs": 0, "interests": 0, "availability": 0}, "language"),
])
def test_weights_that_do_not_make_1000_whole_points_are_refused(data: dict[str, Any], why: str) -> None:
    """Missing, negative, fractional, or not 1000 together: named and refused."""
    with pytest.raises(ValueError, match=why):
        Weights.of(data)


@given(chance=CHANCES)
@settings(max_examples=30, deadline=None)
def test_weights_are_data(chance: Chance) -> None:
    """What is stored is read back as the same weights."""
    stored = chance.weights()

    assert Weights.of({name: getattr(stored, name) for name in CRITERIA}) == stored


@pytest.mark.parametrize(("days", "urgency", "expected"), [
    (-7, 0, 0), (6, 0, 0), (7, 0, 5), (27, 0, 15), (280, 0, 200), (4000, 0, 200), (7, 2, 205), (0, 3, 300),
])
def test_waiting_counts_by_full_weeks_up_to_a_limit(days: int, urgency: int, expected: int) -> None:
    """Five points a week up to 200, and 100 per step of urgency, in the usual rules."""
    household = a_household(waiting_since=TODAY - timedelta(days=days), urgency=urgency)

    assert bonus(household, Rules(), TODAY) == expected
