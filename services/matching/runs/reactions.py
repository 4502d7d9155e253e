"""What falls due for runs: they are computed, and their result is taken over in one transaction."""

from concurrent.futures.process import BrokenProcessPool
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import insert, update
from sqlalchemy import select as select_columns
from sqlmodel import col
from uuid_utils.compat import uuid7

from libs.common.db import OpenTransaction
from libs.common.due import schedule
from libs.common.facts.matching import ProposalCreated
from libs.common.outbox import announce
from libs.common.reactions import when_due
from services.matching.households.model import Household, HouseholdState
from services.matching.mentor_groups.model import PREPARED, MentorGroup
from services.matching.mentors.model import AVAILABLE, Mentor
from services.matching.profiles.queries import among, locked
from services.matching.proposals.model import Proposal, ProposalState
from services.matching.runs.fairness import counted, shown
from services.matching.runs.model import Run, RunPair, RunPool, RunState, Unserved
from services.matching.runs.queries import ROWS_AT_ONCE, load_pool
from services.matching.runs.worker import WORKER, PlainOutcome, PlainPool, Stopped

log = structlog.get_logger()
Failure = tuple[str, list[str] | None]
SIDES = ("household_id", "unit_id")
PAIR = ("region", "household_id", "unit_id", "score", "worth", "unit_price", "pinned", "points")


@when_due("run")
async def compute_run(transaction: OpenTransaction, run_id: UUID) -> None:
    """First say that the run has begun; then, in a second transaction, compute it and take its result over.

    Whatever ends this service in the second one, the run is found running and the work still due, and is computed
    again from the pool as it is then. The run is locked at the end only: meanwhile somebody may cancel it.
    """
    run = await transaction.get_one(Run, run_id)
    if run.state is RunState.WAITING:
        run = await locked(transaction, Run, run_id)
        if run.state is RunState.WAITING:
            run.begin()
            await schedule(transaction, "run", run.id, transaction.clock.now())
        return
    if run.state is not RunState.RUNNING:
        return
    pool = await load_pool(transaction, run)
    found, failure = await _computed(run_id, pool)
    run = await locked(transaction, Run, run_id)
    if run.state is not RunState.RUNNING:
        return
    run.today, run.households, run.units = pool["today"], len(pool["households"]), len(pool["units"])
    if failure:
        run.fail(*failure, now=transaction.clock.now())
    elif found:
        await take_over(transaction, run, pool, found)


async def _computed(run_id: UUID, pool: PlainPool) -> tuple[PlainOutcome | None, Failure | None]:
    """What was found, or why nothing was: the process ended twice, a pair cannot be pinned, or the pool is none."""
    try:
        return await WORKER.compute(run_id, pool), None
    except Stopped:
        return None, None
    except (RuntimeError, ValueError) as raised:
        log.warning("a run could not be computed", run=str(run_id), kind=type(raised).__name__)
        if isinstance(raised, BrokenProcessPool):
            return None, ("worker_ended", None)
        # Told by the process, which alone knows the class.
        pair, codes = getattr(raised, "pair", None), getattr(raised, "codes", ())
        return None, ("not_to_be_pinned", [*map(str, pair), *codes]) if pair else ("not_computable", None)


