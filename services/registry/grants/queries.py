"""Reads about grants, and how one is told."""

from uuid import UUID

from sqlalchemy import select

from libs.common.callers import Scope
from libs.common.db import OpenTransaction
from libs.common.facts.registry import GrantGiven
from libs.common.known import know_grant
from libs.common.outbox import announce
from libs.common.tables import known_grant
from services.registry.grants.model import GIVEN_BY_COORDINATORS, GivenGrant
from services.registry.partners.model import Partner


async def grants_outside(transaction: OpenTransaction, principal: UUID, scope: Scope) -> bool:
    """Whether the principal has a grant that a coordinator with this scope could not have given."""
    # Row-level security hides from a coordinator just those grants that are to be found here; not in the copy.
    grants = await transaction.execute(select(known_grant.c.role, known_grant.c.partner_id).where(
        known_grant.c.principal == principal, known_grant.c.withdrawn_at.is_(None)))
    for role, partner_id in grants.all():
        partner = await transaction.get(Partner, partner_id) if partner_id else None
        if role not in GIVEN_BY_COORDINATORS or partner is None or not scope.covers_region(partner.region):
            return True
    return False


async def tell_given(transaction: OpenTransaction, grant: GivenGrant) -> None:
    """Announce the grant, and know it here at once."""
    fact = GrantGiven(grant_id=grant.id, principal=grant.principal, role=grant.role, region=grant.scope_region,
                      partner_id=grant.partner_id, project_id=grant.project_id)
    announce(transaction, fact)
    await know_grant(transaction, fact)
