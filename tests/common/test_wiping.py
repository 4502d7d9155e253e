"""A destroyed key is nowhere in the files of the database server, whatever is killed, missing or in the way."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import pytest

from libs.common import wiping
from libs.common.db import Database
from libs.common.persons import PersonDetails, details_of, erase_persons, meet
from libs.common.wiping import Hindered, Wiping
from tests.common.stage import on_stage
from tests.harness import Network

pytestmark = pytest.mark.slow

# Every file of every database, and of the WAL; a file that goes meanwhile is read as nothing.
FILES_WITH = r"""
WITH file (path) AS (
    SELECT format('base/%s/%s', folder, name) FROM pg_ls_dir('base') AS folder, pg_ls_dir('base/' || folder) AS name
    WHERE folder ~ '^\d+$'
    UNION ALL SELECT 'global/' || name FROM pg_ls_dir('global') AS name
    UNION ALL SELECT 'pg_wal/' || name FROM pg_ls_waldir()
)
SELECT path FROM file WHERE position($1::bytea IN pg_read_binary_file(path, true)) > 0
"""
KEY = "SELECT wrapped, destroyed_at, wiped_at FROM person_key WHERE person_ref = $1"
FILE = "SELECT pg_relation_filenode('person_key') AS file"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiping, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(wiping, "LATER_SECONDS", 0.05)
    monkeypatch.setattr(wiping, "PATIENCE_SECONDS", 0.2)


@asynccontextmanager
async def superuser(network: Network) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to this database."""
    connection = await asyncpg.connect(network.cluster.superuser_url(network.databases["matching"]))
    try:
        yield connection
    finally:
        await connection.close()


async def a_key(network: Network, database: Database) -> tuple[UUID, bytes]:
    """Somebody whom the service knows for a while, as a busy server does: the person, and the key as it is stored."""
    async with database.transaction() as transaction:
        person_ref = await meet(transaction, PersonDetails(name="Amina"), languages=["de"])
    async with superuser(network) as admin:
        await admin.execute("ANALYZE person_key")
        await admin.execute("CHECKPOINT")
        return person_ref, (await admin.fetchrow(KEY, person_ref))["wrapped"]


async def erase(database: Database, person_ref: UUID) -> None:
    """Erase a person, in a transaction of its own."""
    async with database.transaction() as transaction:
        assert await erase_persons(transaction, [person_ref]) == [person_ref]


async def files_with(network: Network, key: bytes) -> list[str]:
    """The server's files in which the key stands."""
    return [row["path"] for row in await network.rows("matching", FILES_WITH, key)]


async def is_wiped(network: Network, person_ref: UUID) -> bool:
    """Whether the key's row says so."""
    return (await network.rows("matching", KEY, person_ref))[0]["wiped_at"] is not None


async def until_wiped(network: Network, person_ref: UUID) -> None:
    """Return once the row says so."""
    async with asyncio.timeout(30):
        while not await is_wiped(network, person_ref):
            await asyncio.sleep(0.05)


async def wiped(database: Database) -> int:
    """How many keys were wiped, once what other tests do on the same server is not in the way."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await Wiping(database).step()
            except Hindered:
                await asyncio.sleep(0.05)


async def hindrance(database: Database) -> str:
    """What is in the way of wiping; something has to be."""
    with pytest.raises(Hindered) as hindered:
        await Wiping(database).step()
    return str(hindered.value)


async def a_key_in_a_coming_file(network: Network, database: Database) -> tuple[UUID, bytes]:
    """A key in a file of the WAL that has been done with and waits, under a later name, to be written again."""
    async with asyncio.timeout(30), superuser(network) as admin:
        while True:
            one, key = await a_key(network, database)
            for _ in range(6):
                await admin.execute("SELECT pg_switch_wal()")
                await admin.execute("INSERT INTO scratch.effect (step) VALUES (1)")
            await admin.execute("CHECKPOINT")
            if max(await files_with(network, key)) > f"pg_wal/{await admin.fetchval(wiping.WAL_FILE)}":
                return one, key


async def test_a_destroyed_key_leaves_the_servers_files(network: Network) -> None:
    """By itself, soon after the erasure: neither tables, statistics nor WAL have it; the others' keys are as before."""
    database = (await on_stage(network, "matching")).running.database
    (one, key), (other, kept) = [await a_key(network, database) for _ in range(2)]
    assert "base" in {path.split("/")[0] for path in await files_with(network, key)}

    await erase(database, one)
    await until_wiped(network, one)

    assert await files_with(network, key) == []
    assert [path for path in await files_with(network, kept) if path.startswith("base/")] != []
    assert not await is_wiped(network, other)
    async with database.transaction() as transaction:
        assert list(await details_of(transaction, [one, other], about="person/1")) == [other]


async def test_files_of_the_wal_that_wait_to_be_written_again_are_wiped_too(
    network: Network, database: Database
) -> None:
    """A server that had much to write keeps many old files under the names of coming ones."""
    one, key = await a_key_in_a_coming_file(network, database)
    await erase(database, one)

    assert await wiped(database) == 1

    assert await files_with(network, key) == []


