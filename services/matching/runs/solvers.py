"""Which pairs a best assignment takes: a min-cost flow by OR-tools, or shortest augmenting paths by SciPy."""

import importlib
from typing import Any, Literal

import numpy as np

from services.matching.runs.certificate import Arcs, Bools

Solver = Literal["auto", "ortools", "scipy"]


def choose(arcs: Arcs, solver: Solver) -> tuple[Bools, str]:
    """Return which arcs (bool[k]) a best assignment takes, and the solver's name and version."""
    if solver not in ("auto", "ortools", "scipy"):
        raise ValueError(f"solver: {solver!r} is not one of 'auto', 'ortools', 'scipy'")
    if solver != "scipy":
        try:
            flow = importlib.import_module("ortools.graph.python.min_cost_flow")
        except ImportError:
            if solver == "ortools":
                raise
        else:
            return _by_flow(arcs, flow), f"ortools {importlib.import_module('ortools').__version__}"
    return _by_paths(arcs), f"scipy {importlib.import_module('scipy').__version__}"


def _by_flow(arcs: Arcs, module: Any) -> Bools:
    """Min-cost flow: household -> unit -> sink, and household -> sink for nothing: no one is forced."""
    n_households, n_units = arcs.n_households, arcs.n_units
    sink = n_households + n_units
    everyone, every_unit = np.arange(n_households), n_households + np.arange(n_units)
    tails = np.concatenate([arcs.households, everyone, every_unit]).astype(np.int32)
    heads = np.concatenate([n_households + arcs.units, np.full(sink, sink)]).astype(np.int32)
    ones = np.ones(len(arcs.units) + n_households, dtype=np.int64)
    limits = np.concatenate([ones, np.minimum(arcs.capacities, n_households)])
    costs = np.concatenate([-arcs.scores, np.zeros(n_households + n_units, dtype=np.int64)])
    flow = module.SimpleMinCostFlow()
    numbers = flow.add_arcs_with_capacity_and_unit_cost(tails, heads, limits, costs)
    supplies = np.concatenate([np.ones(n_households), np.zeros(n_units), [-n_households]]).astype(np.int64)
    flow.set_nodes_supplies(np.arange(sink + 1, dtype=np.int32), supplies)
    status = flow.solve()
    if status != flow.OPTIMAL:
        raise RuntimeError(f"The min-cost flow ended with {status}, which a checked problem cannot.")
    chosen: Bools = np.asarray(flow.flows(numbers[: len(arcs.units)])) > 0
    return chosen


def _by_paths(arcs: Arcs) -> Bools:
    """SciPy: shortest augmenting paths; a unit has a column per place, and each household one of its own."""
    places = np.minimum(arcs.capacities, np.bincount(arcs.units, minlength=arcs.n_units))
    first = np.cumsum(places) - places
    repeats = places[arcs.units]
    ends = np.cumsum(repeats)
    arc = np.repeat(np.arange(len(repeats)), repeats)
    column = np.arange(len(arc)) + np.repeat(first[arcs.units] - (ends - repeats), repeats)
    total = int(places.sum())
    # The costs are positive, since SciPy takes a stored 0 for a missing arc. Staying without is worth 0.
    dearest = int(arcs.scores.max(initial=0)) + 1
    everyone = np.arange(arcs.n_households)
    rows = np.concatenate([arcs.households[arc], everyone])
    columns = np.concatenate([column, total + everyone])
    costs = np.concatenate([dearest - arcs.scores[arc], np.full(arcs.n_households, dearest)])
    sparse, csgraph = (importlib.import_module(f"scipy.sparse{name}") for name in ("", ".csgraph"))
    shape = (arcs.n_households, total + arcs.n_households)
    graph = sparse.csr_matrix((costs.astype(np.float64), (rows, columns)), shape=shape)
    chosen = np.zeros(len(arcs.units), dtype=np.bool_)
    if not arcs.n_households:
        return chosen
    row, taken = csgraph.min_weight_full_bipartite_matching(graph)
    unit = np.repeat(np.arange(arcs.n_units), places)
    real = taken < total
    place = arcs.households * arcs.n_units + arcs.units
    chosen[np.searchsorted(place, row[real] * arcs.n_units + unit[taken[real]])] = True
    return chosen
