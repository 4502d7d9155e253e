"""Registrations per second for one contended event, over HTTP, against bare INSERTs under the same lock."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import httpx
from fastapi import Response
from uuid_utils.compat import uuid7

from benchmarks.load import Client
from benchmarks.stage import Bench, Measured, serving
from libs.common.callers import Caller, Role, Scope
from libs.common.dependencies import Once
from services.events.registrations.routes import RegistrationIn, register_party

CLIENTS, WARM_UP, PORT = 16, 100, 18833
GOAL = 0.3
CREATED = 201
PARTNER = uuid4()
BARE_TABLES = """
CREATE SCHEMA bare;
CREATE TABLE bare.event (id uuid PRIMARY KEY, taken int NOT NULL);
CREATE TABLE bare.registration (id uuid PRIMARY KEY, event_id uuid REFERENCES bare.event, place int, name text);
CREATE TABLE bare.outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, fact_id uuid UNIQUE, subject text,
headers jsonb, body text);
"""


async def _all_at_once(count: int, one: Callable[[int], Awaitable[None]]) -> float:
    """Calls per second of so many clients, each with its share one after the other."""
    async def share(client: int) -> None:
        for _ in range(count // CLIENTS):
            await one(client)

    began = time.perf_counter()
    await asyncio.gather(*(share(client) for client in range(CLIENTS)))
    return count / (time.perf_counter() - began)


async def bare_inserts(bench: Bench, count: int) -> float:
    """The event's row locked, a row and an outbox row inserted, the count kept, committed: nothing else."""
    pool = await asyncpg.create_pool(bench.cluster.superuser_url("events"), min_size=CLIENTS, max_size=CLIENTS)
    event = uuid4()
    await pool.execute(BARE_TABLES)
    await pool.execute("INSERT INTO bare.event VALUES ($1, 0)", event)

    async def register(_client: int) -> None:
        async with pool.acquire() as connection, connection.transaction():
            taken = await connection.fetchval("SELECT taken FROM bare.event WHERE id = $1 FOR UPDATE", event)
            await connection.execute("INSERT INTO bare.registration VALUES ($1, $2, $3, 'Amira Beispiel')",
                                     uuid4(), event, taken + 1)
            await connection.execute("INSERT INTO bare.outbox (fact_id, subject, headers, body)"
                                     " VALUES ($1, 'events.registration.confirmed.v1', $2, '{}')",
                                     uuid4(), json.dumps({"ce-id": str(event)}))
            await connection.execute("UPDATE bare.event SET taken = taken + 1 WHERE id = $1", event)

    await _all_at_once(WARM_UP, register)
    rate = await _all_at_once(count, register)
    assert await pool.fetchval("SELECT taken FROM bare.event") == (await pool.fetchval(
        "SELECT count(*) FROM bare.registration"))
    await pool.close()
    return rate


async def _published_event(client: httpx.AsyncClient, seats: int) -> UUID:
    starts = datetime.now(UTC) + timedelta(days=7)
    body = {"partner_id": str(PARTNER), "region": "15087", "kind": "language_cafe", "field": "language",
            "translations": {"de": {"title": "Sprachcafé", "description": "Deutsch sprechen."}}, "languages": ["de"],
            "capacity": seats, "starts": starts.isoformat(), "ends": (starts + timedelta(hours=2)).isoformat(),
            "venue": {"text": "Mehrgenerationenhaus", "postcode": "06526", "barrier_free": True}}
    drafted = await client.post("/v1/events", json=body)
    assert drafted.status_code == CREATED, drafted.text
    event = UUID(drafted.json()["id"])
    published = await client.post(f"/v1/events/{event}/publish", headers={"If-Match": drafted.headers["etag"]})
    assert published.is_success, published.text
    return event


async def our_registrations(bench: Bench, count: int) -> float:
    """The same over HTTP: the public registers, with names sealed, seats counted, links signed, facts told."""
    key = await bench.key("events", "coordinator")
    connection = await bench.superuser("events")
    await connection.execute(
        "INSERT INTO known_partner (id, version, region, standing) VALUES ($1, 1, '15087', 'verified')", PARTNER)
    await connection.close()
    with serving("services.events serve", PORT, bench.environment("events")):
        url = f"http://127.0.0.1:{PORT}"
        async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}) as admin:
            event = await _published_event(admin, 2 * (count + WARM_UP))
        clients = [Client(PORT) for _ in range(CLIENTS)]

        async def register(client: int) -> None:
            body = {"person": {"name": "Amira Beispiel", "email": "amira@example.org", "languages": ["ar"]}}
            status, answer = await clients[client].post(
                f"/v1/events/{event}/registrations", body, Idempotency_Key=uuid4().hex)
            assert status == CREATED, answer

        await _all_at_once(WARM_UP, register)
        rate = await _all_at_once(count, register)
        for client in clients:
            client.close()
    return rate


async def in_the_service(bench: Bench, count: int) -> float:
    """The same without HTTP, as the bare INSERTs are: the route itself, each in a transaction of the public's."""
    database = bench.running("events").database
    await database.connect()
    event = UUID(str(await _only_event(bench)))
    body = RegistrationIn.model_validate({"person": {
        "name": "Amira Beispiel", "email": "amira@example.org", "languages": ["ar"]}})

    async def register(_client: int) -> None:
        async with database.transaction(Caller("public", Role.PUBLIC, Scope())) as transaction:
            await register_party(event, body, transaction, Once(uuid7(), repeated=False), Response())

    await _all_at_once(WARM_UP, register)
    rate = await _all_at_once(count, register)
    await database.close()
    return rate


async def _only_event(bench: Bench) -> UUID:
    connection = await bench.superuser("events")
    found: UUID = await connection.fetchval("SELECT id FROM event")
    await connection.close()
    return found


async def measure(bench: Bench, count: int) -> list[Measured]:
    """Both on the same servers."""
    await bench.set_up("events")
    bare, served = await bare_inserts(bench, count), await our_registrations(bench, count)
    ours = await in_the_service(bench, count)
    return [
        Measured("registrations for one event, /s", f"{ours:,.0f}", f"{bare:,.0f} bare INSERTs", f"{ours / bare:.2f}",
                 f"≥ {GOAL}", ours / bare >= GOAL),
        Measured("the same over HTTP, /s", f"{served:,.0f}", f"{bare:,.0f} bare INSERTs", f"{served / bare:.2f}")]
