"""A run's computing in a process of its own, so that neither NumPy nor a solver is ever loaded into the service.

The process begins with the first run, and ends when none has been started for a while: its memory goes back.
"""

import asyncio
import contextlib
import importlib
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Any
from uuid import UUID

from services.matching.runs.steps import STEPS, Step

IDLE_SECONDS = 20.0
SOLVING = "services.matching.runs.solving"

PlainPool = dict[str, Any]
PlainOutcome = dict[str, Any]


class Stopped(Exception):
    """The computing was stopped, because nobody wants its result any more."""


class Worker:
    """At most one process, made when it is needed and ended when it is idle."""

    def __init__(self) -> None:
        """Nothing is started yet."""
        self._pool: ProcessPoolExecutor | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._asked = 0
        self._process: int | None = None
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
            self._drop()
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
        self._kill()

    def _kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGKILL)

    async def _ask(self, pool: PlainPool) -> PlainOutcome:
        if self._ending:
            self._ending.cancel()
        loop = asyncio.get_running_loop()
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._told = context.RawArray("q", 2)
            self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=begin, initargs=(self._told,))
        self._told[:] = [0, 0]
        self._asked += 1
        try:
            self._process = self._process or await loop.run_in_executor(self._pool, os.getpid)
            return await self._solve(pool)
        finally:
            self._asked -= 1
            if not self._asked:
                self._ending = loop.call_later(IDLE_SECONDS, self._drop)

    async def _solve(self, pool: PlainPool) -> PlainOutcome:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, solved, pool)
        except asyncio.CancelledError:
            self._kill()
            self._drop()
            raise

    def _drop(self) -> None:
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._process = None


def begin(told: Any) -> None:
    """In the process, before anything else: where to tell how far it is, and with whom to end."""
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


def end_with_parent() -> None:
    """Let the process end when the service is killed: its own end of the pipe would keep it waiting for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


_TOLD: list[Any] = []
WORKER = Worker()
