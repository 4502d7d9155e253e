"""Beside a run that is being computed: how far it is gets written down, and one that is cancelled is stopped."""

import asyncio

from sqlalchemy import update
from sqlmodel import col

from libs.common.leader import Work
from libs.common.service import Running
from services.matching.runs.model import Run, RunState
from services.matching.runs.worker import WORKER

LOOK_SECONDS = 1.0


def watch_runs(running: Running) -> Work:
    """The leader's work: look every second after the run that is being computed here."""
    async def watch() -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if WORKER.computing is not None:
                await _look(running)

    return watch


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
