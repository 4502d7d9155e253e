"""One run: a workload under a schedule of faults, then quiet, and then everything is looked at from outside."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from libs.common.facts import HEARS
from tests.chaos.bus_faults import poison_aggregate
from tests.chaos.door import NeverAnswered
from tests.chaos.erased import erased_stay_erased
from tests.chaos.faults import AWAY, Fault, drawn, purge
from tests.chaos.invariants import AFTER_DISCARDING, AT_EVERY_QUIET, INVARIANTS
from tests.chaos.promises import Promise, Violation
from tests.chaos.rebuilding import rebuilt_equals_heard
from tests.chaos.stage import Stage
from tests.chaos.workloads.closings import ClosingsWorkload, ConcernsWorkload
from tests.chaos.workloads.erasures import ErasuresWorkload
from tests.chaos.workloads.events import EventsWorkload
from tests.chaos.workloads.groups import GroupsWorkload
from tests.chaos.workloads.matching import MatchingWorkload
from tests.chaos.workloads.notify import NotifyWorkload
from tests.chaos.workloads.playing import Caller, Workload
from tests.chaos.workloads.registry import RegistryWorkload
from tests.chaos.world import World

# The registry's comes first: the others' commands need its coordinator and partners.
WORKLOADS: Sequence[type[Workload]] = (
    RegistryWorkload, NotifyWorkload, EventsWorkload, GroupsWorkload, MatchingWorkload, ClosingsWorkload,
    ConcernsWorkload, ErasuresWorkload,
)
# Seconds between two faults, and between two commands of one caller.
PAUSES, THINKING = (0.05, 0.6), (0.0, 0.1)
LAST_SECONDS = 60.0
Say = Callable[[str, World], None]


@dataclass(frozen=True)
class Plan:
    """What a run shall be: how long, from which seed, of which services, with which faults and which planted bug."""

    name: str
    seed: int
    seconds: float
    services: tuple[str, ...]
    schedule: list[tuple[str, Fault]] | None = None
    bug: str = ""
    settle_seconds: float = 60.0
    thorough: bool = True


@dataclass
class Verdict:
    """How a run ended."""

    plan: Plan
    violations: list[Violation] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    repeated: int = 0
    refused_rightly: int = 0
    unanswered: int = 0
    facts: int = 0
    settled_after: float = 0.0
    seconds: float = 0.0
    folder: Path = Path()


async def play(stage: Stage, plan: Plan, folder: Path, say: Say) -> Verdict:
    """Play the whole run on fresh databases; everything it started has ended when this returns."""
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    await stage.furnish(plan.name)
    world = World(stage, plan.services, folder, Random(plan.seed), bug=plan.bug)
    verdict = Verdict(plan, folder=folder)
    try:
        await world.start_all()
        workloads = [kind(world) for kind in WORKLOADS if set(kind.services) <= set(plan.services)]
        await _prepare(world, workloads)
        world.unsettled = [workload.unsettled for workload in workloads]
        if not world.violations:
            await _under_faults(world, plan, workloads, say)
        await _quiet(world, plan, workloads, verdict, say)
    finally:
        await world.stop()
    _count(world, verdict)
    verdict.seconds = time.monotonic() - began
    return verdict


async def _prepare(world: World, workloads: Sequence[Workload]) -> None:
    """Make what the callers need before the first fault; a bug may show as early as that."""
    for workload in workloads:
        try:
            await workload.prepare()
        except (RuntimeError, NeverAnswered) as raised:
            world.violated(Promise.ANSWERED, f"before the first fault: {raised}")
        if world.violations:
            return


async def _under_faults(world: World, plan: Plan, workloads: Sequence[Workload], say: Say) -> None:
    callers = [asyncio.create_task(_call(world, call)) for workload in workloads for call in workload.callers()]
    until = time.monotonic() + plan.seconds
    await asyncio.sleep(1.0)
    for row, fault in plan.schedule if plan.schedule is not None else drawn(world):
        if world.violations or (plan.schedule is None and time.monotonic() > until):
            break
        say(row, world)
        detail = await fault(world)
        world.faults[row] += 1
        say(f"{row}: {detail}", world)
        await asyncio.sleep(world.chance.uniform(*PAUSES))
    world.stopping = True
    _, left = await asyncio.wait(callers, timeout=LAST_SECONDS)
    for task in left:
        task.cancel()
    if left:
        world.violated(Promise.ANSWERED, f"{len(left)} callers still had no answer after {LAST_SECONDS} s of quiet")


async def _call(world: World, call: Caller) -> None:
    while not world.stopping:
        try:
            await call()
        except Exception as raised:
            if not world.violations:
                world.violated(Promise.ANSWERED, f"{type(raised).__name__}: {raised}")
            raise
        await asyncio.sleep(world.chance.uniform(*THINKING))


async def _quiet(world: World, plan: Plan, workloads: Sequence[Workload], verdict: Verdict, say: Say) -> None:
    say("waiting until all is quiet", world)
    if world.violations:
        return
    if not await world.up(world.instances):
        world.violated(Promise.SETTLED, "a service does not become ready any more")
        return
    verdict.settled_after = await _settled(world, plan)
    await _last_acts(world, plan, workloads)
    await _look_back(world, plan, workloads, say)
    for last in (_discard, _rebuild) if plan.thorough else (_discard,):
        if not world.violations:
            say(last.__name__.strip("_"), world)
            await last(world, plan)


async def _settled(world: World, plan: Plan) -> float:
    """Wait until nothing is on its way; what can be seen best right now is looked at, since later acts may mend it."""
    seconds, left = await world.settled(plan.settle_seconds)
    if left:
        world.violated(Promise.SETTLED, f"after {seconds:.0f} s there are still {'; '.join(left)}")
    for invariant in AT_EVERY_QUIET:
        await invariant(world)
    return seconds


async def _last_acts(world: World, plan: Plan, workloads: Sequence[Workload]) -> None:
    """What shows best when nothing else happens; each must have settled before the next begins."""
    registry = next(one for one in workloads if isinstance(one, RegistryWorkload))
    for act in (_poison_an_aggregate, _lose_the_end, _lose_the_stream):
        if not world.violations:
            await act(world, registry)
            await world.up(world.instances)
            await _settled(world, plan)


async def _look_back(world: World, plan: Plan, workloads: Sequence[Workload], say: Say) -> None:
    for workload in workloads:
        say("looking back at the commands", world)
        await workload.look_back()
    if not world.violations:
        # What was read of people has been noted in the audit, and is to be linked.
        await world.settled(plan.settle_seconds)
    for invariant in INVARIANTS:
        say(invariant.__name__.replace("_", " "), world)
        await invariant(world)


async def _rebuild(world: World, _plan: Plan) -> None:
    await rebuilt_equals_heard(world)
    # What was heard again must have brought nobody back.
    await erased_stay_erased(world)


async def _poison_an_aggregate(world: World, registry: RegistryWorkload) -> None:
    """A fact about a grant that nobody can read; that the grant is withdrawn must wait behind it."""
    grant = await registry.give_grant({"role": "auditor"})
    await world.settled(LAST_SECONDS)
    await poison_aggregate(world, grant)
    await _parked_everywhere(world)
    await registry.withdraw_grant(grant)
    world.planted[-1].behind = 1


async def _lose_the_end(world: World, registry: RegistryWorkload) -> None:
    """The stream loses its last facts before a listener has heard them, and no later one shows the hole."""
    listener = world.chance.choice([service for service in world.services if "registry" in HEARS[service]])
    world.instance(listener).kill(away=AWAY)
    await registry.give_grant({"role": "auditor"})
    await asyncio.sleep(AWAY / 2)
    await purge(world, "registry")


async def _lose_the_stream(world: World, _registry: RegistryWorkload) -> None:
    """The stream is empty, and the relay, starting anew, must fill it again within its window of duplicates."""
    await purge(world, "registry")
    world.instance("registry").kill()
    await asyncio.sleep(AWAY)


async def _parked_everywhere(world: World) -> None:
    listeners = [service for service in world.services if "registry" in HEARS[service]]
    for _ in range(50):
        parked = [await world.stage.rows(
            service, "SELECT 1 FROM waiting WHERE about = $1 AND parked_at IS NOT NULL", world.planted[-1].about)
            for service in listeners]
        if all(parked):
            return
        await asyncio.sleep(0.1)


async def _discard(world: World, plan: Plan) -> None:
    """What is parked is given up by the operator, and what waited behind it goes on."""
    for service in plan.services:
        for row in (await world.operate(service, "GET", "/v1/parked")).json:
            await world.operate(service, "POST", f"/v1/parked/{row['id']}/discard")
    _, left = await world.settled(plan.settle_seconds)
    if left:
        world.violated(Promise.SETTLED, f"after discarding what was parked: {'; '.join(left)}")
    for invariant in AFTER_DISCARDING:
        await invariant(world)


def _count(world: World, verdict: Verdict) -> None:
    verdict.violations, verdict.faults = world.violations, world.faults
    ledger = world.ledger
    verdict.made = Counter(f"{thing.service}: {thing.noun}" for thing in ledger.things if thing.id)
    verdict.acknowledged, verdict.repeated, verdict.refused_rightly = (
        ledger.acknowledged, ledger.repeated, ledger.refused_rightly)
    verdict.unanswered = world.door.unanswered
    verdict.facts = sum(sum(thing.facts.values()) for thing in ledger.things)
