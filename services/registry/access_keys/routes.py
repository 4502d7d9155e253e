"""The HTTP door of access keys: issue one, list them, revoke one."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field
from sqlmodel import col, or_, select
from uuid_utils.compat import uuid7

from libs.common.bodies import Body, Line
from libs.common.clock import real_now
from libs.common.codes.types import Ags
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Page, PageOf, Transaction, page
from libs.common.facts.registry import AccessKeyRevoked
from libs.common.known import forget_key
from libs.common.outbox import announce
from libs.common.refusals import NotAllowed
from services.registry.access_keys.model import AccessKey, refuse_a_third
from services.registry.access_keys.queries import alive_keys, make_key, tell_issued
from services.registry.grants.model import refuse_outside
from services.registry.grants.queries import grants_outside

router = APIRouter(prefix="/access_keys", tags=["access_keys"])


class AccessKeyIn(Body):
    """A key for a principal (a new one unless named), in the region of who issues it."""

    label: Line = Field(
        description="What the key is for; no person's name.", examples=["CRM of Kupferkreis Nachbarschaft"])
    principal: UUID | None = None
    region: Ags | None = Field(
        None, description="Required of a coordinator: inside the own region.", examples=["15087"])
    expires: AwareDatetime = Field(examples=["2027-11-01T00:00:00+01:00"])


class AccessKeyOut(BaseModel):
    """A key's record; the key itself stands in the answer to its issuing, and nowhere else."""

    id: UUID
    principal: UUID
    label: str
    region: str | None
    issued_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    key: str | None = None


@router.post("", status_code=201)
async def issue_access_key(body: AccessKeyIn, transaction: Transaction, once: Creation) -> AccessKeyOut:
    """Issue an access key. It is shown once; a repeated request answers without it."""
    if once.repeated:
        return AccessKeyOut.model_validate(await get_or_refuse(transaction, AccessKey, once.id), from_attributes=True)
    await _may_issue(transaction, body)
    principal = body.principal or uuid7()
    refuse_a_third(await alive_keys(transaction, principal))
    key, record = make_key(once.id, principal, label=body.label, expires=body.expires, by=transaction.caller.principal)
    record.region = body.region
    transaction.add(record)
    await tell_issued(transaction, record)
    return AccessKeyOut(**record.model_dump(), key=key)


@router.get("")
async def list_access_keys(transaction: Transaction, paging: PageOf) -> Page[AccessKeyOut]:
    """The keys inside the caller's scope, newest last."""
    query = select(AccessKey)
    if not transaction.caller.scope.everything:
        query = query.where(or_(*(col(AccessKey.region).startswith(own) for own in transaction.caller.scope.regions)))
    rows, following = await page(transaction, query, paging, col(AccessKey.id))
    return Page(items=[AccessKeyOut.model_validate(row, from_attributes=True) for row in rows], next=following)


@router.post("/{access_key_id}/revoke")
async def revoke_access_key(access_key_id: UUID, transaction: Transaction) -> AccessKeyOut:
    """End a key; it is dead in all services within seconds."""
    record = await get_or_refuse(transaction, AccessKey, access_key_id, lock=True)
    record.revoke(real_now())
    fact = AccessKeyRevoked(access_key_id=record.id)
    announce(transaction, fact)
    await forget_key(transaction, fact)
    return AccessKeyOut.model_validate(record, from_attributes=True)


async def _may_issue(transaction: OpenTransaction, body: AccessKeyIn) -> None:
    scope = transaction.caller.scope
    if scope.everything:
        return
    refuse_outside(scope, body.region)
    if body.principal and await grants_outside(transaction, body.principal, scope):
        raise NotAllowed(
            "principal-outside", "This principal has grants that are not yours to give.", field="principal")
