"""The bus under faults: cut, silent, absent at the start, lost for good; facts wait in the outbox meanwhile."""

import ast
import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from libs.common import bus, service
from libs.common.asks import ask
from libs.common.bus import NoBus
from libs.common.db import OpenTransaction
from libs.common.facts.events import EventsPersonsByAddress
from libs.common.reactions import reacts_to
from libs.common.refusals import Unavailable
from tests.common.bus_user import in_stream
from tests.common.stage import ThingMoved, an_app, effects, make_scratch, note_effect, on_stage, tell_moves
from tests.harness import Network, Service
from tests.proxy import LEFT_TO_THE_COLLECTOR, Proxy

pytestmark = LEFT_TO_THE_COLLECTOR
ROOT = Path(__file__).resolve().parents[2]
SPEAKS_NATS = {"bus", "command", "reader", "asks", "relay", "provision", "durability"}


@reacts_to(ThingMoved)
async def _notes(transaction: OpenTransaction, fact: ThingMoved) -> None:
    await note_effect(transaction, fact)


def through(proxy: Proxy) -> str:
    """The bus's address behind the proxy."""
    return f"nats://127.0.0.1:{proxy.port}"


async def until(condition: Any, *, seconds: float) -> float:
    """Return how many seconds it took until the condition held."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)
    return time.monotonic() - began


async def until_effects(network: Network, count: int, *, seconds: float = 5) -> None:
    """Return once notify has had so many effects."""
    async with asyncio.timeout(seconds):
        while len(await effects(network, "notify")) < count:
            await asyncio.sleep(0.02)


async def reasons(service: Service) -> list[str]:
    """Why the service is not ready."""
    answer = await service.client.get("/health/ready")
    said: list[str] = answer.json()["reasons"]
    assert answer.status_code == (503 if said else 200)
    return said


@pytest.mark.slow
async def test_a_black_hole_is_noticed_within_ten_seconds(network: Network, proxy: Proxy) -> None:
    """The peer says nothing any more: readiness says so; healed, nothing is lost and nothing had two effects."""
    speaker = await on_stage(network, "registry", nats_url=through(proxy))
    listener = await on_stage(network, "notify", _notes, nats_url=through(proxy))
    thing = uuid4()
    await tell_moves(speaker, thing, [1])
    await until_effects(network, 1)

    proxy.silent = True
    await tell_moves(speaker, thing, [2, 3])
    await until(lambda: not speaker.running.bus.connected and not listener.running.bus.connected, seconds=10)
    assert await reasons(listener) == ["bus away"]

    proxy.silent = False
    proxy.cut()
    await until(lambda: speaker.running.bus.connected and listener.running.bus.connected, seconds=5)
    await until_effects(network, 3)
    assert await effects(network, "notify") == [(thing, 1), (thing, 2), (thing, 3)]


async def test_a_cut_connection_is_taken_up_again(network: Network, proxy: Proxy) -> None:
    """Again and again, while facts are told: all are heard once and in order."""
    speaker = await on_stage(network, "registry", nats_url=through(proxy))
    await on_stage(network, "notify", _notes, nats_url=through(proxy))
    thing = uuid4()

    for step in range(1, 31):
        await tell_moves(speaker, thing, [step])
        if step % 10 == 0:
            proxy.cut()
    await until_effects(network, 30, seconds=10)

    assert await effects(network, "notify") == [(thing, step) for step in range(1, 31)]


async def test_without_a_bus_a_service_starts_says_so_and_recovers(
    network: Network,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It takes requests meanwhile; what it announced is told once the bus is there."""
    monkeypatch.setattr(service, "RETRY_BUS_SECONDS", 0.2)
    proxy.refusing = True
    await make_scratch(network, "registry")

    began = time.monotonic()
    speaker = await network.run("registry", an_app(network, "registry", nats_url=through(proxy)))
    assert time.monotonic() - began < 2
    assert await reasons(speaker) == ["bus away"]
    with pytest.raises(Unavailable, match=r"^The events service does not answer\.$"):
        await ask(speaker.running.bus, EventsPersonsByAddress(address="nobody@example.org"))
    await tell_moves(speaker, uuid4(), [1])
    assert (await speaker.client.get("/health/live")).status_code == 200

    proxy.refusing = False
    await speaker.leads()
    async with asyncio.timeout(5):
        while not await in_stream(network.cluster, "registry"):
            await asyncio.sleep(0.05)
    assert await reasons(speaker) == []


