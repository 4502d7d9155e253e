"""Readers: one FastStream pull subscription per speaker heard, run by the leader only."""

import asyncio
from typing import Any

import nats.errors
import nats.js.errors
import structlog
from faststream import AckPolicy
from faststream.nats import JStream, PullSub
from nats.aio.msg import Msg

from libs.common.bus import Bus, NoBus
from libs.common.envelope import Heard, Unreadable, read_envelope
from libs.common.failpoints import failpoint
from libs.common.inbox import AnotherReader, Inbox, Unreachable

log = structlog.get_logger()
BATCH = 500
WAKE_SECONDS = 2.0
DRAIN_SECONDS = 5.0
WATCH_SECONDS = 1.0


class Reader:
    """Hears one speaker: through the stream within milliseconds, and by asking when the stream has lost something.

    FastStream's batches wait until they are full or their time is over, so the subscription wakes with one message
    and the rest that is there is drained by hand. Acknowledging the last acknowledges all before it.
    """

    def __init__(self, bus: Bus, inbox: Inbox, speaker: str) -> None:
        """Declare the subscription; nothing is read before run()."""
        self._bus, self._inbox, self.speaker = bus, inbox, speaker
        self.durable_there = False
        self.unreadable = 0
        self._subscriber: Any = bus.broker.subscriber(
            f"{speaker}.>",
            durable=bus.service,
            stream=JStream(speaker, declare=False),
            pull_sub=PullSub(batch_size=1, timeout=WAKE_SECONDS, batch=True),
            inbox_prefix=f"{bus.inbox_prefix}.".encode(),
            ack_policy=AckPolicy.MANUAL,
            decoder=_undecoded,
            persistent=False,
            title=f"facts of {speaker}",
        )
        self._subscriber(self._hear)

    async def run(self) -> None:
        """Read until cancelled; asks the speaker for what it may have missed every second that nothing came."""
        try:
            while True:
                await self._watch()
                await asyncio.sleep(WATCH_SECONDS)
        finally:
            await self._stop()

    async def _watch(self) -> None:
        self.durable_there = await self._durable_exists()
        if self.durable_there and not self._subscriber.running:
            await self._subscriber.start()
        elif not self.durable_there and self._subscriber.running:
            # A pull on a missing durable returns at once, without end: better not to pull at all.
            await self._stop()
        try:
            await self._inbox.catch_up(self.speaker)
        except (NoBus, AnotherReader) as raised:
            log.debug("cannot catch up", speaker=self.speaker, reason=str(raised))

    async def _durable_exists(self) -> bool:
        try:
            await self._bus.jetstream.consumer_info(self.speaker, self._bus.service)
        except nats.js.errors.NotFoundError:
            return False
        except (nats.errors.Error, TimeoutError, OSError):
            return False
        return True

    async def _stop(self) -> None:
        try:
            async with asyncio.timeout(2):
                await self._subscriber.stop()
        except (nats.errors.Error, TimeoutError, OSError) as raised:
            log.debug("subscription not ended cleanly", speaker=self.speaker, kind=type(raised).__name__)

    async def _hear(self, first: list[Msg]) -> None:
        messages = first + await self._drain()
        facts = [fact for message in messages if (fact := self._read(message))]
        try:
            if facts:
                await self._inbox.take(self.speaker, facts)
            await messages[-1].ack_sync(timeout=DRAIN_SECONDS)
            failpoint("inbox-after-ack")
        except (NoBus, AnotherReader, Unreachable, nats.errors.Error, TimeoutError) as raised:
            log.info("not acknowledged; it comes again", speaker=self.speaker, reason=type(raised).__name__)

    async def _drain(self) -> list[Msg]:
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                # Without a time the server answers at once with what it has.
                return list(await self._subscriber.subscription.fetch(BATCH, timeout=None))
        except (nats.errors.Error, TimeoutError, OSError, AttributeError):
            return []

    def _read(self, message: Msg) -> Heard | None:
        try:
            fact = read_envelope(message.subject, message.headers, message.data)
        except Unreadable as raised:
            self.unreadable += 1
            log.error("no fact, passed over", subject=message.subject, missing=str(raised))
            return None
        return fact if fact.speaker == self.speaker else None


async def _undecoded(message: Any) -> list[Msg]:
    raw: list[Msg] = message.raw_message
    return raw
