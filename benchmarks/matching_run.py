"""A whole run of matching against a real PostgreSQL: `python -m benchmarks.matching_run [--units N --households N]`.

From the rows in the database to proposals, reasons and facts in it, committed; beside the bare flow over the same pairs
in the same run, and beside what PostgreSQL alone takes to read both sides and to hold the same rows under the same
constraints. The people are those of `benchmarks.matching_core`, kept as mentors, groups and households.
"""

import argparse
import asyncio
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import psutil
from sqlalchemy import insert

from benchmarks.matching_core import Arcs, bare_flow
from benchmarks.measuring import MOST_MEMORY, best_of, exit_by_goals, judge, peak_memory, row
from benchmarks.stage import Bench, a_bench
from libs.common.db import Database, OpenTransaction
from libs.common.logs import set_up_logs
from libs.common.service import look_for_cycles_seldom
from services.matching.households.model import Household, HouseholdState
from services.matching.members.model import Member
from services.matching.mentor_groups.model import GroupState, MentorGroup
from services.matching.mentors.model import Mentor, MentorState
from services.matching.runs.model import Run, RunState
from services.matching.runs.pool import Household as InventedHousehold
from services.matching.runs.pool import Unit as InventedUnit
from services.matching.runs.queries import load_pool
from services.matching.runs.reactions import take_over
from services.matching.runs.solving import sides_of
from services.matching.runs.worker import WORKER
from services.matching.simulation.people import TODAY, invented_household, invented_unit

PROGRAMME = UUID(int=7)
NOW = datetime.now(UTC)
STEPS = ("load", "compute", "persist", "announce and commit")
# Once more without what a run leaves behind: nothing that a run reads differs.
ANEW = """
DELETE FROM proposal; DELETE FROM run_pair; DELETE FROM run_pool; DELETE FROM unserved; DELETE FROM outbox;
UPDATE household SET state = 'waiting', version = 1 WHERE state = 'proposed'; DELETE FROM run
"""
# What the run before left behind, to be inserted once more by PostgreSQL alone.
LEFT = ("run", "run_pool", "unserved", "proposal", "outbox")
READ = ("household", "mentor", "mentor_group", "mentor_group_member")
PUT_ASIDE = "DROP TABLE IF EXISTS kept_{table}; CREATE UNLOGGED TABLE kept_{table} AS SELECT * FROM {table}"
HOLD = "INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM kept_{table}"
PROPOSED = """
UPDATE household SET state = 'proposed', version = version + 1 WHERE id IN (SELECT household_id FROM proposal)
"""
Row = dict[str, Any]


async def fill(database: Database, n_units: int, n_households: int) -> None:
    """Keep invented people, ready for a run."""
    dice = random.Random(3)  # noqa: S311 - invented people, no secrets
    households = [_household(invented_household(dice)) for _ in range(n_households)]
    units = [invented_unit(dice) for _ in range(n_units)]
    groups = [unit for unit in units if unit.kind == "group"]
    async with database.transaction() as transaction:
        await _insert(transaction, Household, households)
        await _insert(transaction, Mentor, [_mentor(unit) for unit in units if unit.kind != "group"])
        await _insert(transaction, MentorGroup, [_group(unit) for unit in groups])
        await _insert(transaction, Member, [_member(unit) for unit in groups])


async def _insert(transaction: OpenTransaction, kind: Any, rows: list[Row]) -> None:
    for start in range(0, len(rows), 1000):
        await transaction.execute(insert(kind), rows[start : start + 1000])


def _described(one: InventedUnit | InventedHousehold) -> Row:
    return {
        "id": one.id, "version": 1, "programme_id": PROGRAMME, "region": one.district, "radius_km": one.radius_km,
        "languages": dict(one.languages), "slots": one.slots, "interests": sorted(one.interests),
        "conflict_groups": [], "lat": one.point.lat if one.point else None,
        "lon": one.point.lon if one.point else None}


def _accompanying(unit: InventedUnit) -> Row:
    return _described(unit) | {
        "largest": unit.largest, "offers": sorted(unit.offers), "accepts_genders": sorted(unit.accepts_genders),
        "accepts_bands": [], "childcare": unit.childcare, "step_free": unit.step_free, "vetoed_households": []}


def _mentor(unit: InventedUnit) -> Row:
    (gender,) = unit.contact_genders
    return _accompanying(unit) | {
        "person_ref": uuid4(), "state": MentorState.READY, "gender": gender, "capacity": unit.free,
        "consented_on": TODAY, "record_next_due": NOW.date() + timedelta(days=900)}


def _group(unit: InventedUnit) -> Row:
    return _accompanying(unit) | {"label": "A group", "state": GroupState.READY, "interested_on": TODAY}


def _member(unit: InventedUnit) -> Row:
    (gender,) = unit.contact_genders
    return {"id": uuid4(), "version": 1, "mentor_group_id": unit.id, "region": unit.district, "person_ref": uuid4(),
            "is_main_contact": True, "gender": gender, "consented_on": TODAY, "joined_on": TODAY}


