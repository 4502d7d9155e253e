"""The sender: the leader's work that takes queued deliveries, sends each, and notes what became of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from uuid import UUID

import structlog

from libs.common.clock import real_now
from libs.common.db import OpenTransaction, is_transient
from libs.common.facts.notify import DeliveryBounced, DeliverySent
from libs.common.failpoints import failpoint
from libs.common.logs import correlation
from libs.common.outbox import announce
from libs.common.refusals import Refused, Unavailable
from libs.common.service import Running
from services.notify.deliveries import transports
from services.notify.deliveries.composing import Composed, Composing, Suppressed
from services.notify.deliveries.mail import BadAddress, Sender
from services.notify.deliveries.model import Delivery, DeliveryState, Reason
from services.notify.deliveries.queries import Due, due_deliveries, left_in_sending, suppress, to_forget
from services.notify.settings import Settings
from services.notify.templates.model import Catalogue, Gap, Moot
from services.notify.templates.queries import catalogue

log = structlog.get_logger()
POLL_SECONDS = 0.25
AWAY_SECONDS = 2.0
AT_ONCE = 4
STATE = "delivery-state"
Verdict = Callable[[OpenTransaction, Delivery], None]


def sender(running: Running, settings: Settings) -> Callable[[], Awaitable[None]]:
    """The work of a running service that sends by the transport of the settings."""
    return Sending(running, settings, transports.transport_of(settings), catalogue()).run


class Sending:
    """Sends what is due, each person's deliveries in their order, those of several persons at once."""

    def __init__(
        self, running: Running, settings: Settings, transport: transports.Transport, templates: Catalogue,
    ) -> None:
        """Nothing is sent before run()."""
        self._running, self._transport = running, transport
        self._database = running.database
        self._first_pause = timedelta(seconds=settings.mail_retry_seconds)
        comes_from = Sender(settings.network, settings.mail_from)
        self._composing = Composing(running.database, running.bus, templates, comes_from)
        self._away: dict[str, float] = {}
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Send until cancelled; what an earlier sender left half done comes first."""
        await self._recover()
        while True:
            if not await self.step():
                await asyncio.sleep(POLL_SECONDS)

    async def step(self) -> bool:
        """One round; returns whether anything was due."""
        if self._is_away(self._transport):
            return False
        async with self._database.transaction() as transaction:
            forgotten = await to_forget(transaction)
            due = await due_deliveries(transaction, now=transaction.clock.now(), real_now=real_now(),
                                       without=[name for name in self._away if self._is_away(name)])
        try:
            await self._forget(forgotten)
        except OSError as raised:
            log.warning("mails of erased persons could not be destroyed yet", kind=type(raised).__name__)
        by_person = sorted(due, key=attrgetter("person_ref"))
        async with asyncio.TaskGroup() as persons:
            for _, of_one in groupby(by_person, key=attrgetter("person_ref")):
                persons.create_task(self._in_turn(list(of_one)))
        return bool(due)

    async def _recover(self) -> None:
        """Nobody knows whether these were sent: another try, flagged."""
        async with self._database.transaction() as transaction:
            for delivery in await left_in_sending(transaction):
                self._doubt(transaction, delivery)

    async def _in_turn(self, deliveries: Iterable[Due]) -> None:
        async with self._at_once:
            for due in deliveries:
                if not (self._is_away(due.speaker) or self._is_away(self._transport)):
                    await self._deliver(due)

    async def _deliver(self, due: Due) -> None:
        try:
            planned = await self._composing.plan(due.id)
            if planned is None:
                return
            correlation.set(planned.delivery.correlation)
            composed = await self._composing.compose(planned)
            await self._send(due.id, composed)
        except Unavailable:
            self._gone(due.speaker)
        except transports.Away as away:
            log.warning("mails cannot be sent now", reason=str(away))
            self._gone(self._transport)
            await self._note(due.id, lambda _transaction, delivery: delivery.put_back())
        except Exception as raised:  # noqa: BLE001 - whatever it is, it must not keep others from being told
            await self._went_wrong(due.id, raised)

    async def _send(self, delivery_id: UUID, composed: Composed) -> None:
        """Hand the letter over between two commits: who finds `sending` knows that it may have been sent."""
        await self._note(delivery_id, lambda _transaction, delivery: delivery.begin(
            composed.language, composed.template_version))
        failpoint("mail-before-send")
        await self._transport.send(composed.letter)
        failpoint("mail-after-send-before-record")
        await self._note(delivery_id, _arrived(composed))

    async def _went_wrong(self, delivery_id: UUID, raised: Exception) -> None:
        if is_transient(raised):
            log.warning("could not send now", kind=type(raised).__name__)
            self._gone(self._transport)
            return
        if not isinstance(raised, EXPECTED):
            log.error("a delivery failed", delivery=str(delivery_id), exc_info=raised)
        # Who finds another state than expected was beaten to it: by an operator, or by a new leader's sender.
        if getattr(raised, "slug", "") != STATE:
            await self._note(delivery_id, self._verdict(raised))

    def _verdict(self, raised: Exception) -> Verdict:
        """What becomes of a delivery after this."""
        reason = _why_not(raised)
        if reason:
            return lambda transaction, delivery: suppress(transaction, delivery, reason)
        match raised:
            case Gap(kind=kind, name=name):
                return lambda _transaction, delivery: delivery.die(Reason(kind.value), name)
            case transports.RefusedForGood():
                return _bounced
            case transports.Unclear():
                return self._doubt
        kinds = {Refused: Reason.OWNER_REFUSED, transports.RefusedForNow: Reason.REFUSED_FOR_NOW}
        failed = next((reason for kind, reason in kinds.items() if isinstance(raised, kind)), Reason.BUG)
        return lambda _transaction, delivery: delivery.fail(failed, real_now(), self._first_pause)

    def _doubt(self, _transaction: OpenTransaction, delivery: Delivery) -> None:
        delivery.doubt(again_is_safe=self._transport.again_is_safe)
        self._count("uncertain")

    async def _note(self, delivery_id: UUID, verdict: Verdict) -> None:
        """Write down what became of it; waits for the database, since forgetting it would mean sending it again."""
        while True:
            try:
                async with self._database.transaction() as transaction:
                    delivery = await transaction.get_one(Delivery, delivery_id, with_for_update=True)
                    verdict(transaction, delivery)
            except Exception as raised:
                if not is_transient(raised):
                    raise
                log.warning("waiting for the database to note a delivery", kind=type(raised).__name__)
                await asyncio.sleep(1)
            else:
                if delivery.state not in {DeliveryState.QUEUED, DeliveryState.SENDING}:
                    self._count(delivery.state.value)
                return

    async def _forget(self, delivery_ids: Iterable[UUID]) -> None:
        for delivery_id in delivery_ids:
            await self._transport.forget(delivery_id)
            async with self._database.transaction() as transaction:
                delivery = await transaction.get_one(Delivery, delivery_id, with_for_update=True)
                delivery.to_forget = False

    def _gone(self, what: object) -> None:
        self._away[_name(what)] = time.monotonic() + AWAY_SECONDS

    def _is_away(self, what: object) -> bool:
        return self._away.get(_name(what), 0) > time.monotonic()

    def _count(self, outcome: str) -> None:
        self._running.metrics.deliveries.labels("notify", outcome).inc()


EXPECTED = (Suppressed, BadAddress, Gap, Moot, Refused,
            transports.RefusedForNow, transports.RefusedForGood, transports.Unclear)


def _why_not(raised: Exception) -> Reason | None:
    """Why the person is not to be written to, if that is what was raised."""
    match raised:
        case Suppressed(reason=reason):
            return reason
        case Moot():
            return Reason.NOTHING_TO_TELL
        case BadAddress():
            return Reason.NO_ADDRESS
        case Refused(codes={"refusal": ["not-found" | "person-erased"]}):
            return Reason.NOTHING_TO_TELL
    return None


def _name(what: object) -> str:
    return what if isinstance(what, str) else type(what).__name__


def _arrived(composed: Composed) -> Verdict:
    def note(transaction: OpenTransaction, delivery: Delivery) -> None:
        delivery.arrive(transaction.clock.now())
        announce(transaction, DeliverySent(
            delivery_id=delivery.id, cause=delivery.cause, template=delivery.template, channel=delivery.channel,
            language=composed.language), region=delivery.region)

    return note


def _bounced(transaction: OpenTransaction, delivery: Delivery) -> None:
    delivery.bounce()
    announce(transaction, DeliveryBounced(
        delivery_id=delivery.id, cause=delivery.cause, template=delivery.template, channel=delivery.channel,
        person_ref=delivery.person_ref,
    ), region=delivery.region)
