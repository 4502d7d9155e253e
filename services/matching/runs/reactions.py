"""What falls due for runs: they are computed, and their result is taken over in one transaction."""

from concurrent.futures.process import BrokenProcessPool
from itertools import compress
from operator import not_
from uuid import UUID

import structlog

from libs.common.db import OpenTransaction
from libs.common.due import schedule
from libs.common.reactions import when_due
from services.matching.profiles.queries import locked
from services.matching.runs.fairness import counted, shown
from services.matching.runs.keeping import (
    changed_meanwhile,
    chosen,
    keep_pairs,
    keep_unserved,
    places_left,
    propose,
    still_there,
    still_waiting,
    to_be_had,
)
from services.matching.runs.model import UNFINISHED, Run, RunPool, RunState
from services.matching.runs.queries import load_pool
from services.matching.runs.releases import released
from services.matching.runs.staleness import seen_besides
from services.matching.runs.words import Failed
from services.matching.runs.worker import WORKER, PlainOutcome, PlainPool, Stopped

log = structlog.get_logger()
Failure = tuple[Failed, list[str] | None]
# The runs that this process has begun to compute: any other one that is found running was begun by one that has ended,
# or does not lead any more.
BEGUN_HERE = set[UUID]()


@when_due("run", takes_long=True)
async def compute_run(transaction: OpenTransaction, run_id: UUID) -> None:
    """First say that the run has begun; then, in a second transaction, compute it and take its result over.

    Whatever ends this service in the second one, the run is found running and the work still due, and is begun and
    computed again from the pool as it is then. The run is locked at the end only: meanwhile somebody may cancel it.
    """
    run = await transaction.get_one(Run, run_id)
    if run.state is RunState.WAITING or run_id not in BEGUN_HERE:
        run = await locked(transaction, Run, run_id)
        if run.state in UNFINISHED and run.begin(transaction.clock.now()):
            BEGUN_HERE.add(run_id)
            await schedule(transaction, "run", run.id, transaction.clock.now())
        return
    if run.state is not RunState.RUNNING:
        return
    pool = await load_pool(transaction, run)
    found, failure = await _computed(run_id, pool)
    run = await locked(transaction, Run, run_id)
    if run.state is not RunState.RUNNING:
        return
    run.today, run.rules_valid_from = pool["today"], pool["rules_valid_from"]
    run.households, run.units = (pool[side][1].count(b"\n") for side in ("households", "units"))
    if failure:
        run.fail(*failure, now=transaction.clock.now())
    elif found:
        await take_over(transaction, run, pool, found)


async def _computed(run_id: UUID, pool: PlainPool) -> tuple[PlainOutcome | None, Failure | None]:
    """What was found, or why nothing was: the process ended twice, had no room, a pair cannot be pinned, or no pool."""
    try:
        return await WORKER.compute(run_id, pool), None
    except Stopped:
        return None, None
    except (RuntimeError, ValueError, MemoryError, OSError) as raised:
        log.warning("a run could not be computed", run=str(run_id), kind=type(raised).__name__)
        if isinstance(raised, BrokenProcessPool):
            return None, (Failed.WORKER_ENDED, None)
        if isinstance(raised, (MemoryError, OSError)):
            return None, (Failed.NO_ROOM, None)
        # Told by the process, which alone knows the class.
        pair, codes = getattr(raised, "pair", None), getattr(raised, "codes", ())
        return None, (Failed.NOT_TO_BE_PINNED, [*map(str, pair), *codes]) if pair else (Failed.NOT_COMPUTABLE, None)


async def take_over(transaction: OpenTransaction, run: Run, pool: PlainPool, found: PlainOutcome) -> None:
    """Keep what was found; unless it was simulated, pairs that are still to be had are proposed, the others counted.

    What was found about a household that waits no more is left out: it may have been erased while the run computed. So
    is a pair of which a side was changed, or given away, meanwhile: what was found of it may no longer hold. Who waits
    on because of that is kept among the unserved, and why.
    """
    pairs, seen = found["proposals"], found["seen"]
    regions, waiting = await still_waiting(
        transaction, [*pairs["household_id"], *(one["household_id"] for one in found["unserved"])])
    mentors, groups = await still_there(transaction, pairs["unit_id"])
    keep = to_be_had(pairs, seen, {"households": waiting, "units": mentors | groups},
                     await places_left(transaction, pairs["unit_id"]))
    kept = chosen(pairs, keep)
    kept["region"] = [regions[household] for household in kept["household_id"]]
    run.finish(found["run"] | {"proposed": 0 if run.simulated else sum(keep), "dropped": len(keep) - sum(keep)},
               transaction.clock.now())
    run.weights = {name: value for name, value in pool["weights"].items() if name != "weights_version"}
    run.fairness = shown(counted(found["waited"], set(kept["household_id"])))
    run.released = await released(transaction, run)
    transaction.add(RunPool(id=run.id, region=run.region, **seen, **seen_besides(pool)))
    await transaction.flush()
    dropped = changed_meanwhile(compress(pairs["household_id"], map(not_, keep)))
    await keep_unserved(transaction, run, [one | {"region": regions[one["household_id"]]}
                                           for one in found["unserved"] + dropped if one["household_id"] in regions])
    if run.simulated:
        await keep_pairs(transaction, run, kept)
    else:
        await propose(transaction, run, kept, set(mentors))
