"""Looking at databases and streams from outside: whether all has settled, and what a dead service left behind."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import nats.errors
import nats.js.errors

from libs.common.facts import HEARS
from tests.chaos.stage import Stage

MOST_MESSAGES = 400
# However slow the machine is: as many times the seconds in which something should change.
MOST_PATIENCE = 4
Unsettled = Callable[[], Awaitable[list[str]]]
# Facts behind a parked one of the same aggregate stay, until someone decides.
STATE = """
SELECT (SELECT count(*) FROM outbox WHERE number IS NULL) AS unnumbered,
       (SELECT coalesce(max(number), 0) FROM outbox) AS last,
       (SELECT published FROM relay) AS published,
       (SELECT count(*) FROM waiting w WHERE parked_at IS NULL AND NOT EXISTS (SELECT 1 FROM waiting p
            WHERE p.speaker = w.speaker AND p.about = w.about AND p.parked_at IS NOT NULL)) AS waiting,
       (SELECT count(*) FROM due, network WHERE parked_at IS NULL AND due_at <= $1::timestamptz + ahead) AS due,
       (SELECT count(*) FROM audit LEFT JOIN audit_link ON audit_id = audit.id WHERE audit_id IS NULL) AS unlinked
"""


@dataclass(frozen=True)
class State:
    """How far a service is: its last number, what it has published, what waits, and what it has heard of whom."""

    service: str
    unnumbered: int
    last: int
    published: int
    waiting: int
    due: int
    unlinked: int
    heard: dict[str, int]


async def state_of(stage: Stage, service: str) -> State:
    """How far a service is now."""
    row = (await stage.rows(service, STATE, datetime.now(UTC)))[0]
    heard = await stage.rows(service, "SELECT speaker, number FROM heard")
    return State(service, **dict(row), heard={one["speaker"]: one["number"] for one in heard})


def unsettled(states: Sequence[State]) -> list[str]:
    """What is still on its way, in words; empty when every fact has been published, heard and reacted to."""
    last = {state.service: state.last for state in states}
    found = []
    for state in states:
        counted = {"facts without a number": state.unnumbered, "facts to publish": state.last - state.published,
                   "facts that wait": state.waiting, "pieces of due work": state.due,
                   "audit entries to link": state.unlinked}
        found += [f"{state.service}: {count} {what}" for what, count in counted.items() if count]
        found += [f"{state.service} has heard {speaker} up to {state.heard.get(speaker, 0)} of {last[speaker]}"
                  for speaker in HEARS[state.service]
                  if speaker in last and state.heard.get(speaker, 0) != last[speaker]]
    return found


async def settle(
    stage: Stage, services: Sequence[str], seconds: float, more: Sequence[Unsettled] = (),
) -> tuple[float, list[str]]:
    """Wait until nothing is on its way any more; the seconds it took, and what was left when it was given up.

    seconds: how long nothing may change while something is left. more: what the workloads know of that is still on
    its way, in words.
    """
    began = changed = time.monotonic()
    before: list[str] = []
    while True:
        left = [what for one in more for what in await one()]
        # Last, since what was on its way may just have announced something.
        left += unsettled([await state_of(stage, service) for service in services])
        now = time.monotonic()
        if left != before:
            before, changed = left, now
        if not left or now - changed > seconds or now - began > seconds * MOST_PATIENCE:
            return now - began, left
        await asyncio.sleep(0.1)


async def look_at_the_dead(stage: Stage, service: str, bus_forgot: bool, planted: set[UUID]) -> list[str]:
    """Also in the moment of a crash all that is acknowledged was heard, and all that is published is stored."""
    try:
        state = await state_of(stage, service)
        async with stage.bus("ops") as client:
            jetstream = client.jetstream(timeout=5)
            found = []
            for speaker in HEARS[service]:
                found += await _acknowledged_unheard(jetstream, state, speaker, planted)
            if not bus_forgot:
                found += await _published_unstored(jetstream, state)
    except (nats.errors.Error, TimeoutError, OSError):
        return []
    return found


async def _acknowledged_unheard(jetstream: Any, state: State, speaker: str, planted: set[UUID]) -> list[str]:
    try:
        floor = (await jetstream.consumer_info(speaker, state.service)).ack_floor.stream_seq
        headers = (await jetstream.get_msg(speaker, floor)).headers if floor else None
    except nats.js.errors.NotFoundError:
        return []
    if not headers or not headers.get("ce-sequence", "").isdigit() or headers.get("ce-id") in map(str, planted):
        return []
    number, heard = int(headers["ce-sequence"]), state.heard.get(speaker, 0)
    if number <= heard:
        return []
    return [f"{state.service} acknowledged number {number} of {speaker}, and died having heard up to {heard}"]


async def _published_unstored(jetstream: Any, state: State) -> list[str]:
    if not state.published:
        return []
    stored = await numbers_at_the_end(jetstream, state.service)
    if max(stored, default=0) >= state.published:
        return []
    last = max(stored, default=0)
    return [f"{state.service} noted number {state.published} as published, and died with {last} stored"]


async def numbers_at_the_end(jetstream: Any, stream: str) -> dict[int, str]:
    """The newest facts in a stream: number and id."""
    state = (await jetstream.stream_info(stream)).state
    found: dict[int, str] = {}
    for sequence in range(state.last_seq, max(state.first_seq, state.last_seq - MOST_MESSAGES, 1) - 1, -1):
        try:
            headers = (await jetstream.get_msg(stream, sequence)).headers or {}
        except nats.js.errors.NotFoundError:
            continue
        if headers.get("ce-sequence", "").isdigit():
            found[int(headers["ce-sequence"])] = headers.get("ce-id", "")
    return found
