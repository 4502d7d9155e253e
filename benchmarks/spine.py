"""The spine measured against the bare limit in the same run: relay, inbox, latency, and the CPU of one POST.

python -m benchmarks.spine [--facts N]
"""

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
import time
import types
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import nats
from nats.js.api import AckPolicy, ConsumerConfig
from rich.console import Console
from rich.table import Table
from sqlalchemy import insert
from uuid_utils.compat import uuid7

from deploy.local.servers import Wanted, start_servers
from deploy.local.service_settings import migrate_database, provision_bus, settings_for
from libs.common.bus import Bus
from libs.common.db import Database
from libs.common.envelope import envelope_headers
from libs.common.facts.registry import OfferPublished
from libs.common.leader import LOCK, LockConnection
from libs.common.metrics import Metrics
from libs.common.outbox import announce
from libs.common.reactions import Reactions, reacts_to
from libs.common.relay import Relay
from libs.common.service import Running
from libs.common.tables import outbox

BATCH = 500


def a_fact() -> OfferPublished:
    """A fact of ordinary size."""
    return OfferPublished(offer_id=uuid4(), partner_id=uuid4(), field="language", region="15087",
                          languages=("ar", "uk", "de"))


def a_row() -> dict[str, Any]:
    """The same as an outbox row."""
    fact, fact_id = a_fact(), uuid7()
    headers = envelope_headers(network="bench", subject=fact.subject, fact_id=fact_id, about=fact.about(),
                               at=datetime.now().astimezone(), correlation=str(uuid4()),
                               actor_role="coordinator", region="15087")
    return {"fact_id": fact_id, "subject": fact.subject, "about": fact.about(), "headers": headers,
            "body": fact.model_dump_json()}


class Bench:
    """Servers of their own, on disk with fsync, and the parts of two services."""

    def __init__(self, folder: Path) -> None:
        """Start the servers on the folder."""
        self.servers = start_servers(folder, Wanted())
        self.cluster = self.servers.cluster

    def settings(self, service: str) -> Any:
        """The settings of a service on these servers."""
        return settings_for(service, self.cluster, network="bench", url="http://127.0.0.1:8000", demonstration=True)

    async def set_up(self) -> None:
        """Tables, streams and durables."""
        for service in ("registry", "notify"):
            await migrate_database(service, self.settings(service))
        await provision_bus(self.cluster)

    async def raw_client(self) -> nats.NATS:
        """The registry's bare connection."""
        return await nats.connect(self.cluster.nats_url, user="registry",
                                  password=self.cluster.nats_password("registry"), inbox_prefix=b"_INBOX_registry")

    async def fill_outbox(self, count: int) -> None:
        """Announce this many facts at once."""
        database = self.running("registry").database
        for start in range(0, count, 5000):
            async with database.transaction() as transaction:
                await transaction.execute(insert(outbox), [a_row() for _ in range(min(5000, count - start))])
        await database.close()

    def running(self, service: str, *modules: Any) -> Running:
        """A service's parts, not started."""
        return Running(service, self.settings(service), Reactions.of(modules), Metrics(service))


async def raw_publish(bench: Bench, count: int) -> float:
    """Facts per second of bare pipelined JetStream publishing, a thousand in flight."""
    client = await bench.raw_client()
    jetstream = client.jetstream(publish_async_max_pending=1000)
    rows = [a_row() for _ in range(count)]
    messages = [(row["subject"], row["body"].encode(), {**row["headers"], "Nats-Msg-Id": str(row["fact_id"])})
                for row in rows]
    began = time.perf_counter()
    futures = [await jetstream.publish_async(subject, body, headers=headers) for subject, body, headers in messages]
    await asyncio.gather(*futures)
    rate = count / (time.perf_counter() - began)
    await client.close()
    return rate


async def relay_publish(bench: Bench, count: int) -> float:
    """Facts per second of the relay: numbering, publishing, marking."""
    await bench.fill_outbox(count)
    bus = Bus("registry", bench.settings("registry"))
    await bus.connect()
    connection = await asyncpg.connect(bench.cluster.database_url("registry"))
    await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK)
    relay = Relay(LockConnection(connection), bus, asyncio.Event())
    began = time.perf_counter()
    while await relay.step():
        pass
    rate = count / (time.perf_counter() - began)
    await bus.close()
    await connection.close()
    return rate


