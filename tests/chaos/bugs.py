"""Bugs that somebody could write, each planted into a service's process before it serves; the harness must notice."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql

from libs.common import dependencies, persons, relay
from libs.common import inbox as inbox_module
from libs.common.callers import SYSTEM, Caller
from libs.common.db import ANNOUNCE, Database, OpenTransaction, get_or_refuse
from libs.common.due import DueWork
from libs.common.envelope import Heard
from libs.common.failpoints import failpoint
from libs.common.inbox import Inbox
from libs.common.leader import Leader, LockConnection
from libs.common.reader import Reader
from libs.common.relay import Relay
from libs.common.tables import due, heard, idempotency, inbox


@dataclass(frozen=True)
class Bug:
    """What was done wrong, in a sentence, and how it gets into the process."""

    sentence: str
    plant: Callable[[], None]


def _put(place: Any, name: str, value: Any) -> None:
    """Put it in the place of what is there; a bug in the place of nothing would be none."""
    getattr(place, name)
    setattr(place, name, value)


def ack_before_commit() -> None:
    """The stream is told that facts were heard before they are."""
    async def hear(self: Reader, first: list[Any]) -> None:
        messages = first + await self._drain()
        facts = [fact for message in messages if (fact := self._read(message))]
        await messages[-1].ack_sync(timeout=5)
        if facts:
            await self._inbox.take(self.speaker, facts)

    _put(Reader, "_hear", hear)


def mark_before_publish() -> None:
    """The outbox notes facts as published before the stream has them."""
    async def step(self: Relay) -> bool:
        await self._lock.fetch(relay.NUMBER, relay.BATCH)
        rows = await self._lock.fetch(relay.UNPUBLISHED, relay.BATCH)
        if not rows:
            return False
        await self._lock.fetch(relay.MARK, rows[-1]["number"])
        failpoint("relay-before-publish")
        await self._bus.publish_in_order([self._outgoing(row) for row in rows])
        return True

    _put(Relay, "step", step)


def cursor_on_id() -> None:
    """The relay goes on behind the largest id that it has seen."""
    _put(relay, "NUMBER", relay.NUMBER.replace(
        "WHERE number IS NULL ORDER BY id",
        "WHERE id > (SELECT coalesce(max(id), 0) FROM outbox WHERE number IS NOT NULL) ORDER BY id"))


def second_relay() -> None:
    """Every instance relays; rows that another has locked are skipped."""
    async def take_lock(self: Leader) -> LockConnection | None:
        return LockConnection(await asyncpg.connect(self._url, timeout=5))

    _put(Leader, "_take_lock", take_lock)
    _put(relay, "NUMBER", relay.NUMBER.replace("ORDER BY id LIMIT $1)", "ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)"))


def no_dedupe() -> None:
    """What was heard is noted, and reacted to again all the same."""
    note = inbox_module._note

    async def all_of_them(transaction: OpenTransaction, facts: Sequence[Heard], mark: int, new_mark: int) -> set[UUID]:
        await note(transaction, facts, mark, new_mark)
        return {fact.fact_id for fact in facts}

    _put(inbox_module, "_note", all_of_them)


def mark_outside() -> None:
    """How far a speaker was heard is committed before the facts are."""
    in_one = Inbox._in_one_transaction

    async def note_ids(transaction: OpenTransaction, facts: Sequence[Heard], _mark: int, _new_mark: int) -> set[UUID]:
        rows = [{"fact_id": fact.fact_id, "speaker": fact.speaker, "number": fact.number} for fact in facts]
        noted = postgresql.insert(inbox).on_conflict_do_nothing().returning(inbox.c.fact_id)
        return set(await transaction.scalars(noted, rows))

    async def mark_first(self: Inbox, facts: Sequence[Heard], mark: int, new_mark: int) -> None:
        async with self._database.transaction() as transaction:
            await transaction.execute(update(heard).where(heard.c.speaker == facts[0].speaker).values(number=new_mark))
        await in_one(self, facts, mark, new_mark)

    _put(inbox_module, "_note", note_ids)
    _put(Inbox, "_in_one_transaction", mark_first)


def note_after_effect() -> None:
    """The effect is committed first, and that it was heard in a second transaction."""
    note = inbox_module._note

    async def effect_first(self: Inbox, facts: Sequence[Heard], mark: int, new_mark: int) -> None:
        async with self._database.transaction() as transaction:
            ids = [fact.fact_id for fact in facts]
            known = set(await transaction.scalars(select(inbox.c.fact_id).where(inbox.c.fact_id.in_(ids))))
            for fact in facts:
                if fact.fact_id not in known:
                    known.add(fact.fact_id)
                    await self.react(transaction, fact)
        failpoint("inbox-before-commit")
        async with self._database.transaction() as transaction:
            await note(transaction, facts, mark, new_mark)

    _put(Inbox, "_in_one_transaction", effect_first)


def hole_ignored() -> None:
    """A jump in a speaker's numbers is taken as it comes."""
    async def fill(_self: Inbox, _speaker: str, mark: int, _before: int) -> int:
        return mark

    _put(Inbox, "_fill", fill)