async def test_a_bus_that_refuses_the_user_is_said(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong password: the service lives, is not ready, does not end itself, and its reason names bus and user."""
    ended: list[int] = []
    monkeypatch.setattr("os._exit", ended.append)
    await make_scratch(network, "registry")

    one = await network.run("registry", an_app(network, "registry", nats_password="wrong"))
    again = bus.Bus("registry", one.app.state.settings)
    with pytest.raises(NoBus, match=r"no bus at nats://.* for user registry"):
        await again.connect()

    assert await reasons(one) == ["bus away"]
    assert ended == []


async def test_a_connection_closed_for_good_ends_the_process(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frozen it would help nobody; a restart by the supervisor does. Stopping is no such end."""
    ended: list[int] = []
    monkeypatch.setattr("libs.common.bus.os._exit", ended.append)
    one = await on_stage(network, "registry")

    await one.running.bus.client.close()
    assert ended == [70]

    network.services.remove(one)
    await one.stop()
    assert ended == [70]


async def test_a_service_stops_while_the_bus_is_away(network: Network, proxy: Proxy) -> None:
    """Within seconds and without a word; what it had open is closed."""
    one = await on_stage(network, "registry", nats_url=through(proxy))
    proxy.refusing = True
    proxy.cut()
    await until(lambda: not one.running.bus.connected, seconds=5)

    network.services.remove(one)
    began = time.monotonic()
    await one.stop()

    assert time.monotonic() - began < 8
    assert one.running.bus.client.is_closed


async def test_the_connection_never_gives_up(network: Network) -> None:
    """nats-py's own defaults stop after sixty tries and notice silence after minutes."""
    one = await on_stage(network, "registry")

    options = one.running.bus.client.options

    assert options["max_reconnect_attempts"] == -1
    assert options["allow_reconnect"] is True
    assert options["ping_interval"] * (options["max_outstanding_pings"] + 1) < 10


async def test_what_the_stream_refuses_ends_the_count(network: Network) -> None:
    """Of five the third is too large: two are counted as stored, whatever became of those behind it."""
    one = await on_stage(network, "registry")
    bodies = [b"{}", b"{}", b"x" * 300_000, b"{}", b"{}"]

    stored = await one.running.bus.publish_in_order([("registry.a.b.v1", body, {}) for body in bodies])

    assert stored == 2
    assert await one.running.bus.publish_in_order([]) == 0


async def test_where_no_stream_is_nothing_counts_as_stored(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """A subject that no stream covers, or that this user may not announce under: no acknowledgement, no success."""
    monkeypatch.setattr(bus, "ACK_SECONDS", 0.3)
    one = await on_stage(network, "registry")

    assert await one.running.bus.publish_in_order([("events.a.b.v1", b"{}", {})]) == 0


async def test_a_late_acknowledgement_does_not_count_for_a_later_batch(
    network: Network,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was not acknowledged in time is published again; the answer to the first try is no answer to the second."""
    one = await on_stage(network, "registry")
    late: list[Any] = []
    acknowledged = one.running.bus._acknowledged

    async def slow(message: Any) -> None:
        late.append(message)

    monkeypatch.setattr(bus, "ACK_SECONDS", 0.2)
    monkeypatch.setattr(one.running.bus.client._subs[_ack_sid(one)], "_cb", slow)
    assert await one.running.bus.publish_in_order([("registry.a.b.v1", b"{}", {})]) == 0
    second = asyncio.create_task(one.running.bus.publish_in_order([("registry.a.b.v1", b"{}", {})]))
    await asyncio.sleep(0.05)
    await acknowledged(late[0])

    assert await second == 0


def _ack_sid(one: Service) -> int:
    return next(sid for sid, sub in one.running.bus.client._subs.items() if sub.subject.endswith(".ack.*"))


def _speak_nats(tree: ast.Module) -> bool:
    named = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    named += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return any(name.split(".")[0] in {"nats", "faststream"} for name in named)


def test_only_the_spine_speaks_to_the_bus() -> None:
    """A service announces; it has no way to publish beside the outbox."""
    paths = [path for folder in ("services", "libs") for path in (ROOT / folder).rglob("*.py")]
    speaking = {path.relative_to(ROOT).as_posix() for path in paths if _speak_nats(ast.parse(path.read_text("utf-8")))}

    assert {Path(path).stem for path in speaking if path.startswith("libs/common/")} <= SPEAKS_NATS
    assert not [path for path in speaking if path.startswith("services/")]
    assert _speak_nats(ast.parse("from faststream.nats import NatsBroker"))
    assert _speak_nats(ast.parse("def send():\n    import nats.js"))


async def test_a_reader_asks_a_closed_connection_with_pauses(
    network: Network, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Closed while facts are being taken: all else goes on, where FastStream's next question leaves nobody a turn."""
    monkeypatch.setattr("libs.common.bus.os._exit", lambda _code: None)
    taking, go_on = asyncio.Event(), asyncio.Event()

    @reacts_to(ThingMoved)
    async def slowly(transaction: OpenTransaction, fact: ThingMoved) -> None:
        taking.set()
        await go_on.wait()
        await note_effect(transaction, fact)

    speaker = await on_stage(network, "registry")
    listener = await on_stage(network, "notify", slowly)
    await tell_moves(speaker, uuid4(), [1])
    async with asyncio.timeout(5):
        await taking.wait()

    with interrupted_after(3) as interruptions:
        await listener.running.bus.client.close()
        go_on.set()
        await until_effects(network, 1)
        await asyncio.sleep(0.5)

    assert interruptions == []


@contextmanager
def interrupted_after(seconds: float) -> Iterator[list[float]]:
    """Break into what leaves the event loop no turn, every so many seconds; what is yielded says when."""
    interruptions: list[float] = []

    def interrupt(*_: object) -> None:
        interruptions.append(time.monotonic())
        raise AssertionError("nobody else had a turn")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield interruptions
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
