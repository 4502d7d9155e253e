"""The inbox: each fact of a speaker is heard once and in order, its effect committed with the note of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from pydantic import ValidationError
from sqlalchemy import insert, select, update

from libs.common.db import Database, OpenTransaction, is_transient
from libs.common.envelope import Heard
from libs.common.failpoints import failpoint
from libs.common.logs import correlation, describe
from libs.common.reactions import Reactions
from libs.common.tables import heard, inbox, waiting

log = structlog.get_logger()
AskForFacts = Callable[[str, int], Awaitable[list[Heard]]]


class AnotherReader(Exception):
    """Another instance has heard these facts in the meantime; this one reads the mark again."""


class Unreachable(Exception):
    """A hole in a speaker's numbers cannot be filled yet: the speaker does not answer."""


class Inbox:
    """Takes facts of several speakers, strictly by each speaker's numbers; a hole is filled by asking."""

    def __init__(self, database: Database, reactions: Reactions, ask_for_facts: AskForFacts) -> None:
        """ask_for_facts(speaker, after) answers the speaker's facts behind that number, a page at a time."""
        self._database = database
        self.reactions = reactions
        self._ask = ask_for_facts
        self._turn: dict[str, asyncio.Lock] = {}
        self.marks: dict[str, int] = {}
        self.holes_healed = 0

    async def take(self, speaker: str, facts: Sequence[Heard]) -> None:
        """Hear these facts, in one transaction when nothing is wrong; they may be repeated, or begin behind a hole."""
        async with self._turn.setdefault(speaker, asyncio.Lock()):
            mark = await self._mark(speaker)
            try:
                await self._take_from(speaker, sorted(facts, key=lambda fact: fact.number), mark)
            except AnotherReader:
                self.marks.pop(speaker, None)
                raise

    async def catch_up(self, speaker: str) -> int:
        """Ask the speaker for everything behind the last fact heard; returns how many facts were new."""
        count = 0
        while True:
            async with self._turn.setdefault(speaker, asyncio.Lock()):
                mark = await self._mark(speaker)
                page = await self._ask(speaker, mark)
                fresh = [fact for fact in page if fact.number > mark]
                if not fresh:
                    return count
                await self._take_from(speaker, fresh, mark)
                count += len(fresh)

    async def _take_from(self, speaker: str, facts: Sequence[Heard], mark: int) -> None:
        next_ones: list[Heard] = []
        for fact in facts:
            expected = mark + len(next_ones) + 1
            if fact.number < expected:
                if fact.number <= mark and not await self._is_known(fact):
                    await self._hear([fact], mark, mark)  # the speaker's database was restored: its past was told anew
                continue
            if fact.number > expected:
                next_ones += await self._fill(speaker, expected, fact.number)
            next_ones.append(fact)
        if next_ones:
            await self._hear(next_ones, mark, next_ones[-1].number)

    async def _fill(self, speaker: str, first: int, before: int) -> list[Heard]:
        """The facts first..before-1 from the speaker's outbox; Unreachable when not all of them come."""
        found: list[Heard] = []
        while first < before:
            page = [fact for fact in await self._ask(speaker, first - 1) if fact.number < before]
            if not page or page[0].number != first:
                raise Unreachable(f"{speaker} has no fact {first}")
            found += page
            first = page[-1].number + 1
        self.holes_healed += 1
        log.info("healed a hole in the numbers", speaker=speaker, facts=len(found))
        return found

    async def _hear(self, facts: Sequence[Heard], mark: int, new_mark: int) -> None:
        speaker = facts[0].speaker
        try:
            await self._in_one_transaction(facts, mark, new_mark)
        except AnotherReader:
            raise
        except Exception as raised:
            if is_transient(raised):
                raise
            if len(facts) == 1:
                await self._set_aside(facts[0], mark, new_mark, raised)
            else:
                await self._one_by_one(facts, mark)
        self.marks[speaker] = new_mark

    async def _in_one_transaction(self, facts: Sequence[Heard], mark: int, new_mark: int) -> None:
        async with self._database.transaction() as transaction:
            await _note(transaction, facts, mark, new_mark)
            behind = await _aggregates_waiting(transaction, facts)
            for fact in facts:
                if fact.about in behind:
                    await put_aside(transaction, fact, raised="behind an earlier fact")
                else:
                    await self.react(transaction, fact)
            failpoint("inbox-before-commit")
        failpoint("inbox-after-commit-before-ack")

    async def _one_by_one(self, facts: Sequence[Heard], mark: int) -> None:
        for fact in facts:
            await self._hear([fact], mark, fact.number)
            mark = fact.number

    async def _set_aside(self, fact: Heard, mark: int, new_mark: int, raised: BaseException) -> None:
        log.warning("a reaction failed; the fact waits", fact=str(fact.fact_id), subject=fact.subject, exc_info=raised)
        async with self._database.transaction() as transaction:
            await _note(transaction, [fact], mark, new_mark)
            await put_aside(transaction, fact, raised=describe(raised), attempts=1)

    async def react(self, transaction: OpenTransaction, fact: Heard) -> None:
        """Run this service's reactions to one fact, in its correlation; a fact nobody reacts to passes."""
        token = correlation.set(fact.correlation)
        transaction.hearing = fact
        try:
            for kind, reaction in self.reactions.to_facts.get(fact.subject, ()):
                await reaction(transaction, kind.model_validate_json(fact.body))
        finally:
            transaction.hearing = None
            correlation.reset(token)

    async def _mark(self, speaker: str) -> int:
        if speaker not in self.marks:
            async with self._database.transaction() as transaction:
                number = await transaction.scalar(select(heard.c.number).where(heard.c.speaker == speaker))
                if number is None:
                    await transaction.execute(insert(heard).values(speaker=speaker, number=0))
            self.marks[speaker] = number or 0
        return self.marks[speaker]

    async def _is_known(self, fact: Heard) -> bool:
        async with self._database.transaction() as transaction:
            return bool(await transaction.scalar(select(inbox.c.number).where(inbox.c.fact_id == fact.fact_id)))


async def _note(transaction: OpenTransaction, facts: Sequence[Heard], mark: int, new_mark: int) -> None:
    """Move the mark from the number this reader knows; AnotherReader when it has moved already."""
    moved = await transaction.execute(
        update(heard).where(heard.c.speaker == facts[0].speaker, heard.c.number == mark).values(number=new_mark)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise AnotherReader(facts[0].speaker)
    rows = [{"fact_id": fact.fact_id, "speaker": fact.speaker, "number": fact.number} for fact in facts]
    await transaction.execute(insert(inbox), rows)


async def _aggregates_waiting(transaction: OpenTransaction, facts: Sequence[Heard]) -> set[str]:
    rows = await transaction.scalars(select(waiting.c.about).where(waiting.c.speaker == facts[0].speaker).distinct())
    return set(rows)


async def put_aside(transaction: OpenTransaction, fact: Heard, *, raised: str, attempts: int = 0) -> None:
    """Let the fact wait, for another try or behind an earlier one of its aggregate."""
    await transaction.execute(insert(waiting).values(
        speaker=fact.speaker, number=fact.number, fact_id=fact.fact_id, subject=fact.subject, about=fact.about,
        headers=dict(fact.headers), body=fact.body, raised=raised, attempts=attempts,
    ))


def is_unreadable(raised: BaseException) -> bool:
    """Whether trying again cannot help: the body is not what the fact's class expects."""
    return isinstance(raised, ValidationError)
