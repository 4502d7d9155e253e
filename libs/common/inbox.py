"""The inbox: each fact of a speaker is heard once and in order, its effect committed with the note of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import structlog
from pydantic import ValidationError
from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert

from libs.common.db import Database, OpenTransaction, is_transient
from libs.common.envelope import Heard, Told
from libs.common.failpoints import failpoint
from libs.common.logs import correlation, describe
from libs.common.reactions import Reactions
from libs.common.refusals import Unavailable
from libs.common.tables import heard, waiting
from libs.common.traces import UNTRACED, Traces

log = structlog.get_logger()
# One statement of one plan whatever the batch's size: a VALUES list of 500 rows takes the server twice as long.
NOTE = text(
    "INSERT INTO inbox (fact_id, speaker, number) SELECT fact_id, :speaker, number"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:numbers AS bigint[])) AS heard (fact_id, number)"
    " ON CONFLICT DO NOTHING RETURNING fact_id")
AskForFacts = Callable[[str, int], Awaitable[Told]]


class AnotherReader(Exception):
    """Another instance has heard these facts in the meantime; this one reads the mark again."""


class Unreachable(Exception):
    """A hole in a speaker's numbers cannot be filled yet: the speaker does not answer."""


class Inbox:
    """Takes facts of several speakers, strictly by each speaker's numbers; a hole is filled by asking."""

    def __init__(
        self, database: Database, reactions: Reactions, ask_for_facts: AskForFacts, traces: Traces = UNTRACED,
    ) -> None:
        """ask_for_facts(speaker, after) answers the speaker's facts behind that number, a page at a time."""
        self._database, self._traces = database, traces
        self.reactions = reactions
        self._ask = ask_for_facts
        self._turn: dict[str, asyncio.Lock] = {}
        self.marks: dict[str, int] = {}
        self._given: dict[str, int] = {}
        self.holes_healed = 0

    async def take(self, speaker: str, facts: Sequence[Heard]) -> None:
        """Hear these facts, in one transaction when nothing is wrong; they may be repeated, or begin behind a hole.

        Unreachable, after what comes before it has been heard, when a hole cannot be filled.
        """
        self._given[speaker] = max([self._given.get(speaker, 0), *(fact.number for fact in facts)])
        async with self._turn_of(speaker):
            await self._take_from(speaker, facts, await self._mark(speaker))

    async def catch_up(self, speaker: str) -> int:
        """Ask the speaker for everything behind the last fact heard; returns how many facts came."""
        count = 0
        while True:
            async with self._turn_of(speaker):
                # Operations may have put it back in the database, so that all is heard again.
                mark = await self._mark_in_database(speaker)
                page = await self._ask(speaker, mark)
                self._given[speaker] = page.last
                if page.last < mark:
                    await self._begin_anew(speaker, mark, page.last)
                    continue
                fresh = [fact for fact in page.facts if fact.number > mark]
                if not fresh:
                    return count
                await self._take_from(speaker, fresh, mark)
                count += len(fresh)

    def lags(self) -> dict[str, int]:
        """By speaker, how many facts are not heard yet, of those that it was last known to have given numbers."""
        return {speaker: max(0, last - self.marks.get(speaker, 0)) for speaker, last in self._given.items()}

    def forget_mark(self, speaker: str) -> None:
        """Read the speaker's mark from the database again: another instance may have moved it."""
        self.marks.pop(speaker, None)

    async def _take_from(self, speaker: str, facts: Sequence[Heard], mark: int) -> None:
        facts = sorted(facts, key=lambda fact: fact.number)
        # Numbers told twice: the stream was filled again, or the speaker's database was restored and gives them anew.
        again = [fact for fact in facts if fact.number <= mark]
        if again:
            await self._hear(again, mark, mark)
        ready: list[Heard] = []
        last = mark
        for fact in facts[len(again):]:
            if fact.number > last + 1:
                await self._hear(ready, mark, last)
                ready, mark = [], await self._fill(speaker, last, fact.number)
            ready.append(fact)
            last = fact.number
        await self._hear(ready, mark, last)

    async def _fill(self, speaker: str, mark: int, before: int) -> int:
        """Hear what lies between these numbers from the speaker's outbox; Unreachable when not all of it comes."""
        while mark < before - 1:
            page = [fact for fact in (await self._ask(speaker, mark)).facts if fact.number < before]
            if not page or page[0].number != mark + 1:
                raise Unreachable(f"{speaker} has no fact {mark + 1}")
            await self._hear(page, mark, page[-1].number)
            mark = page[-1].number
        self.holes_healed += 1
        log.info("healed a hole in the numbers", speaker=speaker, before=before)
        return mark

    async def _begin_anew(self, speaker: str, mark: int, last: int) -> None:
        """The speaker was restored to an older state and gives numbers anew: hear all of it; what is known passes."""
        log.warning("the speaker has given fewer numbers than were heard", speaker=speaker, heard=mark, given=last)
        async with self._database.transaction() as transaction:
            await transaction.execute(update(heard).where(heard.c.speaker == speaker).values(number=0))
        self.forget_mark(speaker)

    async def _hear(self, facts: Sequence[Heard], mark: int, new_mark: int) -> None:
        if not facts:
            return
        try:
            await self._in_one_transaction(facts, mark, new_mark)
        except AnotherReader:
            self.forget_mark(facts[0].speaker)
            raise
        except Exception as raised:
            if is_transient(raised):
                raise
            if len(facts) == 1:
                await self._set_aside(facts[0], mark, new_mark, raised)
            else:
                await self._one_by_one(facts, mark)
        self.marks[facts[0].speaker] = new_mark

    async def _in_one_transaction(self, facts: Sequence[Heard], mark: int, new_mark: int) -> None:
        async with self._database.transaction() as transaction:
            fresh = await _note(transaction, facts, mark, new_mark)
            behind = await _aggregates_waiting(transaction, facts)
            for fact in facts:
                if fact.fact_id not in fresh:
                    continue
                fresh.remove(fact.fact_id)
                if fact.about in behind:
                    await put_aside(transaction, fact, raised="behind an earlier fact")
                else:
                    await self.react(transaction, fact)
            failpoint("inbox-before-commit")
        failpoint("inbox-after-commit-before-ack")

    async def _one_by_one(self, facts: Sequence[Heard], mark: int) -> None:
        for fact in facts:
            number = max(mark, fact.number)
            await self._hear([fact], mark, number)
            mark = number

    async def _set_aside(self, fact: Heard, mark: int, new_mark: int, raised: BaseException) -> None:
        log.warning("a reaction failed; the fact waits", fact=str(fact.fact_id), subject=fact.subject, exc_info=raised)
        async with self._database.transaction() as transaction:
            if await _note(transaction, [fact], mark, new_mark):
                await put_aside(transaction, fact, raised=describe(raised), attempts=counted(raised))

    async def react(self, transaction: OpenTransaction, fact: Heard) -> None:
        """Run this service's reactions to one fact."""
        await react(self.reactions, transaction, fact, self._traces)

    def _turn_of(self, speaker: str) -> asyncio.Lock:
        return self._turn.setdefault(speaker, asyncio.Lock())

    async def _mark(self, speaker: str) -> int:
        return self.marks[speaker] if speaker in self.marks else await self._mark_in_database(speaker)

    async def _mark_in_database(self, speaker: str) -> int:
        async with self._database.transaction() as transaction:
            await transaction.execute(insert(heard).values(speaker=speaker, number=0).on_conflict_do_nothing())
            number = await transaction.scalar(select(heard.c.number).where(heard.c.speaker == speaker))
        self.marks[speaker] = number or 0
        return self.marks[speaker]


