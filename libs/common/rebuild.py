"""What a service holds of others made anew from their outboxes, while it runs: by hearing all again, or by itself."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, text, update

from libs.common.db import Database
from libs.common.due import schedule
from libs.common.service import own_database
from libs.common.settings import CommonSettings
from libs.common.tables import due, heard, inbox, waiting

# Due work about the whole network is about nobody.
NOBODY = UUID(int=0)
WAIT_SECONDS = 60


class NotThrough(RuntimeError):
    """The service has not rebuilt itself within a minute; it goes on by itself once it can."""


def rebuilding(
    service: str, *, copies: Sequence[str] = (), kind: str = "",
) -> Callable[[CommonSettings], Coroutine[Any, Any, None]]:
    """The verb `rebuild` of a service's image: does it with the service's own role, and says what it did."""
    async def verb(settings: CommonSettings) -> None:
        database = own_database(settings, pool=1)
        try:
            await database.connect()
            sys.stdout.write(f"{service} {await rebuild(database, copies=copies, kind=kind)}.\n")
        finally:
            await database.close()

    return verb


async def rebuild(database: Database, *, copies: Sequence[str] = (), kind: str = "") -> str:
    """Drop the copies and let the service hear everything from the first fact on; what it owns stays.

    kind: where more belongs to it than emptying tables, the due work by which the running service does it itself;
    NotThrough when it is not done within a minute. Returns what has happened, in words that follow the service's name.
    """
    if kind:
        async with database.transaction() as transaction:
            await schedule(transaction, kind, NOBODY, transaction.clock.now())
        await _until_done(database, kind)
        return "has counted its figures again, from the first fact on"
    return f"hears {await hear_again(database, copies)} facts again"


async def hear_again(database: Database, copies: Sequence[str]) -> int:
    """Empty these tables and put the service's marks back to nothing; returns how many facts it had heard.

    A running service notices within a second, when it asks its speakers for what is behind its marks. What waits or
    is parked is heard in its turn too: earlier facts of its aggregate would end up behind it.
    """
    async with database.transaction() as transaction:
        # A large inbox takes longer than a request may.
        await transaction.execute(text("SET LOCAL statement_timeout = 0"))
        # First of all: whoever is hearing facts ends before this, or finds its mark moved and begins anew.
        marks = (await transaction.scalars(select(heard.c.number).order_by(heard.c.speaker).with_for_update())).all()
        await transaction.execute(delete(waiting))
        for table in copies:
            await transaction.execute(text(f'DELETE FROM "{table}"'))  # noqa: S608 - names of our own tables
        await transaction.execute(delete(inbox))
        await transaction.execute(update(heard).values(number=0))
    return sum(marks)


async def _until_done(database: Database, kind: str) -> None:
    query, raised = select(due.c.raised).where(due.c.kind == kind, due.c.about == NOBODY), None
    for _ in range(WAIT_SECONDS):
        async with database.transaction() as transaction:
            raised = await transaction.scalar(query)
        if raised is None:
            return
        await asyncio.sleep(1)
    raise NotThrough(f"it is not through yet: {raised or 'it has not begun'}")
