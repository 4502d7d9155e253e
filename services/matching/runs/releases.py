"""Which of a run's figures of fairness those are told who may read no household: the rest is told as of an earlier run.

Whoever holds one run's figures against another's of the same region, a simulated one's too, could learn of the one
household that came, or was served, in between. So a dimension is told anew only if each of its counts is, compared with
every time that it was told before, the same or other by five at least. Not guarded against: runs of a region and of a
part of it, and what is told more than three months later.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from libs.common.db import OpenTransaction
from services.matching.profiles.queries import among
from services.matching.runs.model import Run, RunState
from services.matching.suppression.rules import LEAST

REMEMBERED = timedelta(days=92)
Row = Mapping[str, Any]
Counts = Mapping[str, tuple[int | None, ...]]


def told_anew(rows: Iterable[Row], before: Iterable[Iterable[Row]]) -> set[str]:
    """The dimensions of a run's figures (as `fairness.shown` gives them) that may be told beside all told before."""
    now, earlier = _by_dimension(rows), [_by_dimension(some) for some in before]
    return {dimension for dimension, counts in now.items()
            if not any(_tells_of_few(counts, told[dimension]) for told in earlier if dimension in told)}


def _by_dimension(rows: Iterable[Row]) -> dict[str, dict[str, tuple[int | None, ...]]]:
    """By dimension and value: how many waited, how many of them were served, and how many were not."""
    found: dict[str, dict[str, tuple[int | None, ...]]] = defaultdict(dict)
    for row in rows:
        waited, served = row["waited"], row["served"]
        left = None if waited is None or served is None else waited - served
        found[row["dimension"]][row["value"]] = (waited, served, left)
    return found


def _tells_of_few(one: Counts, other: Counts) -> bool:
    nobody = (0, 0, 0)
    return any(_near(*pair) for value in one.keys() | other.keys()
               for pair in zip(one.get(value, nobody), other.get(value, nobody), strict=True))


def _near(one: int | None, other: int | None) -> bool:
    """Whether they differ by few; what is hidden is taken for few, which it mostly is."""
    if one is None and other is None:
        return False
    if one is None or other is None:
        return (one or 0) + (other or 0) < LEAST - 1 + LEAST
    return 0 < abs(one - other) < LEAST


async def released(transaction: OpenTransaction, run: Run) -> dict[str, str]:
    """By dimension the run as of which a run's figures, which has just been finished, are told."""
    query = select(Run).where(
        Run.programme_id == run.programme_id, Run.region == run.region, Run.state == RunState.DONE, Run.id != run.id,
        col(Run.released).is_not(None), col(Run.finished_at) > transaction.clock.now() - REMEMBERED,
    ).order_by(col(Run.finished_at), col(Run.id))
    last: dict[str, str] = {}
    told = []
    for earlier in await transaction.scalars(query):
        own = [row for row in earlier.fairness if (earlier.released or {}).get(row["dimension"]) == str(earlier.id)]
        told.append(own)
        last |= {row["dimension"]: str(earlier.id) for row in own}
    return last | dict.fromkeys(told_anew(run.fairness, told), str(run.id))


async def figures(transaction: OpenTransaction, run: Run) -> list[dict[str, Any]]:
    """A run's figures as they are told to who may read no household: each row with the run as of which it is."""
    as_of = run.released or {}
    runs = await transaction.scalars(select(Run).where(among(Run.id, map(UUID, {*as_of.values()}))))
    rows = [row | {"as_of_run": one.id} for one in runs for row in one.fairness
            if as_of.get(row["dimension"]) == str(one.id)]
    return sorted(rows, key=lambda row: (row["dimension"], row["value"]))
