"""A bus that stores nothing: nothing is lost, and the service says that it is not ready, with or without traffic."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from nats.js.api import DiscardPolicy

from libs.common import relay
from libs.common.db import OpenTransaction
from libs.common.provision import provision
from libs.common.reactions import reacts_to
from tests.common.bus_user import connected, stream_info
from tests.common.stage import ThingMoved, effects, note_effect, on_stage, tell_moves
from tests.harness import Network, Service


@reacts_to(ThingMoved)
async def _notes(transaction: OpenTransaction, fact: ThingMoved) -> None:
    await note_effect(transaction, fact)


@asynccontextmanager
async def full(network: Network, stream: str) -> AsyncIterator[None]:
    """A stream that stores nothing more, as one whose disk is full; afterwards it does again."""
    cluster = network.cluster
    async with connected(cluster, "provisioner") as client:
        config = (await client.jetstream().stream_info(stream)).config
        config.max_bytes, config.discard, config.max_msgs_per_subject = 1, DiscardPolicy.NEW, -1
        await client.jetstream().update_stream(config)
    try:
        yield
    finally:
        await provision(cluster.nats_url, cluster.nats_user("provisioner"), cluster.nats_password("provisioner"))


async def ready(service: Service) -> tuple[int, list[str]]:
    """What the service answers to whether it is ready."""
    answer = await service.client.get("/health/ready")
    return answer.status_code, answer.json()["reasons"]


async def until(service: Service, wanted: tuple[int, list[str]]) -> None:
    """Return once it answers so."""
    seen: list[tuple[int, list[str]]] = []
    try:
        async with asyncio.timeout(10):
            while not seen or seen[-1] != wanted:
                seen.append(await ready(service))
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"{wanted} never came, but {seen[-1]}")


async def test_a_stream_that_takes_no_facts_makes_its_speaker_unready_until_it_does(network: Network) -> None:
    """The reason names the stream; facts wait in the outbox, and are heard once there is room again."""
    speaker = await on_stage(network, "registry")
    await on_stage(network, "notify", _notes)
    thing = uuid4()

    async with full(network, "registry"):
        assert await ready(speaker) == (200, [])
        await tell_moves(speaker, thing, [1, 2])
        await until(speaker, (503, ["stream registry does not store: maximum bytes exceeded"]))

    await until(speaker, (200, []))
    await network.settled()
    assert await effects(network, "notify") == [(thing, 1), (thing, 2)]


async def test_a_bus_that_stores_nothing_is_noticed_without_any_traffic(
    network: Network, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The leader writes a probe every so often; readiness says so, and takes it back when there is room again."""
    monkeypatch.setattr(relay, "PROBE_SECONDS", 0.1)
    monkeypatch.setattr(relay, "PROBE_AGAIN_SECONDS", 0.1)
    speaker = await on_stage(network, "registry")
    await until(speaker, (200, []))

    async with full(network, "probe"):
        await until(speaker, (503, ["stream probe does not store: maximum bytes exceeded"]))

    await until(speaker, (200, []))
    assert not await network.rows("registry", "SELECT 1 FROM outbox")


async def test_probes_are_heard_by_nobody_and_do_not_pile_up(
    network: Network, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of each service the newest one is kept, in a stream that holds no facts."""
    monkeypatch.setattr(relay, "PROBE_SECONDS", 0.0)
    speaker = await on_stage(network, "registry")
    listener = await on_stage(network, "notify", _notes)
    for step in range(3):
        await tell_moves(speaker, uuid4(), [step])
        await network.settled()

    async with connected(network.cluster, "provisioner") as client:
        state = (await client.jetstream().stream_info("probe")).state
    assert state.last_seq > state.messages
    assert state.messages <= 4
    assert (await stream_info(network.cluster, "registry")).state.messages == 3
    assert not any(reader.unreadable for reader in listener.running.readers)
