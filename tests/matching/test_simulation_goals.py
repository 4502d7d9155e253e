"""What prices are worth over a year, as docs/simulation.md says: the figures are not lost unnoticed."""

from collections.abc import Sequence
from functools import partial

import pytest

from services.matching.simulation.comparing import GOALS, MARKETS, SIZES, Line, compare

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def played(kind: str, seeds: Sequence[int]) -> dict[str, Line]:
    """Each policy's line over these years."""
    lines = compare({seed: partial(MARKETS[kind], seed, *SIZES[kind]) for seed in seeds})
    return {line.policy: line for line in lines}


def test_a_thin_market_gains_by_prices() -> None:
    """At once and weekly: every goal is met over forty years by which nothing was chosen."""
    lines = played("thin", range(301, 341))

    assert all(goal.reached(lines).mean >= goal.least for goal in GOALS["thin"])


def test_large_places_are_filled_nearly_as_in_hindsight() -> None:
    """Every goal is met, and greedy stays far behind."""
    lines = played("large", (1, 2))

    assert all(goal.reached(lines).mean >= goal.least for goal in GOALS["large"])
    assert (lines["live_prices"].share or 0) > (lines["greedy"].share or 1) + 0.03
