"""Small markets for the tests of the simulation: any by chance, and those that are written down pair by pair."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from services.matching.runs.graph import Scored
from services.matching.simulation.market import Market


def a_market(
    worth: dict[tuple[int, int], int], *, arrives: list[int], departs: list[int], joins: list[int], leaves: list[int],
    places: list[int], declines: frozenset[tuple[int, int]] = frozenset(), **given: Any,
) -> Market:
    """A market of these pairs (household, unit)."""
    pairs = sorted(worth)
    columns = np.array([(*pair, worth[pair]) for pair in pairs], dtype=np.int64).reshape(-1, 3).T
    days = {"arrives": arrives, "departs": departs, "joins": joins, "leaves": leaves, "places": places}
    times: dict[str, Any] = {name: np.array(numbers, dtype=np.int64) for name, numbers in days.items()}
    return Market(
        pairs=Scored(*columns), declines=np.array([pair in declines for pair in pairs], dtype=np.bool_),
        **times, **given)


@st.composite
def markets(draw: st.DrawFn) -> Market:
    """Any market of up to ten households and five units, over two weeks and a day."""
    n_households, n_units = draw(st.integers(0, 10)), draw(st.integers(0, 5))
    every = [(household, unit) for household in range(n_households) for unit in range(n_units)]
    chosen = draw(st.lists(st.sampled_from(every), unique=True)) if every else []
    worth = {pair: draw(st.integers(1, 2000)) for pair in chosen}
    arrives = draw(st.lists(st.integers(-10, 15), min_size=n_households, max_size=n_households))
    joins = draw(st.lists(st.integers(-5, 15), min_size=n_units, max_size=n_units))
    return a_market(
        worth, arrives=arrives, departs=[day + draw(st.integers(1, 12)) for day in arrives],
        joins=joins, leaves=[day + draw(st.integers(1, 15)) for day in joins],
        places=draw(st.lists(st.integers(0, 2), min_size=n_units, max_size=n_units)),
        declines=frozenset(pair for pair in chosen if draw(st.integers(0, 5)) == 0),
        days=15, term=draw(st.sampled_from((1, 4, 15))))
