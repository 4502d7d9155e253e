"""The audit's chain verified by command: without a request's time limit, while the service runs or not."""

import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from libs.common.audit import AuditChain
from libs.common.db import Database
from libs.common.service import derived_key, own_database
from libs.common.settings import CommonSettings

PROGRESS_SECONDS = 2.0
# With a wrong key every single entry is at fault.
SHOWN = 20
FAULTY = 1
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Verdict:
    """The chain's length and head (hex) when it was begun with, and what is wrong with it in words."""

    entries: int
    head: str
    wrong: list[str]


async def verify_audit(
    database: Database, settings: CommonSettings, progress: Progress = lambda _done, _of: None,
) -> Verdict:
    """Walk the whole chain of a service; progress is told how many entries are done, of how many at the beginning."""
    chain = AuditChain(database, derived_key(settings, "audit"))
    head = await chain.head()
    return Verdict(head["position"], head["mac"], await chain.verify(lambda done: progress(done, head["position"])))


def auditing(service: str) -> Callable[[CommonSettings], Coroutine[Any, Any, None]]:
    """The verb `audit` of a service's image: says how far it is and the verdict; ends with 1 when there is a fault."""
    async def verb(settings: CommonSettings) -> None:
        database = own_database(settings, pool=1)
        try:
            await database.connect()
            verdict = await verify_audit(database, settings, _telling(service))
        finally:
            await database.close()
        sys.stdout.writelines(f"{service}: {fault}.\n" for fault in verdict.wrong[:SHOWN])
        sys.stdout.write(f"{service}: {verdict.entries} entries, head {verdict.head or 'none'}, "
                         f"faults: {len(verdict.wrong) or 'none'}.\n")
        if verdict.wrong:
            sys.exit(FAULTY)

    return verb


def _telling(service: str) -> Progress:
    """Tells on standard error, every few seconds."""
    told = time.monotonic()

    def tell(done: int, of: int) -> None:
        nonlocal told
        if time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            sys.stderr.write(f"{service}: {done} of {of} entries\n")

    return tell
