"""Instances that others published, with the optimum that they told."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.matching.runs.assignment import solve

SOLVERS = ("ortools", "scipy")
ASSIGN_100 = Path(__file__).parent / "published" / "assign100.txt"


def least_cost(costs: NDArray[np.int64], solver: Any) -> int:
    """What everybody's one task costs together; proven."""
    size, dear = len(costs), int(costs.max()) + 1
    persons, tasks = np.divmod(np.arange(costs.size), size)
    found = solve(persons, tasks, dear - costs.ravel(), np.ones(size, dtype=np.int64), n_households=size, solver=solver)
    assert found.certified
    assert len(found.pairs) == size
    assert found.objective == found.bound
    return size * dear - found.objective


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_or_library_s_instance_has_its_published_optimum(solver: str) -> None:
    """The assignment problem of 100 persons and 100 tasks (published/README.md)."""
    size, *costs = map(int, ASSIGN_100.read_text().split())

    assert least_cost(np.array(costs).reshape(size, size), solver) == 305


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_hard_instance_has_the_optimum_that_is_known(solver: str) -> None:
    """A person i and a task j cost i times j: hard for methods that look for shortest paths, and known by hand.

    R. E. Machol and M. Wien, A "hard" assignment problem, Operations Research 24 (1976) 190-192. The greatest number
    with the smallest is least (rearrangement): n (n + 1) (n + 2) / 6.
    """
    size = 150
    numbers = np.arange(1, size + 1)

    assert least_cost(np.multiply.outer(numbers, numbers), solver) == size * (size + 1) * (size + 2) // 6
