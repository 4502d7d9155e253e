"""The relay: gives the outbox's facts their gapless numbers and takes them to the stream, in order."""

import asyncio
import json
import secrets
from typing import Any

import nats.errors
import nats.js.errors
import structlog

from libs.common.bus import Bus
from libs.common.failpoints import failpoint
from libs.common.leader import LockConnection

log = structlog.get_logger()
BATCH = 1000
POLL_SECONDS = 1.0
REFILL_DAYS = 7

NUMBER = """
WITH last AS (SELECT coalesce(max(number), 0) AS number FROM outbox),
     fresh AS (SELECT id FROM outbox WHERE number IS NULL ORDER BY id LIMIT $1),
     numbered AS (SELECT id, row_number() OVER (ORDER BY id) AS position FROM fresh)
UPDATE outbox SET number = last.number + numbered.position FROM numbered, last WHERE outbox.id = numbered.id
"""
UNPUBLISHED = """
SELECT number, fact_id, subject, headers, body FROM outbox
WHERE number > (SELECT published FROM relay) ORDER BY number LIMIT $1
"""
MARK = "UPDATE relay SET published = $1"
STEP_BACK = """
UPDATE relay SET published = greatest($1, coalesce(
    (SELECT min(number) - 1 FROM outbox WHERE number > $1 AND announced_at > clock_timestamp() - make_interval(days => $2)),
    published)), refills = refills + 1 RETURNING published
"""


class Relay:
    """One per leader. The stream is only a copy: what it has lost since the last match is published again.

    Numbers are given on the connection that holds the leader's lock and committed before the first publish, so a
    second publish carries the same number, and two relays cannot both give one.
    """

    def __init__(self, lock: LockConnection, bus: Bus, announced: asyncio.Event) -> None:
        """announced is set whenever a transaction of this process has put something into the outbox."""
        self._lock = lock
        self._bus = bus
        self._announced = announced
        self._refill_up_to = 0
        self._token = ""
        self._reconcile = asyncio.Event()
        bus.on_reconnect.append(self._reconcile.set)

    async def run(self) -> None:
        """Relay until cancelled; begins by comparing the stream with the outbox, and again at every reconnect."""
        self._reconcile.set()
        while True:
            self._announced.clear()
            if self._reconcile.is_set():
                self._reconcile.clear()
                await self._compare_with_stream()
            if not await self.step():
                await _woken(self._announced, self._reconcile)

    async def step(self) -> bool:
        """Number and publish one batch; returns whether there was anything to do."""
        await self._lock.fetch(NUMBER, BATCH)
        rows = await self._lock.fetch(UNPUBLISHED, BATCH)
        if not rows:
            return False
        failpoint("relay-before-publish")
        stored = await self._bus.publish_in_order([self._outgoing(row) for row in rows])
        failpoint("relay-after-publish-before-mark")
        if stored:
            await self._lock.fetch(MARK, rows[stored - 1]["number"])
        failpoint("relay-after-mark")
        if stored < len(rows):
            log.warning("the stream did not take all facts", stored=stored, of=len(rows))
            await asyncio.sleep(0.2)
            self._reconcile.set()
        return True

    def _outgoing(self, row: Any) -> tuple[str, bytes, dict[str, str]]:
        headers = dict(_as_dict(row["headers"]), **{"ce-sequence": str(row["number"])})
        # What the stream lost is still in its window of duplicates: only a fresh id is stored again.
        fresh = f".{self._token}" if row["number"] <= self._refill_up_to else ""
        headers["Nats-Msg-Id"] = f"{row['fact_id']}{fresh}"
        return row["subject"], row["body"].encode(), headers

    async def _compare_with_stream(self) -> None:
        """Step back behind the last fact that the stream and the outbox agree on."""
        published = (await self._lock.fetch("SELECT published FROM relay"))[0]["published"]
        if not published:
            return
        agreed = await self._last_in_stream(published)
        if agreed >= published:
            return
        now = (await self._lock.fetch(STEP_BACK, agreed, REFILL_DAYS))[0]["published"]
        self._refill_up_to, self._token = published, secrets.token_hex(4)
        log.warning("the stream lost facts; publishing them again", after=now, up_to=published)

    async def _last_in_stream(self, published: int) -> int:
        """The number of the stream's newest fact if the outbox knows it; all of them if it only aged out."""
        stream = self._bus.service
        state = (await self._bus.jetstream.stream_info(stream)).state
        if not state.messages:
            return published if state.last_seq else 0
        sequence = state.last_seq
        while sequence >= max(state.first_seq, 1):
            number = await self._agreed_at(stream, sequence)
            if number is not None:
                return number
            sequence -= 1
        return 0

    async def _agreed_at(self, stream: str, sequence: int) -> int | None:
        try:
            message = await self._bus.jetstream.get_msg(stream, sequence)
        except nats.js.errors.NotFoundError:
            return None
        headers = message.headers or {}
        known = await self._lock.fetch(
            "SELECT 1 FROM outbox WHERE number = $1::bigint AND fact_id::text = $2",
            int(headers.get("ce-sequence") or -1), headers.get("ce-id", ""),
        )
        return int(headers["ce-sequence"]) if known else None


async def _woken(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _as_dict(headers: Any) -> dict[str, str]:
    return json.loads(headers) if isinstance(headers, str) else headers
