"""A large pool: only the best pairs are solved over, and what comes out is what all pairs would have given."""

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from services.matching.runs import graph
from services.matching.runs.batch import Inputs, run
from services.matching.runs.outcome import Outcome
from services.matching.runs.pool import Point, Rules
from services.matching.runs.steps import Step
from tests.matching.pools import CHANCES, Chance, a_household, a_unit, inputs, pools
from tests.matching.test_assignment_run import worth


def a_market(seed: int, n_households: int, n_units: int) -> Inputs:
    """People in one town who mostly could be with one another."""
    dice = random.Random(seed)
    somewhere = [Point(51.4 + dice.random() / 5, 11.3 + dice.random() / 5) for _ in range(60)]
    return inputs(
        [a_household(n, point=dice.choice(somewhere), slots=dice.getrandbits(28) | 3) for n in range(n_households)],
        [a_unit(n, point=dice.choice(somewhere), free=dice.randrange(1, 3), slots=dice.getrandbits(28) | 3,
                languages={"ar": dice.choice(("A2", "B1", "C2"))}) for n in range(n_units)])


def prune(monkeypatch: pytest.MonkeyPatch, most_in_memory: int) -> None:
    """Of each household the best pair is solved over at first, and one more added when it gains."""
    monkeypatch.setattr(graph, "MOST_IN_MEMORY", most_in_memory)
    for name in ("KEPT", "ADDED", "KEPT_OF_LARGE", "ADDED_OF_LARGE"):
        monkeypatch.setattr(graph, name, 1)


@pytest.fixture(params=[2, 1_000_000])
def pruned(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pruned, where two pairs are many, and where memory holds them all."""
    prune(monkeypatch, request.param)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pairs are many."""
    prune(monkeypatch, 2)


def alike(outcome: Outcome, other: Outcome, given_: Inputs) -> None:
    """Assert that two outcomes differ at most in which of several equally good sets of pairs they name."""
    for name in ("objective", "bound", "certified", "possible_pairs", "unit_prices", "household_values", "inputs_hash"):
        assert getattr(outcome, name) == getattr(other, name), name
    units = {unit.id: unit for unit in given_.units}
    households = {household.id: household for household in given_.households}
    for proposal in outcome.proposals:
        household = households[proposal.household]
        gains = {unit.id: value - outcome.unit_prices[unit.id] for unit in given_.units
                 if (value := worth(given_, household, unit)) is not None}
        assert proposal.worth == worth(given_, household, units[proposal.unit])
        assert gains.pop(proposal.unit) == outcome.household_values[household.id]
        best = max(gains.values(), default=None)
        first = next((one.id for one in sorted(given_.units, key=lambda unit: unit.id.int) if gains.get(one.id) == best
                      and best is not None), None)
        assert (proposal.next_best.unit if proposal.next_best else None) == first


@given(chance=CHANCES)
@pytest.mark.parametrize("most_in_memory", [2, 1_000_000])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_few_pairs_at_first_are_as_good_as_all(most_in_memory: int, chance: Chance) -> None:
    """Sum, proof, prices, next best and counts are those of the whole pool."""
    given_ = a_market(chance.randint(0, 10_000), 9, 6)
    whole = run(given_)
    with pytest.MonkeyPatch.context() as patched:
        prune(patched, most_in_memory)
        few = run(given_)

    assert whole.certified
    alike(few, whole, given_)


@given(given_=pools(5, 5))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.usefixtures("pruned")
def test_any_pool_may_be_pruned(given_: Inputs) -> None:
    """Vetoes, declines, places unknown and nobody at all included."""
    outcome = run(given_)

    assert outcome.certified
    alike(outcome, outcome, given_)


@pytest.mark.usefixtures("pruned")
def test_it_looks_again_until_nobody_gains() -> None:
    """With the best pair of each only, most stay without; several rounds later all is as it should be."""
    told: list[Step] = []

    outcome = run(a_market(3, 60, 40), tell=lambda step, _: told.append(step))

    assert outcome.certified
    assert told.count(Step.SOLVING) > 2


def test_progress_is_told() -> None:
    """Each part of the work and how much of it, for whoever waits."""
    told: list[tuple[Step, int]] = []
    outcome = run(a_market(1, 3, 3), tell=lambda step, count: told.append((step, count)))

    assert told == [(Step.READING, 6), (Step.SOLVING, outcome.possible_pairs), (Step.LOOKING, 1),
                    (Step.EXPLAINING, len(outcome.proposals))]


def test_places_may_count_persons() -> None:
    """Of a family of four and two of two persons, four places take those who are worth more together."""
    family, one, other = (a_household(n, members=a_household(n).members[:1] * size)
                          for n, size in ((1, 4), (2, 2), (3, 2)))
    home = a_unit(1, free=4, largest=8)
    persons = Rules(capacity_in="persons")
    chosen = run(inputs([family, one, other], [home], persons))
    counted = run(inputs([family, one, other], [replace(home, free=1)], Rules()))

    assert {proposal.household for proposal in chosen.proposals} == {one.id, other.id}
    assert (chosen.certified, chosen.bound, chosen.objective) == (True, chosen.objective, chosen.objective)
    assert len(counted.proposals) == 1
    assert chosen.unserved[0].household == family.id


def test_a_group_takes_one_household_however_many_places_it_has() -> None:
    """The other one is told that its place went to others, and the place has its price; a mentor takes both."""
    one, other, home = a_household(1), a_household(2), a_unit(1, kind="group", free=8)
    persons = Rules(capacity_in="persons")
    grouped, single = run(inputs([one, other], [home], persons)), run(inputs([one, other], [replace(
        home, kind="single")], persons))

    assert ([unserved.possible for unserved in grouped.unserved], len(grouped.proposals)) == ([1], 1)
    assert grouped.unit_prices[home.id] == grouped.proposals[0].worth == grouped.bound
    assert grouped.certified
    assert len(single.proposals) == 2


def test_who_needs_more_places_than_are_free_is_told_so() -> None:
    """Counted in persons, a family of four finds no place among three."""
    family = a_household(1, members=a_household(1).members[:1] * 4)
    outcome = run(inputs([family], [a_unit(1, free=3, largest=8)], Rules(capacity_in="persons")))

    assert {code.value: number for code, number in outcome.unserved[0].alone.items()} == {"no_place_free": 1}


@pytest.mark.usefixtures("large")
def test_too_many_pairs_for_persons_are_refused() -> None:
    """An integer programme over part of the pairs would prove nothing."""
    given_ = replace(a_market(1, 5, 5), rules=Rules(capacity_in="persons"))

    with pytest.raises(ValueError, match=r"^capacity_in: more than 2 possible pairs"):
        run(given_)


def test_a_group_takes_one_household_where_households_are_counted() -> None:
    """Counted in persons it has as many places as beds."""
    group = a_unit(1, kind="group", free=2)

    assert inputs([], [group], Rules(capacity_in="persons")).units == (group,)
    with pytest.raises(ValueError, match=r"^free: a group takes one household at a time$"):
        inputs([], [group])
    with pytest.raises(ValueError, match=r"^capacity_in: 'beds' is not one of households, persons$"):
        Rules(capacity_in="beds")
