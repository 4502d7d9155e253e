"""The verb `rebuild`: what a service holds of others is made anew from the outboxes, by itself and while it runs."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from sqlalchemy import select

from libs.common.copies import NOBODY, REBUILD
from libs.common.db import Database
from libs.common.due import schedule
from libs.common.service import own_database
from libs.common.settings import CommonSettings
from libs.common.tables import due

WAIT_SECONDS = 60.0
LOOK_SECONDS = 0.2


class NotThrough(RuntimeError):
    """The service has not rebuilt itself within a minute; it goes on by itself once it can."""


def rebuilding(service: str) -> Callable[[CommonSettings], Coroutine[Any, Any, None]]:
    """The verb of a service's image: lets the running service do it, with its own role, and says what it did."""
    async def verb(settings: CommonSettings) -> None:
        database = own_database(settings, pool=1)
        try:
            await database.connect()
            sys.stdout.write(f"{service} {await rebuild(database)}.\n")
        finally:
            await database.close()

    return verb


async def rebuild(database: Database) -> str:
    """Let the running service make its copies and figures anew, and wait for it; what it owns stays.

    NotThrough when it is not done within a minute. Returns what has happened, in words that follow the service's name.
    """
    async with database.transaction() as transaction:
        await schedule(transaction, REBUILD, NOBODY, transaction.clock.now())
    await _until_done(database)
    return "has made its copies and figures anew, from the first fact on"


async def _until_done(database: Database) -> None:
    query, raised = select(due.c.raised).where(due.c.kind == REBUILD, due.c.about == NOBODY), None
    for _ in range(round(WAIT_SECONDS / LOOK_SECONDS)):
        async with database.transaction() as transaction:
            raised = await transaction.scalar(query)
        if raised is None:
            return
        await asyncio.sleep(LOOK_SECONDS)
    raise NotThrough(f"it is not through yet: {raised or 'it has not begun'}")
