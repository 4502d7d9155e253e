"""Readers: facts come over the stream within milliseconds, in batches, to one instance; what is none is passed over."""

import asyncio
import json
import time
from typing import Any
from uuid import uuid4

import pytest

from libs.common import reader
from libs.common.db import OpenTransaction
from libs.common.envelope import envelope_headers
from libs.common.inbox import Inbox
from libs.common.provision import provision
from libs.common.reactions import reacts_to
from tests.common.bus_user import connected, stream_info
from tests.common.stage import ThingMoved, an_app, effects, note_effect, on_stage, tell_moves
from tests.harness import Network, Service

READY_SECONDS = 10.0


@reacts_to(ThingMoved)
async def _notes(transaction: OpenTransaction, fact: ThingMoved) -> None:
    await note_effect(transaction, fact)


@pytest.fixture
def _stream_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked for: what is heard came over the stream."""

    async def nothing(_self: Inbox, _speaker: str) -> int:
        return 0

    monkeypatch.setattr(Inbox, "catch_up", nothing)


async def until_effects(network: Network, count: int, *, seconds: float = 5) -> None:
    """Return once a listener has had so many effects."""
    async with asyncio.timeout(seconds):
        while len(await effects(network, "notify")) < count:
            await asyncio.sleep(0.005)


async def durable(network: Network, listener: str = "notify", speaker: str = "registry") -> Any:
    """What the server says of a durable."""
    async with connected(network.cluster, "ops") as client:
        return await client.jetstream().consumer_info(speaker, listener)


async def all_acknowledged(network: Network) -> bool:
    """Whether notify has acknowledged the newest fact in the registry's stream."""
    last: int = (await stream_info(network.cluster, "registry")).state.last_seq
    floor: int = (await durable(network)).ack_floor.stream_seq
    return floor == last


async def delete_durable(network: Network) -> None:
    """Take notify's durable on the registry's stream away."""
    async with connected(network.cluster, "provisioner") as client:
        await client.jetstream().delete_consumer("registry", "notify")


async def provisioned(network: Network) -> list[str]:
    """Provision this test's account; what was changed."""
    cluster = network.cluster
    return await provision(cluster.nats_url, cluster.nats_user("provisioner"), cluster.nats_password("provisioner"))


@pytest.mark.usefixtures("_stream_only")
async def test_each_fact_is_heard_at_once(network: Network) -> None:
    """One after the other, none waits for a batch to fill or for the next question to the speaker."""
    speaker = await on_stage(network, "registry")
    await on_stage(network, "notify", _notes)
    thing, took = uuid4(), []

    for step in range(1, 13):
        began = time.perf_counter()
        await tell_moves(speaker, thing, [step])
        await until_effects(network, step)
        took.append(time.perf_counter() - began)

    assert sorted(took)[9] < 0.25, took