async def react(
    reactions: Reactions, transaction: OpenTransaction, fact: Heard, traces: Traces = UNTRACED,
) -> None:
    """Run these reactions to one fact, in its correlation; a fact nobody reacts to passes."""
    token = correlation.set(fact.correlation)
    transaction.hearing = fact
    try:
        for kind, reaction in reactions.to_facts.get(fact.subject, ()):
            with traces.span("react", fact.subject, fact.headers.get("traceparent")):
                await reaction(transaction, kind.model_validate_json(fact.body))
                # What the next reaction, or the next fact of the batch, reads must be there.
                await transaction.flush()
    finally:
        transaction.hearing = None
        correlation.reset(token)


async def _note(transaction: OpenTransaction, facts: Sequence[Heard], mark: int, new_mark: int) -> set[UUID]:
    """Move the mark from the number this reader knows, AnotherReader when it has moved already; returns the new ids."""
    moved = await transaction.execute(
        update(heard).where(heard.c.speaker == facts[0].speaker, heard.c.number == mark).values(number=new_mark)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise AnotherReader(facts[0].speaker)
    return set(await transaction.scalars(NOTE, {
        "ids": [fact.fact_id for fact in facts], "numbers": [fact.number for fact in facts],
        "speaker": facts[0].speaker}))


async def _aggregates_waiting(transaction: OpenTransaction, facts: Sequence[Heard]) -> set[str]:
    rows = await transaction.scalars(select(waiting.c.about).where(waiting.c.speaker == facts[0].speaker).distinct())
    return set(rows)


async def put_aside(transaction: OpenTransaction, fact: Heard, *, raised: str, attempts: int = 0) -> None:
    """Let the fact wait, for another try or behind an earlier one of its aggregate."""
    await transaction.execute(insert(waiting).values(
        speaker=fact.speaker, number=fact.number, fact_id=fact.fact_id, subject=fact.subject, about=fact.about,
        headers=dict(fact.headers), body=fact.body, raised=raised, attempts=attempts,
    ))


def counted(raised: BaseException) -> int:
    """1 when the failure counts towards parking; 0 when only another service was away."""
    return 0 if isinstance(raised, Unavailable) else 1


def is_unreadable(raised: BaseException) -> bool:
    """Whether trying again cannot help: the body is not what the fact's class expects."""
    return isinstance(raised, ValidationError)
