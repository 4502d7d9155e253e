"""Every user of the bus against everything it could do there: what is allowed arrives, everything else is refused."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from deploy.nats.permissions import OPS, PROVISIONER
from libs.common.facts import HEARS, SERVICES
from libs.common.facts.question import Question
from libs.common.provision import PROBE, provision
from tests.harness import Network

USERS = (*SERVICES, PROVISIONER, OPS)
FACT = "thing.moved.v1"
ADMIN = (
    "STREAM.CREATE.{}",
    "STREAM.UPDATE.{}",
    "STREAM.DELETE.{}",
    "STREAM.PURGE.{}",
    "STREAM.MSG.DELETE.{}",
    "STREAM.SNAPSHOT.{}",
    "STREAM.RESTORE.{}",
    "STREAM.LEADER.STEPDOWN.{}",
    "CONSUMER.CREATE.{}.x",
    "CONSUMER.CREATE.{}",
    "CONSUMER.DURABLE.CREATE.{}.x",
    "CONSUMER.DELETE.{}.notify",
    "CONSUMER.PAUSE.{}.notify",
)
PROVISIONS = {
    "STREAM.CREATE.{}",
    "STREAM.UPDATE.{}",
    "STREAM.DELETE.{}",
    "STREAM.PURGE.{}",
    "CONSUMER.CREATE.{}.x",
    "CONSUMER.DURABLE.CREATE.{}.x",
    "CONSUMER.DELETE.{}.notify",
}


class User:
    """A connection of one user, and what the server refused it."""

    def __init__(self, name: str) -> None:
        self.name, self.client, self.refused = name, Client(), 0

    async def connect(self, network: Network) -> "User":
        """Log in."""
        cluster = network.cluster

        async def count(_problem: Exception) -> None:
            self.refused += 1

        await self.client.connect(
            cluster.nats_url,
            user=cluster.nats_user(self.name),
            password=cluster.nats_password(self.name),
            inbox_prefix=f"_INBOX_{self.name}".encode(),
            allow_reconnect=False,
            error_cb=count,
        )
        return self

    async def is_let(self, doing: Callable[[], Awaitable[Any]]) -> bool:
        """Whether the server refused nothing of it."""
        before = self.refused
        await doing()
        while self.client.pending_data_size:
            await asyncio.sleep(0)
        await self.client.flush()
        return self.refused == before

    async def is_let_publish(self, subject: str) -> bool:
        """Whether it may publish there."""
        return await self.is_let(lambda: self.client.publish(subject, b""))


@pytest.fixture
async def users(network: Network) -> AsyncIterator[dict[str, User]]:
    """All users, connected, on streams and durables that are new; and so they are left."""
    found = {name: await User(name).connect(network) for name in USERS}
    await renewed(network, found)
    yield found
    await renewed(network, found)
    for one in found.values():
        await one.client.close()


async def renewed(network: Network, users: dict[str, User]) -> None:
    """Delete all streams with their durables, and provision them anew."""
    for stream in SERVICES:
        await users[PROVISIONER].client.jetstream().delete_stream(stream)
    cluster = network.cluster
    await provision(cluster.nats_url, cluster.nats_user(PROVISIONER), cluster.nats_password(PROVISIONER))


def questions() -> Iterator[type[Question[Any]]]:
    """Every question that is declared."""
    for service in SERVICES:
        for kind in vars(import_module(f"libs.common.facts.{service}")).values():
            if isinstance(kind, type) and issubclass(kind, Question) and "subject" in vars(kind):
                yield kind


async def stored(users: dict[str, User], stream: str) -> int:
    """How many facts a stream holds."""
    return (await users[OPS].client.jetstream().stream_info(stream)).state.messages


async def announces(users: dict[str, User], who: str, speaker: str) -> bool:
    """Whether a fact under the speaker's name reaches the stream."""
    before = await stored(users, speaker)
    let = await users[who].is_let_publish(f"{speaker}.{FACT}")
    for _ in range(200):
        if await stored(users, speaker) > before:
            return True
        if not let:
            return False
        await asyncio.sleep(0.01)
    return False


async def hears(users: dict[str, User], who: str, speaker: str, durable: str) -> bool:
    """Whether a fact is delivered to the user through a durable, and its acknowledgement counts."""
    inbox = f"_INBOX_{who}.pull.{speaker}.{durable}"
    subscription = await users[who].client.subscribe(inbox)
    try:
        request = json.dumps({"batch": 1, "no_wait": True}).encode()
        let = await users[who].is_let(
            lambda: users[who].client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{speaker}.{durable}", request, reply=inbox)
        )
        if not let:
            return False
        fact = await subscription.next_msg(timeout=2)
        return bool(fact.reply) and await users[who].is_let_publish(fact.reply)
    finally:
        await subscription.unsubscribe()


async def test_each_announces_under_its_own_name_only(users: dict[str, User]) -> None:
    """Six users, four names: a fact that was let is stored, and no other."""
    allowed = [(who, speaker) for who in USERS for speaker in SERVICES if await announces(users, who, speaker)]

    assert allowed == [(service, service) for service in SERVICES]


async def test_each_service_probes_under_its_own_name_only(users: dict[str, User]) -> None:
    """A probe is stored where no facts are; nobody writes another's, and nobody but the provisioner makes its place."""
    allowed = [(who, name) for who in USERS for name in (*SERVICES, "x") if await users[who].is_let_publish(
        f"{PROBE}.{name}")]
    assert allowed == [(service, service) for service in SERVICES]
    for service in SERVICES:
        assert (await users[service].client.jetstream().publish(f"{PROBE}.{service}", b"")).stream == PROBE

    made = {"STREAM.CREATE.{}", "STREAM.UPDATE.{}", "STREAM.INFO.{}"}
    requests = {*ADMIN, *made, "STREAM.MSG.GET.{}", "DIRECT.GET.{}", "CONSUMER.MSG.NEXT.{}.notify"}
    let = {(who, request) for who in USERS for request in requests
           if await users[who].is_let_publish(f"$JS.API.{request.format(PROBE)}")}
    assert let == {(PROVISIONER, request) for request in made}


