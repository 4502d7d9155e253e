"""The live process as the service sees it: one for each instance, begun with the first question, ended when idle.

A run or the prices never hold it up: they are computed in processes of their own.
"""

import asyncio
import importlib
from collections import defaultdict
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.matching.runs.process import Process, end_with_parent

SERVING = "services.matching.runs.live_serving"
IDLE_SECONDS, PRICING_IDLE_SECONDS = 600.0, 5.0
Plain = dict[str, Any]


@dataclass(frozen=True)
class Known:
    """What the process was told of a programme: under which rules, up to which change, with which prices."""

    token: UUID
    rules: Plain
    horizon: int
    priced_at: object


class LiveWorker:
    """Asks the live process, and remembers what it has been told."""

    def __init__(self) -> None:
        """Nothing is started yet."""
        self._process = Process(IDLE_SECONDS, end_with_parent)
        self.known: dict[UUID, Known] = {}
        # One question about a programme after the other: what it is told of changes must not overtake itself.
        self.turns: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def serve(self, request: Plain) -> Plain:
        """What the process answers; asked once more of a new one, which knows nothing, when it was killed."""
        found: Plain = await _called(self._process, "serve", request)
        return found

    def close(self) -> None:
        """The service ends."""
        self._process.drop()


async def price(pool: Plain) -> dict[str, int]:
    """The prices of a programme's units, computed beside everything else."""
    try:
        found: dict[str, int] = await _called(PRICING, "priced", pool)
    except asyncio.CancelledError:
        PRICING.kill()
        PRICING.drop()
        raise
    return found


async def _called(process: Process, function: str, asked: Plain) -> Any:
    try:
        return await process.call(answered, function, asked)
    except BrokenProcessPool:
        process.drop()
        return await process.call(answered, function, asked)


def answered(function: str, asked: Plain) -> Any:
    """In the process; only there the computing core is loaded."""
    return getattr(importlib.import_module(SERVING), function)(asked)


PRICING = Process(PRICING_IDLE_SECONDS, end_with_parent)
