"""The inbox against bare fetch-and-ack, and the way of one fact from a commit to its effect in another service."""

import asyncio
import statistics
import time
import types
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from nats.js.api import AckPolicy, ConsumerConfig

from benchmarks.stage import Bench, Measured, a_fact
from libs.common.db import Database
from libs.common.facts.registry import OfferPublished
from libs.common.outbox import announce
from libs.common.reactions import reacts_to
from libs.common.service import Running

BATCH = 500
GOAL, GOAL_MS = 0.5, 50
PER_SECOND, SECONDS = 150, 10


async def raw_fetch(bench: Bench, count: int) -> float:
    """Facts per second of bare fetch-and-ack, batches of 500, the last acknowledged with all before it."""
    client = await bench.client("provisioner")
    await client.jetstream().add_consumer("registry", ConsumerConfig(
        durable_name="matching", ack_policy=AckPolicy.ALL, max_ack_pending=4096, ack_wait=15, max_waiting=64))
    await client.close()
    client = await bench.client("matching")
    reader = await client.jetstream().pull_subscribe_bind(durable="matching", stream="registry",
                                                          inbox_prefix=b"_INBOX_matching.")
    began, seen = time.perf_counter(), 0
    while seen < count:
        messages = await reader.fetch(BATCH, timeout=5)
        await messages[-1].ack_sync()
        seen += len(messages)
    rate = count / (time.perf_counter() - began)
    await client.close()
    return rate


async def inbox_rate(bench: Bench) -> float:
    """Facts per second from the stream through the inbox, committed and acknowledged, from the first batch on."""
    connection = await bench.superuser("registry")
    last = await connection.fetchval("SELECT max(number) FROM outbox")
    await connection.close()
    async with _started(bench, "notify") as running:
        marks = running.inbox.marks
        await _until(lambda: marks.get("registry", 0) > 0, 0.001)
        began, first = time.perf_counter(), marks["registry"]
        await _until(lambda: marks["registry"] >= last, 0.001)
        return float(last - first) / (time.perf_counter() - began)


@asynccontextmanager
async def _started(bench: Bench, service: str, *modules: Any) -> AsyncIterator[Running]:
    running = bench.running(service, *modules)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


async def _until(holds: Callable[[], bool], every: float) -> None:
    while not holds():  # noqa: ASYNC110 - what is measured must not pay for announcing that it is done
        await asyncio.sleep(every)


async def effect_latency(bench: Bench) -> list[float]:
    """Milliseconds from the commit in one service to the committed effect in another, at a steady rate."""
    heard: dict[UUID, float] = {}

    @reacts_to(OfferPublished)
    async def note(transaction: Any, fact: OfferPublished) -> None:
        transaction.after_commit.append(lambda: heard.setdefault(fact.offer_id, time.perf_counter()))

    module = types.ModuleType("effect")
    module.note = note  # type: ignore[attr-defined]
    sent: dict[UUID, float] = {}
    async with _started(bench, "notify", module) as listener, _started(bench, "registry") as speaker:
        await _until(lambda: (speaker.leader.leading and listener.leader.leading
                              and all(reader.durable_there for reader in listener.readers)), 0.05)
        await asyncio.sleep(1)
        began = time.perf_counter()
        for position in range(PER_SECOND * SECONDS):
            await asyncio.sleep(max(0, began + position / PER_SECOND - time.perf_counter()))
            sent.update([await _commit_one(speaker.database)])
        await asyncio.sleep(1)
    return sorted((heard[offer] - at) * 1000 for offer, at in sent.items() if offer in heard)


async def _commit_one(database: Database) -> tuple[UUID, float]:
    fact = a_fact()
    async with database.transaction() as transaction:
        announce(transaction, fact)
    return fact.offer_id, time.perf_counter()


async def measure(bench: Bench, count: int) -> list[Measured]:
    """Throughput and latency; the stream holds what the relay's benchmark put there, or is filled first."""
    bare, ours = await raw_fetch(bench, count), await inbox_rate(bench)
    times = await effect_latency(bench)
    p99 = times[int(len(times) * 0.99)]
    return [
        Measured("inbox, facts/s", f"{ours:,.0f}", f"{bare:,.0f} raw fetch and ack", f"{ours / bare:.2f}",
                 f"≥ {GOAL}", ours / bare >= GOAL),
        Measured(f"commit → effect elsewhere, {PER_SECOND}/s, ms", f"p50 {statistics.median(times):.1f}, p99 {p99:.1f}",
                 goal=f"p99 ≤ {GOAL_MS}", reached=p99 <= GOAL_MS)]
