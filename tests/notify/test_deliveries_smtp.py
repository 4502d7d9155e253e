"""Mails by SMTP to a real server: taken, refused for now and for good, and the one duplicate that a crash may leave."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiosmtpd.smtp import SMTP, Envelope, Session

from services.notify.deliveries.mail import Letter
from services.notify.deliveries.transports import Away, MailServer
from tests.harness import Network, Service
from tests.notify.post import Mail, Owner, all_in, changes_requested, sent_count, told


class Sink:
    """A mail server that keeps what it is given, and answers as it is told."""

    def __init__(self) -> None:
        """Takes everything at first."""
        self.taken: list[Mail] = []
        self.answers: list[str] = []
        self.tries = 0
        self.hangs_up = False
        self.port = 0
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen, at the same port as before."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(self, hostname="sink", enable_SMTPUTF8=True), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no more."""
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str],
    ) -> str:
        """The next answer that was prepared, else yes."""
        self.tries += 1
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Keep the mail; hang up before saying so if told to."""
        assert isinstance(envelope.content, bytes)
        self.taken.append(Mail.of(envelope.content))
        if self.hangs_up:
            self.hangs_up = False
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "250 taken"


@pytest_asyncio.fixture
async def sink() -> AsyncIterator[Sink]:
    """A mail server."""
    one = Sink()
    await one.open()
    yield one
    await one.close()


def by_smtp(sink: Sink) -> dict[str, Any]:
    """The settings that send mails there."""
    return {"smtp_host": "127.0.0.1", "smtp_port": sink.port, "smtp_starttls": False, "mail_retry_seconds": 0.05,
            "mail_from": "post@netz.example.org"}


@pytest_asyncio.fixture
async def notify(network: Network, sink: Sink) -> Service:
    """Notify, which sends by SMTP."""
    return await network.start("notify", **by_smtp(sink))


async def test_a_mail_server_gets_the_mail(network: Network, notify: Service, registry: Owner, sink: Sink) -> None:
    """Taken at once: the delivery is sent, and the Message-ID is made of its id."""
    await network.tell("notify", changes_requested(registry.person("uk", email="oksana@example.org")))

    (row,) = await all_in(network, "sent")

    (mail,) = sink.taken
    assert mail["To"] == "Mira Beispiel <oksana@example.org>"
    assert mail["From"] == "test <post@netz.example.org>"
    assert mail["Message-ID"] == f"<{row['id']}@netz.example.org>"
    assert "Супровід" in mail["Subject"]


async def test_what_is_refused_for_now_is_tried_again(
    network: Network, notify: Service, registry: Owner, sink: Sink,
) -> None:
    """A 4xx answer costs a try and a pause, and then the mail goes out."""
    sink.answers = ["451 busy", "450 still busy"]
    await network.tell("notify", changes_requested(registry.person("de")))

    (row,) = await all_in(network, "sent")

    assert (row["attempts"], sink.tries, len(sink.taken)) == (2, 3, 1)
    assert sent_count(notify, "failed") == 2


async def test_what_is_refused_for_good_bounces(
    network: Network, notify: Service, registry: Owner, sink: Sink,
) -> None:
    """A 5xx answer ends it, and is told."""
    sink.answers = ["550 no such mailbox"]
    await network.tell("notify", changes_requested(registry.person("de")))

    (row,) = await all_in(network, "bounced")

    assert (row["reason"], sink.tries) == ("refused_for_good", 1)
    (fact,) = await told(network, "notify.delivery.bounced.v1")
    assert (fact["delivery_id"], fact["person_ref"]) == (str(row["id"]), str(row["person_ref"]))


async def test_a_mail_server_that_is_away_costs_no_try(
    network: Network, notify: Service, registry: Owner, sink: Sink, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is burnt while nobody listens; once the server is back the mail goes out."""
    away, sends = asyncio.Event(), MailServer.send

    async def send(server: MailServer, letter: Letter) -> None:
        try:
            await sends(server, letter)
        except Away:
            away.set()
            raise

    monkeypatch.setattr(MailServer, "send", send)
    await sink.close()
    await network.tell("notify", changes_requested(registry.person("de")))
    async with asyncio.timeout(10):
        await away.wait()
    await sink.open()

    (row,) = await all_in(network, "sent")
    assert (row["attempts"], row["uncertain"], len(sink.taken)) == (0, False, 1)


async def test_a_connection_that_breaks_leaves_one_flagged_duplicate(
    network: Network, notify: Service, registry: Owner, sink: Sink,
) -> None:
    """The server took the mail and hung up before saying so: sent again with the same Message-ID, and flagged."""
    sink.hangs_up = True
    await network.tell("notify", changes_requested(registry.person("de")))

    (row,) = await all_in(network, "sent")

    assert row["uncertain"]
    assert len(sink.taken) == 2
    assert len({mail["Message-ID"] for mail in sink.taken}) == 1
    assert sent_count(notify, "uncertain") == 1


class Crash:
    """Holds the sender fast before or after the mail server has taken the mail, as if the process had died there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, after: bool) -> None:
        """From now on every mail ends there."""
        self.here, sends = asyncio.Event(), MailServer.send

        async def send(server: MailServer, letter: Letter) -> None:
            if after:
                await sends(server, letter)
            self.here.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(MailServer, "send", send)

    async def of(self, network: Network) -> None:
        """Wait until it happens, and stop the service that has died."""
        async with asyncio.timeout(10):
            await self.here.wait()
        await network.services.pop().stop()


@pytest.mark.parametrize("after", [False, True], ids=["before the send", "between send and record"])
async def test_a_crash_leaves_at_most_one_flagged_duplicate(
    network: Network, notify: Service, registry: Owner, sink: Sink, monkeypatch: pytest.MonkeyPatch, after: bool,
) -> None:
    """Whoever leads next finds it in sending: sent once more with the same Message-ID, flagged and counted."""
    with monkeypatch.context() as patched:
        crash = Crash(patched, after=after)
        await network.tell("notify", changes_requested(registry.person("de")))
        await crash.of(network)

    started = await network.start("notify", **by_smtp(sink))

    (row,) = await all_in(network, "sent")
    assert row["uncertain"]
    assert len(sink.taken) == 1 + after
    assert {mail["Message-ID"] for mail in sink.taken} == {f"<{row['id']}@netz.example.org>"}
    assert sent_count(started, "uncertain") == 1
    assert len(await told(network, "notify.delivery.sent.v1")) == 1


async def test_a_second_crash_of_the_same_delivery_sends_nothing_more(
    network: Network, notify: Service, registry: Owner, sink: Sink, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One possible duplicate is the most: after that an operator decides."""
    with monkeypatch.context() as patched:
        crash = Crash(patched, after=True)
        await network.tell("notify", changes_requested(registry.person("de")))
        await crash.of(network)
        crash.here.clear()
        await network.start("notify", **by_smtp(sink))
        await crash.of(network)

    await network.start("notify", **by_smtp(sink))

    (row,) = await all_in(network, "dead")
    assert (row["reason"], len(sink.taken)) == ("uncertain_twice", 2)
