"""The bus: FastStream's broker on one NATS connection, pipelined publishing for the relay, and requests."""

import asyncio
import contextlib
import json
import os
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import nats.errors
import structlog
from faststream.exceptions import IncorrectState
from faststream.nats import NatsBroker
from faststream.nats.security import NatsUserPassword
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from libs.common.settings import CommonSettings

log = structlog.get_logger()
CONNECT_SECONDS = 5
LEAVE_SECONDS = 2.0
ACK_SECONDS = 5.0
# nats-py's own defaults give up after sixty tries, and notice silence after minutes. It waits parts of a second, too,
# where FastStream's annotation says int.
LASTING: dict[str, Any] = {
    "connect_timeout": CONNECT_SECONDS, "allow_reconnect": True, "max_reconnect_attempts": -1,
    "reconnect_time_wait": 0.1, "ping_interval": 2, "max_outstanding_pings": 2,
}
Outgoing = tuple[str, bytes, dict[str, str]]


class NoBus(Exception):
    """The bus cannot be reached, or does not answer."""


class Bus:
    """One service's connection to NATS. Reconnects for ever; a silent peer is noticed within about 4 s."""

    def __init__(self, service: str, settings: CommonSettings) -> None:
        """Prepare the broker; connect() connects."""
        self.service = service
        self.url = settings.nats_url
        self.inbox_prefix = f"_INBOX_{service}"
        self.on_reconnect: list[Callable[[], None]] = []
        user = settings.nats_user or service
        self.broker = NatsBroker(
            self.url,
            name=f"{settings.network}/{service}",
            security=NatsUserPassword(
                user, settings.nats_password.get_secret_value(), ssl_context=tls_to_bus(settings),
                tls_handshake_first=tls_comes_first(self.url)),
            inbox_prefix=self.inbox_prefix,
            apply_types=False,
            logger=None,
            disconnected_cb=self._disconnected,
            reconnected_cb=self._reconnected,
            closed_cb=self._closed,
            **LASTING,
        )
        # By stream, why it did not store what was last published to it.
        self.refusing: dict[str, str] = {}
        self._stopping = False
        self._acks: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._ack_prefix = ""
        self._batches = 0

    @property
    def client(self) -> Client:
        """The nats-py client under the broker."""
        return self.broker.connection

    @property
    def jetstream(self) -> JetStreamContext:
        """JetStream with a bounded time for each call."""
        return self.client.jetstream(timeout=ACK_SECONDS)

    @property
    def connected(self) -> bool:
        """Whether the connection stands now."""
        return bool(self.broker.config.connection_state) and self.client.is_connected

    async def connect(self) -> None:
        """Connect and subscribe to the asks; NoBus, with the reason, when nobody answers in time."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS * 2):
                await self.broker.start()
        except (TimeoutError, OSError, nats.errors.Error) as raised:
            raise NoBus(f"no bus at {self.url} for user {self.service}: {raised!r}") from raised
        self._ack_prefix = f"{self.inbox_prefix}.ack."
        await self.client.subscribe(f"{self._ack_prefix}*", cb=self._acknowledged)

    async def close(self) -> None:
        """Leave the bus, also when it is away."""
        self._stopping = True
        if not self.broker.config.connection_state:
            return
        client = self.client
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self.broker.stop()
        except Exception as raised:
            # FastStream raises what nats-py does, in groups; there is nobody left to say goodbye to.
            log.info("the bus was away when this service left it", exc_info=raised)
        with contextlib.suppress(OSError, AttributeError, TypeError):  # two of asyncio's, before 3.13.6 (gh-136234)
            await client.close()

    async def publish_in_order(self, outgoing: Sequence[Outgoing]) -> int:
        """Publish to JetStream, all at once on one connection; returns how many from the start were stored.

        All of it goes to one stream. One await per acknowledgement would be thirty times slower; a hole in the
        acknowledgements ends the count, and `refusing` says why.
        """
        waiting = []
        self._batches += 1  # a late answer to an earlier batch must not count for this one
        for position, (subject, body, headers) in enumerate(outgoing):
            token = f"{self._batches}-{position}"
            acknowledged: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
            self._acks[token] = acknowledged
            waiting.append(acknowledged)
            await self.client.publish(subject, body, reply=self._ack_prefix + token, headers=headers)
        try:
            done, _ = await asyncio.wait(waiting, timeout=ACK_SECONDS) if waiting else (set(), set())
        finally:
            self._acks.clear()
        stream = outgoing[0][0].partition(".")[0] if outgoing else ""
        self.refusing.pop(stream, None)
        for position, acknowledged in enumerate(waiting):
            error = acknowledged.result().get("error") if acknowledged in done else "no answer"
            if error:
                self.refusing[stream] = str(error.get("description") if isinstance(error, dict) else error)
                return position
        return len(waiting)

    async def request(self, subject: str, body: bytes, *, seconds: float, headers: dict[str, str]) -> bytes:
        """Ask on a subject and return the answer; NoBus when nobody answers within the seconds."""
        try:
            answer = await self.client.request(subject, body, timeout=seconds, headers=headers)
        except (TimeoutError, OSError, nats.errors.Error, RuntimeError, IncorrectState) as raised:
            # IncorrectState: it has never been connected since the start.
            raise NoBus(f"no answer on {subject}: {type(raised).__name__}") from raised
        return answer.data

    async def _acknowledged(self, message: Msg) -> None:
        waiting = self._acks.get(message.subject.removeprefix(self._ack_prefix))
        if waiting is None or waiting.done():
            return
        try:
            waiting.set_result(json.loads(message.data) if message.data else {"error": "no stream"})
        except ValueError:
            waiting.set_result({"error": "unreadable acknowledgement"})

    async def _disconnected(self) -> None:
        for waiting in self._acks.values():
            if not waiting.done():
                waiting.set_result({"error": "disconnected"})

    async def _reconnected(self) -> None:
        log.info("bus reconnected", bus=self.url)
        for woken in self.on_reconnect:
            woken()

    async def _closed(self) -> None:
        if not self._stopping:
            # nats-py gives up for good only on a fault it cannot mend; a restart by the supervisor can.
            log.error("the bus closed the connection for good; ending, so that a restart connects anew")
            os._exit(70)


def tls_to_bus(settings: CommonSettings) -> ssl.SSLContext | None:
    """How the bus is trusted: by the settings' certificates, else by the system's; None where no TLS is asked for."""
    if settings.nats_ca:
        return ssl.create_default_context(cafile=str(settings.nats_ca))
    return ssl.create_default_context() if tls_comes_first(settings.nats_url) else None


def tls_comes_first(nats_url: str) -> bool:
    """Whether TLS begins before the server's first word: else whoever is in between could say that there is none."""
    return nats_url.startswith("tls://")


Listener = Callable[[list[Msg]], Awaitable[None]]
