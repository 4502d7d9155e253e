"""Who may announce, ask, hear and change what on the real bus: what is allowed arrives, the rest is refused."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Iterator

import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamConfig

from deploy.local.cluster import Cluster
from deploy.local.servers import Wanted, start_servers
from deploy.local.shared import state_for_tests
from deploy.nats.permissions import OPS, PROVISIONER, accounts_conf, passwords_conf, permissions

SERVICES = ("registry", "events", "matching", "notify")
#: Not the network's real lists: here somebody hears or asks nobody, so that there is something to refuse.
HEARS = {
    "registry": ("events",),
    "events": ("registry",),
    "matching": ("registry", "events"),
    "notify": ("registry", "events", "matching"),
}
ASKS = {"notify": ("registry", "matching"), "events": ("registry",)}
FACT = "offer.published.v1"
QUESTION = "contact_point.v1"


class User:
    """A connection of one of the bus's users, and what the server refused it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.client = Client()
        self.refusals: list[str] = []

    async def connect(self, cluster: Cluster) -> "User":
        """Log in as this user."""
        await self.client.connect(
            cluster.nats_url,
            user=cluster.nats_user(self.name),
            password=cluster.nats_password(self.name),
            inbox_prefix=f"_INBOX_{self.name}".encode(),
            allow_reconnect=False,
            error_cb=self._refused,
        )
        return self

    async def may_publish(self, subject: str, body: bytes = b"{}", reply: str = "") -> bool:
        """Publish, and tell whether the server let it."""
        return await self._let(self.client.publish(subject, body, reply=reply))

    async def may_subscribe(self, subject: str) -> bool:
        """Subscribe, and tell whether the server let it."""
        return await self._let(self.client.subscribe(subject))

    async def answers(self, subject: str) -> None:
        """Answer every question on this subject with who answered."""

        async def answer(message: Msg) -> None:
            await self.client.publish(message.reply, self.name.encode())

        await self.client.subscribe(subject, cb=answer)
        await self._reached()

    async def is_answered(self, subject: str) -> bool:
        """Ask, and tell whether an answer arrived rather than a refusal."""
        if not await self.may_publish(subject):
            return False
        return bool((await self.client.request(subject, b"{}", timeout=5)).data)

    async def _let(self, doing: Awaitable[object]) -> bool:
        self.refusals.clear()
        await doing
        await self._reached()
        return not self.refusals

    async def _reached(self) -> None:
        """Return when the server has seen what was sent; what it refused of it is known then."""
        # nats-py sends the PING of a flush before what is pending.
        while self.client.pending_data_size:
            await asyncio.sleep(0)
        await self.client.flush()

    async def _refused(self, problem: Exception) -> None:
        self.refusals.append(str(problem))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Servers of this module alone, with the accounts of production: one."""
    path = state_for_tests(f"permissions-{os.getpid()}")
    with start_servers(path, Wanted(hears=HEARS, asks=ASKS, fsync=False)) as servers:
        yield servers.cluster
    shutil.rmtree(path)


@pytest_asyncio.fixture(scope="module")
async def users(cluster: Cluster) -> AsyncIterator[dict[str, User]]:
    """Every user of the bus, connected; streams and durables are there."""
    connected = {name: await User(name).connect(cluster) for name in permissions(HEARS, ASKS)}
    jetstream = connected[PROVISIONER].client.jetstream()
    for service in SERVICES:
        await jetstream.add_stream(StreamConfig(name=service, subjects=[f"{service}.>"], allow_direct=True))
        for listener in SERVICES:
            await jetstream.add_consumer(
                service,
                ConsumerConfig(durable_name=listener, ack_policy=AckPolicy.ALL, deliver_policy=DeliverPolicy.ALL),
            )
    yield connected
    for user in connected.values():
        await user.client.close()


async def stored(users: dict[str, User], stream: str) -> int:
    """How many facts a stream holds."""
    return (await users[OPS].client.jetstream().stream_info(stream)).state.messages


@pytest.mark.parametrize("who", [*SERVICES, PROVISIONER, OPS])
@pytest.mark.parametrize("speaker", SERVICES)
async def test_a_service_announces_under_its_own_name_only(users: dict[str, User], who: str, speaker: str) -> None:
    """Its own fact is acknowledged by its stream; another's is refused and stored nowhere."""
    before = await stored(users, speaker)

    if who == speaker:
        assert (await users[who].client.jetstream().publish(f"{speaker}.{FACT}", b"{}")).stream == speaker
    else:
        assert not await users[who].may_publish(f"{speaker}.{FACT}")

    assert await stored(users, speaker) == before + (who == speaker)


