"""What `lotse parked`, `bus`, `rebuild` and `audit` do: look after a network of this machine, in its own databases."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import nats
import nats.js.errors
from nats.aio.client import Client
from sqlalchemy import select, text, update

from deploy.local.cluster import Cluster
from deploy.local.exits import CannotGoOn, Exit
from deploy.local.service_settings import provision_bus, settings_for
from libs.common.auditing import Verdict, verify_audit
from libs.common.db import Database, OpenTransaction
from libs.common.facts import SERVICES
from libs.common.parked import Parked, What, discard, list_parked, parked_row, replay
from libs.common.rebuild import NotThrough, rebuild
from libs.common.refusals import Refused
from libs.common.service import own_database
from libs.common.tables import network, outbox, relay

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Finding:
    """What is wrong with a stream: the fact's number, and the sentence."""

    service: str
    number: int
    sentence: str


@asynccontextmanager
async def database_of(cluster: Cluster, service: str) -> AsyncIterator[Database]:
    """The database of a service on these servers, as the service's own role."""
    slug = await _network_slug(cluster, service)
    settings = settings_for(service, cluster, network=slug, url="http://127.0.0.1:8000")
    database = own_database(settings, pool=2)
    await database.connect()
    try:
        yield database
    finally:
        await database.close()


async def parked(cluster: Cluster) -> list[tuple[str, Parked]]:
    """What is parked in all services, facts and due work, with the service that could not do it."""
    found: list[tuple[str, Parked]] = []
    for service in SERVICES:
        async with database_of(cluster, service) as database, database.transaction() as transaction:
            found += [(service, one) for one in await list_parked(transaction)]
    return found


async def parked_one(cluster: Cluster, service: str, parked_id: int) -> tuple[What, Any]:
    """What is parked under that id, with its whole row; refused when nothing is."""
    async with _parked_there(cluster, service) as transaction:
        return await parked_row(transaction, parked_id)


async def decide(cluster: Cluster, service: str, parked_id: int, *, again: bool) -> None:
    """Let what is parked be tried again, or give it up; refused when nothing of that id is parked there."""
    async with _parked_there(cluster, service) as transaction:
        await (replay if again else discard)(transaction, parked_id)


@asynccontextmanager
async def _parked_there(cluster: Cluster, service: str) -> AsyncIterator[OpenTransaction]:
    try:
        async with database_of(cluster, service) as database, database.transaction() as transaction:
            yield transaction
    except Refused as refused:
        raise CannotGoOn(f"{service}: {refused}", "`lotse parked list` shows what there is.") from refused


async def audited(cluster: Cluster, service: str, progress: Progress) -> Verdict:
    """What the service's audit chain holds, and what is wrong with it."""
    settings = settings_for(service, cluster, network="any", url="http://127.0.0.1:8000")
    async with database_of(cluster, service) as database:
        return await verify_audit(database, settings, lambda done, of: progress(service, done, of))


async def verify_bus(cluster: Cluster, progress: Progress) -> list[Finding]:
    """Hold each stream against its outbox: what is missing there, and what was never announced."""
    found: list[Finding] = []
    async with _bus(cluster) as client:
        jetstream = client.jetstream(timeout=10)
        for service in SERVICES:
            stored = await _stored(jetstream, service, progress)
            async with database_of(cluster, service) as database, database.transaction() as transaction:
                first = min(stored, default=1)
                query = select(outbox.c.number, outbox.c.fact_id).where(outbox.c.number >= first)
                rows = (await transaction.execute(query.order_by(outbox.c.number))).all()
                published = await transaction.scalar(select(relay.c.published)) or 0
            announced = {row.number: str(row.fact_id) for row in rows}
            found += _compare(service, stored, announced, published)
    return found


async def rebuild_bus(cluster: Cluster, service: str) -> int:
    """Delete a service's stream, make it again, and let the relay fill it; returns how many facts it will publish."""
    client = await nats.connect(
        cluster.nats_url, user=cluster.nats_user("provisioner"), password=cluster.nats_password("provisioner"),
        inbox_prefix=b"_INBOX_provisioner")
    try:
        await client.jetstream(timeout=10).delete_stream(service)
    except nats.js.errors.NotFoundError:
        pass
    finally:
        await client.close()
    await provision_bus(cluster)
    async with database_of(cluster, service) as database, database.transaction() as transaction:
        published = await transaction.scalar(select(relay.c.published)) or 0
        first = await transaction.scalar(text(
            "SELECT min(number) - 1 FROM outbox WHERE announced_at > clock_timestamp() - interval '7 days'")) or 0
        await transaction.execute(update(relay).values(published=first, refills=relay.c.refills + 1))
    return int(published - first)


async def rebuild_service(cluster: Cluster, service: str) -> str:
    """Let a service make its copies and figures anew, from the first fact on; returns what happened.

    What it owns stays. The services must run, since they are asked; CannotGoOn when it is not through within a minute.
    """
    try:
        async with database_of(cluster, service) as database:
            return await rebuild(database)
    except NotThrough as late:
        raise CannotGoOn(f"{service}: {late}.", "All services must run; it goes on by itself, `lotse status` shows what"
                         " is away.") from late


@asynccontextmanager
async def _bus(cluster: Cluster) -> AsyncIterator[Client]:
    client = await nats.connect(cluster.nats_url, user=cluster.nats_user("ops"), password=cluster.nats_password("ops"),
                                inbox_prefix=b"_INBOX_ops", connect_timeout=5, allow_reconnect=False)
    try:
        yield client
    finally:
        await client.close()


async def _stored(jetstream: Any, service: str, progress: Progress) -> dict[int, str]:
    """Number and id of every fact that a stream holds; gaps in the stream itself are passed over."""
    try:
        state = (await jetstream.stream_info(service)).state
    except nats.js.errors.NotFoundError as missing:
        raise CannotGoOn(f"There is no stream {service}.", "`lotse provision` makes it.", Exit.FAILED) from missing
    found: dict[int, str] = {}
    for sequence in range(max(state.first_seq, 1), state.last_seq + 1):
        try:
            headers = (await jetstream.get_msg(service, sequence)).headers or {}
        except nats.js.errors.NotFoundError:
            continue
        found[int(headers.get("ce-sequence", 0))] = headers.get("ce-id", "")
        progress(service, sequence - state.first_seq + 1, state.last_seq - state.first_seq + 1)
    return found


def _compare(service: str, stored: dict[int, str], announced: dict[int, str], published: int) -> Sequence[Finding]:
    missing = [Finding(service, number, "announced, but not in the stream")
               for number in announced if number <= published and number not in stored]
    foreign = [Finding(service, number, "in the stream, but never announced so")
               for number, fact_id in stored.items() if announced.get(number) != fact_id]
    return missing + foreign


async def _network_slug(cluster: Cluster, service: str) -> str:
    connection = await asyncpg.connect(cluster.database_url(service))
    try:
        return str(await connection.fetchval(str(select(network.c.slug))))
    except asyncpg.UndefinedTableError as missing:
        raise CannotGoOn(f"The database of {service} is empty.", "`lotse migrate` makes its tables.") from missing
    finally:
        await connection.close()
