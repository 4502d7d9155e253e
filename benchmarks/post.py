"""Server CPU of one POST with its outbox row, against bare FastAPI and asyncpg."""

import asyncio
from uuid import uuid4

import psutil

from benchmarks.load import Client
from benchmarks.stage import Bench, Measured, serving

WARM_UP, CLIENTS = 200, 8
GOAL = 4
CREATED = 201
BARE_TABLES = """
CREATE SCHEMA bare;
CREATE TABLE bare.grants (id uuid PRIMARY KEY, principal uuid, role text, region text, given_at timestamptz);
CREATE TABLE bare.known_grants (id uuid PRIMARY KEY, principal uuid, role text, region text);
CREATE TABLE bare.outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, fact_id uuid UNIQUE, subject text,
headers jsonb, body text); GRANT ALL ON SCHEMA bare TO registry; GRANT ALL ON ALL TABLES IN SCHEMA bare TO registry;
"""


async def load(port: int, headers: dict[str, str], count: int) -> None:
    """Send the POSTs from eight clients at once; each must create something."""
    async def one_client(share: int) -> None:
        client = Client(port, **headers)
        for _ in range(share):
            body = {"principal": str(uuid4()), "role": "coordinator", "region": "15087"}
            status, answer = await client.post("/v1/grants", body, Idempotency_Key=uuid4().hex)
            assert status == CREATED, answer
        client.close()

    await asyncio.gather(*(one_client(count // CLIENTS) for _ in range(CLIENTS)))


async def cpu_of_post(process: psutil.Process, port: int, headers: dict[str, str], count: int) -> float:
    """Milliseconds of the server's CPU for each POST, after a warm-up."""
    await load(port, headers, WARM_UP)
    before = sum(process.cpu_times()[:2])
    await load(port, headers, count)
    return float(sum(process.cpu_times()[:2]) - before) * 1000 / count


async def measure(bench: Bench, count: int) -> list[Measured]:
    """Both servers, one after the other: ours does identity, scope, row security, idempotency, rules and relay too."""
    await bench.set_up("registry")
    connection = await bench.superuser("registry")
    await connection.execute(BARE_TABLES)
    await connection.close()
    headers = {"Authorization": f"Bearer {await bench.key('registry', 'network_admin')}"}
    environment = bench.environment("registry")
    with serving("benchmarks.bare_post", 18831, environment) as process:
        bare = await cpu_of_post(process, 18831, headers, count)
    with serving("services.registry serve", 18832, environment) as process:
        ours = await cpu_of_post(process, 18832, headers, count)
    return [Measured("server CPU of one POST with its outbox row, ms", f"{ours:.2f}", f"{bare:.2f} FastAPI + asyncpg",
                     f"{ours / bare:.2f}", f"≤ {GOAL}", ours / bare <= GOAL)]