async def test_each_hears_through_its_own_durable_and_those_it_may_hear(users: dict[str, User]) -> None:
    """Six users, four speakers, four durables: a fact arrives where it may, also when it waits for another there."""
    allowed = set()
    for speaker in SERVICES:
        for _ in range(30):
            await users[speaker].client.jetstream().publish(f"{speaker}.{FACT}", b"{}")
        for who in USERS:
            for durable in SERVICES:
                if durable != speaker and await hears(users, who, speaker, durable):
                    allowed.add((who, speaker, durable))

    assert allowed == {(who, speaker, who) for who, speakers in HEARS.items() for speaker in speakers}


async def test_each_is_told_only_what_is_its_own_to_ask(network: Network, users: dict[str, User]) -> None:
    """Every question and the one for facts, by every user: an answer arrives, or the bus refuses to ask."""
    asked = {kind.subject: set(kind.askers) - {kind.owner()} for kind in questions()} | {
        f"ask.{speaker}.facts.v1": {who for who, speakers in HEARS.items() if speaker in speakers}
        for speaker in SERVICES
    }
    owners = [await User(name).connect(network) for name in SERVICES]
    for owner in owners:

        async def answer(message: Msg, owner: User = owner) -> None:
            await owner.client.publish(message.reply, owner.name.encode())

        await owner.client.subscribe(f"ask.{owner.name}.>", cb=answer)
        await owner.client.flush()
    wrong = [(who, subject) for subject, askers in asked.items() for who in USERS
             if await is_answered(users[who], subject) != (who in askers)]
    for owner in owners:
        await owner.client.close()

    assert wrong == []
    assert len(asked) > len(SERVICES)


async def is_answered(user: User, subject: str) -> bool:
    """Whether an answer of the owner arrives."""
    if not await user.is_let_publish(subject):
        return False
    try:
        return (await user.client.request(subject, b"{}", timeout=2)).data.decode() == subject.split(".")[1]
    except (Error, TimeoutError):
        return False


async def test_nobody_listens_where_it_is_not_at_home(network: Network, users: dict[str, User]) -> None:
    """Facts come through durables only; questions go to their owner, answers to who asked: seen by what arrives."""
    wrong = []
    for who in USERS:
        for subject in (
            *(f"{service}.>" for service in SERVICES),
            *(f"ask.{service}.>" for service in SERVICES),
            *(f"_INBOX_{user}.>" for user in USERS),
            f"{PROBE}.>",
            "$JS.>",
            "$SYS.>",
            ">",
            "*",
            "ask.>",
        ):
            own = subject in {f"ask.{who}.>", f"_INBOX_{who}.>"} and (who in SERVICES or subject.startswith("_INBOX"))
            let = await users[who].is_let(lambda who=who, subject=subject: users[who].client.subscribe(subject))  # type: ignore[misc]
            if let != own:
                wrong.append((who, subject))

    assert wrong == []


async def test_only_the_provisioner_changes_streams_and_durables(network: Network, users: dict[str, User]) -> None:
    """Thirteen requests on four streams by six users; what the provisioner may is seen to happen."""
    wrong = []
    for who in USERS:
        for request in ADMIN:
            for stream in SERVICES:
                if who == PROVISIONER and request in PROVISIONS:
                    continue
                if await users[who].is_let_publish(f"$JS.API.{request.format(stream)}"):
                    wrong.append((who, request, stream))
    assert wrong == []

    jetstream = users[PROVISIONER].client.jetstream()
    await users["events"].client.jetstream().publish(f"events.{FACT}", b"{}")
    await jetstream.purge_stream("events")
    assert await stored(users, "events") == 0
    await jetstream.delete_consumer("events", "notify")
    await jetstream.delete_stream("registry")
    made = await provision(
        network.cluster.nats_url, network.cluster.nats_user(PROVISIONER), network.cluster.nats_password(PROVISIONER)
    )
    assert {"durable notify on events made", "stream registry made"} <= set(made)


async def test_stored_facts_are_read_by_their_speaker_and_by_ops(users: dict[str, User]) -> None:
    """The relay compares, operations look; nobody else, and the provisioner not at all."""
    allowed = set()
    for stream in SERVICES:
        stored_at = (await users[stream].client.jetstream().publish(f"{stream}.{FACT}", b'{"a":1}')).seq
        for who in USERS:
            subject = f"$JS.API.STREAM.MSG.GET.{stream}"
            if not await users[who].is_let_publish(subject):
                continue
            found = json.loads((await users[who].client.request(subject, b'{"seq":%d}' % stored_at, timeout=2)).data)
            if found["message"]["data"]:
                allowed.add((who, stream))

    assert allowed == {(who, stream) for stream in SERVICES for who in (stream, OPS)}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # see tests/proxy.py
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_whoever_has_no_password_is_nobody(network: Network) -> None:
    """No anonymous user, none without the right password."""
    cluster, name = network.cluster, network.cluster.nats_user("registry")
    for user, password in ((None, None), ("registry", "registry"), (name, ""), (name, cluster.nats_password("notify"))):
        with pytest.raises(Error):
            await Client().connect(
                cluster.nats_url, user=user, password=password, allow_reconnect=False, error_cb=_ignored)
    gc.collect()


async def _ignored(_problem: Exception) -> None:
    """The test looks at what is raised."""
