"""What the tests of the spine share: services put together by the same build(), with reactions of the test's own."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar, cast
from uuid import UUID, uuid4

import asyncpg
from fastapi import APIRouter, FastAPI
from sqlalchemy import text

from libs.common.callers import Role
from libs.common.clock import real_now
from libs.common.db import Database, OpenTransaction
from libs.common.envelope import Heard, Told, envelope_headers
from libs.common.facts.fact import Fact
from libs.common.outbox import announce
from libs.common.privacy import Vault
from libs.common.reactions import Reactions
from libs.common.service import build
from tests.harness import Network, Service, service_settings

Lotse = Callable[..., tuple[int, str, str]]
EFFECT = """
CREATE SCHEMA IF NOT EXISTS scratch;
CREATE TABLE IF NOT EXISTS scratch.effect (id bigserial PRIMARY KEY, thing uuid, step int, fact_id uuid, number bigint);
CREATE TABLE IF NOT EXISTS scratch.thing (
    id uuid PRIMARY KEY, version int NOT NULL, name text NOT NULL, region text, partner_id uuid, made_on date NOT NULL);
CREATE TABLE IF NOT EXISTS scratch.dangling (thing uuid REFERENCES scratch.thing DEFERRABLE INITIALLY DEFERRED);
GRANT USAGE ON SCHEMA scratch TO PUBLIC;
GRANT ALL ON ALL TABLES IN SCHEMA scratch TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA scratch TO PUBLIC;
DELETE FROM scratch.effect;
DELETE FROM scratch.dangling;
DELETE FROM scratch.thing
"""


class Colour(StrEnum):
    """A code list of the test's."""

    RED = "red"


class ThingMoved(Fact):
    """Something happened to a thing; step says which in its order."""

    subject: ClassVar[str] = "registry.thing.moved.v1"

    thing_id: UUID
    step: int = 0
    colour: Colour = Colour.RED


class ThingEchoed(Fact):
    """What a listener announces in turn."""

    subject: ClassVar[str] = "notify.thing.echoed.v1"

    thing_id: UUID
    step: int = 0


async def note_effect(transaction: OpenTransaction, fact: ThingMoved) -> None:
    """Write down that the fact had its effect here."""
    assert transaction.hearing
    await transaction.execute(
        text("INSERT INTO scratch.effect (thing, step, fact_id, number) VALUES (:thing, :step, :fact_id, :number)"),
        {
            "thing": fact.thing_id,
            "step": fact.step,
            "fact_id": transaction.hearing.fact_id,
            "number": transaction.hearing.number,
        },
    )


def together(*functions: Any) -> list[ModuleType]:
    """Reactions as build() takes them: the attributes of something like a module."""
    return [cast("ModuleType", SimpleNamespace(**{str(place): one for place, one in enumerate(functions)}))]


def an_app(
    network: Network,
    name: str,
    *reactions: Any,
    router: APIRouter | None = None,
    permissions: Mapping[str, frozenset[Role]] | None = None,
    copies: Sequence[str] = (),
    **settings: Any,
) -> FastAPI:
    """A service of the spine alone, with these reactions and routes."""
    return build(
        name,
        service_settings(network.cluster, name, database=network.databases[name], **settings),
        routers=[router or APIRouter()],
        reactions=together(*reactions),
        permissions=permissions or {},
        copies=copies,
        title="Test",
        description="Test.",
    )


async def on_stage(network: Network, name: str, *reactions: Any, **options: Any) -> Service:
    """Such a service, running and leading."""
    await make_scratch(network, name)
    one = await network.run(name, an_app(network, name, *reactions, **options))
    await one.leads()
    return one


async def make_scratch(network: Network, *names: str) -> None:
    """An empty table of effects in the databases of these services."""
    for name in names:
        connection = await asyncpg.connect(network.cluster.superuser_url(network.databases[name]))
        try:
            await connection.execute(EFFECT)
        finally:
            await connection.close()


async def effects(network: Network, name: str) -> list[tuple[UUID, int]]:
    """The effects in a service in the order in which they were committed: thing and step."""
    rows = await network.rows(name, "SELECT thing, step FROM scratch.effect ORDER BY id")
    return [(row["thing"], row["step"]) for row in rows]


async def tell_moves(service: Service, thing: UUID, steps: Sequence[int]) -> None:
    """Let a running speaker announce these steps of a thing, in one transaction."""
    async with service.running.database.transaction() as transaction:
        for step in steps:
            announce(transaction, ThingMoved(thing_id=thing, step=step))


def a_database(network: Network, name: str) -> Database:
    """A service's database without the service."""
    database = Database(
        network.cluster.database_url(name, network.databases[name]),
        network_slug="test",
        pool=5,
        vault=Vault(bytes(32), bytes(range(32))),
    )
    database.bus = cast("Any", None)
    database.links = cast("Any", None)
    return database


def heard(
    number: int,
    thing: UUID,
    step: int = 0,
    *,
    body: bytes | None = None,
    subject: str = ThingMoved.subject,
) -> Heard:
    """A fact as it comes over the bus."""
    fact, fact_id = ThingMoved(thing_id=thing, step=step), uuid4()
    headers = envelope_headers(
        network="test",
        subject=subject,
        fact_id=fact_id,
        about=fact.about(),
        at=real_now(),
        correlation=uuid4().hex,
        actor_role="system",
    ) | {"ce-sequence": str(number)}
    return Heard(
        subject.split(".", 1)[0],
        number,
        fact_id,
        subject,
        fact.about(),
        headers,
        fact.model_dump_json().encode() if body is None else body,
    )


class Speaker:
    """A speaker that is not there: the facts it has announced, as it would answer for them."""

    def __init__(self, *facts: Heard) -> None:
        self.facts = list(facts)
        self.last: int | None = None
        self.asked = 0

    async def __call__(self, _speaker: str, after: int) -> Told:
        """A page of three facts behind the number."""
        self.asked += 1
        page = sorted((fact for fact in self.facts if fact.number > after), key=lambda fact: fact.number)[:3]
        last = max((fact.number for fact in self.facts), default=0) if self.last is None else self.last
        return Told(page, last)


def reactions_of(*functions: Callable[..., Any]) -> Reactions:
    """The functions' reactions, collected as a service does."""
    return Reactions.of(together(*functions))