def never_asks() -> None:
    """What the stream does not tell is not asked for."""
    async def catch_up(_self: Inbox, _speaker: str) -> int:
        return 0

    _put(Inbox, "catch_up", catch_up)


def announce_after_commit() -> None:
    """The fact is announced when the answer is out, in a transaction of its own."""
    transaction_of = Database.transaction
    later: set[asyncio.Task[None]] = set()

    async def announce(database: Database, rows: list[tuple[UUID, str, str, str, str]]) -> None:
        await asyncio.sleep(0.01)
        async with database.engine.begin() as connection:
            await connection.exec_driver_sql(ANNOUNCE, rows)
        database.announced.set()

    @asynccontextmanager
    async def transaction(self: Database, caller: Caller = SYSTEM) -> AsyncIterator[OpenTransaction]:
        async with transaction_of(self, caller) as opened:
            yield opened
            rows, opened.to_announce = opened.to_announce, []
        if rows:
            later.add(task := asyncio.create_task(announce(self, rows)))
            task.add_done_callback(later.discard)

    _put(Database, "transaction", transaction)


def answer_before_commit() -> None:
    """The request is answered, and committed afterwards."""
    transaction_of = Database.transaction
    later: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def transaction(self: Database, caller: Caller = SYSTEM) -> AsyncIterator[OpenTransaction]:
        if caller is SYSTEM:
            async with transaction_of(self, caller) as opened:
                yield opened
            return
        opening = transaction_of(self, caller)
        opened = await opening.__aenter__()
        try:
            yield opened
            await opened.flush()
        except BaseException:
            await opening.__aexit__(*sys.exc_info())
            raise
        later.add(task := asyncio.create_task(_finish(opening)))
        task.add_done_callback(later.discard)

    _put(Database, "transaction", transaction)


async def _finish(opening: Any) -> None:
    await asyncio.sleep(0.01)
    await opening.__aexit__(None, None, None)


def _piece(kind: str, about: UUID, due_at: Any) -> Any:
    return delete(due).where(due.c.kind == kind, due.c.about == about, due.c.due_at == due_at)


def due_work_forgotten() -> None:
    """Due work is crossed out first, and done in a second transaction."""
    async def do(self: DueWork, kind: str, about: UUID, due_at: Any) -> bool:
        async with self._database.transaction() as transaction:
            await transaction.execute(_piece(kind, about, due_at))
        async with self._database.transaction() as transaction:
            await self._reactions.to_due[kind](transaction, about)
            failpoint("due-before-commit")
        return True

    _put(DueWork, "_do", do)


def due_work_twice() -> None:
    """Due work is done first, and crossed out in a second transaction."""
    async def do(self: DueWork, kind: str, about: UUID, due_at: Any) -> bool:
        async with self._database.transaction() as transaction:
            await self._reactions.to_due[kind](transaction, about)
        failpoint("due-before-commit")
        async with self._database.transaction() as transaction:
            await transaction.execute(_piece(kind, about, due_at))
        return True

    _put(DueWork, "_do", do)


