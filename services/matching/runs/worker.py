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

IDLE_SECONDS = 20.0
SOLVING = "services.matching.runs.solving"

PlainPool = dict[str, Any]
PlainOutcome = dict[str, Any]


class Worker:
    """At most one process, made when it is needed and ended when it is idle."""

    def __init__(self) -> None:
        """Nothing is started yet."""
        self._pool: ProcessPoolExecutor | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._asked = 0

    async def compute(self, pool: PlainPool) -> PlainOutcome:
        """Solve in the process and return what it found; once more in a new one, should it be killed meanwhile.

        Raises BrokenProcessPool when it is killed twice, and ValueError when the pool is refused by the core. Who
        stops waiting (the service stops, or leads no longer) ends the process with its half-done work.
        """
        try:
            return await self._ask(pool)
        except BrokenProcessPool:
            self._drop()
            return await self._ask(pool)

    async def _ask(self, pool: PlainPool) -> PlainOutcome:
        if self._ending:
            self._ending.cancel()
        loop = asyncio.get_running_loop()
        self._pool = self._pool or ProcessPoolExecutor(
            1, mp_context=multiprocessing.get_context("spawn"), initializer=end_with_parent)
        self._asked += 1
        try:
            process = await loop.run_in_executor(self._pool, os.getpid)
            return await self._solve(process, pool)
        finally:
            self._asked -= 1
            if not self._asked:
                self._ending = loop.call_later(IDLE_SECONDS, self._drop)

    async def _solve(self, process: int, pool: PlainPool) -> PlainOutcome:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, solved, pool)
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
            self._drop()
            raise

    def _drop(self) -> None:
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = None


def solved(pool: PlainPool) -> PlainOutcome:
    """What the process does; only here the computing core is loaded."""
    found: PlainOutcome = importlib.import_module(SOLVING).solved(pool)
    return found


def end_with_parent() -> None:
    """Let the process end when the service is killed: its own end of the pipe would keep it waiting for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


WORKER = Worker()
