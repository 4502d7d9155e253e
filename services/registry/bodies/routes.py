"""The HTTP door of bodies: enter one, change it, and say whom to write to there."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, EmailStr, Field
from sqlmodel import col, or_, select

from libs.common.bodies import Body, Line
from libs.common.codes.regions import region as region_of
from libs.common.codes.sorting import sort_key
from libs.common.codes.types import Ags, LanguageTag
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.persons import PersonDetails, change_person, details_of, meet
from services.registry.bodies.model import Body as ReviewingBody
from services.registry.bodies.model import BodyKind
from services.registry.bodies.queries import known_body
from services.registry.grants.model import refuse_outside

router = APIRouter(prefix="/bodies", tags=["bodies"])


class OfficeIn(Body):
    """Who takes what is put before the body; never shown, only written to."""

    name: Line = Field(examples=["Geschäftsstelle des Beirats"])
    email: EmailStr = Field(max_length=200, examples=["beirat@example.org"])
    languages: list[LanguageTag] = Field(default=["de"], min_length=1, max_length=5)


class BodyIn(Body):
    """A committee, council, steering group or authority."""

    name: Line = Field(examples=["Integrationsbeirat des Landkreises Mansfeld-Südharz"])
    kind: BodyKind = Field(examples=["council"])
    region: Ags | None = Field(None, examples=["15087"], description="For which it answers; required of a coordinator.")
    contact: OfficeIn | None = None


class BodyOut(BaseModel):
    """A body; reachable says whether someone there is written to."""

    id: UUID
    version: int
    name: str
    kind: BodyKind
    region: str | None
    reachable: bool

    @classmethod
    def of(cls, body: ReviewingBody) -> "BodyOut":
        """The answer's form of a body."""
        return cls(**body.model_dump(), reachable=body.contact_ref is not None)


class OfficeOut(BaseModel):
    """Who takes what is put before the body."""

    person_ref: UUID
    name: str
    email: str | None


@router.post("", status_code=201)
async def enter_body(body: BodyIn, transaction: Transaction, once: Creation, response: Response) -> BodyOut:
    """Enter a body that observations can be put before."""
    if once.repeated:
        return _shown(await get_or_refuse(transaction, ReviewingBody, once.id), response)
    entered = ReviewingBody(id=once.id, **_fields(transaction, body))
    entered.contact_ref = await _office(transaction, entered, body.contact)
    transaction.add(entered)
    await transaction.flush()
    return _shown(entered, response)


@router.get("")
async def list_bodies(
    transaction: Transaction, paging: PageOf,
    region: Annotated[Ags | None, Query(description="Those that answer for this region.")] = None,
) -> Page[BodyOut]:
    """The bodies of the network, by name."""
    query = select(ReviewingBody)
    if region:
        above = [region[:length] for length in (2, 5, 8)]
        query = query.where(or_(col(ReviewingBody.region).in_(above), col(ReviewingBody.region).is_(None)))
    rows, following = await page(transaction, query, paging, col(ReviewingBody.sort_key), col(ReviewingBody.id))
    return Page(items=[BodyOut.of(row) for row in rows], next=following)


@router.get("/{body_id}")
async def read_body(body_id: UUID, transaction: Transaction, response: Response) -> BodyOut:
    """One body."""
    return _shown(await known_body(transaction, body_id), response)


@router.put("/{body_id}")
async def change_body(
    body_id: UUID, body: BodyIn, transaction: Transaction, expected: Expected, response: Response,
) -> BodyOut:
    """Change a body; without contact the one it has stays."""
    found = await get_or_refuse(transaction, ReviewingBody, body_id, version=expected, lock=True)
    found.sqlmodel_update(_fields(transaction, body))
    found.contact_ref = await _office(transaction, found, body.contact)
    await transaction.flush()
    return _shown(found, response)


@router.get("/{body_id}/contact")
async def read_body_contact(body_id: UUID, transaction: Transaction) -> list[OfficeOut]:
    """Who takes what is put before the body: one, or nobody. Reading it is noted in the audit."""
    found = await get_or_refuse(transaction, ReviewingBody, body_id)
    refs = [found.contact_ref] if found.contact_ref else []
    known = await details_of(transaction, refs, about=f"body/{found.id}")
    return [OfficeOut(person_ref=ref, name=details.name, email=details.email) for ref, details in known.items()]


def _fields(transaction: OpenTransaction, body: BodyIn) -> dict[str, Any]:
    refuse_outside(transaction.caller.scope, body.region)
    if body.region:
        region_of(body.region)
    return body.model_dump(exclude={"contact"}) | {"sort_key": sort_key(body.name)}


async def _office(transaction: OpenTransaction, body: ReviewingBody, contact: OfficeIn | None) -> UUID | None:
    if contact is None:
        return body.contact_ref
    body.contact_set_at = transaction.clock.now()
    details = PersonDetails(name=contact.name, email=contact.email)
    if body.contact_ref is None:
        return await meet(transaction, details, languages=contact.languages, region=body.region)
    await change_person(transaction, body.contact_ref, details, languages=contact.languages)
    return body.contact_ref


def _shown(body: ReviewingBody, response: Response) -> BodyOut:
    tag(response, body.version)
    return BodyOut.of(body)
