"""A service's copies made anew from their owners' outboxes, in one transaction: all see the old ones, then the new."""

from collections.abc import Collection, Sequence
from heapq import merge
from uuid import UUID

import structlog
from sqlalchemy import delete, select, table, text

from libs.common.asks import ask_for_facts
from libs.common.bus import Bus, NoBus
from libs.common.db import OpenTransaction, is_transient
from libs.common.envelope import Heard, Told
from libs.common.inbox import react
from libs.common.logs import describe
from libs.common.reactions import Reactions
from libs.common.refusals import Unavailable
from libs.common.tables import heard, waiting

log = structlog.get_logger()
# The due work by which a running service makes anew what it holds of others, about NOBODY.
REBUILD = "rebuild"
NOBODY = UUID(int=0)
# A savepoint for each fact would take as long as the fact.
AT_ONCE = 500
# What every service but the registry copies of it.
KNOWN = ("known_key", "known_grant")


class Copies:
    """The tables that hold only what others told, and the reactions that keep them."""

    def __init__(self, tables: Sequence[str], reactions: Reactions) -> None:
        """tables by name; of the reactions only those that keep copies are used."""
        self._tables, self._reactions = tables, reactions.keeping_copies()

    async def make_anew(self, transaction: OpenTransaction, _network: UUID) -> None:
        """Empty the tables and copy everything again up to the last fact heard; what waits, waits on.

        Nothing else that a fact once brought about is done again. What follows where a copy was wrong (see
        copies_made_anew) is done, and announced, in the end. Unavailable, and nothing is changed, when a speaker is
        away.
        """
        facts = await self._hold_all(transaction)
        for name in self._tables:
            await transaction.execute(delete(table(name)))
        for start in range(0, len(facts), AT_ONCE):
            await self._copy(transaction, facts[start : start + AT_ONCE])
        if transaction.to_announce:
            raise RuntimeError(f"keeping a copy announced {transaction.to_announce[0][1]}")
        for follow in self._reactions.to_new_copies:
            await follow(transaction)

    async def _hold_all(self, transaction: OpenTransaction) -> list[Heard]:
        """What has been heard and does not wait, in the order of time; until the end nothing more is heard."""
        told = {}
        # Asked before anything is locked: whoever hears facts meanwhile would wait for the answers.
        for speaker in sorted(self._reactions.speakers()):
            told[speaker] = await told_after(transaction.bus, speaker, 0, self._reactions.to_facts)
        # Both last longer than a request may.
        await transaction.execute(text("SET LOCAL statement_timeout = 0"))
        rows = await transaction.execute(
            select(heard.c.speaker, heard.c.number).order_by(heard.c.speaker).with_for_update())
        marks = {row.speaker: row.number for row in rows}
        waits = set(await transaction.scalars(select(waiting.c.fact_id).order_by(waiting.c.id).with_for_update()))
        for speaker, (facts, last) in told.items():
            if last < marks.get(speaker, 0):
                facts.extend((await told_after(transaction.bus, speaker, last, self._reactions.to_facts))[0])
        return [fact for fact in merge(*(facts for facts, _ in told.values()), key=lambda fact: fact.time)
                if fact.number <= marks.get(fact.speaker, 0) and fact.fact_id not in waits]

    async def _copy(self, transaction: OpenTransaction, facts: Sequence[Heard]) -> None:
        """What failed, was parked and given up when it was heard may fail again; it does not keep back all others."""
        try:
            async with transaction.begin_nested():
                for fact in facts:
                    await react(self._reactions, transaction, fact)
        except Exception as raised:
            if is_transient(raised):
                raise
            if len(facts) == 1:
                log.error("a fact could not be copied", fact=str(facts[0].fact_id), subject=facts[0].subject,
                          reason=describe(raised))
                return
            middle = len(facts) // 2
            await self._copy(transaction, facts[:middle])
            await self._copy(transaction, facts[middle:])


async def told_after(bus: Bus, speaker: str, after: int, subjects: Collection[str]) -> tuple[list[Heard], int]:
    """The speaker's facts behind that number with one of these subjects, and the last number of all that it told.

    What it announces while it is asked may be missing: else a busy one would be asked for ever. Unavailable when it is
    away.
    """
    found: list[Heard] = []
    try:
        told = await ask_for_facts(bus, speaker, after)
        last = told.last
        while told.facts:
            after = told.facts[-1].number
            found += [fact for fact in told.facts if fact.subject in subjects]
            told = await ask_for_facts(bus, speaker, after) if after < last else Told([], last)
    except NoBus as away:
        raise Unavailable("owner-away", "The {owner} service does not answer.", owner=speaker) from away
    return found, after
