"""Watching over the servers: one that was killed is started again, and the bus provisioned anew after it."""

import asyncio
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable

from deploy.local.exits import CannotGoOn
from deploy.local.servers import Say, Servers

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 10.0
#: A server that ran so long was well: the next fall begins with the first pause again.
_WELL_SECONDS = 30.0

Restart = Callable[[], None]
Follow = Callable[[], Awaitable[object]]


async def keep_running(servers: Servers, *, provision: Follow, say: Say) -> None:
    """Watch until cancelled: restart what ended, with growing pauses, and `provision` the bus when it came back."""
    async with asyncio.TaskGroup() as watches:
        watches.create_task(_watch("PostgreSQL", servers.postgres.child.wait, servers.restart_postgres, _nothing, say))
        watches.create_task(_watch("nats-server", servers.nats.child.wait, servers.restart_nats, provision, say))
        watches.create_task(_watch("The guardian", servers.wait_for_guardian, servers.restart_guardian, _nothing, say))


async def _watch(name: str, wait: Callable[[], int], restart: Restart, follow: Follow, say: Say) -> None:
    pause = _FIRST_PAUSE
    while True:
        since = time.monotonic()
        code = await _ended(wait)
        if time.monotonic() - since > _WELL_SECONDS:
            pause = _FIRST_PAUSE
        say(f"{name} ended ({_how(code)}); it is started again.")
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
        try:
            await asyncio.to_thread(restart)
            await follow()
        except (CannotGoOn, OSError, subprocess.SubprocessError) as problem:
            say(f"{name}: {problem}")
        else:
            say(f"{name} runs again.")


async def _ended(wait: Callable[[], int]) -> int:
    """How a process ended; waited for in a thread of its own, since such a wait fills a pool for ever."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def tell(code: int) -> None:
        if not ended.done():
            ended.set_result(code)

    def block() -> None:
        code = wait()
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, code)

    threading.Thread(target=block, daemon=True).start()
    return await ended


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


async def _nothing() -> None:
    return None
