"""Suppression: nobody is counted out of a table, nor reckoned from its sums; a solver is asked whether."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog  # type: ignore[import-untyped] # it brings no types

from services.matching.suppression.rules import (
    LEAST,
    PART,
    REST,
    Cell,
    hidden_in_list,
    hidden_in_part,
    hidden_in_table,
    hidden_over_quarters,
)

SMALL = st.integers(min_value=0, max_value=9)
TABLES = st.integers(1, 4).flatmap(lambda columns: st.lists(
    st.lists(SMALL, min_size=columns, max_size=columns), min_size=1, max_size=4))


def with_totals(rows: list[list[int]]) -> dict[Cell, int]:
    """A table with all its totals, its rows and columns named by number; without those where nobody is."""
    counts: dict[Cell, int] = {}
    for row, cells in enumerate(rows):
        for column, counted in enumerate(cells):
            for key in ((str(row), str(column)), (str(row), None), (None, str(column)), (None, None)):
                counts[key] = counts.get(key, 0) + counted
    return counts


def parts_of(counts: Mapping[Cell, int], total: Cell) -> list[list[Cell]]:
    """What a total is the sum of: that of all of the rows' totals, and of the columns'; another of its cells."""
    if total == (None, None):
        return [[key for key in counts if None in key and key != total and key[place] is not None]
                for place in (0, 1)]
    return [[key for key in counts if None not in key and (key[0] == total[0] or key[1] == total[1])]]


def equations(counts: Mapping[Cell, int], hidden: set[Cell]) -> tuple[list[list[int]], list[int]]:
    """What a reader knows: each total is the sum of its parts, with what is shown put in."""
    unknown = sorted(hidden, key=str)
    left, right = [], []
    for total in [key for key in counts if None in key]:
        for parts in parts_of(counts, total):
            signs = {total: 1, **dict.fromkeys(parts, -1)}
            left.append([signs.get(key, 0) for key in unknown])
            right.append(-sum(sign * counts[key] for key, sign in signs.items() if key not in hidden))
    return left, right


def reckoned(counts: Mapping[Cell, int], hidden: set[Cell]) -> set[Cell]:
    """The hidden counts that can have one value only, by what is shown and by being at least one.

    The smallest and the largest value of each are found by linear programming: the equations are those of a network,
    so its corners are whole numbers.
    """
    left, right = equations(counts, hidden)
    unknown, found = sorted(hidden, key=str), set()
    for place, key in enumerate(unknown):
        goal = np.zeros(len(unknown))
        goal[place] = 1
        least, most = [linprog(sign * goal, A_eq=left, b_eq=right, bounds=(1, 1000)) for sign in (1, -1)]
        assert least.success
        if round(least.fun) == round(-most.fun):
            found.add(key)
    return found


@given(TABLES)
def test_nothing_hidden_can_be_reckoned_from_what_is_shown(rows: list[list[int]]) -> None:
    """Neither a cell nor a total, in no table; and whatever counts too few is hidden."""
    counts = with_totals(rows)
    hidden = hidden_in_table(counts)

    assert {key for key, counted in counts.items() if 0 < counted < LEAST} <= hidden
    assert not hidden or reckoned(counts, hidden) == set()


@given(st.lists(SMALL, min_size=1, max_size=6))
def test_a_list_is_a_table_of_one_column(counts: list[int]) -> None:
    """What is hidden in a list can as little be reckoned from its total."""
    named = {str(place): counted for place, counted in enumerate(counts)}
    hidden = hidden_in_list(named, sum(counts))
    as_table: dict[Cell, int] = {(key, "all"): counted for key, counted in named.items()}
    as_table[None, "all"] = sum(counts)

    assert {key for key, counted in named.items() if 0 < counted < LEAST} <= hidden
    assert not hidden or reckoned(as_table, {(key, "all") for key in hidden}) == set()


@given(TABLES)
def test_nought_is_shown_and_nothing_is_hidden_without_need(rows: list[list[int]]) -> None:
    """A table in which nobody is alone is shown as it is; where nobody is counted there is nobody to hide."""
    counts = with_totals(rows)
    hidden = hidden_in_table(counts)

    assert all(counts[key] for key in hidden)
    assert bool(hidden) is any(0 < counted < LEAST for counted in counts.values())


@pytest.mark.parametrize(("counts", "hidden"), [
    ({"a": 10, "b": 5}, set()),
    ({"a": 10, "b": 4}, {"a", "b"}),
    ({"a": 10, "b": 4, "c": 7}, {"b", "c"}),
    ({"a": 10, "b": 4, "c": 3}, {"b", "c"}),
    # Two who are alone make a sum of two: both would be told.
    ({"a": 10, "b": 1, "c": 1}, {"a", "b", "c"}),
    ({"a": 3}, {"a", None}),
    ({"a": 0, "b": 0}, set()),
], ids=["nobody alone", "one of two", "one of three", "two of three", "two with one each", "all", "none"])
def test_the_smallest_other_count_is_hidden_with_a_lonely_one(counts: dict[str, int], hidden: set[str | None]) -> None:
    """So that the difference to the total tells nothing."""
    assert hidden_in_list(counts, sum(counts.values())) == hidden


@given(st.lists(st.tuples(SMALL, SMALL), min_size=1, max_size=5))
def test_who_subtracts_a_part_from_the_whole_reckons_nothing(sides: list[tuple[int, int]]) -> None:
    """Neither of the part nor of the rest, with all that the whole shows by itself; and few are hidden in both."""
    named = {str(place): sides for place, sides in enumerate(sides)}
    part, rest = ({None: sum(side[at] for side in sides)} | {row: side[at] for row, side in named.items()}
                  for at in (0, 1))
    whole = {row: part[row] + rest[row] for row in part}
    in_whole = hidden_in_list({row: counted for row, counted in whole.items() if row is not None}, whole[None])
    hidden: set[Cell] = {(row, None) for row in in_whole} | {(row, PART) for row in hidden_in_part(part, rest)} | {
        (row, REST) for row in hidden_in_part(rest, part)}
    counts: dict[Cell, int] = {(row, name): side[row] for name, side in ((PART, part), (REST, rest), (None, whole))
                               for row in part}

    assert {key for key, counted in counts.items() if 0 < counted < LEAST} <= hidden
    unknown = {key for key in hidden if counts[key]}
    nothing_told = {(row, name) for row in part for name in (PART, REST)} <= hidden
    assert nothing_told or not {key for key in reckoned(counts, unknown) if counts[key] < LEAST}


PERIODS = [(begins, ends) for begins in range(4) for ends in range(begins, 4)]


@pytest.mark.slow
@given(st.lists(st.lists(SMALL, min_size=4, max_size=4), min_size=1, max_size=4))
def test_who_subtracts_periods_from_each_other_reckons_nothing(rows: list[list[int]]) -> None:
    """All periods of four quarters are asked for, values and totals; no quarter that counts too few comes out of it."""
    counts = with_totals(rows)
    quarters = [str(quarter) for quarter in range(4)]
    told: list[tuple[set[Cell], int]] = []
    for begins, ends in PERIODS:
        asked = {key: counted for key, counted in counts.items() if key[1] in quarters[begins:ends + 1]}
        hidden = hidden_over_quarters(asked, {})
        for row in {row for row, _ in asked} - {row for row, quarter in hidden if quarter is None}:
            cells: set[Cell] = {key for key in asked if key[0] == row}
            told.append((cells, sum(counts[key] for key in cells)))
    cells_of_quarters = sorted((key for key in counts if key[1] is not None), key=str)
    left = [[int(key in cells) for key in cells_of_quarters] for cells, _ in told]
    right = [counted for _, counted in told]
    for quarter in quarters:
        left.append([(1 if key[0] is None else -1) if key[1] == quarter else 0 for key in cells_of_quarters])
        right.append(0)
    for place, key in enumerate(cells_of_quarters):
        if 0 < counts[key] < LEAST:
            assert not _is_one_value(left, right, place, len(cells_of_quarters)), key


def _is_one_value(left: list[list[int]], right: list[int], place: int, many: int) -> bool:
    """Whether all that is told leaves an unknown one value."""
    goal = np.zeros(many)
    goal[place] = 1
    least, most = [linprog(sign * goal, A_eq=left, b_eq=right, bounds=(0, 1000)) for sign in (1, -1)]
    assert least.success
    return bool(round(least.fun, 3) == round(-most.fun, 3))


def test_a_period_that_begins_a_quarter_later_tells_nothing() -> None:
    """Planted: a period looked at as a list of its own shows six of one and seven of the next; subtracted, one."""
    counts = with_totals([[6, 1], [9, 8]])
    first = {key: counted for key, counted in counts.items() if key[1] == "0"}
    both = {key: counted for key, counted in counts.items() if key[1] is not None}

    assert hidden_in_list({"0": 7, "1": 17}, 24) == set()
    assert hidden_over_quarters(first, {}) == set()
    assert ("0", None) in hidden_over_quarters(both, {})


def test_totals_need_not_be_sums() -> None:
    """Whoever comes for two topics is counted with both, and once in the total; a total may be as small as a cell."""
    assert hidden_in_list({"a": 10, "b": 4}, 10) == {"a", "b"}
    assert hidden_in_list({"a": 4, "b": 4}, 4) == {"a", "b", None}


def test_a_row_without_its_total_is_no_table() -> None:
    """Said aloud: what is hidden in it would be safe from nothing that is known here."""
    with pytest.raises(ValueError, match="no total"):
        hidden_in_table({("a", "b"): 3})


def test_what_is_hidden_too_little_is_found() -> None:
    """Planted: hiding only what counts too few leaves what the sums tell; the solver reckons it."""
    counts = with_totals([[3, 10], [20, 30]])
    naive = {key for key, counted in counts.items() if 0 < counted < LEAST}

    assert reckoned(counts, naive) == {("0", "0")}
    assert len(hidden_in_table(counts)) == 4


def test_most_of_a_year_of_an_association_is_shown() -> None:
    """400 clients, 1,200 contacts by fifteen topics, uneven as Zipf's law: by quarters most are, by months not."""
    chance, clients, contacts = np.random.default_rng(4), 400, 1200
    topics, often = 1 / np.arange(1, 16), chance.gamma(1.0, size=clients)
    usual = chance.choice(15, size=clients, p=topics / topics.sum())
    who = chance.choice(clients, size=contacts, p=often / often.sum())
    other = chance.choice(15, size=contacts, p=topics / topics.sum())
    topic = np.where(chance.random(contacts) < 0.5, usual[who], other)
    month = chance.integers(0, 12, size=contacts)

    def hidden(length: int) -> set[Cell]:
        cells: dict[Cell, int] = {}
        for period in range(12 // length):
            came = month // length == period
            cells[None, str(period)] = len(set(who[came]))
            for value in range(15):
                cells[str(value), str(period)] = len(set(who[came & (topic == value)]))
        return hidden_over_quarters(cells, {})

    def shown(length: int) -> float:
        kept = [value for value in range(15) if (str(value), None) not in hidden(length)]
        return float(np.isin(topic, kept).mean())

    assert shown(3) >= 0.85
    assert shown(1) < 0.7
