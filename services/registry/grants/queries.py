"""Reads about grants."""

from uuid import UUID

from sqlmodel import col, select

from libs.common.callers import Scope
from libs.common.db import OpenTransaction
from services.registry.grants.model import GIVEN_BY_COORDINATORS, GivenGrant


async def grants_outside(transaction: OpenTransaction, principal: UUID, scope: Scope) -> bool:
    """Whether the principal has a grant that a coordinator with this scope could not have given."""
    grants = await transaction.scalars(select(GivenGrant).where(
        GivenGrant.principal == principal, col(GivenGrant.withdrawn_at).is_(None)))
    return any(grant.role not in GIVEN_BY_COORDINATORS or not scope.covers_region(grant.region) for grant in grants)
