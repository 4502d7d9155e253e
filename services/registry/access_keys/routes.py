"""The HTTP door of access keys: issue one, list them, revoke one."""

from datetime import datetime, timedelta
from uuid import UUID

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy import func
from sqlmodel import col, select
from uuid_utils.compat import uuid7

from libs.common.auth import key_hash
from libs.common.bodies import Body, Line
from libs.common.clock import real_now
from libs.common.codes.types import Ags
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Page, PageOf, Transaction, page
from libs.common.facts.registry import AccessKeyIssued, AccessKeyRevoked
from libs.common.known import forget_key, know_key
from libs.common.outbox import announce
from libs.common.refusals import Invalid, NotAllowed
from services.registry.access_keys.model import LONGEST, AccessKey, new_key, refuse_a_third
from services.registry.grants.queries import grants_outside

router = APIRouter(prefix="/access_keys", tags=["access_keys"])


class AccessKeyIn(Body):
    """A key for a principal (a new one unless named), in the region of who issues it."""

    label: Line = Field(description="What the key is for; no person's name.", examples=["CRM of Kupferkreis Nachbarschaft"])
    principal: UUID | None = None
    region: Ags | None = Field(None, description="Required of a coordinator: inside the own region.", examples=["15087"])
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
    refuse_a_third(await _alive(transaction, principal))
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
        query = query.where(col(AccessKey.region).in_(transaction.caller.scope.regions))
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


def make_key(key_id: UUID, principal: UUID, *, label: str, expires: datetime, by: str) -> tuple[str, AccessKey]:
    """A new key and its record; Invalid when it would hold for no time, or for too long."""
    now = real_now()
    if not now < expires <= now + LONGEST + timedelta(days=1):
        raise Invalid("key-time", "A key holds from now until at most {days} days on.", field="expires", days=LONGEST.days)
    key = new_key(key_id)
    return key, AccessKey(id=key_id, principal=principal, label=label, hash=key_hash(key), issued_by=by,
                          issued_at=now, expires_at=expires)


async def tell_issued(transaction: OpenTransaction, record: AccessKey) -> None:
    """Announce the key, and know it here at once."""
    fact = AccessKeyIssued(access_key_id=record.id, hash=record.hash, principal=record.principal, expires=record.expires_at)
    announce(transaction, fact)
    await know_key(transaction, fact)


async def _may_issue(transaction: OpenTransaction, body: AccessKeyIn) -> None:
    scope = transaction.caller.scope
    if scope.everything:
        return
    if body.region is None or not scope.covers_region(body.region):
        raise NotAllowed("outside-own-region", "A coordinator issues keys inside the own region.", field="region")
    if body.principal and await grants_outside(transaction, body.principal, scope):
        raise NotAllowed("principal-outside", "This principal has grants that are not yours to give.", field="principal")


async def _alive(transaction: OpenTransaction, principal: UUID) -> int:
    query = select(func.count()).where(
        col(AccessKey.principal) == principal, col(AccessKey.revoked_at).is_(None), col(AccessKey.expires_at) > real_now())
    return await transaction.scalar(query) or 0
