"""Facts that failed: tried again with growing pauses, then parked with their aggregate until someone decides."""

import asyncio
from typing import Any

import structlog
from sqlalchemy import Row, delete, func, select, text, update

from libs.common.clock import real_now
from libs.common.db import Database, OpenTransaction, is_transient
from libs.common.envelope import Heard
from libs.common.inbox import Inbox, counted, is_unreadable
from libs.common.logs import describe
from libs.common.tables import waiting

log = structlog.get_logger()
TRIES = 5
FIRST_PAUSE_SECONDS = 0.5
GROWTH = 4
AWAY_PAUSE_SECONDS = 3.0
POLL_SECONDS = 0.25

FIRST_OF_EACH = text("""
SELECT id FROM (
    SELECT DISTINCT ON (speaker, about) id, next_try_at, parked_at FROM waiting ORDER BY speaker, about, id
) AS first WHERE parked_at IS NULL AND next_try_at <= clock_timestamp() ORDER BY id LIMIT 100
""")


class Waiting:
    """Works off the facts that wait, of each aggregate only the first."""

    def __init__(self, database: Database, inbox: Inbox) -> None:
        """The inbox knows the reactions."""
        self._database = database
        self._inbox = inbox

    async def run(self) -> None:
        """Try what is due, until cancelled."""
        while True:
            while await self.step():
                pass
            await asyncio.sleep(POLL_SECONDS)

    async def step(self) -> bool:
        """Try the first fact of each aggregate whose pause is over; returns whether any of them succeeded."""
        async with self._database.transaction() as transaction:
            ids = list(await transaction.scalars(FIRST_OF_EACH))
        return any([await self._try(one) for one in ids])

    async def _try(self, waiting_id: int) -> bool:
        try:
            async with self._database.transaction() as transaction:
                row = await _locked(transaction, waiting_id)
                if row is None:
                    return False
                await self._inbox.react(transaction, _as_heard(row))
                await transaction.execute(delete(waiting).where(waiting.c.id == waiting_id))
        except Exception as raised:
            if is_transient(raised):
                raise
            await self._failed(waiting_id, raised)
            return False
        return True

    async def _failed(self, waiting_id: int, raised: BaseException) -> None:
        async with self._database.transaction() as transaction:
            row = await _locked(transaction, waiting_id)
            if row is None:
                return
            attempts = TRIES if is_unreadable(raised) else row.attempts + counted(raised)
            pause = FIRST_PAUSE_SECONDS * GROWTH ** (attempts - 1) if counted(raised) else AWAY_PAUSE_SECONDS
            parked = real_now() if attempts >= TRIES else None
            await transaction.execute(update(waiting).where(waiting.c.id == waiting_id).values(
                attempts=attempts, parked_at=parked, raised=describe(raised),
                next_try_at=func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, pause),
            ))
        if parked:
            log.error("parked a fact with its aggregate", waiting=waiting_id, subject=row.subject, about=row.about)


async def _locked(transaction: OpenTransaction, waiting_id: int) -> Row[Any] | None:
    query = select(waiting).where(waiting.c.id == waiting_id).with_for_update(skip_locked=True)
    return (await transaction.execute(query)).one_or_none()


def _as_heard(row: Any) -> Heard:
    return Heard(row.speaker, row.number, row.fact_id, row.subject, row.about, row.headers, row.body)
