"""How fast the computing core of matching is: `python benchmarks/matching_core.py [--large]`.

Every ratio is of two things measured in the same run, so that it means the same on any machine. The pools are
invented: people around the towns of a region, clustered as towns are, a few languages each, mostly one place.
"""

import argparse
import gc
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow  # type: ignore[import-untyped]
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

from services.matching.runs.assignment import solve
from services.matching.runs.batch import Inputs, run
from services.matching.runs.candidates import find
from services.matching.runs.encoding import encode
from services.matching.runs.pool import ALL_SLOTS, Household, Member, Point, Rules, Unit
from services.matching.runs.scoring import points, points_of

Result = TypeVar("Result")

TODAY = date(2026, 3, 2)
# District, latitude and longitude of towns; a larger one stands there several times.
TOWNS = [("15002", 51.483, 11.972)] * 5 + [
    ("15087", 51.4722, 11.2953), ("15087", 51.5258, 11.5345), ("15087", 51.6503, 11.5115),
    ("15084", 51.1499, 11.8098), ("15084", 51.2015, 11.9684), ("15084", 51.0496, 12.1369),
    ("15088", 51.3548, 11.9892), ("15088", 51.3812, 11.6005), ("15088", 51.3178, 12.0159),
    ("15089", 51.7946, 11.7401), ("15089", 51.8519, 11.5851), ("15090", 52.6069, 11.8587),
    ("15090", 52.5446, 11.9765), ("15081", 52.8544, 11.1525), ("15081", 52.5252, 11.3952),
    ("15085", 51.8956, 11.0562), ("15085", 51.7884, 11.1501), ("15003", 52.1205, 11.6276),
]  # fmt: skip
ORIGINS = (
    ("ar", 5),
    ("uk", 4),
    ("fa", 3),
    ("prs", 2),
    ("kmr", 2),
    ("ckb", 1),
    ("tr", 2),
    ("ru", 3),
    ("ti", 1),
)
OFFERS = ("jobcentre", "school", "housing", "work", "language", "leisure", "health", "letters")
INTERESTS = tuple(f"interest_{number}" for number in range(16))
BANDS = ("0-5", "6-13", "14-17", "18-26", "27-44", "45-64")


def invented_pool(seed: int, n_units: int, n_households: int) -> Inputs:
    """Return the inputs of a run over invented people; the same seed gives the same."""
    dice = random.Random(seed)  # noqa: S311 - invented people, no secrets
    return Inputs(
        households=tuple(_household(dice) for _ in range(n_households)),
        units=tuple(_unit(dice) for _ in range(n_units)),
        rules=Rules(),
        today=TODAY,
    )


def _often(dice: random.Random, percent: int) -> bool:
    return dice.randrange(100) < percent


def _somewhere(dice: random.Random) -> dict[str, Any]:
    district, lat, lon = dice.choice(TOWNS)
    known = _often(dice, 95)
    return {
        "id": UUID(int=dice.getrandbits(128), version=4),
        "district": district,
        "point": Point(lat + dice.gauss(0, 0.04), lon + dice.gauss(0, 0.06)) if known else None,
        "slots": sum(1 << dice.randrange(28) for _ in range(8)) & ALL_SLOTS,
        "interests": frozenset(dice.sample(INTERESTS, dice.randint(0, 5))),
        "consented": True,
    }


def _origin(dice: random.Random) -> str:
    return dice.choices([tag for tag, _ in ORIGINS], [often for _, often in ORIGINS])[0]