async def take_over(transaction: OpenTransaction, run: Run, pool: PlainPool, found: PlainOutcome) -> None:
    """Keep what was found; unless it was simulated, pairs that are still to be had are proposed, the others counted.

    What was found about a household that waits no more is left out: it may have been erased while the run computed. So
    is a pair of which a side was changed meanwhile: what was found of it may no longer hold.
    """
    answered = [*found["proposals"], *found["unserved"]]
    seen = [{str(row["id"]): row["version"] for row in pool[side]} for side in ("households", "units")]
    households, versions = await _still_waiting(transaction, [one["household_id"] for one in answered])
    mentors, groups = await _still_there(transaction, [one["unit_id"] for one in found["proposals"]])
    versions |= mentors | groups
    kept = [one | {"region": households[one["household_id"]]} for one in found["proposals"]
            if all(versions.get(one[side]) == was[str(one[side])] for side, was in zip(SIDES, seen, strict=True))]
    run.finish(found["run"] | {"proposed": 0 if run.simulated else len(kept),
                               "dropped": len(found["proposals"]) - len(kept)}, transaction.clock.now())
    run.weights = {name: value for name, value in pool["weights"].items() if name != "weights_version"}
    run.fairness = shown(counted(pool["households"], {one["household_id"] for one in kept}, pool["today"]))
    transaction.add(RunPool(id=run.id, region=run.region, households=seen[0], units=seen[1]))
    await transaction.flush()
    await _keep_rows(transaction, RunPair, [
        {name: one[name] for name in PAIR} | {"run_id": run.id} for one in kept])
    await _keep_rows(transaction, Unserved, [
        one | {"run_id": run.id, "region": households[one["household_id"]]}
        for one in found["unserved"] if one["household_id"] in households])
    if not run.simulated:
        await _propose(transaction, run, kept, set(mentors))


async def _propose(transaction: OpenTransaction, run: Run, kept: list[dict[str, Any]], mentors: set[UUID]) -> None:
    rows = []
    for one in kept:
        unit_id = one.pop("unit_id")
        del one["pinned"]
        rows.append(one | {
            "id": uuid7(), "version": 1, "run_id": run.id, "programme_id": run.programme_id,
            "state": ProposalState.PROPOSED, "mentor_id": unit_id if unit_id in mentors else None,
            "mentor_group_id": None if unit_id in mentors else unit_id})
    await _keep(transaction, rows)


async def _keep(transaction: OpenTransaction, rows: list[dict[str, Any]]) -> None:
    """A part at a time: others have their turn in between, however many there are."""
    for start in range(0, len(rows), ROWS_AT_ONCE):
        await _keep_some(transaction, rows[start : start + ROWS_AT_ONCE])


async def _keep_some(transaction: OpenTransaction, rows: list[dict[str, Any]]) -> None:
    await transaction.execute(insert(Proposal), rows)
    await transaction.execute(
        update(Household).where(among(Household.id, [row["household_id"] for row in rows]))
        .values(state=HouseholdState.PROPOSED, version=Household.version + 1)
        .execution_options(synchronize_session=False))
    for row in rows:
        announce(transaction, ProposalCreated(
            proposal_id=row["id"], region=row["region"], household_id=row["household_id"],
            mentor_id=row["mentor_id"], mentor_group_id=row["mentor_group_id"]))


async def _keep_rows(transaction: OpenTransaction, kind: Any, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), ROWS_AT_ONCE):
        await transaction.execute(insert(kind), [
            {"id": uuid7(), "version": 1} | row for row in rows[start : start + ROWS_AT_ONCE]])


async def _still_waiting(
    transaction: OpenTransaction, ids: list[UUID],
) -> tuple[dict[UUID, str], dict[UUID, int]]:
    """The regions, and the versions, of those households that wait as before, locked by id."""
    found = (await transaction.execute(
        select_columns(col(Household.id), col(Household.region), col(Household.version))
        .where(among(Household.id, ids), col(Household.state) == HouseholdState.WAITING)
        .order_by(col(Household.id)).with_for_update())).all()
    return {row.id: row.region for row in found}, {row.id: row.version for row in found}


async def _still_there(transaction: OpenTransaction, ids: list[UUID]) -> tuple[dict[UUID, int], dict[UUID, int]]:
    """The versions of those mentors, and of those groups, that are to be had as before, locked by id."""
    mentors = select_columns(col(Mentor.id), col(Mentor.version)).where(
        among(Mentor.id, ids), col(Mentor.state).in_(AVAILABLE))
    groups = select_columns(col(MentorGroup.id), col(MentorGroup.version)).where(
        among(MentorGroup.id, ids), col(MentorGroup.state).in_(PREPARED))
    return (dict((await transaction.execute(mentors.order_by(col(Mentor.id)).with_for_update())).all()),
            dict((await transaction.execute(groups.order_by(col(MentorGroup.id)).with_for_update())).all()))