def same_id_again() -> None:
    """What the stream has lost is published again under the id by which the stream knows it."""
    outgoing = Relay._outgoing

    def as_before(self: Relay, row: Any) -> tuple[str, bytes, dict[str, str]]:
        subject, body, headers = outgoing(self, row)
        return subject, body, headers | {"Nats-Msg-Id": str(row["fact_id"])}

    _put(Relay, "_outgoing", as_before)


def poison_blocks() -> None:
    """A fact that cannot be read is tried again for ever, and what came with it."""
    async def hear(self: Inbox, facts: Sequence[Heard], mark: int, new_mark: int) -> None:
        if facts:
            await self._in_one_transaction(facts, mark, new_mark)
            self.marks[facts[0].speaker] = new_mark

    _put(Inbox, "_hear", hear)


def parked_is_overtaken() -> None:
    """Later facts of an aggregate pass the one of it that is parked."""
    async def none(_transaction: OpenTransaction, _facts: Sequence[Heard]) -> set[str]:
        return set()

    _put(inbox_module, "_aggregates_waiting", none)


def idempotency_ignored() -> None:
    """A repeated POST with the same Idempotency-Key is another one."""
    claim = postgresql.insert(idempotency)
    taken = claim.on_conflict_do_update(
        index_elements=["principal", "route", "key"], set_={"created_id": claim.excluded.created_id})
    _put(dependencies, "CLAIM", taken)


def etag_ignored() -> None:
    """Whoever writes last wins."""
    async def get(
        transaction: OpenTransaction, kind: Any, row_id: UUID, *, version: int | None = None, lock: bool = False,
    ) -> Any:
        return await get_or_refuse(transaction, kind, row_id, lock=lock or version is not None)

    for module in [module for name, module in sys.modules.items() if name.startswith("services.")]:
        if getattr(module, "get_or_refuse", None) is get_or_refuse:
            _put(module, "get_or_refuse", get)


def places_uncounted() -> None:
    """Who is asked and who accepts is not counted against the places that a mentor has."""
    queries = import_module("services.matching.obstacles.queries")
    code, left_out = import_module("services.matching.runs.hard").HardCode, queries.left_out
    _put(import_module("services.matching.proposals.reactions"), "refuse_full", lambda _taken, _capacity: None)
    # The pair is looked at once more, and a place that is not there stands between the two.
    _put(queries, "left_out", lambda of: {*left_out(of), code.NO_PLACE_FREE})


def left_behind() -> None:
    """The household of a pair that does not come about is still proposed to, and waits no more."""
    async def nothing(_transaction: OpenTransaction, _pair: Any) -> None:
        return

    _put(import_module("services.matching.proposals.reactions"), "part", nothing)


def key_kept() -> None:
    """An erasure blanks the rows and says so; the keys of the persons stay."""
    async def nothing(_transaction: OpenTransaction, _person_ref: UUID, _at: Any) -> bool:
        return False

    _put(persons, "destroy_key", nothing)


def ticked_unattended() -> None:
    """That an attendance was taken back is not followed: the group stays ready without it."""
    reactions = import_module("services.matching.obstacles.reactions")
    attended = import_module("services.matching.prerequisites.model").AttendedTraining
    recheck = reactions.recheck

    async def only_more(transaction: OpenTransaction, group: Any) -> None:
        await transaction.execute(update(attended).values(counts=True))
        await recheck(transaction, group)

    _put(reactions, "recheck", only_more)


def learning_lost() -> None:
    """That there is a learning is noted; its text is asked for later, which nothing reminds of."""
    reactions = import_module("services.registry.learnings.reactions")

    async def never(*_given: Any) -> None:
        return

    _put(reactions, "schedule", never)


NAMED = (
    ack_before_commit, mark_before_publish, cursor_on_id, second_relay, no_dedupe, mark_outside, note_after_effect,
    hole_ignored, never_asks, announce_after_commit, answer_before_commit, due_work_forgotten, due_work_twice,
    same_id_again, poison_blocks, parked_is_overtaken, idempotency_ignored, etag_ignored,
    places_uncounted, left_behind, key_kept, ticked_unattended, learning_lost,
)
BUGS = {plant.__name__.replace("_", "-"): Bug((plant.__doc__ or "").rstrip("."), plant) for plant in NAMED}
