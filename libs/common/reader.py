"""Readers: one FastStream pull subscription per speaker heard, run by the leader only."""

import asyncio
import json
import time
from typing import Any

import nats.errors
import nats.js.errors
import structlog
from faststream import AckPolicy
from faststream.nats import JStream, PullSub
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext

from libs.common.bus import Bus, NoBus
from libs.common.envelope import Heard, Unreadable, read_envelope
from libs.common.failpoints import failpoint
from libs.common.inbox import AnotherReader, Inbox, Unreachable

log = structlog.get_logger()
BATCH = 500
WAKE_SECONDS = 2.0
DRAIN_SECONDS = 1.0
ACK_SECONDS = 5.0
WATCH_SECONDS = 1.0
PAUSE_SECONDS = 0.5
# Without a time to wait the server answers at once with what it has, and says when that was all.
NO_WAIT = json.dumps({"batch": BATCH, "no_wait": True}).encode()


class Reader:
    """Hears one speaker: through the stream within milliseconds, and by asking when the stream has lost something.

    FastStream's batches wait until they are full or their time is over, so the subscription wakes with one message
    and the rest that is there is drained by hand. Acknowledging one acknowledges all before it in the stream.
    """

    def __init__(self, bus: Bus, inbox: Inbox, speaker: str) -> None:
        """Nothing is subscribed or read before run()."""
        self._bus, self._inbox, self.speaker = bus, inbox, speaker
        self.durable_there = False
        self.unreadable = 0
        self._subscriber: Any = None
        self._drain_inbox = f"{bus.inbox_prefix}.drain.{speaker}"
        self._drained: Subscription | None = None
        self._drains = 0

    async def run(self) -> None:
        """Read until cancelled; asks the speaker every second for what the stream may have lost."""
        # Another instance may have led, and heard, since this one did.
        self._inbox.forget_mark(self.speaker)
        try:
            while True:
                await self._watch()
                await asyncio.sleep(WATCH_SECONDS)
        finally:
            await self._stop()

    async def _watch(self) -> None:
        self.durable_there = await self._durable_exists()
        if self.durable_there and not self._subscriber:
            await self._start()
        elif not self.durable_there:
            # A pull on a missing durable returns at once, without end: better not to pull at all.
            await self._stop()
        try:
            await self._inbox.catch_up(self.speaker)
        except (NoBus, AnotherReader, Unreachable) as raised:
            log.debug("cannot catch up", speaker=self.speaker, reason=str(raised))

    async def _durable_exists(self) -> bool:
        try:
            await self._bus.jetstream.consumer_info(self.speaker, self._bus.service)
        except nats.js.errors.NotFoundError:
            return False
        except (nats.errors.Error, TimeoutError, OSError):
            return False
        return True

    async def _start(self) -> None:
        self._drained = await self._bus.client.subscribe(f"{self._drain_inbox}.*")
        # Made here and not before: the broker starts every subscriber that it knows, also in instances that stand by.
        self._subscriber = self._bus.broker.subscriber(
            f"{self.speaker}.>",
            durable=self._bus.service,
            stream=JStream(self.speaker, declare=False),
            pull_sub=PullSub(batch_size=1, timeout=WAKE_SECONDS, batch=True),
            inbox_prefix=f"{self._bus.inbox_prefix}.".encode(),
            ack_policy=AckPolicy.MANUAL,
            decoder=_undecoded,
            persistent=False,
            title=f"facts of {self.speaker}",
        )
        self._subscriber(self._hear)
        await self._subscriber.start()
        self._subscriber.subscription = Patient(self._subscriber.subscription)

    async def _stop(self) -> None:
        subscriber, drained, self._subscriber, self._drained = self._subscriber, self._drained, None, None
        try:
            async with asyncio.timeout(2):
                if subscriber:
                    await subscriber.stop()
                if drained:
                    await drained.unsubscribe()
        except (nats.errors.Error, TimeoutError, OSError) as raised:
            log.debug("subscription not ended cleanly", speaker=self.speaker, kind=type(raised).__name__)

    async def _hear(self, first: list[Msg]) -> None:
        messages = first + await self._drain()
        facts = [fact for message in messages if (fact := self._read(message))]
        try:
            if facts:
                await self._inbox.take(self.speaker, facts)
            newest = max(messages, key=lambda message: message.metadata.sequence.stream)
            await newest.ack_sync(timeout=ACK_SECONDS)
            failpoint("inbox-after-ack")
        except (NoBus, AnotherReader, Unreachable, nats.errors.Error, TimeoutError) as raised:
            log.info("not acknowledged; it comes again", speaker=self.speaker, reason=type(raised).__name__)
        except Exception as raised:
            # FastStream would swallow it without a word.
            log.warning("not acknowledged; it comes again", speaker=self.speaker, exc_info=raised)

    async def _drain(self) -> list[Msg]:
        """What else is there now; nats-py's own fetch would wait on when there is nothing more."""
        self._drains += 1
        done = f"{self._drain_inbox}.{self._drains}"
        found: list[Msg] = []
        try:
            await self._bus.client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self.speaker}.{self._bus.service}", NO_WAIT, reply=done)
            while len(found) < BATCH and self._drained:
                message = await self._drained.next_msg(timeout=DRAIN_SECONDS)
                if message.subject == done:
                    break
                if not message.subject.startswith(self._drain_inbox):
                    found.append(message)
        except (nats.errors.Error, TimeoutError, OSError) as raised:
            log.debug("not drained", speaker=self.speaker, reason=type(raised).__name__)
        return found

    def _read(self, message: Msg) -> Heard | None:
        try:
            fact = read_envelope(message.subject, message.headers, message.data)
        except Unreadable as raised:
            self.unreadable += 1
            log.error("no fact, passed over", subject=message.subject, missing=str(raised))
            return None
        return fact if fact.speaker == self.speaker else None


class Patient:
    """A pull subscription that does not refuse at once, since FastStream would ask again without a pause.

    nats-py raises without any await when the connection is closed: nothing else in the process would run any more.
    """

    def __init__(self, asked: JetStreamContext.PullSubscription) -> None:
        """asked: what is subscribed to."""
        self._asked = asked

    async def fetch(self, **limits: Any) -> list[Msg]:
        """What nats-py fetches within these limits; what it raises comes after a pause, unless it took its time."""
        began = time.monotonic()
        try:
            return await self._asked.fetch(**limits)
        except Exception:
            if time.monotonic() - began < PAUSE_SECONDS:
                await asyncio.sleep(PAUSE_SECONDS)
            raise

    async def unsubscribe(self) -> None:
        """End it."""
        await self._asked.unsubscribe()


async def _undecoded(message: Any) -> list[Msg]:
    raw: list[Msg] = message.raw_message
    return raw
