"""The relay against bare pipelined JetStream publishing, and beside faststream-outbox, on the same servers."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import asyncpg
from faststream.nats import NatsBroker
from faststream.nats.security import NatsUserPassword
from faststream_outbox import OutboxBroker, make_outbox_table
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from benchmarks.stage import Bench, Measured, a_row
from libs.common.bus import Bus
from libs.common.db import sqlalchemy_url
from libs.common.leader import LOCK, LockConnection
from libs.common.relay import Relay

GOAL = 0.5
PEER_SHARE, PEER_WORKERS = 4, 20


async def raw_publish(bench: Bench, count: int) -> float:
    """Facts per second of bare pipelined JetStream publishing, a thousand in flight."""
    client = await bench.client("registry")
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


async def peer_publish(bench: Bench, count: int) -> float:
    """Facts per second of faststream-outbox: its rows relayed to the same stream, with its largest batches."""
    engine = create_async_engine(sqlalchemy_url(bench.cluster.superuser_url("registry")), pool_size=PEER_WORKERS + 5)
    table = make_outbox_table(MetaData(), table_name="peer_outbox")
    async with engine.begin() as connection:
        await connection.run_sync(table.metadata.create_all)
    outbox, bus = OutboxBroker(engine, outbox_table=table), _bus_of(bench)

    # Twenty workers and batches of 500: of what was tried the fastest.
    @outbox.subscriber("facts", max_workers=PEER_WORKERS, fetch_batch_size=500, min_fetch_interval=0.001,
                       max_fetch_interval=0.01, terminal_flush_batch_size=100)
    async def relay(body: dict[str, str]) -> None:
        await bus.publish(body["body"].encode(), body["subject"], stream="registry",
                          headers={"Nats-Msg-Id": body["id"], **json.loads(body["headers"])})

    rows = [{"subject": row["subject"], "body": row["body"], "id": str(row["fact_id"]),
             "headers": json.dumps(row["headers"])} for row in (a_row() for _ in range(count))]
    async with engine.begin() as connection:
        await outbox.publish_batch(*rows, queue="facts", session=connection)
    await bus.connect()
    began = time.perf_counter()
    await outbox.start()
    async for left in _left(engine):
        if not left:
            break
    rate = count / (time.perf_counter() - began)
    await outbox.stop()
    await bus.stop()
    await engine.dispose()
    return rate


def _bus_of(bench: Bench) -> NatsBroker:
    login = NatsUserPassword("registry", bench.cluster.nats_password("registry"))
    return NatsBroker(bench.cluster.nats_url, security=login, inbox_prefix="_INBOX_registry")


async def _left(engine: AsyncEngine) -> AsyncIterator[int]:
    while True:
        await asyncio.sleep(0.05)
        async with engine.connect() as connection:
            yield (await connection.exec_driver_sql("SELECT count(*) FROM peer_outbox")).scalar_one()


async def measure(bench: Bench, count: int) -> list[Measured]:
    """Raw, the peer and ours, one after the other; what the stream holds in the end is ours."""
    await bench.set_up("registry", "notify")
    bare = await raw_publish(bench, count)
    peer = await peer_publish(bench, count // PEER_SHARE)
    client = await bench.client("provisioner")
    await client.jetstream().purge_stream("registry")
    await client.close()
    ours = await relay_publish(bench, count)
    return [
        Measured("relay, facts/s", f"{ours:,.0f}", f"{bare:,.0f} raw publish_async", f"{ours / bare:.2f}",
                 f"≥ {GOAL}", ours / bare >= GOAL),
        Measured("relay beside faststream-outbox, facts/s", f"{ours:,.0f}", f"{peer:,.0f} the peer",
                 f"{ours / peer:.1f}")]
