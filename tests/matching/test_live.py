"""The live mode: the best options of one household, from a pool that changes one unit at a time."""

from dataclasses import replace
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.runs.batch import Inputs, run
from services.matching.runs.hard import obstacles
from services.matching.runs.live import LivePool, Options, Within
from services.matching.runs.points import bonus, points
from services.matching.runs.pool import Rules, Unit
from services.matching.runs.words import Advice, Scarcity
from tests.matching.pools import TODAY, a_household, a_unit, pools

SCARCE = 5000


def gains(options: Options) -> list[tuple[UUID, int]]:
    """Who, and what is gained, in order."""
    return [(one.proposal.unit, one.gain) for one in options.options]


@settings(deadline=None)
@given(pools(most_units=8), st.lists(st.integers(0, 3000), min_size=8, max_size=8))
def test_options_are_what_plain_python_finds(given_: Inputs, prices: list[int]) -> None:
    """Every possible unit and no other, by points less price; barred pairs and vetoes among what is left out."""
    price = {unit.id: prices[place] for place, unit in enumerate(given_.units)}
    pool = LivePool(given_.units, given_.rules, price)
    for household in given_.households:
        barred = {unit for one, unit in given_.declined if one == household.id}
        found = pool.options(household, TODAY, barred=barred, top=100)
        more = bonus(household, given_.rules, TODAY)
        expected = [
            (unit.id, given_.rules.base + points(household, unit, given_.rules).score + more - price[unit.id])
            for unit in given_.units if not obstacles(household, unit, given_.rules, given_.declined)]
        assert gains(found) == sorted(expected, key=lambda one: (-one[1], one[0]))
        assert found.possible == len(expected)
        for one in found.options:
            assert one.proposal.score == points(
                household, next(unit for unit in given_.units if unit.id == one.proposal.unit), given_.rules).score


@settings(deadline=None)
@given(st.data(), pools(most_units=8))
def test_a_pool_that_changed_is_the_same_as_a_new_one(data: st.DataObject, given_: Inputs) -> None:
    """Whoever came, changed and went, in whatever order, the answer is that of a pool encoded from who is there now."""
    there: dict[UUID, Unit] = {}
    pool = LivePool((), given_.rules, {})
    for _ in range(data.draw(st.integers(0, 20))):
        unit = data.draw(st.sampled_from(given_.units)) if given_.units else a_unit()
        if data.draw(st.integers(0, 2)) == 0:
            there.pop(unit.id, None)
            pool.remove(unit.id)
        else:
            there[unit.id] = replace(unit, free=data.draw(st.integers(0, 1)), slots=data.draw(st.sampled_from([7, 15])))
            pool.put_all([there[unit.id]])
    prices = {unit: data.draw(st.integers(0, 2000)) for unit in there}
    pool.price(prices)
    fresh = LivePool(there.values(), given_.rules, prices)
    assert len(pool) == len(there)
    for household in given_.households:
        assert pool.options(household, TODAY) == fresh.options(household, TODAY)


def test_a_unit_with_codes_that_nobody_had_before_is_taken_in() -> None:
    """A new language and a new offer get bits of their own, and count at once."""
    pool = LivePool([a_unit(1)], Rules(), {})
    pool.put_all([a_unit(2, languages={"ti": "C2"}, offers=frozenset({"sewing"}))])
    asked = a_household(languages={"ti": "C2"}, wishes=frozenset({"sewing"}))

    (only,) = pool.options(asked, TODAY).options
    assert only.proposal.unit == a_unit(2).id
    assert only.proposal.wishes_met == ("sewing",)


def test_what_only_the_household_names_is_had_by_nobody() -> None:
    """Two wishes and interests that no unit knows count as wishes that nobody meets; as a must nobody is possible."""
    pool = LivePool([a_unit(1, interests=frozenset({"chess"}))], Rules(), {})
    wishing = a_household(wishes=frozenset({"one", "other"}), interests=frozenset({"rowing", "diving"}))
    (option,) = pool.options(wishing, TODAY).options

    assert (option.proposal.points.needs, option.proposal.points.interests) == (0, 0)
    assert pool.options(a_household(must_haves=frozenset({"one"})), TODAY).advice is Advice.NOBODY