def _household(one: InventedHousehold) -> Row:
    since = NOW - (TODAY - one.waiting_since)
    return _described(one) | {
        "person_ref": uuid4(), "registered_by": "benchmark", "state": HouseholdState.WAITING, "waiting_since": since,
        "members": [{"age_band": member.age_band, "gender": member.gender} for member in one.members],
        "least_level": one.least_level, "interpreter": one.interpreter, "kinds": [],
        "contact_genders": sorted(one.contact_genders), "must_haves": sorted(one.must_haves),
        "wishes": sorted(one.wishes), "vetoed_units": [], "vetoed_persons": [], "vetoed_partners": [],
        "urgency": one.urgency, "consented_on": TODAY, "consent_version": 1}


async def one_run(database: Database) -> tuple[list[float], Run]:
    """Seconds for each of STEPS of one run, as `runs.reactions.compute_run` does them, and the run."""
    moments = []
    async with database.transaction() as transaction:
        run = Run(region="15", programme_id=PROGRAMME, started_by="benchmark", started_at=NOW,
                  state=RunState.RUNNING)
        transaction.add(run)
        await transaction.flush()
        moments.append(time.perf_counter())
        pool = await load_pool(transaction, run)
        moments.append(time.perf_counter())
        found = await WORKER.compute(run.id, pool)
        moments.append(time.perf_counter())
        await take_over(transaction, run, pool, found)
        await transaction.flush()
        moments.append(time.perf_counter())
    moments.append(time.perf_counter())
    return [later - earlier for earlier, later in pairwise(moments)], run


async def bare_database(superuser: asyncpg.Connection) -> float:
    """Seconds in which PostgreSQL copies both sides out, and in one transaction holds what a run leaves behind."""
    for table in LEFT:
        await superuser.execute(PUT_ASIDE.format(table=table))
    await superuser.execute(ANEW)
    await superuser.execute("VACUUM ANALYZE")
    began = time.perf_counter()
    async with superuser.transaction():
        for table in READ:
            await superuser.copy_from_table(table, output=_nowhere)
        for table in LEFT:
            await superuser.execute(HOLD.format(table=table))
        await superuser.execute(PROPOSED)
    return time.perf_counter() - began


async def _nowhere(_: bytes) -> None:
    """Where rows go of which only the copying counts."""


async def measure(bench: Bench, n_units: int, n_households: int, times: int) -> None:
    """Fill, run so many times with the bare flow after each, and print the shortest of both."""
    await bench.set_up("matching")
    database, superuser = bench.running("matching").database, await bench.superuser("matching")
    await database.connect()
    await fill(database, n_units, n_households)
    async with database.transaction() as transaction:
        pool = await load_pool(transaction, Run(region="15", programme_id=PROGRAMME))
    arcs = Arcs(sides_of(pool)[0])
    runs, bare = [], []
    for _ in range(times):
        await superuser.execute(ANEW)
        await superuser.execute("VACUUM ANALYZE")
        runs.append(await one_run(database))
        bare.append((best_of(1, lambda: bare_flow(arcs))[0], await bare_database(superuser)))
    show([seconds for seconds, _ in runs], runs[-1][1], bare, f"{n_units:,} x {n_households:,}")
    await superuser.close()
    await database.close()


def show(took: list[list[float]], run: Run, bare: list[tuple[float, float]], people: str) -> None:
    """Print the steps of the shortest run, all together against the shortest bare limit, and the worker's memory."""
    if not run.certified:
        sys.exit("The run is not proven to be the best one")
    best, (flow, held) = min(took, key=sum), min(bare, key=sum)
    for name, seconds in zip(STEPS, best, strict=True):
        row(f"{name} : the bare flow", seconds, flow, seconds / flow)
    row("PostgreSQL alone reads and holds the same : the bare flow", held, flow, held / flow)
    size = f"{people} ({run.possible_pairs:,} arcs, {run.proposed:,} proposals)"
    row(f"whole run {size} : the bare flow", sum(best), flow, sum(best) / flow, "(V1 at first: <= 2)")
    row("whole run : the bare flow and PostgreSQL alone", sum(best), flow + held, sum(best) / (flow + held),
        "<= 2 at 10,000 (V1)")
    children = psutil.Process().children(recursive=True)
    (worker,) = [child.pid for child in children if "spawn_main" in " ".join(child.cmdline())]
    print(f"  peak memory of the worker: {peak_memory(worker)} MB (goal: <= 400 at 10,000, V4)")
    if people == "10,000 x 7,000":
        judge("V1", reached=sum(best) <= 2 * (flow + held))
        judge("V4", reached=peak_memory(worker) <= MOST_MEMORY)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=10_000)
    parser.add_argument("--households", type=int, default=7_000)
    parser.add_argument("--times", type=int, default=9, help="the first run starts the worker; the best one counts")
    asked = parser.parse_args()
    set_up_logs(as_json=False, level="warning")
    look_for_cycles_seldom()
    with a_bench() as bench:
        asyncio.run(measure(bench, asked.units, asked.households, asked.times))
    exit_by_goals()


if __name__ == "__main__":
    main()
