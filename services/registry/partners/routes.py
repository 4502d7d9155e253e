"""The HTTP door of partners: apply, verify, suspend, leave, and who speaks for them."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, EmailStr, Field
from sqlmodel import col, or_, select
from uuid_utils.compat import uuid7

from libs.common.bodies import Body, Line, Paragraph
from libs.common.callers import Role
from libs.common.codes.lists import FieldOfAction, PartnerKind
from libs.common.codes.regions import region as region_of
from libs.common.codes.sorting import sort_key
from libs.common.codes.types import Ags, LanguageTag, Postcode
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.registry import PartnerFact, PartnerLeft, PartnerSuspended, PartnerVerified
from libs.common.outbox import announce
from libs.common.persons import PersonDetails, details_of, languages_of, meet
from libs.common.refusals import NotFound, Refused
from services.registry.grants.model import refuse_outside
from services.registry.partners.model import Contact, Partner, PartnerState
from services.registry.partners.queries import contact_refs, contacts_of, known_partner

router = APIRouter(prefix="/partners", tags=["partners"])


class ContactIn(Body):
    """A person who speaks for the partner; other partners see them only if public is chosen."""

    name: Line = Field(examples=["Mira Beispiel"])
    email: EmailStr = Field(max_length=200, examples=["mira@kupferkreis.example.org"])
    phone: Line | None = None
    languages: list[LanguageTag] = Field(default=["de"], min_length=1, max_length=5)
    public: bool = False


class PartnerIn(Body):
    """An organisation that wants to take part, and at least one person who speaks for it."""

    name: Line = Field(examples=["Kupferkreis Nachbarschaft e.V. (Demo)"])
    kind: PartnerKind
    region: Ags = Field(examples=["15087"])
    postcode: Postcode | None = None
    languages: list[LanguageTag] = Field(default=["de"], max_length=20)
    fields_of_action: list[FieldOfAction] = Field(default=[], max_length=10)
    described_as: Paragraph | None = None
    new_to_field: bool = False
    first_contact_on: date | None = None
    contacts: list[ContactIn] = Field(min_length=1, max_length=10)


class ContactOut(BaseModel):
    """A person who speaks for a partner."""

    person_ref: UUID
    name: str
    email: str | None
    phone: str | None
    languages: list[str]
    public: bool


class PartnerOut(BaseModel):
    """An organisation of the network."""

    id: UUID
    version: int
    name: str
    kind: PartnerKind
    state: PartnerState
    region: str | None
    postcode: str | None
    languages: list[str]
    fields_of_action: list[str]
    described_as: str | None
    listed_only: bool
    new_to_field: bool
    joined_on: date | None

    @classmethod
    def of(cls, partner: Partner) -> "PartnerOut":
        """The answer's form of a partner."""
        return cls.model_validate(partner, from_attributes=True)


@router.post("", status_code=201)
async def apply_partner(body: PartnerIn, transaction: Transaction, once: Creation, response: Response) -> PartnerOut:
    """An organisation applies to take part, or a coordinator enters it; a coordinator verifies it afterwards."""
    if once.repeated:
        raise Refused("application-received", "This application has arrived already.")
    region_of(body.region)
    if transaction.caller.role is not Role.PUBLIC:
        refuse_outside(transaction.caller.scope, body.region)
    fields = body.model_dump(exclude={"contacts"}, mode="json") | {"first_contact_on": body.first_contact_on}
    partner = Partner(id=once.id, sort_key=sort_key(body.name), **fields)
    transaction.add(partner)
    await transaction.flush()
    for contact in body.contacts:
        await _add_contact(transaction, partner, contact)
    tag(response, partner.version)
    return PartnerOut.of(partner)


@router.get("")
async def list_partners(
    transaction: Transaction, paging: PageOf,
    region: Annotated[Ags | None, Query(description="A region and everything in it.")] = None,
    kind: PartnerKind | None = None, field_of_action: FieldOfAction | None = None,
) -> Page[PartnerOut]:
    """Who belongs to the network, by name. Applications are seen inside the caller's scope only."""
    scope = transaction.caller.scope
    query = select(Partner)
    if not scope.everything:
        own = [col(Partner.region).startswith(prefix) for prefix in scope.regions]
        query = query.where(or_(col(Partner.state) == PartnerState.VERIFIED, col(Partner.id).in_(scope.partners), *own))
    if region:
        query = query.where(or_(col(Partner.region).startswith(region), col(Partner.region).is_(None)))
    if kind:
        query = query.where(Partner.kind == kind)
    if field_of_action:
        query = query.where(col(Partner.fields_of_action).contains([field_of_action.value]))
    rows, following = await page(transaction, query, paging, col(Partner.sort_key), col(Partner.id))
    return Page(items=[PartnerOut.of(row) for row in rows], next=following)


