"""How fast the computing core of matching is: `python -m benchmarks.matching_core [--large] [--country] [--file N]`.

Every ratio is of two things measured in the same run, so that it means the same on any machine. The pools are
invented: people around the towns of a region, clustered as towns are, a few languages each, mostly one place.
"""

import argparse
import random
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import typer
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow  # type: ignore[import-untyped]
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

from benchmarks.matching_goals import by_persons, rules_kept, small_instances
from benchmarks.matching_peers import deferred_acceptance, greedy, hungarian
from benchmarks.measuring import (
    MOST_MEMORY,
    MOST_OF_A_COUNTRY,
    best_of,
    exit_by_goals,
    judge,
    peak_memory,
    row,
)
from deploy.local.matching_cli import match
from services.matching.runs.assignment import solve
from services.matching.runs.batch import Inputs, Sides, run
from services.matching.runs.candidates import find
from services.matching.runs.encoding import encode, encode_sides
from services.matching.runs.points import points
from services.matching.runs.pool import Rules
from services.matching.runs.scoring import points_of
from services.matching.runs.standing import Standing
from services.matching.runs.steps import Step
from services.matching.runs.what_if_file import written
from services.matching.simulation.people import TODAY, invented_household, invented_unit


def invented_pool(seed: int, n_units: int, n_households: int) -> Inputs:
    """Return the inputs of a run over invented people; the same seed gives the same."""
    dice = random.Random(seed)  # noqa: S311 - invented people, no secrets
    return Inputs(
        households=tuple(invented_household(dice) for _ in range(n_households)),
        units=tuple(invented_unit(dice) for _ in range(n_units)),
        rules=Rules(),
        today=TODAY,
    )


class Arcs:
    """The possible pairs of a pool with their worth, as any solver takes them."""

    def __init__(self, inputs: Inputs | Sides) -> None:
        if isinstance(inputs, Inputs):
            self.pool = encode(inputs.households, inputs.units, inputs.rules)
        else:
            self.pool = encode_sides(inputs.households, inputs.units, inputs.rules)
        found = find(self.pool)
        self.households, self.units = found.households, found.units
        self.worth = inputs.rules.base + points_of(self.pool, self.households, self.units).score
        self.places = self.pool.units.free


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


def peers(n_units: int, n_households: int) -> None:
    """The sums that others reach over the same pairs, as shares of the optimum, and the time they take."""
    arcs = Arcs(invented_pool(4, n_units, n_households))
    pairs = (arcs.households, arcs.units, arcs.worth, arcs.places)
    ours, found = best_of(1, lambda: solve(*pairs, n_households=arcs.pool.n_households))
    for name, other in (("one after the other", greedy), ("deferred acceptance", deferred_acceptance)):
        took, sum_ = best_of(1, partial(other, *pairs))
        row(f"optimum : {name}, {n_units:,} x {n_households:,}; share of the sum", ours, took, sum_ / found.objective)


def hungarian_peer(n_units: int, n_households: int) -> None:
    """The same sum by the Hungarian method in plain Python over a full table, at a size that it can bear."""
    arcs = Arcs(invented_pool(6, n_units, n_households))
    pairs = (arcs.households, arcs.units, arcs.worth, arcs.places)
    ours, found = best_of(3, lambda: solve(*pairs, n_households=arcs.pool.n_households))
    took, sum_ = best_of(1, lambda: hungarian(*pairs))
    if found.objective != sum_:
        sys.exit(f"Not the same sum: {found.objective} instead of {sum_}")
    row(f"Hungarian method, plain Python {n_units:,} x {n_households:,} : solve; same sum", took, ours, took / ours)


def joining(n_units: int, n_households: int, joined: int) -> None:
    """One household more: an augmenting path against solving all anew."""
    arcs = Arcs(invented_pool(5, n_units, n_households + joined))
    first = arcs.households < n_households
    standing = Standing(arcs.households[first], arcs.units[first], arcs.worth[first], arcs.places,
                        n_households=n_households)
    starts = np.searchsorted(arcs.households, np.arange(n_households, n_households + joined + 1))
    options = [(arcs.units[a:b], arcs.worth[a:b]) for a, b in pairwise(starts.tolist())]
    began = time.perf_counter()
    for units, worth in options:
        standing.add_household(units, worth)
    each = (time.perf_counter() - began) / joined
    whole, found = best_of(1, lambda: solve(
        arcs.households, arcs.units, arcs.worth, arcs.places, n_households=n_households + joined))
    if standing.objective != found.objective:
        sys.exit("Joined one by one it is not the optimum")
    print(f"  one household joins {n_units:,} x {n_households:,}: {each * 1000:.2f} ms,"
          f" all solved anew: {whole * 1000:,.0f} ms")


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
    judge("V3", reached=other >= 10 * ours)


