"""The services as processes of their own, which are killed, armed with a crash point, and started again."""

import asyncio
import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from random import Random

from libs.common.facts import SERVICES
from tests.chaos import sabotaged
from tests.proxy import Proxy

# Importing a service takes seconds of a processor. One process imports them once, and each start is a fork of it that
# runs the service's own __main__, as `python -m services.<service> serve` does.
STARTING = multiprocessing.get_context("forkserver")
LONGEST_PAUSE = 0.6
POLL_SECONDS = 0.02
PR_SET_PDEATHSIG = 1


def warm_up() -> None:
    """Let the process that is forked from import everything; takes a few seconds."""
    # What a killed service had of semaphores is cleaned up in the end; that need not be said.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")
    # With the harness itself: each process runs what it was started by once more, as `spawn` would.
    STARTING.set_forkserver_preload(["tests.chaos.__main__", *(f"services.{service}.app" for service in SERVICES)])
    process = STARTING.Process(target=_nothing)
    process.start()
    process.join()


def _nothing() -> None:
    """What the first process does."""


def _serve(service: str, environment: dict[str, str], log: str, bug: str) -> None:
    """In the new process: become the service."""
    # The process that is forked from ends with the harness, however that ends; so do the services.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    # It may have processes of its own, as matching has for its runs.
    multiprocessing.current_process().daemon = False
    told = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(told, stream)
    for name in [name for name in os.environ if name.startswith("LOTSE_")]:
        del os.environ[name]
    os.environ.update(environment)
    sabotaged.serve(bug, service)
    sys.exit(0)


Death = Callable[["Instance", bool], Awaitable[None]]


class Instance:
    """One process of a service: started again, after a pause, however it ends, until it is told to stop.

    bus and database are its lines to the servers, which can be cut.
    """

    bus: Proxy
    database: Proxy

    def __init__(
        self, service: str, port: int, environment: dict[str, str], log: Path, *, bug: str, chance: Random,
        on_death: Death,
    ) -> None:
        """on_death(instance, by its own crash point) is awaited while the process is dead."""
        self.service, self.url = service, f"http://127.0.0.1:{port}"
        self.kills: list[int | None] = []
        self._environment = environment | {"LOTSE_PORT": str(port)}
        self._log, self._bug, self._chance, self._on_death = log, bug, chance, on_death
        self._process: ForkServerProcess | None = None
        self._armed, self._ending = "", asyncio.Event()
        self._away: float | None = None
        self.fired = asyncio.Event()
        self._keeping = asyncio.create_task(self._keep())

    @property
    def alive(self) -> bool:
        """Whether there is a process now."""
        return self._process is not None and self._process.exitcode is None

    async def killed(self, away: float | None = None) -> None:
        """Wait until there is a process, and end it as a crash would."""
        while not self.alive:
            await asyncio.sleep(POLL_SECONDS)
        self.kill(away)

    def arm(self, point: str) -> None:
        """Let the next start, only that one, end by itself at the named point (`name:probability`)."""
        self._armed = point
        self.fired.clear()

    def kill(self, away: float | None = None) -> None:
        """End the process as a crash would, for so many seconds; nothing happens when there is none."""
        if self._process is not None and self.alive:
            self._away = away
            self.kills.append(self._process.pid)
            self._process.kill()

    async def stop(self) -> None:
        """End it for good, in order."""
        self._ending.set()
        if self._process is not None and self.alive:
            self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._keeping), 5)
        self.kill()
        await self._keeping

    async def _keep(self) -> None:
        while not self._ending.is_set():
            armed, self._armed = self._armed, ""
            environment = self._environment | ({"LOTSE_FAILPOINT": armed} if armed else {})
            process = self._process = STARTING.Process(
                target=_serve, args=(self.service, environment, str(self._log), self._bug), daemon=True)
            process.start()
            while (code := process.exitcode) is None:
                await asyncio.sleep(POLL_SECONDS)
            by_itself = bool(armed) and code == -signal.SIGKILL and process.pid not in self.kills
            if by_itself:
                self.fired.set()
            await self._on_death(self, by_itself)
            away, self._away = self._away, None
            if not self._armed:
                pause = self._chance.uniform(0, LONGEST_PAUSE) if away is None else away
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), pause)