def test_the_scarce_one_is_not_given_away_where_others_do() -> None:
    """The better of two has a price above what the pair is worth: the other is the first option."""
    better, other = a_unit(1, offers=frozenset({"school"})), a_unit(2)
    found = LivePool([better, other], Rules(), {better.id: SCARCE}).options(
        a_household(wishes=frozenset({"school"})), TODAY)

    assert [one.proposal.unit for one in found.options] == [other.id, better.id]
    assert [one.scarcity for one in found.options] == [Scarcity.PLENTY, Scarcity.SCARCE]
    assert found.advice is Advice.PROPOSE
    assert found.options[0].proposal.next_best is not None
    assert found.options[0].proposal.next_best.unit == better.id


def test_waiting_is_advised_where_every_place_is_needed_more_by_others() -> None:
    """All options cost more than they bring; they are shown nevertheless."""
    units = [a_unit(1), a_unit(2)]
    found = LivePool(units, Rules(), {unit.id: SCARCE for unit in units}).options(a_household(), TODAY)

    assert found.advice is Advice.WAIT
    assert len(found.options) == 2


def test_an_only_option_is_shown_whatever_its_price() -> None:
    """Nobody is told to wait for somebody who will not come."""
    found = LivePool([a_unit()], Rules(), {a_unit().id: SCARCE}).options(a_household(), TODAY)

    assert (found.advice, len(found.options)) == (Advice.ONLY_OPTION, 1)


def test_where_nobody_is_possible_the_codes_say_why() -> None:
    """As a run says it."""
    units, asked = [a_unit(1, free=0), a_unit(2, languages={})], a_household()
    found = LivePool(units, Rules(), {}).options(asked, TODAY)

    assert found.advice is Advice.NOBODY
    assert found.unserved == run(Inputs((asked,), tuple(units), Rules(), TODAY)).unserved[0]


def test_an_empty_pool_has_no_options() -> None:
    """Nor does it fail."""
    found = LivePool((), Rules(), {}).options(a_household(), TODAY)

    assert (found.advice, found.options, found.possible) == (Advice.NOBODY, (), 0)


def test_only_units_within_somebodys_scope_are_shown() -> None:
    """By region, or by partner; the others are neither options nor counted among the reasons."""
    partner = UUID(int=77)
    here, there = a_unit(1, district="15087"), a_unit(2, district="15084", partner=partner)
    pool = LivePool([here, there], Rules(), {})

    def seen(within: Within) -> list[UUID]:
        return [one.proposal.unit for one in pool.options(a_household(), TODAY, within=within).options]

    assert seen(Within(everything=False, regions=("15087",))) == [here.id]
    assert seen(Within(everything=False, partners=frozenset({partner}))) == [there.id]
    assert len(seen(Within(everything=False, regions=("15",)))) == 2
    nothing = pool.options(a_household(), TODAY, within=Within(everything=False))
    assert nothing.unserved is not None
    assert nothing.unserved.removed == {}


@settings(deadline=None)
@given(st.data(), pools(most_units=8))
def test_within_a_scope_the_answer_is_that_of_a_pool_of_those_inside(data: st.DataObject, given_: Inputs) -> None:
    """Vetoes and barred units on either side of its edge among them; also where nobody is possible, and why."""
    inside = [unit for unit in given_.units if data.draw(st.booleans())]
    units = [replace(unit, partner=UUID(int=77) if unit in inside else None) for unit in given_.units]
    pool, alone = LivePool(units, given_.rules, {}), LivePool(
        [unit for unit in units if unit.partner], given_.rules, {})
    gone = data.draw(st.sampled_from([None, *(unit.id for unit in units)]))
    if gone:
        pool.remove(gone)
        alone.remove(gone)
    within = Within(everything=False, partners=frozenset({UUID(int=77)}))
    for household in given_.households:
        vetoed = data.draw(st.sets(st.sampled_from([household.id, *(unit.id for unit in units)]), max_size=3))
        barred = {unit for one, unit in given_.declined if one == household.id}
        asked = replace(household, vetoed_units=household.vetoed_units | vetoed)
        assert pool.options(asked, TODAY, barred=barred, within=within) == alone.options(asked, TODAY, barred=barred)


def test_vetoes_follow_who_belongs_to_a_unit() -> None:
    """A person whom the household does not want joins the unit, and leaves it again."""
    person = UUID(int=5)
    pool, asked = LivePool([a_unit()], Rules(), {}), a_household(vetoed_persons=frozenset({person}))
    assert pool.options(asked, TODAY).possible == 1
    pool.put_all([a_unit(persons=frozenset({person}))])
    assert pool.options(asked, TODAY).possible == 0
    pool.put_all([a_unit()])
    assert pool.options(asked, TODAY).possible == 1
