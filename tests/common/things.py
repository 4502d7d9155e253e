"""A noun of the test's own, with routes of every kind that the HTTP door has to guard."""

import asyncio
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel
from sqlalchemy import MetaData, text
from sqlalchemy.orm import registry
from sqlmodel import col, select

from libs.common.bodies import Body, Line
from libs.common.callers import Role
from libs.common.columns import Kept, plain
from libs.common.db import get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.outbox import announce
from libs.common.refusals import Refused
from tests.common.stage import ThingMoved

MARKER = "Amina-Beispiel-Markierung"
router = APIRouter(prefix="/things", tags=["things"])
EVERYONE = frozenset(Role) - {Role.LINK, Role.SYSTEM}
KNOWN = EVERYONE - {Role.PUBLIC}
PERMISSIONS = {
    "make_thing": EVERYONE,
    "make_part": EVERYONE,
    "list_things": EVERYONE,
    "list_by_day": EVERYONE,
    "read_thing": EVERYONE,
    "rename_thing": EVERYONE,
    "rename_slowly": EVERYONE,
    "break_commit": EVERYONE,
    "take_long": EVERYONE,
    "raise_bug": EVERYONE,
    "who_calls": KNOWN,
    "coordinate": frozenset({Role.COORDINATOR}),
}


class Table(Kept, registry=registry(metadata=MetaData(schema="scratch"))):
    """What a service's tables.py has."""


class Thing(Table, table=True):
    """A thing with a name."""

    name: str = plain()
    region: str | None = plain(None)
    partner_id: UUID | None = plain(None)
    made_on: date = plain(default_factory=lambda: date(2026, 1, 1))


class ThingIn(Body):
    """A new thing, or its new name."""

    name: Line
    size: int = 0
    refuse: bool = False


class ThingOut(BaseModel):
    """A thing."""

    id: UUID
    version: int
    name: str

    @classmethod
    def of(cls, thing: Thing) -> "ThingOut":
        """The answer's form of it."""
        return cls(id=thing.id, version=thing.version, name=thing.name)


@router.post("", status_code=201)
async def make_thing(body: ThingIn, transaction: Transaction, once: Creation, response: Response) -> ThingOut:
    """Make a thing, and tell of it."""
    if once.repeated:
        return ThingOut.of(await get_or_refuse(transaction, Thing, once.id))
    if body.refuse:
        raise Refused("thing-refused", "Not this one.")
    thing = Thing(id=once.id, name=body.name)
    transaction.add(thing)
    announce(transaction, ThingMoved(thing_id=thing.id))
    await transaction.flush()
    tag(response, thing.version)
    return ThingOut.of(thing)


@router.post("/{thing_id}/parts", status_code=201)
async def make_part(thing_id: UUID, body: ThingIn, transaction: Transaction, once: Creation) -> UUID:
    """Make a part of a thing."""
    if not once.repeated:
        transaction.add(Thing(id=once.id, name=body.name, partner_id=thing_id))
    return once.id


@router.get("")
async def list_things(transaction: Transaction, paging: PageOf) -> Page[ThingOut]:
    """Things by name."""
    rows, following = await page(transaction, select(Thing), paging, col(Thing.name), col(Thing.id))
    return Page(items=[ThingOut.of(row) for row in rows], next=following)


@router.get("/by_day")
async def list_by_day(transaction: Transaction, paging: PageOf) -> Page[ThingOut]:
    """Things by day."""
    rows, following = await page(transaction, select(Thing), paging, col(Thing.made_on), col(Thing.id))
    return Page(items=[ThingOut.of(row) for row in rows], next=following)


@router.put("/{thing_id}")
async def rename_thing(
    thing_id: UUID,
    body: ThingIn,
    transaction: Transaction,
    expected: Expected,
    response: Response,
) -> ThingOut:
    """Rename a thing."""
    thing = await get_or_refuse(transaction, Thing, thing_id, version=expected, lock=True)
    thing.name = body.name
    await transaction.flush()
    tag(response, thing.version)
    return ThingOut.of(thing)


@router.put("/{thing_id}/slowly")
async def rename_slowly(thing_id: UUID, body: ThingIn, transaction: Transaction, expected: Expected) -> ThingOut:
    """Rename a thing without locking it."""
    thing = await get_or_refuse(transaction, Thing, thing_id, version=expected)
    await asyncio.sleep(0.05)
    thing.name = body.name
    return ThingOut.of(thing)


@router.post("/break_commit", status_code=201)
async def break_commit(transaction: Transaction) -> dict[str, str]:
    """All is well until the commit."""
    await transaction.execute(text("INSERT INTO scratch.dangling VALUES (gen_random_uuid())"))
    return {"said": "saved"}


@router.post("/take_long")
async def take_long(transaction: Transaction) -> None:
    """Write something, and take longer than a request may."""
    transaction.add(Thing(name="too late"))
    await transaction.flush()
    await asyncio.sleep(30)


@router.get("/bug")
async def raise_bug(transaction: Transaction) -> None:
    """A bug, whose message quotes what nobody may read."""
    secret = MARKER
    await transaction.execute(text("SELECT CAST(:wrong AS int)"), {"wrong": secret})


@router.get("/me")
async def who_calls(transaction: Transaction) -> dict[str, str]:
    """Who is calling."""
    return {"principal": transaction.caller.principal, "role": transaction.caller.role.value}


@router.post("/coordinate", status_code=204)
async def coordinate(transaction: Transaction) -> None:
    """For coordinators only."""
    transaction.add(Thing(name="coordinated"))


@router.get("/{thing_id}")
async def read_thing(thing_id: Annotated[UUID, Path()], transaction: Transaction) -> ThingOut:
    """One thing."""
    return ThingOut.of(await get_or_refuse(transaction, Thing, thing_id))
