"""The faults: what is killed, forgotten, repeated, poisoned or started twice, in an order that the seed decides."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial

import nats.errors
import nats.js.errors

from tests.chaos.bus_faults import POISONS, poison, publish_again
from tests.chaos.network_faults import cut_from_bus, cut_from_database, silence_bus
from tests.chaos.promises import Promise
from tests.chaos.world import World

FIRES_WITHIN = 6.0
AWAY, SILENT = 0.8, 3.0
SPEAKING = ("relay-before-publish", "relay-after-publish-before-mark", "relay-after-mark")
HEARING = ("inbox-before-commit", "inbox-after-commit-before-ack", "inbox-after-ack")
MAILING = ("mail-before-send", "mail-after-send-before-record")
# Who has commands or reactions here that lead to facts, or to due work.
SPEAKERS = frozenset({"registry", "events", "matching", "notify"})
DUE_WORK = SPEAKERS - {"notify"}
LEAP, MONTH = timedelta(days=80), timedelta(days=30)
Fault = Callable[[World], Awaitable[str]]
# A fault by name, and what it is told beside the world.
Step = tuple[str, Callable[..., Awaitable[str]], tuple[str, ...]]


async def kill_service(world: World, service: str = "") -> str:
    """F1: kill -9 one service at any moment."""
    service = service or world.chance.choice(world.services)
    await world.instance(service).killed()
    return service


async def kill_on_answer(world: World, service: str = "") -> str:
    """F1: kill -9 a service in the very moment in which a command of it is answered."""
    service = service or world.chance.choice([one for one in world.services if one in DUE_WORK])
    answered = asyncio.Event()

    def strike(answering: str) -> None:
        if answering == service and not answered.is_set():
            for one in world.instances:
                if one.service == service:
                    one.kill()
            answered.set()

    world.door.on_answer = strike
    with suppress(TimeoutError):
        await asyncio.wait_for(answered.wait(), FIRES_WITHIN)
    world.door.on_answer = lambda _service: None
    return service


async def crash_at(world: World, service: str, point: str) -> str:
    """F2: start a service so that it dies by itself at a named point, and look at what it left."""
    one = world.instance(service)
    one.arm(point)
    one.kill()
    moving = None
    if point.startswith("due"):
        # Only this service's clock is at stake, but all of them are moved together.
        moving = asyncio.create_task(world.move_clocks(LEAP))
    with suppress(TimeoutError):
        await asyncio.wait_for(one.fired.wait(), FIRES_WITHIN)
    if moving:
        await moving
    if not one.fired.is_set():
        one.kill()
        return f"{service} at {point} (not reached)"
    return f"{service} at {point}"


async def crash_anywhere(world: World) -> str:
    """F2: at a point of relaying, of hearing, of due work, or of sending a mail."""
    points = [(service, point) for service in world.services for point in HEARING]
    points += [(service, point) for service in world.services for point in SPEAKING if service in SPEAKERS]
    points += [(service, "due-before-commit") for service in world.services for _ in range(2) if service in DUE_WORK]
    points += [("notify", point) for point in MAILING for _ in range(2) if "notify" in world.services]
    service, point = world.chance.choice(points)
    return await crash_at(world, service, f"{point}:{world.chance.choice((1, 0.5))}")


async def let_work(_world: World, seconds: str) -> str:
    """No fault at all for so many seconds: some bugs need nothing but work."""
    await asyncio.sleep(float(seconds))
    return f"{seconds} s"


async def let_make(world: World, noun: str, many: str) -> str:
    """No fault at all until there are so many of a noun, however slow the machine is; at most two minutes."""
    with suppress(TimeoutError):
        async with asyncio.timeout(120):
            while len(world.ledger.of(noun)) < int(many):
                await asyncio.sleep(0.1)
    return f"{len(world.ledger.of(noun))} {noun}s"


async def kill_nats(world: World) -> str:
    """F3: kill -9 the bus."""
    world.stage.kill_nats()
    world.stage.copy_streams(world.stage.streams, world.folder / "streams")
    await asyncio.sleep(world.chance.uniform(0, 0.5))
    await world.stage.start_nats()
    return ""


async def kill_postgres(world: World) -> str:
    """F3: kill -9 PostgreSQL with all its backends."""
    backends = world.stage.backends()
    world.stage.servers.postgres.child.kill()
    _kill(backends)
    await asyncio.sleep(world.chance.uniform(0, 0.5))
    await asyncio.to_thread(world.stage.servers.restart_postgres)
    return ""


async def kill_backend(world: World) -> str:
    """F3: kill -9 one backend, upon which PostgreSQL ends all others and recovers."""
    _kill(world.chance.sample(world.stage.backends(), 1))
    await asyncio.sleep(0.5)
    return ""


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def wipe_bus(world: World) -> str:
    """F4: the bus comes back with an empty folder."""
    world.stage.kill_nats()
    world.stage.forget_streams()
    await _bus_back(world)
    return ""


async def roll_back_bus(world: World) -> str:
    """F4: the bus comes back with what it held when it was killed before."""
    kept = world.folder / "streams"
    if not kept.exists():
        await kill_nats(world)
        await asyncio.sleep(world.chance.uniform(0.3, 1))
    world.stage.kill_nats()
    world.stage.copy_streams(kept, world.stage.streams)
    await _bus_back(world)
    return ""


async def lose_unheard(world: World, listener: str = "", speaker: str = "registry", answer: str = "") -> str:
    """F4: the bus loses facts that a listener, which is down, has not heard; "no answer": its speaker is down too."""
    listener = listener or world.chance.choice([service for service in world.services if service != speaker])
    one = world.instance(listener)
    await world.up([one], seconds=5)
    await one.killed(away=AWAY)
    await asyncio.sleep(AWAY)
    if (answer or world.chance.choice(("an answer", "no answer"))) == "no answer":
        # The listener sees the hole first, and must wait until it can ask.
        world.instance(speaker).kill(away=SILENT)
    await purge(world, speaker, keep=1)
    return f"{listener} of {speaker}"


async def purge(world: World, speaker: str, keep: int = 0) -> None:
    """Empty a stream, but for so many of its newest messages, while everyone is connected."""
    world.bus_forgot_at = asyncio.get_running_loop().time()
    with suppress(nats.errors.Error, nats.js.errors.Error, TimeoutError):
        async with world.stage.bus("provisioner") as client:
            await client.jetstream(timeout=5).purge_stream(speaker, keep=keep or None)


async def flip_a_bit(world: World) -> str:
    """F4: one bit of what the stopped bus has stored changes."""
    world.stage.kill_nats()
    blocks = [file for file in world.stage.streams.rglob("msgs/*.blk") if file.stat().st_size > 1000]
    flipped = "nothing stored"
    if blocks:
        block = world.chance.choice(blocks)
        content = bytearray(block.read_bytes())
        position = world.chance.randrange(len(content))
        content[position] ^= 1 << world.chance.randrange(8)
        with block.open("r+b") as file:
            file.write(content)
        flipped = f"byte {position} of {len(content)} in {block.parent.parent.name}"
    await _bus_back(world)
    return flipped


async def _bus_back(world: World) -> None:
    world.bus_forgot_at = asyncio.get_running_loop().time()
    await world.stage.start_nats()


async def tell_again(world: World, speaker: str = "") -> str:
    """F5: duplicates, out of order."""
    speaker = speaker or world.chance.choice([service for service in world.services if service in SPEAKERS])
    return await publish_again(world, speaker)


async def tell_poison(world: World, kind: str = "", speaker: str = "") -> str:
    """F6: what is no fact, or one that nobody can read."""
    speaker = speaker or world.chance.choice(("registry", *world.services))
    return await poison(world, speaker, kind or world.chance.choice(POISONS))


async def second_instance(world: World, service: str = "") -> str:
    """F14: a second instance; only one of the two leads, and when that one is killed the other takes over."""
    service = service or world.chance.choice(world.services)
    first, second = world.instance(service), await world.start(service)
    world.door.addresses[service].append(second.url)
    try:
        await world.up([first, second], seconds=10)
        await _only_one_leads(world, service)
        first.kill()
        await asyncio.sleep(world.chance.uniform(0.5, 2))
    finally:
        world.door.addresses[service].remove(second.url)
        world.instances.remove(second)
        await second.stop()
    return service


async def leap(world: World) -> str:
    """F10: all clocks jump ahead by a month, and whatever lies in it falls due at once."""
    await world.move_clocks(MONTH)
    return f"{MONTH.days} days"


async def _only_one_leads(world: World, service: str) -> None:
    """Two that both say so, three times within two seconds, are two leaders; one may be about to notice."""
    for _ in range(3):
        states = [await world.door.ready(one.url) for one in world.instances if one.service == service]
        if sum(bool(state and state["leading"]) for state in states) < 2:
            return
        await asyncio.sleep(0.9)
    world.violated(Promise.LEADER, f"two instances of {service} lead")


# Each with its row of the fault matrix, and how often it is drawn beside the others.
FAULTS: dict[str, tuple[Fault, str, int]] = {
    "kill a service": (kill_service, "F1", 6),
    "kill on answer": (kill_on_answer, "F1", 3),
    "crash at a named point": (crash_anywhere, "F2", 6),
    "kill nats-server": (kill_nats, "F3", 3),
    "kill PostgreSQL": (kill_postgres, "F3", 2),
    "kill a backend": (kill_backend, "F3", 1),
    "wipe the bus": (wipe_bus, "F4", 2),
    "roll the bus back": (roll_back_bus, "F4", 2),
    "lose what is unheard": (lose_unheard, "F4", 2),
    "flip a bit": (flip_a_bit, "F4", 2),
    "tell again": (tell_again, "F5", 5),
    "poison": (tell_poison, "F6", 5),
    "cut off the bus": (cut_from_bus, "F7", 2),
    "cut off PostgreSQL": (cut_from_database, "F7", 2),
    "black hole before the bus": (silence_bus, "F7", 1),
    "let a month pass": (leap, "F10", 2),
    "second instance": (second_instance, "F14", 2),
}


def drawn(world: World) -> list[tuple[str, Fault]]:
    """A long schedule: each fault once in the seed's order, and then by chance."""
    names = list(FAULTS)
    first = world.chance.sample(names, len(names))
    rest = world.chance.choices(names, [FAULTS[name][2] for name in names], k=2000)
    return [(name, FAULTS[name][0]) for name in (*first, *rest)]


def directed(*steps: Step) -> list[tuple[str, Fault]]:
    """A fixed schedule."""
    return [(row, partial(_told, fault, more)) for row, fault, more in steps]


async def _told(fault: Callable[..., Awaitable[str]], more: tuple[str, ...], world: World) -> str:
    return await fault(world, *more)