@pytest.mark.parametrize("who", [*SERVICES, PROVISIONER, OPS])
async def test_a_service_probes_under_its_own_name_only(users: dict[str, User], who: str) -> None:
    """Where the bus stores no facts, each service may write its own probe, and nobody else anything."""
    assert [name for name in SERVICES if await users[who].may_publish(f"probe.{name}")] == [who] * (who in SERVICES)
    for request in ("CREATE", "UPDATE", "INFO"):
        assert await users[who].may_publish(f"$JS.API.STREAM.{request}.probe", reply=f"_INBOX_{who}.x") is (
            who == PROVISIONER), request


@pytest.mark.parametrize("listener", SERVICES)
@pytest.mark.parametrize("speaker", SERVICES)
async def test_a_service_hears_those_it_may_hear(users: dict[str, User], listener: str, speaker: str) -> None:
    """A fact is delivered through its durable and its acknowledgement counts; who may not hear gets nothing."""
    await users[speaker].client.jetstream().publish(f"{speaker}.{FACT}", b"{}")
    if speaker not in HEARS[listener]:
        assert not await users[listener].may_publish(f"$JS.API.CONSUMER.MSG.NEXT.{speaker}.{listener}")
        return
    jetstream = users[listener].client.jetstream()
    reader = await jetstream.pull_subscribe_bind(listener, speaker)

    facts = await reader.fetch(1, timeout=5)
    await facts[0].ack_sync(timeout=5)

    assert (await jetstream.consumer_info(speaker, listener)).num_ack_pending == 0
    await reader.unsubscribe()


@pytest.mark.parametrize("listener", SERVICES)
async def test_a_durable_of_another_is_out_of_reach(users: dict[str, User], listener: str) -> None:
    """Reading or acknowledging for somebody else would lose facts for them."""
    for other in {*SERVICES} - {listener}:
        for speaker in SERVICES:
            assert not await users[listener].may_publish(f"$JS.API.CONSUMER.MSG.NEXT.{speaker}.{other}")
            assert not await users[listener].may_publish(f"$JS.ACK.{speaker}.{other}.1.1.1.1.1")


@pytest.mark.parametrize("asker", [*SERVICES, OPS])
@pytest.mark.parametrize("owner", SERVICES)
async def test_who_may_ask_is_answered(cluster: Cluster, users: dict[str, User], asker: str, owner: str) -> None:
    """Questions about people go to the listed owners only; facts may be asked for by whoever hears the speaker."""
    answering = await User(owner).connect(cluster)
    await answering.answers(f"ask.{owner}.>")
    asks, hears = owner in ASKS.get(asker, ()), owner in HEARS.get(asker, ())

    assert await users[asker].is_answered(f"ask.{owner}.{QUESTION}") is asks
    assert await users[asker].is_answered(f"ask.{owner}.facts.v1") is (asks or hears)

    await answering.client.close()


@pytest.mark.parametrize("answering", SERVICES)
@pytest.mark.parametrize("owner", SERVICES)
async def test_only_the_owner_is_asked(users: dict[str, User], answering: str, owner: str) -> None:
    """Nobody else sees the questions, nor the answers in another's inbox."""
    own = answering == owner
    assert await users[answering].may_subscribe(f"ask.{owner}.other.v1") is own
    assert await users[answering].may_subscribe(f"_INBOX_{owner}.x.>") is own


@pytest.mark.parametrize(
    "place", ["$JS.API.STREAM.PURGE.registry", "ask.matching.x.v1", "matching.tandem.started.v1"]
)
async def test_an_answer_goes_to_an_inbox_only(cluster: Cluster, users: dict[str, User], place: str) -> None:
    """An asker that names another place for the answer cannot make the owner purge, ask or announce for it."""
    answering = await User("registry").connect(cluster)
    await answering.answers("ask.registry.>")
    await users["registry"].client.jetstream().publish(f"registry.{FACT}", b"{}")
    before = [await stored(users, stream) for stream in SERVICES]

    assert await users["notify"].may_publish(f"ask.registry.{QUESTION}", reply=place)

    async with asyncio.timeout(5):
        while not answering.refusals:
            await asyncio.sleep(0.01)
    assert place.lower() in answering.refusals[0].lower()
    assert [await stored(users, stream) for stream in SERVICES] == before
    await answering.client.close()


