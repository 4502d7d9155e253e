"""What is parked, facts and due work alike: listed, tried again at once, or given up for good."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, Table, delete, func, select, update

from libs.common.audit import audited
from libs.common.db import OpenTransaction
from libs.common.refusals import NotFound
from libs.common.tables import due, waiting


class What(StrEnum):
    """What has failed for good: the reaction to a fact, or a piece of due work."""

    FACT = "fact"
    DUE_WORK = "due_work"


# Ids are unique over both: one sequence numbers them.
TABLES: dict[What, Table] = {What.FACT: waiting, What.DUE_WORK: due}


@dataclass(frozen=True)
class Parked:
    """One parked thing.

    speaker announced the fact, empty for due work; subject is that of the fact, or the kind of the due work; about is
    the fact's aggregate, or the id that the due work is about; raised is kind and place of what was raised, never its
    message. behind: how many later facts wait for it. next_try_at: when due work is tried again by itself.
    """

    id: int
    what: What
    speaker: str
    number: int | None
    subject: str
    about: str
    attempts: int
    raised: str
    parked_at: datetime
    behind: int
    next_try_at: datetime | None


async def list_parked(transaction: OpenTransaction) -> list[Parked]:
    """Everything that is parked: the facts, oldest first, then the due work, what has been parked longest first."""
    return [*await _facts(transaction), *await _due_work(transaction)]


async def _facts(transaction: OpenTransaction) -> list[Parked]:
    behind = waiting.alias()
    count = select(func.count()).where(
        behind.c.speaker == waiting.c.speaker, behind.c.about == waiting.c.about, behind.c.id > waiting.c.id
    ).scalar_subquery()
    query = select(waiting, count.label("behind")).where(waiting.c.parked_at.is_not(None)).order_by(waiting.c.id)
    return [
        Parked(row.id, What.FACT, row.speaker, row.number, row.subject, row.about, row.attempts, row.raised,
               row.parked_at, row.behind, None)
        for row in await transaction.execute(query)
    ]


async def _due_work(transaction: OpenTransaction) -> list[Parked]:
    query = select(due).where(due.c.parked_at.is_not(None)).order_by(due.c.parked_at, due.c.id)
    return [
        Parked(row.id, What.DUE_WORK, "", None, row.kind, str(row.about), row.attempts, row.raised,
               row.parked_at, 0, row.not_before)
        for row in await transaction.execute(query)
    ]


async def parked_row(transaction: OpenTransaction, parked_id: int) -> tuple[What, Row[Any]]:
    """What is parked under that id, and its whole row; NotFound when nothing is."""
    for what, table in TABLES.items():
        query = select(table).where(table.c.id == parked_id, table.c.parked_at.is_not(None))
        row = (await transaction.execute(query)).one_or_none()
        if row is not None:
            return what, row
    raise _not_parked(parked_id)


async def replay(transaction: OpenTransaction, parked_id: int) -> None:
    """Let a parked thing be tried again at once, as often as a new one; NotFound when nothing of that id is parked."""
    await _one_parked(transaction, parked_id, {
        What.FACT: update(waiting).values(parked_at=None, attempts=0, next_try_at=func.clock_timestamp()),
        What.DUE_WORK: update(due).values(parked_at=None, attempts=0, not_before=None)})
    transaction.after_commit.append(transaction.due_changed.set)


async def discard(transaction: OpenTransaction, parked_id: int) -> None:
    """Give a parked thing up for good, which is audited; NotFound when nothing of that id is parked.

    Facts behind a parked one go on. What due work would have set to fall due in turn never will.
    """
    what, row = await _one_parked(transaction, parked_id, {What.FACT: delete(waiting), What.DUE_WORK: delete(due)})
    subject = row.subject if what is What.FACT else row.kind
    await audited(transaction, "discard", f"{what}/{subject}/{row.about}")


async def _one_parked(
    transaction: OpenTransaction, parked_id: int, changes: dict[What, Any],
) -> tuple[What, Row[Any]]:
    """Change the one row that is parked under that id, whichever table it is in; returns the row."""
    for what, table in TABLES.items():
        change = changes[what].where(table.c.id == parked_id, table.c.parked_at.is_not(None)).returning(table)
        row = (await transaction.execute(change)).one_or_none()
        if row is not None:
            return what, row
    raise _not_parked(parked_id)


def _not_parked(parked_id: int) -> NotFound:
    return NotFound("not-parked", "Nothing is parked under the number {id}.", id=parked_id)