def _unit(dice: random.Random) -> Unit:
    kind = dice.choices(("single", "duo", "group"), (8, 2, 1))[0]
    languages = {"de": "C2", "en": dice.choice(("A1", "B1", "B2", "C1"))}
    if _often(dice, 35):
        languages[_origin(dice)] = dice.choice(("B1", "C2"))
    return Unit(
        kind=kind,
        free=1 if kind == "group" else dice.choice((1, 1, 1, 1, 2, 2, 3)),
        largest=dice.choice((1, 2, 3, 5, 8)),
        radius_km=dice.choice((5, 10, 15, 20)),
        languages=languages,
        contact_genders=frozenset({dice.choice("ffm")}),
        accepts_genders=frozenset({"f"}) if _often(dice, 15) else frozenset(),
        offers=frozenset(dice.sample(OFFERS, dice.randint(1, 4))),
        childcare=_often(dice, 20),
        step_free=_often(dice, 40),
        vetted=True,
        **_somewhere(dice),
    )


def _household(dice: random.Random) -> Household:
    members = tuple(
        Member(dice.choice(BANDS), dice.choice("fm")) for _ in range(dice.choice((1, 1, 2, 3, 4, 5)))
    )
    return Household(
        members=members,
        waiting_since=TODAY - timedelta(days=dice.randrange(400)),
        radius_km=dice.choice((None, 5, 10, 20)),
        languages={
            _origin(dice): "C2",
            "de": dice.choice(("none", "A1", "A2", "B1")),
            "en": dice.choice(("none", "B1")),
        },
        interpreter=_often(dice, 30),
        contact_genders=frozenset({"f"}) if _often(dice, 20) else frozenset(),
        must_haves=frozenset(dice.sample((*OFFERS, "step_free"), 1)) if _often(dice, 40) else frozenset(),
        wishes=frozenset(dice.sample(OFFERS, dice.randint(0, 3))),
        urgency=dice.choice((0, 0, 0, 1, 3)),
        **_somewhere(dice),
    )


class Arcs:
    """The possible pairs of a pool with their worth, as any solver takes them."""

    def __init__(self, inputs: Inputs) -> None:
        self.pool = encode(inputs.households, inputs.units, inputs.rules)
        found = find(self.pool)
        self.households, self.units = found.households, found.units
        self.worth = inputs.rules.base + points_of(self.pool, self.households, self.units).score
        self.places = np.array([unit.free for unit in inputs.units], dtype=np.int64)


def bare_flow(arcs: Arcs) -> int:
    """Return the optimum as OR-tools alone finds it: arcs in, sum out, no checks, prices or proof."""
    n_households, n_units = arcs.pool.n_households, arcs.pool.n_units
    sink = n_households + n_units
    tails = np.concatenate([arcs.households, np.arange(sink)]).astype(np.int32)
    heads = np.concatenate([n_households + arcs.units, np.full(sink, sink)]).astype(np.int32)
    limits = np.concatenate([np.ones(len(arcs.units) + n_households, dtype=np.int64), arcs.places])
    costs = np.concatenate([-arcs.worth, np.zeros(sink, dtype=np.int64)])
    supplies = np.concatenate([np.ones(n_households), np.zeros(n_units), [-n_households]]).astype(np.int64)
    flow = SimpleMinCostFlow()
    flow.add_arcs_with_capacity_and_unit_cost(tails, heads, limits, costs)
    flow.set_nodes_supplies(np.arange(sink + 1, dtype=np.int32), supplies)
    flow.solve()
    return -int(flow.optimal_cost())


def dense(arcs: Arcs) -> int:
    """Return the optimum as SciPy finds it over a full matrix: a column per place, 0 where no pair is."""
    matrix = np.zeros((arcs.pool.n_households, arcs.pool.n_units), dtype=np.int64)
    matrix[arcs.households, arcs.units] = arcs.worth
    matrix = np.repeat(matrix, arcs.places, axis=1)
    rows, columns = linear_sum_assignment(matrix, maximize=True)
    return int(matrix[rows, columns].sum())


def best_of(times: int, work: Callable[[], Result]) -> tuple[float, Result]:
    """Return the shortest of several times in seconds, and the last result."""
    seconds, results = [], []
    for _ in range(times):
        gc.collect()
        start = time.perf_counter()
        results = [work()]
        seconds.append(time.perf_counter() - start)
    return min(seconds), results[0]