ADMIN = (
    "STREAM.CREATE.registry", "STREAM.UPDATE.registry", "STREAM.DELETE.registry", "STREAM.PURGE.registry",
    "STREAM.MSG.DELETE.registry", "STREAM.SNAPSHOT.registry", "STREAM.NAMES", "STREAM.LIST",
    "CONSUMER.CREATE.registry.x", "CONSUMER.DURABLE.CREATE.registry.x", "CONSUMER.DELETE.registry.events",
    "CONSUMER.LIST.registry", "ACCOUNT.PURGE.network",
)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_changes_nothing_on_the_bus(users: dict[str, User], service: str) -> None:
    """Streams and durables are the provisioner's; not even its own stream may a service empty."""
    for request in ADMIN:
        assert not await users[service].may_publish(f"$JS.API.{request}"), request


async def test_ops_looks_and_changes_nothing(users: dict[str, User]) -> None:
    """It reads streams, durables and stored facts, which hold no personal data."""
    await users["events"].client.jetstream().publish(f"events.{FACT}", b'{"seen":1}')
    jetstream = users[OPS].client.jetstream()

    assert (await jetstream.get_last_msg("events", f"events.{FACT}", direct=True)).data == b'{"seen":1}'
    assert (await jetstream.consumer_info("events", "notify")).name == "notify"
    for request in ADMIN:
        looks = request in {"STREAM.NAMES", "STREAM.LIST", "CONSUMER.LIST.registry"}
        assert await users[OPS].may_publish(f"$JS.API.{request}", reply="_INBOX_ops.x") is looks, request


async def test_the_provisioner_provisions_only(users: dict[str, User]) -> None:
    """It can neither hear what is asked nor read a stored fact."""
    for subject in ("ask.registry.x.v1", "registry.>", "_INBOX_registry.>", ">"):
        assert not await users[PROVISIONER].may_subscribe(subject)
    for subject in ("$JS.API.STREAM.MSG.GET.registry", "$JS.API.CONSUMER.MSG.NEXT.registry.notify", "ask.registry.x"):
        assert not await users[PROVISIONER].may_publish(subject)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_finds_its_own_stored_facts(users: dict[str, User], service: str) -> None:
    """The relay compares the stream with its outbox; other streams are not its business."""
    jetstream = users[service].client.jetstream()
    acknowledged = await jetstream.publish(f"{service}.{FACT}", b'{"own":1}')

    assert (await jetstream.get_msg(service, acknowledged.seq)).data == b'{"own":1}'
    assert (await jetstream.get_msg(service, acknowledged.seq, direct=True)).data == b'{"own":1}'
    for other in {*SERVICES} - {service}:
        assert not await users[service].may_publish(f"$JS.API.STREAM.MSG.GET.{other}")
        assert not await users[service].may_publish(f"$JS.API.DIRECT.GET.{other}.{other}.{FACT}")


@pytest.mark.parametrize("login", ["{}", '{"user":"registry","pass":"registry"}', '{"user":"sys","pass":""}'])
def test_who_has_no_password_is_refused(cluster: Cluster, login: str) -> None:
    """There is no anonymous user, and no password to guess."""
    with socket.create_connection(("127.0.0.1", cluster.nats_port), 5) as connection:
        connection.sendall(f"CONNECT {login}\r\nPING\r\n".encode())
        told = b""
        while more := connection.recv(4096):
            told += more

    assert b"Authorization Violation" in told
    assert b"PONG" not in told


def test_the_permissions_are_the_same_text_every_time() -> None:
    """A reviewer reads them in the diff: no order depends on chance, and no password stands in them."""
    text = accounts_conf(HEARS, ASKS)

    assert text == accounts_conf({key: tuple(reversed(value)) for key, value in reversed(HEARS.items())}, ASKS)
    assert "password: $registry_password" in text
    assert "allow_responses" not in text


def test_a_password_that_would_end_its_quotes_is_refused() -> None:
    """It would turn the rest of itself into settings."""
    with pytest.raises(ValueError, match="quotes"):
        passwords_conf({"registry": 'x" accounts {'})
