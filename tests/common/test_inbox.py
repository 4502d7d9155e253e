"""The inbox: each fact has its effect once and in order, whatever the bus and the speaker's database do."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from libs.common.db import Database, OpenTransaction
from libs.common.inbox import AnotherReader, Inbox, Unreachable
from libs.common.outbox import announce
from libs.common.reactions import reacts_to
from tests.common.stage import (
    Speaker,
    ThingEchoed,
    ThingMoved,
    a_database,
    effects,
    heard,
    make_scratch,
    note_effect,
    reactions_of,
)
from tests.harness import Network

SPEAKER = "registry"


@reacts_to(ThingMoved)
async def _notes(transaction: OpenTransaction, fact: ThingMoved) -> None:
    await note_effect(transaction, fact)
    announce(transaction, ThingEchoed(thing_id=fact.thing_id, step=fact.step))


@pytest.fixture
async def database(network: Network) -> AsyncIterator[Database]:
    """The listener's database."""
    await make_scratch(network, "notify")
    one = a_database(network, "notify")
    yield one
    await one.close()


def an_inbox(database: Database, speaker: Speaker, *reactions: Any) -> Inbox:
    """An inbox with these reactions, or the one that notes the effect."""
    return Inbox(database, reactions_of(*(reactions or (_notes,))), speaker)


async def test_a_batch_is_one_transaction(network: Network, database: Database) -> None:
    """Mark, notes of the facts, effects and what is announced in turn are committed together."""
    thing, inbox = uuid4(), an_inbox(database, Speaker())

    await inbox.take(SPEAKER, [heard(number, thing, number) for number in (1, 2, 3)])

    assert await effects(network, "notify") == [(thing, 1), (thing, 2), (thing, 3)]
    rows = await network.rows(
        "notify",
        "SELECT xmin::text, 'o' FROM outbox UNION SELECT xmin::text, 'i' FROM inbox UNION"
        " SELECT xmin::text, 'h' FROM heard WHERE number = 3 UNION SELECT xmin::text, 'e' FROM scratch.effect",
    )
    assert len({row["xmin"] for row in rows}) == 1
    assert len(rows) == 4


async def test_what_is_told_again_has_no_second_effect(network: Network, database: Database) -> None:
    """Repeated in the batch, after it, and in another order."""
    thing, inbox = uuid4(), an_inbox(database, Speaker())
    one, two, three = (heard(number, thing, number) for number in (1, 2, 3))

    await inbox.take(SPEAKER, [two, one, two, one])
    await inbox.take(SPEAKER, [two])
    await inbox.take(SPEAKER, [three, one])

    assert await effects(network, "notify") == [(thing, 1), (thing, 2), (thing, 3)]


async def test_a_hole_is_filled_from_the_speakers_outbox_before_what_follows(
    network: Network, database: Database
) -> None:
    """However many pages lie in it, the order stays that of the numbers."""
    thing = uuid4()
    facts = [heard(number, thing, number) for number in range(1, 12)]
    inbox = an_inbox(database, Speaker(*facts))

    await inbox.take(SPEAKER, [facts[0], facts[10]])

    assert await effects(network, "notify") == [(thing, number) for number in range(1, 12)]
    assert inbox.holes_healed == 1


async def test_before_a_hole_that_cannot_be_filled_everything_is_heard(network: Network, database: Database) -> None:
    """What lies behind it is refused, so that it is not acknowledged, and heard when the speaker is back."""
    thing = uuid4()
    facts = [heard(number, thing, number) for number in (1, 2, 3, 4)]
    speaker = Speaker(*facts[:1])
    inbox = an_inbox(database, speaker)

    with pytest.raises(Unreachable):
        await inbox.take(SPEAKER, [facts[0], facts[1], facts[3]])
    assert await effects(network, "notify") == [(thing, 1), (thing, 2)]

    speaker.facts = facts
    await inbox.take(SPEAKER, [facts[3]])
    assert await effects(network, "notify") == [(thing, step) for step in (1, 2, 3, 4)]


async def test_an_empty_copy_fills_itself_from_the_beginning(network: Network, database: Database) -> None:
    """By asking, without anything on the bus."""
    thing = uuid4()
    inbox = an_inbox(database, Speaker(*(heard(number, thing, number) for number in range(1, 9))))

    assert await inbox.catch_up(SPEAKER) == 8

    assert await effects(network, "notify") == [(thing, number) for number in range(1, 9)]


async def test_a_restored_listener_hears_again_what_it_lost(network: Network, database: Database) -> None:
    """Its mark and its notes went back together; what was not undone has no second effect."""
    thing = uuid4()
    speaker = Speaker(*(heard(number, thing, number) for number in range(1, 7)))
    await an_inbox(database, speaker).catch_up(SPEAKER)
    lost = await network.rows("notify", "DELETE FROM inbox WHERE number > 4 RETURNING number")
    await network.rows("notify", "DELETE FROM scratch.effect WHERE number > 4 RETURNING number")
    await network.rows("notify", "UPDATE heard SET number = 4 RETURNING number")

    await an_inbox(database, speaker).catch_up(SPEAKER)

    assert len(lost) == 2
    assert await effects(network, "notify") == [(thing, number) for number in range(1, 7)]