async def test_the_planner_has_no_copy_of_a_key(network: Network, database: Database) -> None:
    """ANALYZE would keep samples of every column, where an erasure does not reach."""
    await a_key(network, database)

    columns = {row["attname"] for row in await network.rows(
        "matching", "SELECT attname FROM pg_stats WHERE tablename = 'person_key'")}
    assert "person_ref" in columns
    assert "wrapped" not in columns


async def test_what_a_killed_service_left_is_wiped_at_the_next_start_and_only_once(
    network: Network, database: Database
) -> None:
    """Killed between the erasure and the wiping; a start with nothing to wipe does not touch the table."""
    one, key = await a_key(network, database)
    await erase(database, one)

    service = await on_stage(network, "matching")
    await until_wiped(network, one)
    assert await files_with(network, key) == []
    await service.stop()
    network.services.remove(service)
    before = await network.rows("matching", FILE)
    await on_stage(network, "matching")
    await asyncio.sleep(0.5)

    assert await network.rows("matching", FILE) == before


async def test_killed_in_the_middle_it_begins_again(
    network: Network, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table was rewritten and the WAL was not: the row still says that there is something to do."""

    async def killed(_connection: asyncpg.Connection) -> int:
        raise ConnectionResetError

    one, key = await a_key(network, database)
    await erase(database, one)
    with monkeypatch.context() as patched:
        patched.setattr(wiping, "_rewrite_wal", killed)
        with pytest.raises(ConnectionResetError):
            await wiped(database)
    assert "base" not in {path.split("/")[0] for path in await files_with(network, key)}
    assert not await is_wiped(network, one)

    assert await wiped(database) == 1

    assert await files_with(network, key) == []
    assert await wiped(database) == 0


@pytest.mark.parametrize("right", [
    "EXECUTE ON FUNCTION pg_switch_wal()", "EXECUTE ON FUNCTION pg_ls_waldir()", "MAINTAIN ON person_key"])
async def test_without_a_right_the_log_says_what_to_grant(
    network: Network, capsys: pytest.CaptureFixture[str], right: str
) -> None:
    """The service goes on, the key waits, and once the right is there it is wiped."""
    async with superuser(network) as admin:
        await admin.execute(f"REVOKE {right} FROM matching")
        try:
            service, told = await on_stage(network, "matching"), ""
            one, key = await a_key(network, service.running.database)
            await erase(service.running.database, one)
            async with asyncio.timeout(10):
                while "destroyed keys" not in told:
                    await asyncio.sleep(0.05)
                    told += capsys.readouterr().err
            said = json.loads(next(line for line in told.splitlines() if "destroyed keys" in line))
            assert said["level"] == "warning"
            assert said["reason"].endswith(f"in this database: GRANT {right} TO matching")
            assert not await is_wiped(network, one)
            assert (await service.client.get("/health/ready")).status_code == 200
        finally:
            await admin.execute(f"GRANT {right} TO matching")
    await until_wiped(network, one)
    assert await files_with(network, key) == []


async def test_a_backup_that_began_before_the_erasure_is_waited_for(network: Network, database: Database) -> None:
    """PostgreSQL keeps for it what it may still read, the key included, also in the rewritten table."""
    one, key = await a_key(network, database)
    async with superuser(network) as backup, backup.transaction(isolation="repeatable_read"):
        await backup.fetchval("SELECT count(*) FROM network")
        await erase(database, one)
        assert "still open" in await hindrance(database)
        assert not await is_wiped(network, one)

    assert await wiped(database) == 1

    assert await files_with(network, key) == []


async def test_a_table_in_use_is_not_waited_for_long(network: Network, database: Database) -> None:
    """Others would wait behind; it is tried again later."""
    one, _ = await a_key(network, database)
    await erase(database, one)
    async with superuser(network) as backup, backup.transaction():
        await backup.execute("LOCK TABLE person_key IN ACCESS SHARE MODE")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await wiped(database)

    assert await wiped(database) == 1


async def test_a_wal_that_the_server_keeps_is_not_called_wiped(network: Network, database: Database) -> None:
    """Whoever reads the WAL elsewhere makes the server keep it; the key's row goes on saying so."""
    one, key = await a_key(network, database)
    async with superuser(network) as admin:
        slot = f"reader_{os.getpid()}"
        await admin.execute("SELECT pg_create_physical_replication_slot($1, true)", slot)
        try:
            await erase(database, one)
            async with asyncio.timeout(30):
                while "keeps old WAL" not in await hindrance(database):
                    await asyncio.sleep(0.05)
            assert await files_with(network, key) != []
            assert not await is_wiped(network, one)
        finally:
            await admin.execute("SELECT pg_drop_replication_slot($1)", slot)

    assert await wiped(database) == 1

    assert await files_with(network, key) == []