@pytest.mark.usefixtures("_stream_only")
async def test_a_backlog_is_heard_in_batches_and_in_order(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three hundred facts in a few transactions, not in three hundred."""
    speaker = await on_stage(network, "registry")
    thing, batches = uuid4(), []
    take = Inbox.take

    async def counted(self: Inbox, speaker: str, facts: Any) -> None:
        batches.append(len(facts))
        await take(self, speaker, facts)

    monkeypatch.setattr(Inbox, "take", counted)
    await tell_moves(speaker, thing, range(1, 301))
    await network.settled()

    await on_stage(network, "notify", _notes)
    await until_effects(network, 300)

    assert await effects(network, "notify") == [(thing, step) for step in range(1, 301)]
    assert len(batches) <= 8


@pytest.mark.usefixtures("_stream_only")
async def test_only_the_leader_reads_and_the_other_takes_over(network: Network) -> None:
    """A second instance stands by; when the first stops it goes on, and nothing is heard twice."""
    speaker, heard_by = await on_stage(network, "registry"), list[str]()

    def named(name: str) -> Any:
        @reacts_to(ThingMoved)
        async def notes(transaction: OpenTransaction, fact: ThingMoved) -> None:
            heard_by.append(name)
            await note_effect(transaction, fact)

        return notes

    first = await on_stage(network, "notify", named("first"))
    second = await network.run("notify", an_app(network, "notify", named("second")))
    thing = uuid4()
    await tell_moves(speaker, thing, range(1, 6))
    await until_effects(network, 5)
    await _connected(second)
    assert heard_by == ["first"] * 5
    for _ in range(20):  # a second reader would get some of them
        await tell_moves(speaker, uuid4(), [1])
    await until_effects(network, 25)
    assert set(heard_by) == {"first"}

    network.services.remove(first)
    await first.stop()
    await tell_moves(speaker, thing, [6])
    await until_effects(network, 26, seconds=10)

    assert heard_by[-1] == "second"
    assert len(await effects(network, "notify")) == 26


async def _connected(service: Service) -> None:
    async with asyncio.timeout(5):
        while not service.running.bus.connected:
            await asyncio.sleep(0.01)


async def _condition(service: Service) -> tuple[int, list[str]]:
    answer = await service.client.get("/health/ready")
    return answer.status_code, answer.json()["reasons"]


async def until_ready(service: Service, *, ready: bool = True) -> None:
    """Return once the service says that it is ready, or that it is not."""
    async with asyncio.timeout(READY_SECONDS):
        while ((await _condition(service))[0] == 200) is not ready:
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_a_missing_durable_is_said_and_healed(network: Network) -> None:
    """Readiness names it, nothing burns the processor, facts are asked for meanwhile; provisioned again it is used."""
    speaker = await on_stage(network, "registry")
    listener = await on_stage(network, "notify", _notes)
    await until_ready(listener)
    await delete_durable(network)
    try:
        await until_ready(listener, ready=False)
        assert await _condition(listener) == (503, ["durable notify on registry missing"])
        await tell_moves(speaker, uuid4(), [1])
        await until_effects(network, 1)
        began, used = time.monotonic(), time.process_time()
        await asyncio.sleep(1.2)
        assert time.process_time() - used < 0.5 * (time.monotonic() - began)
    finally:
        assert await provisioned(network) == ["durable notify on registry made"]

    await until_ready(listener)
    await tell_moves(speaker, uuid4(), [1])
    await until_effects(network, 2)
    async with asyncio.timeout(5):
        while not await all_acknowledged(network):
            await asyncio.sleep(0.05)


def _junk(number: str = "1", **headers: str) -> dict[str, str]:
    return (
        envelope_headers(
            network="test",
            subject=ThingMoved.subject,
            fact_id=uuid4(),
            about=f"thing/{uuid4()}",
            at=_now(),
            correlation="c",
            actor_role="system",
        )
        | {"ce-sequence": number}
        | headers
    )


def _now() -> Any:
    from libs.common.clock import real_now

    return real_now()


JUNK = [
    ("registry.thing.moved.v1", {}),
    ("registry.thing.moved.v1", _junk(number="")),
    ("registry.thing.moved.v1", _junk(number="one")),
    ("registry.thing.moved.v1", _junk(number="-1")),
    ("registry.thing.moved.v1", _junk(number="9" * 40)),
    ("registry.thing.moved.v1", _junk() | {"ce-id": "no id"}),
    # Announced under the own name, but said to be another's: a service would speak in another's stead.
    ("registry.thing.moved.v1", _junk() | {"ce-type": "events.thing.moved.v1"}),
    ("registry.other.v1", _junk()),
]


@pytest.mark.usefixtures("_stream_only")
async def test_what_is_no_fact_is_passed_over_and_counted(network: Network) -> None:
    """Nothing of it is heard or comes again without end, and the facts after it are heard."""
    speaker = await on_stage(network, "registry")
    async with connected(network.cluster, "registry") as client:
        for subject, headers in JUNK:
            await client.jetstream().publish(
                subject, b'{"thing_id": "' + str(uuid4()).encode() + b'"}', headers=headers
            )
    listener = await on_stage(network, "notify", _notes)
    thing = uuid4()

    await tell_moves(speaker, thing, [1])
    await until_effects(network, 1)

    assert await effects(network, "notify") == [(thing, 1)]
    async with asyncio.timeout(5):
        while not await all_acknowledged(network):
            await asyncio.sleep(0.02)
    assert (await durable(network)).num_redelivered == 0
    metrics = (await listener.client.get("/metrics")).text
    assert f'lotse_unreadable{{service="notify"}} {float(len(JUNK))}' in metrics


@pytest.mark.usefixtures("_stream_only")
async def test_nothing_is_acknowledged_before_it_is_committed(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database cannot take it: the fact stays pending on the bus; once it can, it is heard and acknowledged."""
    speaker = await on_stage(network, "registry")
    take, away = Inbox.take, True

    async def fails(self: Inbox, speaker: str, facts: Any) -> None:
        if away:
            raise ConnectionRefusedError
        await take(self, speaker, facts)

    monkeypatch.setattr(Inbox, "take", fails)
    await on_stage(network, "notify", _notes)
    await tell_moves(speaker, uuid4(), [1])
    async with asyncio.timeout(5):
        while (await durable(network)).num_ack_pending < 1:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    assert not await all_acknowledged(network)

    away = False
    await tell_moves(speaker, uuid4(), [2])  # behind it: the hole before is asked for

    async with asyncio.timeout(5):
        while not await all_acknowledged(network):
            await asyncio.sleep(0.02)
    assert len(await effects(network, "notify")) == 2


async def test_changed_settings_of_a_durable_are_brought_back(network: Network) -> None:
    """The server keeps what was made first and says nothing: provisioning compares; a second run changes nothing."""
    async with connected(network.cluster, "provisioner") as client:
        jetstream = client.jetstream()
        wanted = (await jetstream.consumer_info("registry", "notify")).config
        await jetstream.add_consumer("registry", wanted.evolve(ack_wait=99, max_ack_pending=7))
        filtered = (await jetstream.consumer_info("registry", "events")).config
        await jetstream.add_consumer("registry", filtered.evolve(filter_subject="registry.nothing.>"))
        stream = (await jetstream.stream_info("events")).config
        await jetstream.update_stream(stream.evolve(max_age=3600, subjects=["events.>", "more.>"]))
        once_only = (await jetstream.consumer_info("notify", "matching")).config
        await jetstream.delete_consumer("notify", "matching")
        await jetstream.add_consumer("notify", once_only.evolve(deliver_policy="new"))

        changes = await provisioned(network)

        assert sorted(changes) == [
            "durable events on registry changed",
            "durable matching on notify made anew",
            "durable notify on registry changed",
            "stream events changed",
        ]
        assert await provisioned(network) == []
        back = (await jetstream.consumer_info("registry", "notify")).config
        assert (back.ack_wait, back.max_ack_pending) == (15, 4096)
        assert (await jetstream.stream_info("events")).config.subjects == ["events.>"]


def test_draining_waits_for_nothing() -> None:
    """The request that empties the stream carries no time to wait."""
    assert json.loads(reader.NO_WAIT) == {"batch": reader.BATCH, "no_wait": True}