@router.get("/{partner_id}")
async def read_partner(partner_id: UUID, transaction: Transaction, response: Response) -> PartnerOut:
    """One organisation of the network."""
    partner = await known_partner(transaction, partner_id)
    if partner.state is not PartnerState.VERIFIED:
        partner = await get_or_refuse(transaction, Partner, partner_id)
    tag(response, partner.version)
    return PartnerOut.of(partner)


@router.get("/{partner_id}/contacts")
async def list_contacts(partner_id: UUID, transaction: Transaction) -> list[ContactOut]:
    """Who speaks for a partner. Reading it is noted in the audit."""
    partner = await get_or_refuse(transaction, Partner, partner_id)
    return await _shown_contacts(transaction, await contacts_of(transaction, partner.id), partner.id)


@router.post("/{partner_id}/contacts", status_code=201)
async def add_contact(
    partner_id: UUID, body: ContactIn, transaction: Transaction, once: Creation,
) -> ContactOut:
    """One more person speaks for the partner."""
    partner = await get_or_refuse(transaction, Partner, partner_id, lock=True)
    if once.repeated:
        added = await get_or_refuse(transaction, Contact, once.id)
        for shown in await _shown_contacts(transaction, [added], partner.id):
            return shown
        raise NotFound("person-erased", "This person's data has been erased.")
    partner.refuse_if_listed_only()
    contact = await _add_contact(transaction, partner, body, contact_id=once.id)
    return ContactOut(person_ref=contact.person_ref, **body.model_dump())


@router.post("/{partner_id}/verify")
async def verify_partner(
    partner_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> PartnerOut:
    """The coordinator has checked who they are; from now on their offers can be published."""
    partner = await get_or_refuse(transaction, Partner, partner_id, version=expected, lock=True)
    partner.verify(transaction.caller.principal, transaction.clock.now())
    return await _told(transaction, partner, PartnerVerified, response)


@router.post("/{partner_id}/suspend")
async def suspend_partner(
    partner_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> PartnerOut:
    """The partner may not act for now."""
    partner = await get_or_refuse(transaction, Partner, partner_id, version=expected, lock=True)
    partner.suspend()
    return await _told(transaction, partner, PartnerSuspended, response)


@router.post("/{partner_id}/leave")
async def leave_network(
    partner_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> PartnerOut:
    """The partner leaves the network for good."""
    partner = await get_or_refuse(transaction, Partner, partner_id, version=expected, lock=True)
    partner.leave()
    return await _told(transaction, partner, PartnerLeft, response)


async def _told(
    transaction: OpenTransaction, partner: Partner, kind: type[PartnerFact], response: Response,
) -> PartnerOut:
    announce(transaction, kind(partner_id=partner.id, kind=partner.kind, region=partner.region or "",
                               contact_refs=await contact_refs(transaction, partner.id)))
    await transaction.flush()
    tag(response, partner.version)
    return PartnerOut.of(partner)


async def _shown_contacts(
    transaction: OpenTransaction, contacts: Sequence[Contact], partner_id: UUID,
) -> list[ContactOut]:
    """Names and addresses of these, without those who were erased; noted in the audit."""
    public = {contact.person_ref: contact.public for contact in contacts}
    found = await details_of(transaction, public, about=f"partner/{partner_id}")
    return [
        ContactOut(person_ref=ref, **details.model_dump(), languages=list(await languages_of(transaction, ref)),
                   public=public[ref])
        for ref, details in found.items()
    ]


async def _add_contact(
    transaction: OpenTransaction, partner: Partner, body: ContactIn, contact_id: UUID | None = None,
) -> Contact:
    person_ref = await meet(
        transaction, PersonDetails(name=body.name, email=body.email, phone=body.phone), languages=body.languages,
        region=partner.region, partner_id=partner.id)
    contact = Contact(id=contact_id or uuid7(), partner_id=partner.id, region=partner.region, person_ref=person_ref,
                      public=body.public)
    transaction.add(contact)
    return contact
