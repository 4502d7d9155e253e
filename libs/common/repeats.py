"""Repeats: what tells a repeated POST from a new one is forgotten after a month, by the leader."""

import asyncio
from datetime import timedelta

import structlog
from sqlalchemy import delete, func, select, tuple_

from libs.common.db import Database
from libs.common.tables import idempotency

log = structlog.get_logger()
# Whoever tries again does so within minutes; a month outlasts a partner's system that was away over the holidays.
REMEMBERED = timedelta(days=30)
LOOK_SECONDS = 3600.0
BATCH = 1000
_KEY = (idempotency.c.principal, idempotency.c.route, idempotency.c.key)


class Forgetting:
    """Removes the Idempotency-Keys that were first used more than a month ago, so that their table does not grow."""

    def __init__(self, database: Database) -> None:
        """It goes by the database's own time, as the keys do: a demonstration's clock forgets nothing."""
        self._database = database

    async def run(self) -> None:
        """Forget what is old enough every hour, until cancelled."""
        while True:
            forgotten = 0
            while batch := await self.step():
                forgotten += batch
            if forgotten:
                log.info("old idempotency keys forgotten", keys=forgotten)
            await asyncio.sleep(LOOK_SECONDS)

    async def step(self) -> int:
        """Forget up to a thousand, the oldest first; returns how many there were."""
        old = select(*_KEY).where(idempotency.c.at < func.clock_timestamp() - REMEMBERED).order_by(idempotency.c.at)
        async with self._database.transaction() as transaction:
            gone = await transaction.execute(delete(idempotency).where(tuple_(*_KEY).in_(old.limit(BATCH))))
        return int(gone.rowcount)  # type: ignore[attr-defined]
