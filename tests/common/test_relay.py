"""The relay: gapless numbers, the order of each aggregate, and a stream that is only a copy."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text

from libs.common import leader, relay
from libs.common.bus import Outgoing
from libs.common.db import OpenTransaction
from libs.common.leader import LockConnection
from libs.common.outbox import announce
from libs.common.reactions import reacts_to
from libs.common.relay import Relay
from tests.common.bus_user import in_stream, purge, stream_info
from tests.common.stage import ThingMoved, a_database, an_app, effects, make_scratch, note_effect, on_stage, tell_moves
from tests.harness import Network
from tests.proxy import LEFT_TO_THE_COLLECTOR, Proxy

pytestmark = LEFT_TO_THE_COLLECTOR

SENT = "SELECT number, about, body::json->>'step' AS step FROM outbox ORDER BY number"


@reacts_to(ThingMoved)
async def _notes(transaction: OpenTransaction, fact: ThingMoved) -> None:
    await note_effect(transaction, fact)


async def _write(network: Network, things: list[UUID], writer: int) -> None:
    """One of several writers: takes things in turn, some transactions are undone, some commit late."""
    chance = random.Random(writer)
    database = a_database(network, "registry")
    try:
        for _ in range(12):
            thing = chance.choice(things)
            async with database.transaction() as transaction:
                # The aggregate's row, which every change of it locks.
                step = await transaction.scalar(
                    text("UPDATE scratch.effect SET step = step + 1 WHERE thing = :thing RETURNING step"),
                    {"thing": thing},
                )
                announce(transaction, ThingMoved(thing_id=thing, step=step or 0))
                await asyncio.sleep(chance.random() * 0.02)
                if chance.random() < 0.3:
                    transaction.to_announce.clear()
                    await transaction.rollback()
    finally:
        await database.close()


async def _eight_writers(network: Network) -> None:
    things = [uuid4() for _ in range(5)]
    await make_scratch(network, "registry")
    for thing in things:
        await network.rows("registry", "INSERT INTO scratch.effect (thing, step) VALUES ($1, 0)", thing)
    await asyncio.gather(*(_write(network, things, writer) for writer in range(8)))


async def _until_told(network: Network, *, seconds: float = 10) -> list[asyncpg.Record]:
    """The outbox once all of it has been published."""
    async with asyncio.timeout(seconds):
        while await network.rows(
            "registry",
            "SELECT 1 FROM outbox WHERE number IS NULL UNION ALL SELECT 1 FROM relay"
            " WHERE published < (SELECT coalesce(max(number), 0) FROM outbox)",
        ):
            await asyncio.sleep(0.02)
    return await network.rows("registry", SENT)


def _in_order(rows: list[tuple[str, int]]) -> bool:
    """Whether the steps of each aggregate rise by one, from one."""
    steps: dict[str, list[int]] = {}
    for about, step in rows:
        steps.setdefault(about, []).append(step)
    return all(found == list(range(1, len(found) + 1)) for found in steps.values())


async def test_numbers_have_no_gaps_whatever_is_undone_or_commits_late(network: Network) -> None:
    """Eight writers at once: each fact that was committed has one number, each aggregate its order, the stream all."""
    await on_stage(network, "registry")
    await _eight_writers(network)

    rows = await _until_told(network)

    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) > 40
    assert _in_order([(row["about"], int(row["step"])) for row in rows])
    assert [int(one["ce-sequence"]) for one in await in_stream(network.cluster, "registry")] == list(
        range(1, len(rows) + 1)
    )


@pytest.mark.slow
async def test_a_second_relay_stands_by_and_takes_over(network: Network) -> None:
    """Of two instances one leads; when its connection to the database breaks, the other goes on within seconds."""
    first = await on_stage(network, "registry")
    second = await network.run("registry", an_app(network, "registry"))
    await tell_moves(second, uuid4(), [1])
    await _until_told(network)
    assert (first.running.leader.leading, second.running.leader.leading) == (True, False)

    await network.rows(
        "registry",
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    await tell_moves(first, uuid4(), [1])

    rows = await _until_told(network)
    assert [row["number"] for row in rows] == [1, 2]
    async with asyncio.timeout(10):
        while first.running.leader.leading + second.running.leader.leading != 1:
            await asyncio.sleep(0.05)


async def test_two_relays_at_once_number_nothing_twice(network: Network) -> None:
    """A lock that was stolen: both number and publish; every effect is there once and in order."""
    speaker = await on_stage(network, "registry")
    await on_stage(network, "notify", _notes)
    connections = [await asyncpg.connect(speaker.running.database.url) for _ in range(2)]
    thieves = [
        asyncio.create_task(Relay(LockConnection(one), speaker.running.bus, asyncio.Event()).run())
        for one in connections
    ]
    try:
        await _eight_writers(network)
        rows = await _until_told(network)
        await network.settled()
    finally:
        for task in thieves:
            task.cancel()
        await asyncio.gather(*thieves, return_exceptions=True)
        for one in connections:
            await one.close()

    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
    told = await effects(network, "notify")
    assert len(told) == len(rows)
    assert _in_order([(str(thing), step) for thing, step in told])


async def test_a_relay_numbers_only_what_has_no_number(network: Network) -> None:
    """Two number at the same moment: what one has numbered keeps its number, also when the other saw more."""
    await make_scratch(network, "registry")
    database = a_database(network, "registry")
    first, second = [await asyncpg.connect(database.url) for _ in range(2)]
    try:
        late = await asyncpg.connect(database.url)
        held = late.transaction()
        await held.start()
        await late.execute(INSERT, uuid4())
        await second.execute(INSERT, uuid4())
        turn = first.transaction()
        await turn.start()
        await first.execute(relay.NUMBER, 10)
        await held.commit()
        waiting = asyncio.create_task(second.execute(relay.NUMBER, 10))
        await asyncio.sleep(0.1)
        await turn.commit()
        await asyncio.gather(waiting, return_exceptions=True)
        await late.close()
        await first.execute(relay.NUMBER, 10)
    finally:
        await asyncio.gather(first.close(), second.close(), database.close())

    rows = await network.rows("registry", "SELECT id, number FROM outbox ORDER BY id")
    assert [row["number"] for row in rows] == [2, 1]


INSERT = "INSERT INTO outbox (fact_id, subject, about, headers, body) VALUES ($1, 'registry.a.b.v1', 'a/1', '{}', '{}')"


async def test_killed_between_publish_and_mark_nothing_is_lost_or_done_twice(
    network: Network,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next relay publishes it again; the listener's inbox lets it pass."""
    crashes = ["relay-before-publish", "relay-after-publish-before-mark", "relay-after-mark"]

    def crash(point: str) -> None:
        if crashes and crashes[0] == point:
            crashes.pop(0)
            raise InterruptedError

    monkeypatch.setattr(relay, "failpoint", crash)
    monkeypatch.setattr(leader, "BEAT_SECONDS", 0.05)
    speaker = await on_stage(network, "registry")
    await on_stage(network, "notify", _notes)
    thing = uuid4()
    for step in (1, 2, 3):
        await tell_moves(speaker, thing, [step])
        await _until_told(network)

    await network.settled()

    assert crashes == []
    assert await effects(network, "notify") == [(thing, 1), (thing, 2), (thing, 3)]


