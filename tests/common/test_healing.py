"""The bus forgets, a database is restored, a copy is empty: afterwards all are equal again and nothing is double."""

import asyncio
from typing import ClassVar
from uuid import UUID, uuid4

import pytest

from libs.common.db import OpenTransaction
from libs.common.facts import SERVICES
from libs.common.facts.fact import Fact
from libs.common.outbox import announce
from libs.common.provision import provision
from libs.common.reactions import reacts_to
from tests.common.bus_user import connected, in_stream, purge
from tests.common.stage import ThingEchoed, ThingMoved, an_app, effects, note_effect, on_stage, tell_moves
from tests.harness import Network, Service
from tests.proxy import LEFT_TO_THE_COLLECTOR, Proxy

pytestmark = [*LEFT_TO_THE_COLLECTOR, pytest.mark.slow]


class ThingVanished(Fact):
    """A fact with a subject of its own, so that it can be taken out of the middle of the stream."""

    subject: ClassVar[str] = "registry.thing.vanished.v1"

    thing_id: UUID
    step: int = 0


@reacts_to(ThingMoved)
async def _notes(transaction: OpenTransaction, fact: ThingMoved) -> None:
    await note_effect(transaction, fact)
    announce(transaction, ThingEchoed(thing_id=fact.thing_id, step=fact.step))


@reacts_to(ThingVanished)
async def _notes_too(transaction: OpenTransaction, fact: ThingVanished) -> None:
    await note_effect(transaction, ThingMoved(thing_id=fact.thing_id, step=fact.step))


@reacts_to(ThingEchoed)
async def _echoes(transaction: OpenTransaction, fact: ThingEchoed) -> None:
    await note_effect(transaction, ThingMoved(thing_id=fact.thing_id, step=fact.step))


async def start(network: Network, proxy: Proxy) -> tuple[Service, Service]:
    """A speaker and a listener that answers by a fact of its own, which the speaker hears."""
    url = f"nats://127.0.0.1:{proxy.port}"
    return (
        await on_stage(network, "registry", _echoes, nats_url=url),
        await on_stage(network, "notify", _notes, _notes_too, nats_url=url),
    )


async def wipe(network: Network) -> None:
    """Delete all streams, with what stands in them and the durables, as after a lost folder."""
    async with connected(network.cluster, "provisioner") as client:
        for stream in SERVICES:
            await client.jetstream().delete_stream(stream)


async def provisioned(network: Network) -> None:
    """Provision what is missing."""
    cluster = network.cluster
    await provision(cluster.nats_url, cluster.nats_user("provisioner"), cluster.nats_password("provisioner"))


async def until_effects(network: Network, name: str, count: int) -> list[tuple[UUID, int]]:
    """A service's effects once there are so many."""
    async with asyncio.timeout(10):
        while len(found := await effects(network, name)) < count:
            await asyncio.sleep(0.02)
    return found


async def test_a_lost_bus_is_filled_again_and_nothing_happens_twice(network: Network, proxy: Proxy) -> None:
    """Streams and durables are gone under load: made anew, they hold everything again, and both copies are equal."""
    speaker, _ = await start(network, proxy)
    thing = uuid4()
    await tell_moves(speaker, thing, range(1, 31))
    await until_effects(network, "notify", 30)

    proxy.refusing = True
    proxy.cut()
    await wipe(network)
    await tell_moves(speaker, thing, range(31, 36))
    proxy.refusing = False
    await asyncio.sleep(0.5)  # back, but without its streams
    await provisioned(network)
    await tell_moves(speaker, thing, range(36, 41))

    expected = [(thing, step) for step in range(1, 41)]
    assert await until_effects(network, "notify", 40) == expected
    assert await until_effects(network, "registry", 40) == expected
    await network.settled()
    for stream in ("registry", "notify"):
        async with asyncio.timeout(10):
            while {int(one["ce-sequence"]) for one in await in_stream(network.cluster, stream)} != set(range(1, 41)):
                await asyncio.sleep(0.05)
    assert (await effects(network, "notify"), await effects(network, "registry")) == (expected, expected)