async def raw_fetch(bench: Bench, count: int) -> float:
    """Facts per second of bare fetch-and-ack, batches of 500, the last acknowledged with all before it."""
    client = await nats.connect(bench.cluster.nats_url, user="provisioner",
                                password=bench.cluster.nats_password("provisioner"), inbox_prefix=b"_INBOX_provisioner")
    await client.jetstream().add_consumer("registry", ConsumerConfig(durable_name="matching", ack_policy=AckPolicy.ALL,
                                                                    max_ack_pending=4096, ack_wait=15, max_waiting=64))
    await client.close()
    client = await nats.connect(bench.cluster.nats_url, user="matching",
                                password=bench.cluster.nats_password("matching"), inbox_prefix=b"_INBOX_matching")
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


@asynccontextmanager
async def started(bench: Bench, service: str, *modules: Any) -> AsyncIterator[Running]:
    """A service's parts at work, without HTTP."""
    running = bench.running(service, *modules)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


async def _until(holds: Callable[[], bool], every: float) -> None:
    while not holds():  # noqa: ASYNC110 - what is measured must not pay for announcing that it is done
        await asyncio.sleep(every)


async def inbox_rate(bench: Bench) -> float:
    """Facts per second from the stream through the inbox, committed and acknowledged."""
    reader = await asyncpg.connect(bench.cluster.superuser_url("registry"))
    last = await reader.fetchval("SELECT max(number) FROM outbox")
    await reader.close()
    began = time.perf_counter()
    async with started(bench, "notify") as running:
        await _until(lambda: running.inbox.marks.get("registry", 0) >= last, 0.005)
        return float(last) / (time.perf_counter() - began)


async def effect_latency(bench: Bench, per_second: int, seconds: float) -> list[float]:
    """Milliseconds from the commit in one service to the committed effect in another, at a steady rate."""
    heard: dict[UUID, float] = {}

    @reacts_to(OfferPublished)
    async def note(transaction: Any, fact: OfferPublished) -> None:
        transaction.after_commit.append(lambda: heard.setdefault(fact.offer_id, time.perf_counter()))

    module = types.ModuleType("effect")
    module.note = note  # type: ignore[attr-defined]
    sent: dict[UUID, float] = {}
    async with started(bench, "notify", module) as listener, started(bench, "registry") as speaker:
        await _until(lambda: (speaker.leader.leading and listener.leader.leading
                              and all(reader.durable_there for reader in listener.readers)), 0.05)
        await asyncio.sleep(1)
        began = time.perf_counter()
        for position in range(int(per_second * seconds)):
            await asyncio.sleep(max(0, began + position / per_second - time.perf_counter()))
            sent.update([await _commit_one(speaker.database)])
        await asyncio.sleep(1)
    return sorted((heard[offer] - at) * 1000 for offer, at in sent.items() if offer in heard)


async def _commit_one(database: Database) -> tuple[UUID, float]:
    fact = a_fact()
    async with database.transaction() as transaction:
        announce(transaction, fact)
    return fact.offer_id, time.perf_counter()


async def measure(folder: Path, count: int, console: Console) -> None:
    """Run everything once and print the table."""
    bench = Bench(folder)
    table = Table("measured", "ours", "bare", "ratio or goal", title="The spine against its bare limits, one run")
    try:
        await bench.set_up()
        with console.status("relay …"):
            bare, ours = await raw_publish(bench, count), await relay_publish(bench, count)
        table.add_row("relay, facts/s", f"{ours:,.0f}", f"{bare:,.0f}", f"{ours / bare:.2f} (goal ≥ 0.5)")
        with console.status("inbox …"):
            bare, ours = await raw_fetch(bench, count), await inbox_rate(bench)
        table.add_row("inbox, facts/s", f"{ours:,.0f}", f"{bare:,.0f}", f"{ours / bare:.2f} (goal ≥ 0.5)")
        with console.status("latency …"):
            times = await effect_latency(bench, 150, 10)
        p99 = times[int(len(times) * 0.99)]
        table.add_row(f"commit → effect at 150/s, {len(times)} facts, ms",
                      f"p50 {statistics.median(times):.1f}, p99 {p99:.1f}", "", "goal p99 ≤ 50")
        console.print(table)
        console.print_json(json.dumps({"p99_ms": round(p99, 1)}))
    finally:
        bench.servers.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facts", type=int, default=20_000)
    place = Path(tempfile.mkdtemp(prefix="lotse-bench-", dir="/var/tmp"))
    place.chmod(0o755)
    try:
        asyncio.run(measure(place / "state", parser.parse_args().facts, Console()))
    finally:
        shutil.rmtree(place, ignore_errors=True)
