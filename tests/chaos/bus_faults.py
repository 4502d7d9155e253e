"""What a speaker's own bus user can do wrong: facts twice and out of order, and what is no fact at all."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg
import nats.errors
import nats.js.errors
from uuid_utils.compat import uuid7

from libs.common.envelope import envelope_headers
from tests.chaos.ledger import Thing
from tests.chaos.stage import NETWORK, headers_of
from tests.chaos.world import Planted, World
from tests.harness import in_days

WINDOW, TIMES = 50, 3
BIG = 250_000
TOO_BIG = 300_000
FAR = 10**9
SOME = """
SELECT * FROM (SELECT * FROM outbox WHERE number IS NOT NULL ORDER BY number DESC LIMIT $1) AS newest ORDER BY random()
"""


@dataclass(frozen=True)
class Poison:
    """What is published: a NATS subject, headers and a body; parks says that who reacts to the subject must park it."""

    subject: str
    headers: Mapping[str, str]
    body: bytes
    about: str = ""
    parks: bool = False


async def publish_again(world: World, speaker: str) -> str:
    """The newest facts of a speaker, each up to three times and out of order; to the bus's own window they are new."""
    rows = await world.stage.rows(speaker, SOME, WINDOW)
    rows = [row for row in rows for _ in range(world.chance.randint(1, TIMES))]
    world.chance.shuffle(rows)
    async with world.stage.bus(speaker) as client:
        jetstream = client.jetstream(timeout=5)
        for row in rows:
            await jetstream.publish(row["subject"], row["body"].encode(), headers=_told_before(row))
    return f"{len(rows)} facts of {speaker}"


def _told_before(row: asyncpg.Record) -> dict[str, str]:
    return headers_of(row) | {"ce-sequence": str(row["number"]), "Nats-Msg-Id": uuid4().hex}


async def poison(world: World, speaker: str, kind: str) -> str:
    """Publish one thing that is no fact of the speaker's, under its name."""
    made = _poison(world, speaker, kind, await _a_number(world, speaker))
    planted = UUID(made.headers.get("ce-id", str(uuid4())))
    world.planted.append(Planted(speaker, planted, made.about, parks=made.parks))
    async with world.stage.bus(speaker) as client:
        try:
            await client.jetstream(timeout=5).publish(made.subject, made.body, headers=dict(made.headers))
        except (nats.js.errors.APIError, nats.errors.Error):
            if len(made.body) < TOO_BIG:
                raise
    return f"{kind} as {speaker}"


async def _a_number(world: World, speaker: str) -> int:
    """A number that all listeners have heard: the poison then looks like a fact told again under another id."""
    marks = [row["number"] for service in world.services if service != speaker
             for row in await world.stage.rows(service, "SELECT number FROM heard WHERE speaker = $1", speaker)]
    return world.chance.randint(1, max(1, min(marks, default=1)))


def _poison(world: World, speaker: str, kind: str, number: int) -> Poison:
    grant = uuid4()
    given = {"grant_id": str(grant), "principal": str(uuid4()), "role": "auditor", "region": None, "partner_id": None,
             "project_id": None}
    subject, about = f"{speaker}.grant.given.v1", f"grant/{grant}"
    body = json.dumps(given).encode()
    unreadable = {"invalid JSON": b'{"grant_id": ', "big body": b"x" * BIG,
                  "unknown code": json.dumps(given | {"role": "dragon"}).encode()}
    strange = {"unknown fact": (f"{speaker}.dragon.seen.v1", number), "unknown version": (f"{subject[:-1]}9", number),
               "number never given": (f"{speaker}.dragon.seen.v1", FAR + number)}
    if kind in unreadable:
        return _enveloped(subject, about, number, unreadable[kind], parks=speaker == "registry")
    if kind in strange:
        return _enveloped(strange[kind][0], about, strange[kind][1], body)
    if kind == "body over the limit":
        return _enveloped(subject, about, number, b"x" * TOO_BIG)
    return Poison(subject, {"ce-id": str(uuid4())}, body)


def _enveloped(subject: str, about: str, number: int, body: bytes, *, parks: bool = False) -> Poison:
    fact_id = uuid7()
    headers = envelope_headers(network=NETWORK, subject=subject, fact_id=fact_id, about=about, at=in_days(0),
                               correlation=uuid4().hex, actor_role="system")
    return Poison(subject, headers | {"ce-sequence": str(number), "Nats-Msg-Id": uuid4().hex}, body, about, parks)


POISONS = ("invalid JSON", "unknown code", "big body", "body over the limit", "unknown fact", "unknown version",
           "missing headers", "number never given")


async def poison_aggregate(world: World, grant: Thing) -> str:
    """A fact about a real grant that nobody can read: what comes later about this grant must wait behind it."""
    number = await _a_number(world, "registry")
    made = _enveloped("registry.grant.given.v1", grant.about, number, b"{}", parks=True)
    world.planted.append(Planted("registry", UUID(made.headers["ce-id"]), grant.about, parks=True))
    async with world.stage.bus("registry") as client:
        await client.jetstream(timeout=5).publish(made.subject, made.body, headers=dict(made.headers))
    return grant.about
