"""Options for one household at once: the kernel alone, and through HTTP and the database while the pool changes."""

import asyncio
import gc
import random
import statistics
import time
from uuid import UUID

import httpx
from benchmarks.matching_run import fill

from benchmarks.stage import Bench, Measured, serving
from services.matching.runs.live import LivePool
from services.matching.runs.pool import Household, Rules
from services.matching.simulation.people import TODAY, invented_household, invented_unit

UNITS, HOUSEHOLDS, KERNEL_ASKED, PORT = 10_000, 7_000, 1000, 18834
KERNEL_GOAL, GOAL = 4.0, 25.0
# So many questions come to one change of a mentor.
QUESTIONS_TO_A_CHANGE = 5


def kernel() -> Measured:
    """The 99th percentile of the computing alone, against reading every unit's free places once in plain Python."""
    dice = random.Random(3)  # noqa: S311 - invented people, no secrets
    units = [invented_unit(dice) for _ in range(UNITS)]
    pool = LivePool(units, Rules(), {})
    asked = [invented_household(dice) for _ in range(KERNEL_ASKED)]
    gc.collect()
    took = sorted(_seconds(pool, one) for one in asked)
    p99 = took[int(len(took) * 0.99)] * 1000
    return Measured(f"options, {UNITS:,} units: the computing alone, p99", f"{p99:.2f} ms",
                    f"median {statistics.median(took) * 1000:.2f} ms", "", f"< {KERNEL_GOAL:.0f} ms", p99 < KERNEL_GOAL)


def _seconds(pool: LivePool, household: Household) -> float:
    began = time.perf_counter()
    pool.options(household, TODAY)
    return time.perf_counter() - began


async def measure(bench: Bench, requests: int) -> list[Measured]:
    """The kernel, then questions one after the other over HTTP, with a change of a mentor in between."""
    await bench.set_up("matching")
    database = bench.running("matching").database
    await database.connect()
    await fill(database, UNITS, HOUSEHOLDS)
    await database.close()
    superuser = await bench.superuser("matching")
    await superuser.execute("VACUUM ANALYZE")
    rows = await superuser.fetch("SELECT id FROM household WHERE region = '15087' ORDER BY id LIMIT $1", requests)
    mentors = await superuser.fetch("SELECT id FROM mentor WHERE region = '15087' ORDER BY id LIMIT $1", requests)
    headers = {"Authorization": f"Bearer {await bench.key('matching', 'coordinator')}"}
    with serving("services.matching serve", PORT, bench.environment("matching")):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{PORT}/v1", headers=headers, timeout=60) as client:
            first = await _asked(client, rows[0]["id"])
            took = []
            for number in range(requests):
                if number % QUESTIONS_TO_A_CHANGE == 0:
                    await superuser.execute("UPDATE mentor SET radius_km = radius_km + 1 WHERE id = $1",
                                            mentors[number % len(mentors)]["id"])
                took.append(await _asked(client, rows[number % len(rows)]["id"]))
            bare = [await _bare(client) for _ in range(min(200, requests))]
    await superuser.close()
    took.sort()
    p99, least = took[int(len(took) * 0.99)] * 1000, statistics.median(bare) * 1000
    return [kernel(), Measured(
        f"options, {UNITS:,} units: through HTTP and the database, p99", f"{p99:.1f} ms",
        f"median {statistics.median(took) * 1000:.1f} ms; an answer of nothing {least:.1f} ms; the first {first:.1f} s",
        f"{p99 / least:.1f}", f"<= {GOAL:.0f} ms", p99 <= GOAL)]


async def _asked(client: httpx.AsyncClient, household_id: UUID) -> float:
    began = time.perf_counter()
    answer = await client.get("/options", params={"household_id": str(household_id)})
    answer.raise_for_status()
    return time.perf_counter() - began


async def _bare(client: httpx.AsyncClient) -> float:
    began = time.perf_counter()
    (await client.get("/households", params={"limit": 1})).raise_for_status()
    return time.perf_counter() - began


def run(bench: Bench, requests: int) -> list[Measured]:
    """The same, as the other benchmarks are called."""
    return asyncio.run(measure(bench, requests))


