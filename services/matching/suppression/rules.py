"""Suppression: which counts of a table stay hidden, so that nobody is counted out of it or reckoned from its sums.

A table of counts is a network of flows: a cell flows from its row to its column, a row's total from the source to the
row, a column's total from the column to the sink, and the whole total back to the source. As much flows out of a place
as into it: that is all that a reader can reckon with. A hidden count cannot be reckoned when it could be one more or
one less and all that is shown still be true: when it lies on a circle of hidden counts. So each hidden count gets such
a circle, the cheapest there is; what is hidden for it besides is safe by the same circle.

Who subtracts one period from another learns what is between them. So each quarter is looked at by itself, whatever the
period, and of a period only what is shown in each of its quarters: all that is told of contacts and minutes are sums of
what the quarters tell. Who subtracts a part, such as a region, from the whole learns the rest: both are one table.

Not guarded against: parts that overlap or are three and more, the same figures before and after a correction, and how
many of a shown quarter's cases are among those of another, which the cases of both together tell.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar

# Fewer than so many are hidden.
LEAST = 5
# As few as a hidden count can be: what is nought is shown, and so never hidden.
FEWEST = 1
Cell = tuple[str | None, str | None]
Key = TypeVar("Key", bound=Hashable)
SOURCE, SINK = "source", "sink"


@dataclass(frozen=True)
class Flow(Generic[Key]):
    """A count, as what flows from one place to another."""

    key: Key
    start: Hashable
    end: Hashable
    counted: int


PART, REST = "part", "rest"
Steps = dict[Hashable, list[tuple[Flow[Key], Hashable]]]


def hidden_in_list(counts: Mapping[str, int], total: int, *, least: int = LEAST) -> set[str | None]:
    """Which counts of a list with a total are to be hidden; None stands for the total."""
    cells: list[Flow[str | None]] = [Flow(key, SOURCE, SINK, counted) for key, counted in counts.items()]
    return _hidden([*cells, Flow(None, SINK, SOURCE, total)], least)


def hidden_in_table(counts: Mapping[Cell, int], *, least: int = LEAST) -> set[Cell]:
    """Which counts of a table with rows, columns and all totals are to be hidden.

    (row, None) is a row's total, (None, column) a column's, (None, None) that of all. Totals need not be sums: who is
    counted in two columns counts once in the row's total. Each row and column that is there has its total.
    """
    return _hidden([Flow(key, *_places(*key), counted) for key, counted in counts.items()], least)


def hidden_in_part(part: Mapping[str | None, int], rest: Mapping[str | None, int]) -> set[str | None]:
    """Which counts of a part are to be hidden, where the whole is shown as a list of its own; None is the total.

    What the whole shows it keeps showing, so nothing but part and rest may give way. Asked of the rest, as when two
    partners make up the whole, the answer is that of the same table.
    """
    values = sorted(part.keys() | rest.keys() | {None}, key=str)
    whole = {value: part.get(value, 0) + rest.get(value, 0) for value in values}
    hidden = hidden_in_list({value: counted for value, counted in whole.items() if value is not None}, whole[None])
    if not rest.get(None):
        return hidden
    counts: dict[Cell, int] = {(value, None): counted for value, counted in whole.items()}
    sides = sorted(((PART, part), (REST, rest)), key=lambda one: [one[1].get(value, 0) for value in values])
    counts |= {(value, name): side.get(value, 0) for value in values for name, side in sides}
    before: set[Cell] = {(value, None) for value in hidden}
    flows = [Flow(key, *_places(*key), counted) for key, counted in counts.items()]
    kept = {key for key in counts if key[1] is None} - before
    try:
        return {row for row, column in _hidden(flows, LEAST, before=before, kept=kept) if column == PART}
    except ValueError:
        return set(values)  # the whole tells too much for any of the part to be shown


def hidden_over_quarters(part: Mapping[Cell, int], rest: Mapping[Cell, int]) -> set[Cell]:
    """Which counts of a table are to be hidden whose columns are quarters, told of a part of the whole or of all of it.

    Each quarter is decided by itself, the same in every period; a row's total is hidden when it is in any.
    """
    hidden: set[Cell] = set()
    for quarter in {column for _, column in part.keys() | rest.keys() if column is not None}:
        sides = [{row: counted for (row, column), counted in side.items() if column == quarter}
                 for side in (part, rest)]
        hidden |= {(row, quarter) for row in hidden_in_part(*sides)}
    return hidden | {(row, None) for row, _ in hidden}


def _places(row: str | None, column: str | None) -> tuple[Hashable, Hashable]:
    if row is None and column is None:
        return SINK, SOURCE
    if column is None:
        return SOURCE, ("row", row)
    return (("column", column), SINK) if row is None else (("row", row), ("column", column))


def _hidden(
    flows: Sequence[Flow[Key]], least: int, *, before: Collection[Key] = (), kept: Collection[Key] = (),
) -> set[Key]:
    """What counts too few, and what is hidden besides so that it cannot be reckoned.

    before: hidden already, elsewhere; kept: shown already, elsewhere, so that hiding it would be of no use.
    """
    hidden = {flow.key for flow in flows if 0 < flow.counted < least or flow.key in before} - set(kept)
    steps = _steps([flow for flow in flows if flow.key not in kept])
    for flow in [flow for flow in flows if flow.key in hidden]:
        if not any(_way(flow, steps, hidden, only_hidden=True, back=back) for back in _turns(flow)):
            hidden |= _circle(flow, steps, hidden)
    return hidden


def _turns(flow: Flow[Key]) -> tuple[bool, ...]:
    """Whether it could be one more, which is no way back, or one less, which is."""
    return (False, True) if flow.counted > FEWEST else (False,)


def _circle(flow: Flow[Key], steps: Steps[Key], hidden: set[Key]) -> set[Key]:
    """What the cheapest circle passes by which this count could be one more, or one less."""
    ways = [_way(flow, steps, hidden, only_hidden=False, back=back) for back in _turns(flow)]
    found = [way for way in ways if way is not None]
    if not found:
        raise ValueError("a row or column of the table has no total that could be hidden")
    return min(found, key=lambda way: way[0])[1]


def _way(
    flow: Flow[Key], steps: Steps[Key], hidden: set[Key], *, only_hidden: bool, back: bool,
) -> tuple[int, set[Key]] | None:
    """The way from the flow's end to its start, or back, with the fewest counted that are not hidden yet (Dijkstra's).

    Returns how many these are, and what it passes; None when there is no way.
    """
    start, end = (flow.start, flow.end) if back else (flow.end, flow.start)
    order, came = count(), dict[Hashable, tuple[Hashable, Key] | None]()
    waiting: list[tuple[int, int, Hashable, tuple[Hashable, Key] | None]] = [(0, next(order), start, None)]
    while waiting:
        cost, _, place, by = heappop(waiting)
        if place in came:
            continue
        came[place] = by
        if place == end:
            return cost, _passed(came, place)
        for one, following in steps[place]:
            is_hidden = one.key in hidden
            if one.key != flow.key and following not in came and (is_hidden or not only_hidden):
                dearer = 0 if is_hidden else one.counted
                heappush(waiting, (cost + dearer, next(order), following, (place, one.key)))
    return None


def _passed(came: Mapping[Hashable, tuple[Hashable, Key] | None], place: Hashable) -> set[Key]:
    """What was passed on the way to a place."""
    keys = set()
    while (by := came[place]) is not None:
        place, key = by
        keys.add(key)
    return keys


def _steps(flows: Sequence[Flow[Key]]) -> Steps[Key]:
    """Where it goes on from each place: one more of what flows out of it, or one less of what flows in."""
    steps: Steps[Key] = defaultdict(list)
    for flow in flows:
        if flow.counted:
            steps[flow.start].append((flow, flow.end))
        if flow.counted > FEWEST:
            steps[flow.end].append((flow, flow.start))
    return steps