async def test_a_restored_speaker_loses_nothing_new(network: Network, database: Database) -> None:
    """It gives the numbers 3 and 4 a second time: the listener hears the new facts that carry them, now or later."""
    thing, new = uuid4(), uuid4()
    before = [heard(number, thing, number) for number in (1, 2, 3, 4)]
    told_anew = [heard(number, new, number) for number in (3, 4)]
    speaker = Speaker(*before[:2], *told_anew)
    inbox = an_inbox(database, speaker)
    await inbox.take(SPEAKER, before[:3])

    await inbox.take(SPEAKER, [before[3], *told_anew])

    assert set(await effects(network, "notify")) == {(thing, step) for step in (1, 2, 3, 4)} | {(new, 3), (new, 4)}
    assert len(await effects(network, "notify")) == 6


async def test_a_restored_speaker_is_noticed_by_its_numbers(network: Network, database: Database) -> None:
    """It has given fewer numbers than were heard from it: all is asked for again, also what no stream told."""
    thing, new = uuid4(), uuid4()
    before = [heard(number, thing, number) for number in (1, 2, 3, 4)]
    inbox = an_inbox(database, Speaker(*before))
    await inbox.catch_up(SPEAKER)

    again = an_inbox(database, Speaker(*before[:2], heard(3, new, 3)))
    assert await again.catch_up(SPEAKER) == 3

    assert await effects(network, "notify") == [*((thing, step) for step in (1, 2, 3, 4)), (new, 3)]
    assert await again.catch_up(SPEAKER) == 0


async def test_the_same_fact_under_another_number_passes(network: Network, database: Database) -> None:
    """A restored speaker may number an old fact anew; the reader does not stumble over it for ever."""
    thing = uuid4()
    one = heard(1, thing, 1)
    inbox = an_inbox(database, Speaker())
    await inbox.take(SPEAKER, [one])
    renumbered = type(one)(one.speaker, 2, one.fact_id, one.subject, one.about, one.headers, one.body)

    await inbox.take(SPEAKER, [renumbered, heard(3, thing, 3)])

    assert await effects(network, "notify") == [(thing, 1), (thing, 3)]
    assert inbox.marks[SPEAKER] == 3


async def test_two_inboxes_on_one_database_do_nothing_twice(network: Network, database: Database) -> None:
    """Both hear everything at once; of each fact one of them commits the effect, in order."""
    thing = uuid4()
    facts = [heard(number, thing, number) for number in range(1, 31)]
    both = [an_inbox(database, Speaker(*facts)) for _ in range(2)]

    async def hear(inbox: Inbox) -> None:
        while inbox.marks.get(SPEAKER, 0) < 30:
            try:
                await inbox.catch_up(SPEAKER)
            except AnotherReader:
                await asyncio.sleep(0)

    async with asyncio.timeout(10):
        await asyncio.gather(*map(hear, both))

    assert await effects(network, "notify") == [(thing, number) for number in range(1, 31)]


async def test_who_was_overtaken_reads_the_mark_again(network: Network, database: Database) -> None:
    """An instance that led before, stood by and leads again goes on where the other stopped."""
    thing = uuid4()
    facts = [heard(number, thing, number) for number in (1, 2, 3)]
    first, second = an_inbox(database, Speaker(*facts)), an_inbox(database, Speaker(*facts))
    await first.take(SPEAKER, facts[:1])
    await second.take(SPEAKER, facts[:2])

    with pytest.raises(AnotherReader):
        await first.take(SPEAKER, facts[1:2])
    assert await first.catch_up(SPEAKER) == 1

    assert await effects(network, "notify") == [(thing, step) for step in (1, 2, 3)]


async def test_a_batch_that_cannot_be_committed_is_heard_later(network: Network, database: Database) -> None:
    """Two transactions in each other's way: nothing has happened, nothing waits, and the next try succeeds."""
    thing, tries = uuid4(), 0

    @reacts_to(ThingMoved)
    async def conflicts(transaction: OpenTransaction, fact: ThingMoved) -> None:
        nonlocal tries
        tries += 1
        await note_effect(transaction, fact)
        if tries == 2:
            await transaction.execute(text("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$"))

    inbox = an_inbox(database, Speaker(), conflicts)
    facts = [heard(number, thing, number) for number in (1, 2)]

    with pytest.raises(DBAPIError):
        await inbox.take(SPEAKER, facts)
    assert await effects(network, "notify") == []
    assert await network.rows("notify", "SELECT 1 FROM waiting") == []

    await inbox.take(SPEAKER, facts)
    assert await effects(network, "notify") == [(thing, 1), (thing, 2)]


async def test_a_reaction_reads_what_the_one_before_it_wrote(database: Database, network: Network) -> None:
    """Two facts of one batch about the same thing: the second finds the first one's row."""
    from libs.common.codes.lists import PartnerKind
    from services.registry.partners.model import Partner

    registry = a_database(network, "registry")
    found: list[bool] = []

    @reacts_to(ThingMoved)
    async def copies(transaction: OpenTransaction, fact: ThingMoved) -> None:
        known = await transaction.get(Partner, fact.thing_id)
        found.append(known is not None)
        if known is None:
            transaction.add(Partner(id=fact.thing_id, name="A", sort_key="a", kind=PartnerKind.UNION, region="15087"))

    thing: UUID = uuid4()
    try:
        await an_inbox(registry, Speaker(), copies).take(SPEAKER, [heard(1, thing, 1), heard(2, thing, 2)])
    finally:
        await registry.close()

    assert found == [False, True]
