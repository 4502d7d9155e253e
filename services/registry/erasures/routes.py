"""The HTTP door of erasures: request one, and see how far it is and its receipt."""

import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, model_validator
from sqlmodel import col, or_, select

from libs.common.addresses import normalised_phone
from libs.common.bodies import Body, Line
from libs.common.codes.types import Ags
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Page, PageOf, Transaction, page
from libs.common.refusals import Invalid
from services.registry.erasures.model import Erasure, ErasurePart, ErasureState, missing
from services.registry.erasures.queries import parts_of
from services.registry.erasures.reactions import SIGNED_AS, begin, persons_behind
from services.registry.grants.model import refuse_outside

router = APIRouter(prefix="/erasures", tags=["erasures"])


class ErasureIn(Body):
    """Whom to erase: everyone at a mail address or telephone number, or these persons. The address is not kept."""

    address: Line | None = Field(None, examples=["mira@example.org"])
    person_refs: list[UUID] = Field(default=[], max_length=100)
    region: Ags | None = Field(None, description="Where the request came in; required of a coordinator.")

    @model_validator(mode="after")
    def _names_someone(self) -> "ErasureIn":
        if self.address is None and not self.person_refs:
            raise ValueError("neither address nor person_refs")
        return self


class PartOut(BaseModel):
    """What one service has erased."""

    service: str
    stores: list[str]
    erased_at: datetime


class ErasureOut(BaseModel):
    """How far an erasure is.

    receipt, once completed: the text that was signed; its SHA-256 was told to all services. signature_holds: the
    registry has just found the receipt to be the one that it signed.
    """

    id: UUID
    state: ErasureState
    persons: int
    requested_at: datetime
    completed_at: datetime | None
    parts: list[PartOut]
    missing: list[str]
    receipt: str | None
    receipt_hash: str | None
    signature: str | None
    signature_holds: bool | None


@router.post("", status_code=202, responses={202: {"description": "Accepted; `Location` says where it goes on."}})
async def request_erasure(
    body: ErasureIn, transaction: Transaction, once: Creation, request: Request, response: Response,
) -> ErasureOut:
    """Erase a person in all four services. 503 while a service is away that might hold the address: send it again."""
    response.headers["Location"] = f"/v1/erasures/{once.id}"
    if once.repeated:
        return await read_erasure(once.id, transaction)
    refuse_outside(transaction.caller.scope, body.region)
    refs = set(body.person_refs)
    if body.address:
        _refuse_unreadable(body.address)
        refs |= await persons_behind(request.app.state.database, body.address)
    erasure = Erasure(id=once.id, region=body.region, person_refs=sorted(refs),
                      requested_by=transaction.caller.principal, requested_at=transaction.clock.now())
    transaction.add(erasure)
    await transaction.flush()
    await begin(transaction, erasure)
    return _out(transaction, erasure, [])


@router.get("")
async def list_erasures(
    transaction: Transaction, paging: PageOf, state: Annotated[ErasureState | None, Field()] = None,
) -> Page[ErasureOut]:
    """The erasures of the caller's scope, the oldest first."""
    query, scope = select(Erasure), transaction.caller.scope
    if not scope.everything:
        query = query.where(or_(*(col(Erasure.region).startswith(prefix) for prefix in scope.regions)))
    query = query.where(col(Erasure.state) == state) if state else query
    rows, following = await page(transaction, query, paging, col(Erasure.id))
    parts = await parts_of(transaction, [row.id for row in rows])
    return Page(items=[_out(transaction, row, [part for part in parts if part.erasure_id == row.id]) for row in rows],
                next=following)


@router.get("/{erasure_id}")
async def read_erasure(erasure_id: UUID, transaction: Transaction) -> ErasureOut:
    """How far an erasure is, and its receipt once every service has done its part."""
    erasure = await get_or_refuse(transaction, Erasure, erasure_id)
    return _out(transaction, erasure, await parts_of(transaction, [erasure.id]))


def _refuse_unreadable(address: str) -> None:
    if "@" not in address and normalised_phone(address) is None:
        raise Invalid("address-unreadable", "This is neither a mail address nor a telephone number.", field="address")


def _out(transaction: OpenTransaction, erasure: Erasure, parts: Sequence[ErasurePart]) -> ErasureOut:
    holds = None
    if erasure.receipt is not None and erasure.signature is not None:
        signed = transaction.vault.sign(SIGNED_AS, erasure.receipt.encode()).hex()
        holds = hmac.compare_digest(signed, erasure.signature)
    fields = erasure.model_dump(include=set(ErasureOut.model_fields))
    return ErasureOut(
        **fields, persons=len(erasure.person_refs), missing=missing(list(parts)), signature_holds=holds,
        parts=[PartOut.model_validate(part, from_attributes=True) for part in parts])
