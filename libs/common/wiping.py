"""Wiping: a destroyed key leaves the database server's files too, where old pages and the WAL keep it."""

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy import select

from libs.common.db import Database
from libs.common.tables import person_key

log = structlog.get_logger()
LOOK_SECONDS = 10.0
# What stands in the way is mostly a backup or a missing right: neither goes within seconds.
LATER_SECONDS = 60.0
# Requests that were being answered during the erasure end by then.
PATIENCE_SECONDS = 5.0
# VACUUM FULL wants the table for itself, and while it waits all others wait behind it.
SESSION = {"lock_timeout": "1000"}
# Named are the statements by which a superuser gives, in this database, what is missing.
MISSING = """
SELECT format(statement, current_user) AS statement FROM (VALUES
    (has_table_privilege('person_key', 'MAINTAIN'), 'GRANT MAINTAIN ON person_key TO %I'),
    (has_function_privilege('pg_switch_wal()', 'EXECUTE'), 'GRANT EXECUTE ON FUNCTION pg_switch_wal() TO %I'),
    (has_function_privilege('pg_ls_waldir()', 'EXECUTE'), 'GRANT EXECUTE ON FUNCTION pg_ls_waldir() TO %I'),
    (pg_has_role('pg_checkpoint', 'USAGE'), 'GRANT pg_checkpoint TO %I WITH INHERIT TRUE')
) AS needed (given, statement) WHERE NOT given
"""
# VACUUM FULL copies the row with its key, too, as long as a transaction from before the erasure might read it.
OLDER = """
SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid()
    AND greatest(age(backend_xid), age(backend_xmin)) >= (
        SELECT min(age(xmin)) FROM person_key WHERE destroyed_at IS NOT NULL AND wiped_at IS NULL)
"""
# The file of the last byte written: whoever has just left one file has not begun the next.
WAL_FILE = "SELECT pg_walfile_name(pg_current_wal_lsn() - 1)"
WAL_FILES = "SELECT name FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'"
WIPED = "UPDATE person_key SET wiped_at = $1 WHERE person_ref = ANY ($2::uuid[])"


class Hindered(Exception):
    """Something outside this service stands in the way; the reason says what."""


class Wiping:
    """Rewrites the table of keys when some were destroyed, and the WAL's files until none holds what was before.

    Which keys are still to be wiped stands in their rows: who is killed in the middle begins again, and who has
    finished does not.
    """

    def __init__(self, database: Database) -> None:
        """It reads through the database's pool, and rewrites on a connection of its own."""
        self._database = database

    async def run(self) -> None:
        """Wipe what has been destroyed, until cancelled; what failed is said, and done later."""
        while True:
            pause = LOOK_SECONDS
            try:
                await self.step()
            except Hindered as hindered:
                log.warning("destroyed keys are still in the database's files", reason=str(hindered))
                pause = LATER_SECONDS
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as raised:
                log.warning("destroyed keys are still in the database's files", exc_info=raised)
                pause = LATER_SECONDS
            await asyncio.sleep(pause)

    async def step(self) -> int:
        """Wipe the keys destroyed so far; returns how many. Hindered, or what asyncpg raises, when it cannot."""
        async with self._database.transaction() as transaction:
            destroyed = (await transaction.scalars(select(person_key.c.person_ref).where(
                person_key.c.destroyed_at.is_not(None), person_key.c.wiped_at.is_(None)))).all()
        if destroyed:
            await self._wipe(destroyed)
        return len(destroyed)

    async def _wipe(self, destroyed: Sequence[UUID]) -> None:
        connection = await asyncpg.connect(self._database.url, timeout=5, server_settings=SESSION)
        try:
            await _need_rights(connection)
            await _outlast_older(connection)
            await connection.execute("VACUUM FULL person_key")
            files = await _rewrite_wal(connection)
            await connection.execute(WIPED, self._database.clock.now(), destroyed)
        finally:
            connection.terminate()
        log.info("destroyed keys wiped from the database's files", keys=len(destroyed), wal_files=files)


async def _need_rights(connection: asyncpg.Connection) -> None:
    # Asked beforehand: VACUUM of a table that it may not touch succeeds, having done nothing.
    missing = [row["statement"] for row in await connection.fetch(MISSING)]
    if missing:
        raise Hindered(f"rights are missing; a superuser gives them in this database: {'; '.join(missing)}")


async def _outlast_older(connection: asyncpg.Connection) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while await connection.fetchval(OLDER):
        if time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            continue
        raise Hindered("a transaction that began before an erasure is still open, such as a backup's")


async def _rewrite_wal(connection: asyncpg.Connection) -> int:
    """Leave every file behind that holds a destroyed key; returns how many were begun for it.

    A checkpoint removes a file that is done with, or gives it a later name: until it is written again it holds what
    it held. Whoever leaves a file before it is full fills the rest with zeros. So the keys are gone once the last of
    the files that were there after the first checkpoint has been left.
    """
    before, files = await connection.fetchval(WAL_FILE), 1
    there = await _next_wal_file(connection)
    if there[0] <= before:
        raise Hindered("the server keeps old WAL: for a replication slot, an archive or by wal_keep_size")
    while await connection.fetchval(WAL_FILE) <= there[-1]:
        await _next_wal_file(connection)
        files += 1
    return files


async def _next_wal_file(connection: asyncpg.Connection) -> list[str]:
    await connection.execute("SELECT pg_switch_wal()")
    await connection.execute("CHECKPOINT")
    return sorted(row["name"] for row in await connection.fetch(WAL_FILES))
