"""The audit: who read or changed which person's data; pseudonyms only, chained by the leader after the commit."""

import asyncio
import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import func, insert, select

from libs.common.db import Database, OpenTransaction
from libs.common.logs import current_correlation
from libs.common.tables import audit as entries
from libs.common.tables import audit_link

log = structlog.get_logger()
POLL_SECONDS = 1.0
BATCH = 500
# Rows are linked as they are seen, late ones this far behind after FAR_EACH rows (each look is LOOK): it takes long.
LATE_ROWS, FAR_EACH, LOOK = 15_000, 2_500, 250
LATE_AT_MOST, HEAD_SECONDS = timedelta(hours=1), 3600.0
ENTER = insert(entries)
NOTE = "INSERT INTO audit (principal, role, action, about, person_ref, correlation) VALUES ($1, $2, $3, $4, $5, $6)"
LINK = "INSERT INTO audit_link (position, audit_id, mac) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])"
LAST_LINK = select(audit_link, select(func.max(audit_link.c.audit_id)).scalar_subquery().label("newest")).order_by(
    audit_link.c.position.desc()).limit(1)


async def audited(transaction: OpenTransaction, action: str, about: str, person_ref: UUID | None = None) -> None:
    """Note in this transaction that its caller did this (`read`, `change`, `erase`, …) with this person's data."""
    await transaction.write(NOTE, *entry(transaction, action, about, person_ref).values())


def entry(transaction: OpenTransaction, action: str, about: str, person_ref: UUID | None = None) -> dict[str, Any]:
    """The columns of such a note, for a statement that writes more than it."""
    return {"principal": transaction.caller.principal, "role": transaction.caller.role.value, "action": action,
            "about": about, "person_ref": person_ref, "correlation": current_correlation()}


class AuditChain:
    """Links each entry to the one before it by HMAC, so that a changed, removed or added one is found."""

    def __init__(self, database: Database, key: bytes) -> None:
        """The key is derived from the service's master key and not in the database."""
        self._database, self._key, self._since_far = database, key, FAR_EACH

    async def run(self) -> None:
        """Link what has been committed, until cancelled; the head goes to the log every hour."""
        since_head, self._since_far = HEAD_SECONDS, FAR_EACH
        while True:
            while await self.step() == BATCH:
                pass
            if since_head >= HEAD_SECONDS:
                log.info("head of the audit chain", **await self.head())
                since_head = 0.0
            await asyncio.sleep(POLL_SECONDS)
            since_head += POLL_SECONDS

    async def step(self) -> int:
        """Link one batch; returns how many."""
        far = self._since_far >= FAR_EACH
        async with self._database.transaction() as transaction:
            last = (await transaction.execute(LAST_LINK)).first()
            position, mac, newest = (last.position, last.mac, last.newest) if last else (0, b"", 0)
            rows = (await transaction.execute(
                select(entries).outerjoin(audit_link, audit_link.c.audit_id == entries.c.id)
                .where(audit_link.c.audit_id.is_(None), entries.c.id > newest - LATE_ROWS // (1 if far else 20))
                .order_by(entries.c.id).limit(BATCH))).all()
            if rows:
                macs = [mac := _mac(self._key, mac, row) for row in rows]
                places = list(range(position + 1, position + 1 + len(rows)))
                await transaction.write(LINK, places, [row.id for row in rows], macs)
        self._since_far = FAR_EACH if far and len(rows) == BATCH else len(rows) + LOOK + (0 if far else self._since_far)
        return len(rows)

    async def head(self) -> dict[str, Any]:
        """The last link: its position and MAC in hex; written down elsewhere it also shows a cut tail."""
        async with self._database.transaction() as transaction:
            last = (await transaction.execute(LAST_LINK)).first()
        return {"position": last.position, "mac": last.mac.hex()} if last else {"position": 0, "mac": ""}

    async def verify(self, progress: Callable[[int], None] = lambda _count: None) -> list[str]:
        """Walk the whole chain and return what is wrong with it, in words; empty when nothing is."""
        wrong = await self._outside()
        position, mac, latest = 0, b"", None
        while True:
            async with self._database.transaction() as transaction:
                links = (await transaction.execute(
                    select(audit_link, entries).outerjoin(entries, entries.c.id == audit_link.c.audit_id)
                    .where(audit_link.c.position > position).order_by(audit_link.c.position).limit(BATCH))).all()
            for link in links:
                position += 1
                wrong += _faults(self._key, mac, link, position) + _added_later(link, latest)
                position, mac, latest = link.position, link.mac, link.at or latest
            progress(position)
            if len(links) < BATCH:
                return wrong

    async def _outside(self) -> list[str]:
        """Entries that were put among old ones, where nothing is linked any more."""
        async with self._database.transaction() as transaction:
            newest = await transaction.scalar(select(func.max(audit_link.c.audit_id))) or 0
            ids = await transaction.scalars(
                select(entries.c.id).outerjoin(audit_link, audit_link.c.audit_id == entries.c.id)
                .where(audit_link.c.audit_id.is_(None), entries.c.id <= newest - LATE_ROWS).limit(BATCH))
        return [f"entry {entry} stands outside the chain" for entry in ids]


def _added_later(link: Any, latest: datetime | None) -> list[str]:
    """An entry says when it was written, and is linked seconds after: one that is much older was not written then."""
    if link.at and latest and link.at < latest - LATE_AT_MOST:
        return [f"entry {link.audit_id} has been added later"]
    return []


def _faults(key: bytes, before: bytes, link: Any, position: int) -> list[str]:
    if link.position != position:
        return [f"links {position} to {link.position - 1} are missing"]
    if link.id is None:
        return [f"entry {link.audit_id} has been removed"]
    if not hmac.compare_digest(link.mac, _mac(key, before, link)):
        return [f"entry {link.audit_id} or its link has been changed"]
    return []


def _mac(key: bytes, before: bytes, row: Any) -> bytes:
    fields = (row.id, row.at.isoformat(), row.principal, row.role, row.action, row.about, row.person_ref,
              row.correlation)
    return hmac.digest(key, before + "\x1f".join(map(str, fields)).encode(), "sha256")