async def test_an_empty_copy_fills_from_the_beginning(network: Network, proxy: Proxy) -> None:
    """Neither the stream nor the durable has the past any more: the speaker is asked for all of it."""
    speaker, listener = await start(network, proxy)
    thing = uuid4()
    await tell_moves(speaker, thing, range(1, 11))
    await until_effects(network, "notify", 10)
    network.services.remove(listener)
    await listener.stop()
    for table in ("inbox", "heard", "outbox", "scratch.effect"):
        await network.rows("notify", f"DELETE FROM {table} RETURNING 1")
    await purge(network.cluster, "registry")

    await on_stage(network, "notify", _notes, nats_url=f"nats://127.0.0.1:{proxy.port}")
    await tell_moves(speaker, thing, [11])

    assert await until_effects(network, "notify", 11) == [(thing, step) for step in range(1, 12)]


async def test_a_mark_that_operations_puts_back_is_noticed_while_it_runs(network: Network, proxy: Proxy) -> None:
    """The copies are emptied under a listener that goes on, and nothing new is told: it hears everything again."""
    speaker, _ = await start(network, proxy)
    thing = uuid4()
    await tell_moves(speaker, thing, range(1, 6))
    await until_effects(network, "notify", 5)
    await network.settled()

    await network.rows("notify", "DELETE FROM scratch.effect")
    await network.rows("notify", "DELETE FROM inbox")
    await network.rows("notify", "UPDATE heard SET number = 0")

    assert await until_effects(network, "notify", 5) == [(thing, step) for step in range(1, 6)]


async def test_a_hole_in_the_middle_of_the_stream_is_healed(network: Network, proxy: Proxy) -> None:
    """The stream lost one fact of nine without a word: the listener sees the gap, and asks."""
    speaker = await on_stage(network, "registry", nats_url=f"nats://127.0.0.1:{proxy.port}")
    thing = uuid4()
    await tell_moves(speaker, thing, range(1, 5))
    async with speaker.running.database.transaction() as transaction:
        announce(transaction, ThingVanished(thing_id=thing, step=5))
    await tell_moves(speaker, thing, range(6, 10))
    await network.settled()
    await purge(network.cluster, "registry", ThingVanished.subject)
    assert len(await in_stream(network.cluster, "registry")) == 8

    listener = await on_stage(network, "notify", _notes, _notes_too, nats_url=f"nats://127.0.0.1:{proxy.port}")

    assert await until_effects(network, "notify", 9) == [(thing, step) for step in range(1, 10)]
    assert (await listener.client.get("/health/ready")).json()["reasons"] == []


async def test_a_speaker_restored_to_an_older_state_loses_nothing_new(network: Network, proxy: Proxy) -> None:
    """Six facts were told after the backup: their numbers are given anew, and what carries them now is heard."""
    speaker, _ = await start(network, proxy)
    thing, new = uuid4(), uuid4()
    await tell_moves(speaker, thing, range(1, 11))
    await until_effects(network, "registry", 10)
    network.services.remove(speaker)
    await speaker.stop()
    await network.rows("registry", "DELETE FROM outbox WHERE number > 4 RETURNING 1")
    await network.rows("registry", "UPDATE relay SET published = 4 RETURNING 1")

    restored = await on_stage(network, "registry", _echoes, nats_url=f"nats://127.0.0.1:{proxy.port}")
    await tell_moves(restored, new, range(1, 4))

    found = await until_effects(network, "notify", 13)
    assert [one for one in found if one[0] == new] == [(new, step) for step in range(1, 4)]
    await tell_moves(restored, new, range(4, 12))
    found = await until_effects(network, "notify", 21)
    assert [one for one in found if one[0] == new] == [(new, step) for step in range(1, 12)]
    assert len(found) == 21


async def test_a_listener_restored_to_an_older_state_hears_the_rest_again(network: Network, proxy: Proxy) -> None:
    """What it acknowledged is never redelivered; its mark says what it lacks, and it asks."""
    speaker, listener = await start(network, proxy)
    thing = uuid4()
    await tell_moves(speaker, thing, range(1, 11))
    await until_effects(network, "notify", 10)
    network.services.remove(listener)
    await listener.stop()
    await network.rows("notify", "DELETE FROM inbox WHERE number > 6 RETURNING 1")
    await network.rows("notify", "DELETE FROM scratch.effect WHERE number > 6 RETURNING 1")
    await network.rows("notify", "UPDATE heard SET number = 6 WHERE speaker = 'registry' RETURNING 1")
    kept = await network.rows("notify", "SELECT thing, step, number FROM scratch.effect")

    again = await network.run("notify", an_app(network, "notify", _notes, nats_url=f"nats://127.0.0.1:{proxy.port}"))
    await again.leads()

    assert len(kept) == 6
    assert await until_effects(network, "notify", 10) == [(thing, step) for step in range(1, 11)]