@pytest.mark.parametrize("statement", [relay.NUMBER, relay.UNPUBLISHED])
async def test_what_is_long_published_is_not_read_again(network: Network, statement: str) -> None:
    """However long the outbox is, the relay looks at what is new only, once the planner knows how long it is."""
    await on_stage(network, "registry")
    await network.rows("registry", "INSERT INTO outbox (fact_id, number, subject, about, headers, body)"
                       " SELECT gen_random_uuid(), i, 'registry.a.b.v1', 'a/1', '{}', '{}'"
                       " FROM generate_series(1, 20000) AS i")
    await network.rows("registry", "UPDATE relay SET published = 20000")
    await network.rows("registry", "ANALYZE outbox, relay")

    plan = "\n".join(row[0] for row in await network.rows("registry", f"EXPLAIN ANALYZE {statement}", 1000))

    assert "Rows Removed" not in plan
    assert "Seq Scan on outbox" not in plan


async def test_stepped_back_while_it_publishes_it_publishes_all_again(
    network: Network, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Operations lets all be published again in the middle of a batch: the batch's mark does not undo that."""
    speaker, batches = await on_stage(network, "registry"), list[list[str]]()
    await tell_moves(speaker, uuid4(), [1, 2, 3])
    await _until_told(network)
    publish = speaker.running.bus.publish_in_order

    async def publishing(outgoing: Sequence[Outgoing]) -> int:
        stored = await publish(outgoing)
        batches.append([headers["ce-sequence"] for _, _, headers in outgoing])
        if len(batches) == 1:
            await network.rows("registry", "UPDATE relay SET published = 0 RETURNING 1")
        return stored

    monkeypatch.setattr(speaker.running.bus, "publish_in_order", publishing)
    await tell_moves(speaker, uuid4(), [1])
    await _until_told(network)
    await network.settled()

    assert batches == [["4"], ["1", "2", "3", "4"]]


@pytest.mark.slow
async def test_what_the_stream_lost_is_published_again_with_fresh_ids(network: Network, proxy: Proxy) -> None:
    """After a purge, inside the window of duplicates: each number is in the stream again, none has a second effect."""
    speaker = await on_stage(network, "registry", nats_url=f"nats://127.0.0.1:{proxy.port}")
    await on_stage(network, "notify", _notes)
    thing = uuid4()
    await tell_moves(speaker, thing, range(1, 21))
    await _until_told(network)
    await network.settled()

    await purge(network.cluster, "registry")
    proxy.cut()

    async with asyncio.timeout(10):
        while (await stream_info(network.cluster, "registry")).state.messages < 20:
            await asyncio.sleep(0.05)
    await tell_moves(speaker, thing, [21])
    await network.settled()
    assert [int(one["ce-sequence"]) for one in await in_stream(network.cluster, "registry")] == list(range(1, 22))
    assert await effects(network, "notify") == [(thing, step) for step in range(1, 22)]


async def test_a_relay_killed_while_it_refills_is_not_swallowed_by_the_window(
    network: Network,
) -> None:
    """The relay after it does not know of the refill, and publishes with fresh ids all the same."""
    speaker = await on_stage(network, "registry")
    thing = uuid4()
    await tell_moves(speaker, thing, range(1, 21))
    await _until_told(network)
    await network.services.pop().stop()
    await purge(network.cluster, "registry")
    await network.rows("registry", "UPDATE relay SET published = 10 RETURNING 1")  # stepped back, and was killed

    await on_stage(network, "registry")
    await _until_told(network)

    told = {int(one["ce-sequence"]) for one in await in_stream(network.cluster, "registry")}
    assert told >= set(range(11, 21))


async def test_what_aged_out_of_the_stream_is_not_published_again(network: Network, proxy: Proxy) -> None:
    """An empty stream may only be a quiet one: what is older than the stream keeps stays away."""
    speaker = await on_stage(network, "registry", nats_url=f"nats://127.0.0.1:{proxy.port}")
    await tell_moves(speaker, uuid4(), [1, 2])
    await _until_told(network)
    await network.rows("registry", "UPDATE outbox SET announced_at = announced_at - interval '8 days' RETURNING 1")
    await purge(network.cluster, "registry")

    proxy.cut()
    await tell_moves(speaker, uuid4(), [3])
    await _until_told(network)

    assert [int(one["ce-sequence"]) for one in await in_stream(network.cluster, "registry")] == [3]
    assert (await network.rows("registry", "SELECT refills FROM relay"))[0]["refills"] == 0


async def test_a_batch_that_the_stream_takes_in_part_is_finished(
    network: Network,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An acknowledgement is missing in the middle: all from there is published again, nothing has two effects."""
    speaker = await on_stage(network, "registry")
    await on_stage(network, "notify", _notes)
    publish, lost = speaker.running.bus.publish_in_order, [4]

    async def lossy(outgoing: Any) -> int:
        stored = await publish(outgoing)
        return min(stored, lost.pop()) if lost else stored

    monkeypatch.setattr(speaker.running.bus, "publish_in_order", lossy)
    thing = uuid4()
    await tell_moves(speaker, thing, range(1, 11))
    await _until_told(network)
    await network.settled()

    assert await effects(network, "notify") == [(thing, step) for step in range(1, 11)]


async def test_what_stands_in_the_stream_is_a_cloud_event(network: Network) -> None:
    """Its headers say who, what, when and about what; its body is the fact and nothing else."""
    speaker = await on_stage(network, "registry")
    thing = uuid4()
    await tell_moves(speaker, thing, [1])
    row = (await network.rows("registry", "SELECT fact_id, body FROM outbox"))[0]
    await _until_told(network)

    headers = (await in_stream(network.cluster, "registry"))[0]

    expected = {
        "ce-specversion": "1.0",
        "ce-id": str(row["fact_id"]),
        "ce-source": "/test/registry",
        "ce-type": ThingMoved.subject,
        "ce-subject": f"thing/{thing}",
        "ce-sequence": "1",
        "ce-actorrole": "system",
        "Nats-Msg-Id": str(row["fact_id"]),
    }
    assert {name: headers[name] for name in expected} == expected
    assert ThingMoved.model_validate_json(row["body"]) == ThingMoved(thing_id=thing, step=1)


def test_groups_of_steps_out_of_order_are_seen() -> None:
    """The check that the tests above lean on sees a swap, a gap and a repetition."""
    assert _in_order([("a", 1), ("b", 1), ("a", 2)])
    assert not any(_in_order(wrong) for wrong in ([("a", 2), ("a", 1)], [("a", 1), ("a", 3)], [("a", 1), ("a", 1)]))
