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
from services.matching.runs.model import Run, RunState, Unserved
from services.matching.runs.queries import ROWS_AT_ONCE, load_pool
from services.matching.runs.worker import WORKER, PlainOutcome

log = structlog.get_logger()


@when_due("run")
async def compute_run(transaction: OpenTransaction, run_id: UUID) -> None:
    """First say that the run has begun; then, in a second transaction, compute it and take its result over.

    Whatever ends this service in the second one, the run is found running and the work still due, and is computed
    again from the pool as it is then.
    """
    run = await locked(transaction, Run, run_id)
    if run.state is RunState.WAITING:
        run.begin()
        await schedule(transaction, "run", run.id, transaction.clock.now())
        return
    if run.state is not RunState.RUNNING:
        return
    pool = await load_pool(transaction, run)
    run.today, run.households, run.units = pool["today"], len(pool["households"]), len(pool["units"])
    try:
        found = await WORKER.compute(pool)
    except (RuntimeError, ValueError) as raised:
        log.warning("a run could not be computed", run=str(run.id), kind=type(raised).__name__)
        ended = isinstance(raised, BrokenProcessPool)
        run.fail("worker_ended" if ended else "not_computable", transaction.clock.now())
        return
    await take_over(transaction, run, found)


async def take_over(transaction: OpenTransaction, run: Run, found: PlainOutcome) -> None:
    """Keep proposals and the households without one; a pair that is no longer to be had is left out and counted.

    So is what was found about a household that waits no more: it may have been erased while the run computed.
    """
    answered = [*found["proposals"], *found["unserved"]]
    households = await _still_waiting(transaction, [one["household_id"] for one in answered])
    mentors, groups = await _still_there(transaction, [one["unit_id"] for one in found["proposals"]])
    rows = []
    for one in found["proposals"]:
        unit_id = one.pop("unit_id")
        if one["household_id"] in households and unit_id in mentors | groups:
            rows.append(one | {
                "id": uuid7(), "version": 1, "run_id": run.id, "region": households[one["household_id"]],
                "programme_id": run.programme_id, "state": ProposalState.PROPOSED,
                "mentor_id": unit_id if unit_id in mentors else None,
                "mentor_group_id": unit_id if unit_id in groups else None})
    run.finish(found["run"] | {"proposed": len(rows), "dropped": len(found["proposals"]) - len(rows)},
               transaction.clock.now())
    await transaction.flush()
    await _keep(transaction, rows)
    await _keep_unserved(transaction, run, found["unserved"], households)


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


async def _keep_unserved(
    transaction: OpenTransaction, run: Run, unserved: list[dict[str, Any]], regions: dict[UUID, str],
) -> None:
    rows = [one | {"id": uuid7(), "version": 1, "run_id": run.id, "region": regions[one["household_id"]]}
            for one in unserved if one["household_id"] in regions]
    for start in range(0, len(rows), ROWS_AT_ONCE):
        await transaction.execute(insert(Unserved), rows[start : start + ROWS_AT_ONCE])


async def _still_waiting(transaction: OpenTransaction, ids: list[UUID]) -> dict[UUID, str]:
    """The regions of those households that wait as before, locked by id."""
    rows = await transaction.execute(
        select_columns(col(Household.id), col(Household.region))
        .where(among(Household.id, ids), col(Household.state) == HouseholdState.WAITING)
        .order_by(col(Household.id)).with_for_update())
    return dict(rows.all())


async def _still_there(transaction: OpenTransaction, ids: list[UUID]) -> tuple[set[UUID], set[UUID]]:
    """Those mentors, and those groups, that are to be had as before, locked by id."""
    mentors = select_columns(col(Mentor.id)).where(among(Mentor.id, ids), col(Mentor.state).in_(AVAILABLE))
    groups = select_columns(col(MentorGroup.id)).where(
        among(MentorGroup.id, ids), col(MentorGroup.state).in_(PREPARED))
    return (set(await transaction.scalars(mentors.order_by(col(Mentor.id)).with_for_update())),
            set(await transaction.scalars(groups.order_by(col(MentorGroup.id)).with_for_update())))
