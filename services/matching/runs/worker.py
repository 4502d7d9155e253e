"""The process that computes runs: one at a time; how far it is can be read, and it can be stopped."""

import asyncio
import gc
import importlib
from concurrent.futures.process import BrokenProcessPool
from typing import Any
from uuid import UUID

from services.matching.runs.process import CONTEXT, Process, end_with_parent
from services.matching.runs.steps import STEPS, Step

IDLE_SECONDS = 20.0
SOLVING = "services.matching.runs.solving"

PlainPool = dict[str, Any]
PlainOutcome = dict[str, Any]


class Stopped(Exception):
    """The computing was stopped, because nobody wants its result any more."""


class Worker:
    """Computes one run after the other."""

    def __init__(self) -> None:
        """Nothing is started yet."""
        self._process = Process(IDLE_SECONDS, begin, self._for_a_new_one)
        self._stopped = False
        # Shared with the process, which writes: the place of the step in STEPS, and the count told with it.
        self._told: Any = (0, 0)
        self.computing: UUID | None = None

    async def compute(self, run_id: UUID, pool: PlainPool) -> PlainOutcome:
        """Solve in the process and return what it found; once more in a new one, should it be killed meanwhile.

        Raises Stopped after stop(), BrokenProcessPool when it is killed twice, and ValueError when the pool is refused
        by the core. Who stops waiting (the service stops, or leads no longer) ends the process with its half-done work.
        """
        self.computing, self._stopped = run_id, False
        try:
            return await self._ask(pool)
        except BrokenProcessPool:
            self._process.drop()
            if self._stopped:
                raise Stopped from None
            return await self._ask(pool)
        finally:
            self.computing = None

    def step(self) -> tuple[Step, int]:
        """What the process is doing now, and how much of it."""
        place, count = self._told[:]
        return STEPS[place], int(count)

    def stop(self) -> None:
        """End what is being computed, if anything is."""
        self._stopped = True
        self._process.kill()

    async def _ask(self, pool: PlainPool) -> PlainOutcome:
        if isinstance(self._told, tuple):
            self._told = CONTEXT.RawArray("q", 2)
        self._told[:] = [0, 0]
        try:
            found: PlainOutcome = await self._process.call(solved, pool)
        except asyncio.CancelledError:
            self._process.kill()
            self._process.drop()
            raise
        return found

    def _for_a_new_one(self) -> tuple[Any, ...]:
        return (self._told,)


def begin(told: Any) -> None:
    """In the process, before anything else: where to tell how far it is, and with whom to end."""
    # Nothing here refers to itself, and what there is goes with the process: to look for cycles takes long.
    gc.disable()
    _TOLD.append(told)
    end_with_parent()


def solved(pool: PlainPool) -> PlainOutcome:
    """What the process does; only here the computing core is loaded."""
    found: PlainOutcome = importlib.import_module(SOLVING).solved(pool, tell)
    return found


def tell(step: Step, count: int) -> None:
    """In the process: say how far it is."""
    for told in _TOLD:
        told[:] = [STEPS.index(step), count]


_TOLD: list[Any] = []
WORKER = Worker()
