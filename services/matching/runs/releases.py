"""Which of a run's figures of fairness those are told who may read no household: the rest is told as of an earlier run.

Whoever holds one run's figures against another's of the same region, a simulated one's too, could learn of the one
household that came, or was served, in between; and of the one in the rest of a region, whose part had a run of its own.
So a dimension is told anew only if each of its counts is, compared with every time that it was told before, of the
region, a part of it or one around it, the same or other by five at least. Not guarded against: several parts that are
subtracted together, and what is told more than three months later.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import literal, or_
from sqlalchemy import select as select_columns
from sqlmodel import col

from libs.common.db import OpenTransaction
from services.matching.profiles.queries import among
from services.matching.runs.fairness import told_anew
from services.matching.runs.model import Run, RunState

REMEMBERED = timedelta(days=92)
# Of a run only what is needed: its prices alone are megabytes.
TOLD = (col(Run.id), col(Run.region), col(Run.fairness), col(Run.released))


async def released(transaction: OpenTransaction, run: Run) -> dict[str, str]:
    """By dimension the run as of which a run's figures, which has just been finished, are told."""
    query = select_columns(*TOLD).where(
        col(Run.programme_id) == run.programme_id, col(Run.state) == RunState.DONE, col(Run.id) != run.id,
        or_(col(Run.region).startswith(run.region), literal(run.region).startswith(col(Run.region))),
        col(Run.released).is_not(None), col(Run.finished_at) > transaction.clock.now() - REMEMBERED,
    ).order_by(col(Run.finished_at), col(Run.id))
    last: dict[str, str] = {}
    same, around = [], []
    for earlier, region, rows, as_of in await transaction.execute(query):
        own = [row for row in rows if as_of.get(row["dimension"]) == str(earlier)]
        if region != run.region:
            around.append(own)
            continue
        same.append(own)
        last |= {row["dimension"]: str(earlier) for row in own}
    return last | dict.fromkeys(told_anew(run.fairness, same, around), str(run.id))


async def figures(transaction: OpenTransaction, run: Run) -> list[dict[str, Any]]:
    """A run's figures as they are told to who may read no household: each row with the run as of which it is."""
    as_of = run.released or {}
    runs = await transaction.execute(select_columns(*TOLD).where(among(Run.id, map(UUID, {*as_of.values()}))))
    rows = [row | {"as_of_run": one} for one, _, told, _ in runs for row in told
            if as_of.get(row["dimension"]) == str(one)]
    return sorted(rows, key=lambda row: (row["dimension"], row["value"]))
