"""Due work: what must happen at a time, written in the transaction that causes it and done by the leader, once."""

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import and_, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from libs.common.db import Database, OpenTransaction, is_transient
from libs.common.failpoints import failpoint
from libs.common.inbox import counted
from libs.common.logs import correlation, describe
from libs.common.reactions import Reactions
from libs.common.tables import due
from libs.common.traces import UNTRACED, Traces

log = structlog.get_logger()
POLL_SECONDS = 0.5
TRIES = 5
FIRST_PAUSE = timedelta(seconds=1)
# What has failed so often counts as parked until someone mends the cause: nobody has to remember to start it again.
PARKED_PAUSE = timedelta(hours=1)
DUE_NOW = text("""SELECT kind, about, due_at FROM due WHERE due_at <= :now AND kind = ANY (:kinds)
    AND (not_before IS NULL OR not_before <= clock_timestamp()) ORDER BY due_at, kind, about LIMIT 100""")


async def schedule(transaction: OpenTransaction, kind: str, about: UUID, due_at: datetime) -> None:
    """Let work of this kind about this thing fall due at the (network's) time; replaces an earlier time."""
    if transaction.doing == (kind, about):
        transaction.due_again = due_at
    else:
        await _keep(transaction, kind, about, due_at)


async def _keep(transaction: OpenTransaction, kind: str, about: UUID, due_at: datetime) -> None:
    fresh = {"due_at": due_at, "attempts": 0, "not_before": None, "parked_at": None, "raised": ""}
    query = insert(due).values(kind=kind, about=about, **fresh)
    await transaction.execute(query.on_conflict_do_update(index_elements=["kind", "about"], set_=fresh))
    transaction.after_commit.append(transaction.due_changed.set)


async def cancel(transaction: OpenTransaction, kind: str, about: UUID) -> None:
    """The work has become moot; nothing happens when there was none."""
    if transaction.doing == (kind, about):
        transaction.due_again = None
    else:
        await transaction.execute(delete(due).where(due.c.kind == kind, due.c.about == about))


class Beaten(Exception):
    """Another has done this work, moved it or made it moot in the meantime; what was done here is undone."""


class DueWork:
    """Takes what is due, the oldest first, each in a transaction of its own. Late is fine, twice is not.

    What takes long is taken by one of its own, for which the others do not wait: DueWork.all_of.
    """

    def __init__(
        self, database: Database, reactions: Reactions, traces: Traces = UNTRACED, *, kinds: Collection[str] = (),
    ) -> None:
        """The reactions say what happens for each kind; kinds: only these."""
        self._database, self._traces = database, traces
        self._reactions = reactions
        self.kinds = frozenset(kinds or reactions.to_due)

    @classmethod
    def all_of(cls, database: Database, reactions: Reactions, traces: Traces = UNTRACED) -> list["DueWork"]:
        """Return one for what is done at once and, where there is such, one for what takes long."""
        lanes = (reactions.to_due.keys() - reactions.take_long, reactions.take_long)
        return [cls(database, reactions, traces, kinds=kinds) for kinds in lanes if kinds]

    async def run(self) -> None:
        """Do due work until cancelled."""
        while True:
            self._database.due_changed.clear()
            while await self.step():
                pass
            try:
                # Cleared by another lane a moment too early, it is looked at a poll later.
                await asyncio.wait_for(self._database.due_changed.wait(), POLL_SECONDS)
            except TimeoutError:
                continue

    async def step(self) -> bool:
        """Do up to a hundred pieces of due work; returns whether there were any that could be done."""
        now = self._database.clock.now()
        async with self._database.transaction() as transaction:
            pieces = (await transaction.execute(DUE_NOW, {"now": now, "kinds": list(self.kinds)})).all()
        return any([await self._do(piece.kind, piece.about, piece.due_at) for piece in pieces])

    async def _do(self, kind: str, about: UUID, due_at: datetime) -> bool:
        token = correlation.set("")
        try:
            async with self._database.transaction() as transaction:
                await self._do_in(transaction, kind, about, due_at)
                failpoint("due-before-commit")
        except Beaten:
            return False
        except Exception as raised:
            if is_transient(raised):
                raise
            await self._failed(kind, about, due_at, raised)
            return False
        finally:
            correlation.reset(token)
        return True

    async def _do_in(self, transaction: OpenTransaction, kind: str, about: UUID, due_at: datetime) -> None:
        # The row goes last: a request that holds the aggregate and moves its due work would otherwise wait for us
        # while we wait for it. What was done without the row is undone.
        mine = and_(due.c.kind == kind, due.c.about == about, due.c.due_at == due_at)
        # Nor is it done once the clock has gone back: whoever looks whether it is time would let it go undone.
        if due_at > self._database.clock.now() or await transaction.scalar(select(due.c.about).where(mine)) is None:
            raise Beaten
        transaction.doing = (kind, about)
        with self._traces.span("do", kind):
            await self._reactions.to_due[kind](transaction, about)
            await transaction.flush()
        transaction.doing = None
        if (await transaction.execute(delete(due).where(mine))).rowcount != 1:  # type: ignore[attr-defined]
            raise Beaten
        if transaction.due_again is not None:
            await _keep(transaction, kind, about, transaction.due_again)

    async def _failed(self, kind: str, about: UUID, due_at: datetime, raised: BaseException) -> None:
        log.warning("due work failed; it waits", kind=kind, about=str(about), exc_info=raised)
        # Set anew meanwhile, it is other work, which has not failed yet.
        this = and_(due.c.kind == kind, due.c.about == about, due.c.due_at == due_at)
        async with self._database.transaction() as transaction:
            row = (await transaction.execute(select(due).where(this).with_for_update())).one_or_none()
            if row is None:
                return
            attempts = row.attempts + counted(raised)
            # By the database's clock, by which it is found: this machine's may be hours before or behind it.
            now = func.clock_timestamp()
            await transaction.execute(update(due).where(this).values(
                attempts=attempts, raised=describe(raised),
                not_before=now + (PARKED_PAUSE if attempts >= TRIES else FIRST_PAUSE * 4**attempts),
                parked_at=func.coalesce(due.c.parked_at, now) if attempts >= TRIES else None,
            ))
        if attempts >= TRIES > row.attempts:
            log.error("parked due work", parked=row.id, kind=kind, about=str(about))
