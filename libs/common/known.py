"""Keys and grants as every service knows them: written in the registry's transaction, copied by others' reactions."""

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert

from libs.common.clock import real_now
from libs.common.db import OpenTransaction
from libs.common.facts.registry import AccessKeyIssued, AccessKeyRevoked, GrantGiven, GrantWithdrawn
from libs.common.reactions import keeps_copy
from libs.common.tables import known_grant, known_key

KNOW_KEY = insert(known_key).on_conflict_do_nothing()
KNOW_GRANT = insert(known_grant).on_conflict_do_nothing()


@keeps_copy(AccessKeyIssued)
async def know_key(transaction: OpenTransaction, fact: AccessKeyIssued) -> None:
    """From now on the key leads to its principal."""
    await transaction.execute(KNOW_KEY, {
        "key_id": fact.access_key_id, "hash": fact.hash, "principal": fact.principal, "expires_at": fact.expires})


@keeps_copy(AccessKeyRevoked)
async def forget_key(transaction: OpenTransaction, fact: AccessKeyRevoked) -> None:
    """From now on the key holds no longer."""
    await transaction.execute(
        update(known_key).where(known_key.c.key_id == fact.access_key_id).values(revoked_at=real_now()))


@keeps_copy(GrantGiven)
async def know_grant(transaction: OpenTransaction, fact: GrantGiven) -> None:
    """From now on the principal may act so."""
    await transaction.execute(KNOW_GRANT, {
        "grant_id": fact.grant_id, "principal": fact.principal, "role": fact.role.value, "region": fact.region,
        "partner_id": fact.partner_id, "project_id": fact.project_id})


@keeps_copy(GrantWithdrawn)
async def forget_grant(transaction: OpenTransaction, fact: GrantWithdrawn) -> None:
    """From now on the principal may not act so any more."""
    await transaction.execute(
        update(known_grant).where(known_grant.c.grant_id == fact.grant_id).values(withdrawn_at=real_now()))