def whole_run(n_units: int, n_households: int, times: int) -> None:
    """A run from its inputs to proposals and reasons against the bare flow alone, and its memory."""
    inputs = invented_pool(3, n_units, n_households)
    arcs = Arcs(inputs)
    # In turns, so that both have the machine's good and bad moments.
    turns = [(best_of(1, lambda: bare_flow(arcs)), best_of(1, lambda: run(inputs))) for _ in range(times)]
    bare, whole = (min(turn[which][0] for turn in turns) for which in (0, 1))
    outcome = turns[-1][1][1]
    if not outcome.certified:
        sys.exit("The run is not proven to be the best one")
    size = f"{n_units:,} x {n_households:,} ({outcome.possible_pairs:,} arcs)"
    row(f"whole run {size} : bare flow", whole, bare, whole / bare)
    rules_kept(inputs, outcome, whole)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as worker:
        before, peak = worker.submit(memory_of_a_run, n_units, n_households).result()
    print(
        f"  peak memory of a worker: {peak} MB, {before} MB of it before the run (goal: <= 400 at 10,000, V4)"
    )
    judge("V4 at 10,000", reached=peak <= MOST_MEMORY)


def counting_persons(n_units: int, n_households: int) -> None:
    """A run over a pool whose units have places for as many persons as their largest household has."""
    pool = invented_pool(7, n_units, n_households)
    units = tuple(replace(each, free=each.largest) for each in pool.units)
    inputs = replace(pool, units=units, rules=Rules(capacity_in="persons"))
    arcs = Arcs(inputs.sides())
    by_persons(inputs, arcs.households, arcs.units, arcs.worth)


def memory_of_a_run(n_units: int, n_households: int) -> tuple[int, int]:
    """Return the peak memory of this process in MB before and after a run."""
    inputs = invented_pool(3, n_units, n_households)
    before = peak_memory()
    run(inputs)
    return before, peak_memory()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--large", action="store_true", help="also a run of 10,000 units and 7,000 households"
    )
    parser.add_argument("--country", action="store_true", help="also one of 100,000 and 70,000, in some minutes")
    parser.add_argument("--file", type=int, metavar="UNITS",
                        help="`lotse match --json` of a file with so many units and 0.7 times as many households")
    asked = parser.parse_args()
    print(
        f"| {'what (first : second)':<62} | {'first s':>8} | {'second s':>8} | {'ratio':>6} | {'goal':<18} |"
    )
    print(f"| {'-' * 62} | {'-' * 7}: | {'-' * 7}: | {'-' * 5}: | {'-' * 18} |")
    small_instances(300, persons=False)
    small_instances(300, persons=True)
    counting_persons(1000, 700)
    solving(2000)
    hungarian_peer(200, 200)
    scoring(2000, 1400)
    whole_run(2000, 1400, times=3)
    if asked.large:
        peers(10_000, 7_000)
        joining(10_000, 7_000, joined=100)
        whole_run(10_000, 7_000, times=4)
    if asked.country:
        country()
    if asked.file:
        from_file(asked.file, asked.file * 7 // 10)
    exit_by_goals()


def country() -> None:
    """A run of the size of a country, in a process of its own; it tells what it is doing."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as worker:
        began = time.perf_counter()
        pairs, certified, peak = worker.submit(run_of_a_country).result()
    print(f"  100,000 x 70,000, {pairs:,} possible pairs: {time.perf_counter() - began:.0f} s, peak memory {peak} MB"
          f" (goal: <= 1,024), proven best: {certified}")
    judge("Q1, V4 of a country", reached=certified and peak <= MOST_OF_A_COUNTRY)


def run_of_a_country() -> tuple[int, bool, int]:
    """Return possible pairs, whether it is proven best, and the peak memory in MB."""
    began = time.perf_counter()

    def tell(step: Step, count: int) -> None:
        print(f"  {time.perf_counter() - began:6.1f} s {peak_memory():5} MB  {step} {count:,}", flush=True)

    outcome = run(invented_pool(3, 100_000, 70_000), tell=tell)
    return outcome.possible_pairs, outcome.certified, peak_memory()


def from_file(n_units: int, n_households: int) -> None:
    """The command over a file, which writes all it found into another one; each step in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "people.json"
        with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as worker:
            read = worker.submit(file_of_a_pool, file, n_units, n_households).result()
            began = time.perf_counter()
            told, peak = worker.submit(match_of_a_file, file).result()
    print(f"  a file of {n_units:,} x {n_households:,}, {read} MB, {told} MB told: {time.perf_counter() - began:.0f} s,"
          f" peak memory {peak} MB (goal: <= 1,024 at 100,000 x 70,000, V4)")
    judge("V4 of a file", reached=peak <= MOST_OF_A_COUNTRY)


def file_of_a_pool(file: Path, n_units: int, n_households: int) -> int:
    """Write an invented pool; returns the file's size in MB."""
    with file.open("w", encoding="utf-8") as opened:
        opened.writelines(written(invented_pool(3, n_units, n_households).sides()))
    return file.stat().st_size >> 20


def match_of_a_file(file: Path) -> tuple[int, int]:
    """`lotse match FILE --json …`: the size of what it wrote, and the peak memory, in MB."""
    outcome = file.with_name("outcome.json")
    try:
        match(file, written=outcome)
    except typer.Exit as ended:
        if ended.exit_code:
            sys.exit("Not proven best")
    return outcome.stat().st_size >> 20, peak_memory()


if __name__ == "__main__":
    main()
