"""The HTTP door of grants: give one, list them, withdraw one."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel
from sqlmodel import col, or_, select

from libs.common.bodies import Body
from libs.common.callers import Role
from libs.common.clock import real_now
from libs.common.codes.types import Ags
from libs.common.db import get_or_refuse
from libs.common.dependencies import Creation, Page, PageOf, Transaction, page
from libs.common.facts.registry import GrantWithdrawn
from libs.common.known import forget_grant
from libs.common.outbox import announce
from services.registry.grants.model import GivenGrant, check_scope, refuse_foreign
from services.registry.grants.queries import tell_given
from services.registry.partners.model import Partner
from services.registry.projects.model import Project

router = APIRouter(prefix="/grants", tags=["grants"])


class GrantIn(Body):
    """A role for a principal, with the one scope that the role has."""

    principal: UUID
    role: Role
    region: Ags | None = None
    partner_id: UUID | None = None
    project_id: UUID | None = None


class GrantOut(BaseModel):
    """A grant as it was given."""

    id: UUID
    principal: UUID
    role: Role
    region: str | None
    partner_id: UUID | None
    project_id: UUID | None
    given_at: datetime
    withdrawn_at: datetime | None

    @classmethod
    def of(cls, grant: GivenGrant) -> "GrantOut":
        """The answer's form of a grant: its region is the scope's."""
        return cls(**grant.model_dump() | {"region": grant.scope_region})


@router.post("", status_code=201)
async def give_grant(body: GrantIn, transaction: Transaction, once: Creation) -> GrantOut:
    """Let a principal act in a role; it holds in all services within seconds."""
    if once.repeated:
        return GrantOut.of(await get_or_refuse(transaction, GivenGrant, once.id))
    check_scope(body.role, {"region": body.region, "partner_id": body.partner_id, "project_id": body.project_id})
    caller = transaction.caller
    region = body.region
    if body.partner_id:
        region = (await get_or_refuse(transaction, Partner, body.partner_id)).region
    if body.project_id:
        region = (await get_or_refuse(transaction, Project, body.project_id)).region
    refuse_foreign(caller.role, caller.scope, body.role, region)
    grant = GivenGrant(id=once.id, principal=body.principal, role=body.role, scope_region=body.region,
                       partner_id=body.partner_id, project_id=body.project_id, region=region,
                       given_by=caller.principal, given_at=real_now())
    transaction.add(grant)
    await tell_given(transaction, grant)
    return GrantOut.of(grant)


@router.get("")
async def list_grants(transaction: Transaction, paging: PageOf) -> Page[GrantOut]:
    """The grants inside the caller's scope, oldest first."""
    query, scope = select(GivenGrant), transaction.caller.scope
    if not scope.everything:
        query = query.where(or_(*(col(GivenGrant.region).startswith(own) for own in scope.regions)))
    rows, following = await page(transaction, query, paging, col(GivenGrant.id))
    return Page(items=[GrantOut.of(row) for row in rows], next=following)


@router.post("/{grant_id}/withdraw")
async def withdraw_grant(grant_id: UUID, transaction: Transaction) -> GrantOut:
    """End a grant; it is gone in all services within seconds."""
    grant = await get_or_refuse(transaction, GivenGrant, grant_id, lock=True)
    refuse_foreign(transaction.caller.role, transaction.caller.scope, grant.role, grant.region)
    grant.withdraw(real_now())
    fact = GrantWithdrawn(grant_id=grant.id)
    announce(transaction, fact)
    await forget_grant(transaction, fact)
    return GrantOut.of(grant)
