"""Beside what is computed: how far a run is gets written down, a cancelled one stops, old changes are forgotten."""

import asyncio

from sqlalchemy import delete, func, update
from sqlmodel import col

from libs.common.leader import Work
from libs.common.service import Running
from services.matching.options.model import CHANGES_KEPT, UnitChange
from services.matching.runs.model import Run, RunState
from services.matching.runs.worker import WORKER

LOOK_SECONDS, FORGET_SECONDS = 1.0, 3600.0


def watch_runs(running: Running) -> Work:
    """The leader's work: look every second after the run that is being computed here."""
    async def watch() -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if WORKER.computing is not None:
                await _look(running)

    return watch


def forget_changes(running: Running) -> Work:
    """The leader's work: delete once an hour which units changed when, as soon as every pool in memory knows of it."""
    async def forget() -> None:
        while True:
            async with running.database.transaction() as transaction:
                await transaction.execute(delete(UnitChange).where(col(UnitChange.at) < func.now() - CHANGES_KEPT))
            await asyncio.sleep(FORGET_SECONDS)

    return forget


async def _look(running: Running) -> None:
    """Write down how far it is; nothing is written any more once it is cancelled: then it is stopped."""
    run_id = WORKER.computing
    step, count = WORKER.step()
    async with running.database.transaction() as transaction:
        changed = await transaction.execute(
            update(Run).where(col(Run.id) == run_id, col(Run.state) == RunState.RUNNING)
            .values(step=step, step_count=count).execution_options(synchronize_session=False))
    if not changed.rowcount and WORKER.computing == run_id:  # type: ignore[attr-defined]
        WORKER.stop()
