"""The relay: gives the outbox's facts their gapless numbers and takes them to the stream, in order."""

import asyncio
import json
import secrets
import time
from operator import itemgetter
from typing import Any

import nats.errors
import nats.js.errors
import structlog

from libs.common.bus import Bus
from libs.common.failpoints import failpoint
from libs.common.leader import LockConnection
from libs.common.provision import PROBE

log = structlog.get_logger()
BATCH = 1000
POLL_SECONDS = 1.0
BREATH_SECONDS = 0.003
REFILL_DAYS = 7
PROBE_SECONDS = 60.0
# Waiting for the answer that does not come holds up the facts, which may have a stream that takes them.
PROBE_AGAIN_SECONDS = 30.0
# A full disk still has room for some bytes in the stream's last page.
PROBE_BODY = bytes(16 * 1024)

NUMBER = """
WITH last AS (SELECT coalesce(max(number), 0) AS number FROM outbox),
     fresh AS (SELECT id FROM outbox WHERE number IS NULL ORDER BY id LIMIT $1),
     numbered AS (SELECT id, row_number() OVER (ORDER BY id) AS position FROM fresh)
UPDATE outbox SET number = last.number + numbered.position FROM numbered, last
WHERE outbox.id = numbered.id AND outbox.number IS NULL
RETURNING outbox.number, fact_id, subject, headers, body, (SELECT published FROM relay) AS published
"""
UNPUBLISHED = """
SELECT number, fact_id, subject, headers, body, (SELECT published FROM relay) AS published FROM outbox
WHERE number > (SELECT published FROM relay) ORDER BY number LIMIT $1
"""
# Operations may have stepped back meanwhile, so that all is published again: that is not to be undone. Nobody waits for
# the disk: a mark that a crash takes back lets a few facts be published twice, under the numbers that they have.
MARK = """
UPDATE relay SET published = $1 FROM (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried
WHERE published = $2
"""
GIVEN = "SELECT published, (SELECT coalesce(max(number), 0) FROM outbox) AS numbered FROM relay"
STEP_BACK = """
UPDATE relay SET published = target.number, refills = refills + 1 FROM (
    SELECT coalesce(min(number) - 1, 0) AS number, count(*) FROM outbox
    WHERE number > $1 AND announced_at > clock_timestamp() - make_interval(days => $2)
) AS target WHERE target.count > 0 AND target.number < relay.published RETURNING published
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
        self._probe_at = 0.0
        bus.refusing.clear()  # of an earlier lead

    async def run(self) -> None:
        """Relay until cancelled; begins by comparing the stream with the outbox, and again at every reconnect."""
        self._reconcile.set()
        self._bus.on_reconnect.append(self._reconcile.set)
        try:
            while True:
                self._announced.clear()
                await self._probe()
                if self._reconcile.is_set():
                    self._reconcile.clear()
                    await self._compare_with_stream()
                if await self.step() < BATCH:
                    await _woken(self._announced, self._reconcile)
                    # What commits in the same moment goes together: two statements for all of it.
                    await asyncio.sleep(BREATH_SECONDS)
        finally:
            self._bus.on_reconnect.remove(self._reconcile.set)

    async def _probe(self) -> None:
        """Write where nobody hears, so that a bus that stores nothing is noticed though nothing is announced."""
        if time.monotonic() < self._probe_at or not self._bus.connected:
            return
        stored = await self._bus.publish_in_order([(f"{PROBE}.{self._bus.service}", PROBE_BODY, {})])
        self._probe_at = time.monotonic() + (PROBE_SECONDS if stored else PROBE_AGAIN_SECONDS)

    async def step(self) -> int:
        """Number and publish one batch; returns how many facts that were."""
        rows = sorted(await self._lock.fetch(NUMBER, BATCH), key=itemgetter("number"))
        if not rows or rows[0]["number"] != rows[0]["published"] + 1:
            rows = await self._lock.fetch(UNPUBLISHED, BATCH)  # something before these is to be published (again)
        if not rows:
            return 0
        failpoint("relay-before-publish")
        stored = await self._bus.publish_in_order([self._outgoing(row) for row in rows])
        failpoint("relay-after-publish-before-mark")
        if stored:
            await self._lock.fetch(MARK, rows[stored - 1]["number"], rows[0]["published"])
        failpoint("relay-after-mark")
        if stored < len(rows):
            log.warning("the stream did not take all facts", stored=stored, of=len(rows))
            await asyncio.sleep(0.2)
            self._reconcile.set()
        return len(rows)

    def _outgoing(self, row: Any) -> tuple[str, bytes, dict[str, str]]:
        headers = dict(_as_dict(row["headers"]), **{"ce-sequence": str(row["number"])})
        # What the stream lost is still in its window of duplicates: only a fresh id is stored again.
        fresh = f".{self._token}" if row["number"] <= self._refill_up_to else ""
        headers["Nats-Msg-Id"] = f"{row['fact_id']}{fresh}"
        return row["subject"], row["body"].encode(), headers

    async def _compare_with_stream(self) -> None:
        """Step back behind the last fact that the stream and the outbox agree on."""
        given = (await self._lock.fetch(GIVEN))[0]
        # Whatever has a number may have been published before, by a relay that was killed before it noted so.
        self._refill_up_to, self._token = given["numbered"], secrets.token_hex(4)
        if not given["published"]:
            return
        agreed = await self._last_in_stream()
        # What is older than the stream keeps is not published again: who needs it asks for it.
        stepped = await self._lock.fetch(STEP_BACK, agreed, REFILL_DAYS)
        if stepped:
            log.warning("the stream lost facts; publishing them again", after=stepped[0]["published"],
                        up_to=given["published"])

    async def _last_in_stream(self) -> int:
        """The number of the newest fact in the stream that the outbox knows too; 0 without one."""
        stream = self._bus.service
        state = (await self._bus.jetstream.stream_info(stream)).state
        for sequence in range(state.last_seq, max(state.first_seq, 1) - 1, -1):
            number = await self._agreed_at(stream, sequence)
            if number is not None:
                return number
        return 0

    async def _agreed_at(self, stream: str, sequence: int) -> int | None:
        try:
            headers = (await self._bus.jetstream.get_msg(stream, sequence)).headers or {}
            number = int(headers.get("ce-sequence") or -1)
        except (nats.js.errors.NotFoundError, ValueError):
            return None
        known = await self._lock.fetch(
            "SELECT 1 FROM outbox WHERE number = $1::bigint AND fact_id::text = $2", number, headers.get("ce-id", ""))
        return number if known else None


async def _woken(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _as_dict(headers: Any) -> dict[str, str]:
    decoded: dict[str, str] = json.loads(headers) if isinstance(headers, str) else headers
    return decoded
