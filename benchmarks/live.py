"""Options for one household at once: the kernel alone, and through HTTP and the database while the pool changes."""

import gc
import random
import statistics
import time
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlencode
from uuid import UUID

import asyncpg

from benchmarks.matching_run import fill
from benchmarks.stage import Bench, Measured, serving
from services.matching.runs.live import LivePool
from services.matching.runs.pool import Household, Rules
from services.matching.simulation.people import TODAY, invented_household, invented_unit

UNITS, HOUSEHOLDS, KERNEL_ASKED, PORT = 10_000, 7_000, 1000, 18834
KERNEL_GOAL, GOAL = 4.0, 25.0
OK = 200
HOUSEHOLDS_HERE, MENTORS_HERE = (
    "SELECT id FROM household WHERE region = '15087' ORDER BY id LIMIT 500",
    "SELECT id FROM mentor WHERE region = '15087' ORDER BY id LIMIT 500")
# So many questions come to one change of a mentor.
QUESTIONS_TO_A_CHANGE = 5


def kernel() -> Measured:
    """The 99th percentile of the computing alone."""
    dice = random.Random(3)  # noqa: S311 - invented people, no secrets
    units = [invented_unit(dice) for _ in range(UNITS)]
    pool = LivePool(units, Rules(), {})
    asked = [invented_household(dice) for _ in range(KERNEL_ASKED)]
    gc.collect()
    took = [_seconds(pool, one) for one in asked]
    p99 = _p99(took) * 1000
    return Measured(f"options, {UNITS:,} units: the computing alone, p99", f"{p99:.2f} ms",
                    f"median {statistics.median(took) * 1000:.2f} ms", "", f"< {KERNEL_GOAL:.0f} ms", p99 < KERNEL_GOAL)


def _seconds(pool: LivePool, household: Household) -> float:
    began = time.perf_counter()
    pool.options(household, TODAY)
    return time.perf_counter() - began


async def measure(bench: Bench, requests: int) -> list[Measured]:
    """The kernel; then questions one after the other over HTTP, with prices computed beside and without."""
    await bench.set_up("matching")
    database = bench.running("matching").database
    await database.connect()
    await fill(database, UNITS, HOUSEHOLDS)
    await database.close()
    superuser = await bench.superuser("matching")
    await superuser.execute("VACUUM ANALYZE")
    headers = {"Authorization": f"Bearer {await bench.key('matching', 'coordinator')}"}
    with (serving("services.matching serve", PORT, bench.environment("matching")),
          closing(HTTPConnection("127.0.0.1", PORT, timeout=60)) as client):
        asking = _Asking(client, headers, superuser, *[
            [row["id"] for row in await superuser.fetch(query)] for query in (HOUSEHOLDS_HERE, MENTORS_HERE)])
        found = await asking.told(requests)
    await superuser.close()
    return [kernel(), *found]


@dataclass
class _Asking:
    """Asks about one household after the other, and changes a mentor now and then.

    By the plainest client there is: the time that a larger one takes for itself would count as the service's.
    """

    client: HTTPConnection
    headers: dict[str, str]
    superuser: asyncpg.Connection
    households: list[UUID]
    mentors: list[UUID]

    async def told(self, requests: int) -> list[Measured]:
        """The first answer, answers while prices are computed, answers afterwards."""
        first = await self._options(0)
        beside, priced = await self._while_priced()
        took = [await self._options(number, change=number % QUESTIONS_TO_A_CHANGE == 0) for number in range(requests)]
        least = statistics.median([self._seconds("/households", {"limit": 1}) for _ in range(200)]) * 1000
        p99 = _p99(took) * 1000
        return [Measured(
            f"options, {UNITS:,} units: through HTTP and the database, p99", f"{p99:.1f} ms",
            f"median {statistics.median(took) * 1000:.1f} ms; a list of one {least:.1f} ms; the first, with"
            f" the pool read, {first:.1f} s", f"{p99 / least:.1f}", f"<= {GOAL:.0f} ms", p99 <= GOAL), Measured(
            "the same while prices are computed beside", f"{_p99(beside) * 1000:.1f} ms",
            f"median {statistics.median(beside) * 1000:.1f} ms; prices of {HOUSEHOLDS:,} who came: {priced:.0f} s")]

    async def _while_priced(self) -> tuple[list[float], float]:
        took, began = [0.0], time.perf_counter()
        while await self.superuser.fetchval("SELECT awaited FROM price_set"):
            took.append(await self._options(len(took)))
        return took, time.perf_counter() - began

    async def _options(self, number: int, *, change: bool = False) -> float:
        if change:
            await self.superuser.execute("UPDATE mentor SET radius_km = radius_km + 1 WHERE id = $1",
                                         self.mentors[number % len(self.mentors)])
        return self._seconds("/options", {"household_id": str(self.households[number % len(self.households)])})

    def _seconds(self, path: str, query: dict[str, str | int]) -> float:
        began = time.perf_counter()
        self.client.request("GET", f"/v1{path}?{urlencode(query)}", headers=self.headers)
        answer = self.client.getresponse()
        answer.read()
        if answer.status != OK:
            raise RuntimeError(f"{path} answered {answer.status}")
        return time.perf_counter() - began


def _p99(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.99)]