def row(name: str, ours: float, other: float, ratio: float, goal: str = "") -> None:
    """Print one line of the table; times in seconds."""
    print(f"| {name:<62} | {ours:>8.3f} | {other:>8.3f} | {ratio:>6.2f} | {goal:<18} |")


def solving(n: int) -> None:
    """`solve` with prices and proof against SciPy's dense assignment."""
    arcs = Arcs(invented_pool(1, n, n))
    n_households = arcs.pool.n_households
    ours, found = best_of(
        3, lambda: solve(arcs.households, arcs.units, arcs.worth, arcs.places, n_households=n_households)
    )
    sparse, _ = best_of(
        3,
        lambda: solve(
            arcs.households, arcs.units, arcs.worth, arcs.places, n_households=n_households, solver="scipy"
        ),
    )
    other, sum_ = best_of(1, lambda: dense(arcs))
    if not found.certified or found.objective != sum_:
        sys.exit(f"Not the optimum: {found.objective} instead of {sum_}")
    row(f"solve {n:,} x {n:,} ({len(arcs.units):,} arcs) : SciPy dense", ours, other, ours / other)
    row(f"solve {n:,} x {n:,} by OR-tools : by SciPy sparse", ours, sparse, ours / sparse)


def scoring(n_units: int, n_households: int) -> None:
    """Scores of all possible pairs by NumPy against plain Python."""
    inputs = invented_pool(2, n_units, n_households)
    arcs = Arcs(inputs)
    pairs = list(zip(arcs.households.tolist(), arcs.units.tolist(), strict=True))
    ours, columns = best_of(3, lambda: points_of(arcs.pool, arcs.households, arcs.units))
    other, reference = best_of(
        1, lambda: [points(inputs.households[h], inputs.units[u], inputs.rules).score for h, u in pairs]
    )
    if columns.score.tolist() != reference:
        sys.exit("NumPy and plain Python disagree")
    row(f"plain-Python scores : NumPy, {len(pairs):,} pairs", other, ours, other / ours, ">= 10 (V3)")


def whole_run(n_units: int, n_households: int, times: int) -> None:
    """A run from its inputs to proposals and reasons against the bare flow alone, and its memory."""
    inputs = invented_pool(3, n_units, n_households)
    arcs = Arcs(inputs)
    bare, _ = best_of(times, lambda: bare_flow(arcs))
    whole, outcome = best_of(times, lambda: run(inputs))
    if not outcome.certified:
        sys.exit("The run is not proven to be the best one")
    size = f"{n_units:,} x {n_households:,} ({outcome.possible_pairs:,} arcs)"
    row(f"whole run {size} : bare flow", whole, bare, whole / bare, "<= 2 at 10,000 (V1)")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as worker:
        before, peak = worker.submit(memory_of_a_run, n_units, n_households).result()
    print(
        f"  peak memory of a worker: {peak} MB, {before} MB of it before the run (goal: <= 400 at 10,000, V4)"
    )


def memory_of_a_run(n_units: int, n_households: int) -> tuple[int, int]:
    """Return the peak memory of this process in MB before and after a run."""
    inputs = invented_pool(3, n_units, n_households)
    before = peak_memory()
    run(inputs)
    return before, peak_memory()


def peak_memory() -> int:
    """Return the most memory this process ever held, in MB (Linux; `ru_maxrss` counts the parent's too)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--large", action="store_true", help="also a run of 10,000 units and 7,000 households"
    )
    asked = parser.parse_args()
    print(
        f"| {'what (first : second)':<62} | {'first s':>8} | {'second s':>8} | {'ratio':>6} | {'goal':<18} |"
    )
    print(f"| {'-' * 62} | {'-' * 7}: | {'-' * 7}: | {'-' * 5}: | {'-' * 18} |")
    solving(2000)
    scoring(2000, 1400)
    whole_run(2000, 1400, times=3)
    if asked.large:
        whole_run(10_000, 7_000, times=2)


if __name__ == "__main__":
    main()
