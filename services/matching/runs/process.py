"""A process of its own for computing, so that neither NumPy nor a solver is ever loaded into the service.

It begins when it is needed and ends when nobody has asked for a while: its memory goes back.
"""

import asyncio
import contextlib
import importlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import Any

CONTEXT = multiprocessing.get_context("spawn")


class Process:
    """At most one process; what is called in it comes one after the other."""

    def __init__(
        self, idle_seconds: float, begin: Callable[..., None], arguments: Callable[[], tuple[Any, ...]] = tuple,
    ) -> None:
        """Nothing is started yet. `begin` is called in each new process, with what `arguments` gives for it."""
        self._idle_seconds, self._begin, self._arguments = idle_seconds, begin, arguments
        self._pool: ProcessPoolExecutor | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._asked = 0
        self._pid: int | None = None

    async def call(self, function: Callable[..., Any], *given: Any) -> Any:
        """What the function returns there. BrokenProcessPool when the process is killed; the next call has a new one.

        The call goes on there when the caller stops waiting; drop() or kill() ends it.
        """
        if self._ending:
            self._ending.cancel()
        loop = asyncio.get_running_loop()
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, CONTEXT, initializer=self._begin, initargs=self._arguments())
        self._asked += 1
        try:
            self._pid = self._pid or await loop.run_in_executor(self._pool, os.getpid)
            return await loop.run_in_executor(self._pool, function, *given)
        finally:
            self._asked -= 1
            if not self._asked:
                self._ending = loop.call_later(self._idle_seconds, self.drop)

    def kill(self) -> None:
        """End it at once, whatever it is doing."""
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def drop(self) -> None:
        """Let it go once it is done."""
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._pid = None


def called(module: str, function: str, *given: Any) -> Any:
    """In the process: what a function returns of a module that only it loads."""
    return getattr(importlib.import_module(module), function)(*given)


def end_with_parent() -> None:
    """Let the process end when the service is killed: its own end of the pipe would keep it waiting for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
