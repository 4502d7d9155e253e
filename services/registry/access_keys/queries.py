"""Reads about access keys, and how one comes to be: issued by someone, or to the first operator."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, text
from uuid_utils.compat import uuid7

from libs.common.auth import key_hash
from libs.common.callers import Role
from libs.common.clock import real_now
from libs.common.db import Database, OpenTransaction
from libs.common.facts.registry import AccessKeyIssued
from libs.common.known import know_key
from libs.common.outbox import announce
from libs.common.refusals import Invalid
from libs.common.tables import known_key
from services.registry.access_keys.model import LONGEST, AccessKey, new_key
from services.registry.grants.model import GivenGrant
from services.registry.grants.queries import tell_given

# Any constant: whoever asks for the first operator waits for who asked before.
FIRST_OPERATOR = 0x6F706572
FIRST_ROLES = (Role.NETWORK_ADMIN, Role.OPS)


def make_key(key_id: UUID, principal: UUID, *, label: str, expires: datetime, by: str) -> tuple[str, AccessKey]:
    """A new key and its record; Invalid when it would hold for no time, or for too long."""
    now = real_now()
    if not now < expires <= now + LONGEST + timedelta(days=1):
        raise Invalid(
            "key-time", "A key holds from now until at most {days} days on.", field="expires", days=LONGEST.days)
    key = new_key(key_id)
    return key, AccessKey(id=key_id, principal=principal, label=label, hash=key_hash(key), issued_by=by,
                          issued_at=now, expires_at=expires)


async def tell_issued(transaction: OpenTransaction, record: AccessKey) -> None:
    """Announce the key, and know it here at once."""
    fact = AccessKeyIssued(
        access_key_id=record.id, hash=record.hash, principal=record.principal, expires=record.expires_at)
    announce(transaction, fact)
    await know_key(transaction, fact)


async def alive_keys(transaction: OpenTransaction, principal: UUID) -> int:
    """How many keys of the principal hold now; until this transaction ends nobody else gives it one."""
    await transaction.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": str(principal)})
    query = select(func.count()).where(
        known_key.c.principal == principal, known_key.c.revoked_at.is_(None), known_key.c.expires_at > real_now())
    return await transaction.scalar(query) or 0


async def first_operator(database: Database) -> str | None:
    """The first key, with network_admin and ops, as long as no grant has ever been given; None afterwards.

    It is returned once and kept nowhere. Of two that ask at the same moment one gets it.
    """
    async with database.transaction() as transaction:
        await transaction.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": FIRST_OPERATOR})
        if await transaction.scalar(select(func.count()).select_from(GivenGrant)):
            return None
        principal, now = uuid7(), real_now()
        key, record = make_key(uuid7(), principal, label="first operator", expires=now + LONGEST, by="system")
        transaction.add(record)
        await tell_issued(transaction, record)
        for role in FIRST_ROLES:
            grant = GivenGrant(principal=principal, role=role, given_by="system", given_at=now)
            transaction.add(grant)
            await tell_given(transaction, grant)
    return key
