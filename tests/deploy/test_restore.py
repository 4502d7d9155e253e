"""deploy/restore.sh loses no erasure: not among thousands, not when it is broken off, not when a query fails."""

import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from deploy.local.cluster import Cluster
from deploy.local.servers import Wanted, start_servers
from deploy.local.shared import state_for_tests
from libs.common.migrate import migrate
from tests.deploy.composed import Composed
from tests.harness import service_settings

ERASURES, PERSONS_EACH = 2000, 3
#: The services with tables; the other two are as on a new machine: databases with nothing in them.
pytestmark = pytest.mark.slow
WITH_TABLES = ("registry", "events")
# More than one argument of a program may hold.
MOST_BYTES = 131_072


@pytest.fixture(scope="module")
def servers() -> Iterator[Cluster]:
    """Servers of this module alone: the script takes databases away by their names."""
    path = state_for_tests(f"restore-{os.getpid()}")
    with start_servers(path, Wanted(fsync=False)) as started:
        yield started.cluster
    shutil.rmtree(path)


@pytest_asyncio.fixture
async def composed(servers: Cluster, tmp_path: Path) -> AsyncIterator[Composed]:
    """Two services with one person whom nobody erases, and a backup of that and of those erased since."""
    one = Composed(servers, tmp_path)
    for service in WITH_TABLES:
        await migrate(service, service_settings(servers, service, database=service))
    yield one
    await one.sql("postgres", "DROP SCHEMA IF EXISTS restoring CASCADE")
    for service in WITH_TABLES:
        await one.sql(service, "TRUNCATE person_key CASCADE")
    await one.sql("registry", "TRUNCATE erasure, due CASCADE")


async def backed_up(composed: Composed, persons: list[UUID]) -> str:
    """A backup in which all these have keys; returns its folder."""
    for service in WITH_TABLES:
        await composed.sql(service, "INSERT INTO person_key (person_ref, wrapped)"
                           " SELECT person_ref, '\\x01'::bytea FROM unnest($1::uuid[]) AS known (person_ref)", persons)
    folder = composed.folder / "backup"
    done = composed.script("backup.sh", str(folder))
    assert done.returncode == 0, done.stderr
    return str(folder)


async def erased(composed: Composed, persons: list[UUID], erasures: int) -> None:
    """Their erasures, each of as many of them, completed everywhere."""
    for service in WITH_TABLES:
        await composed.sql(service, "UPDATE person_key SET wrapped = NULL, destroyed_at = now()"
                           " WHERE person_ref = ANY ($1)", persons)
    await composed.sql(
        "registry", "INSERT INTO erasure (id, version, state, person_refs, requested_by, requested_at, reminders)"
        " SELECT gen_random_uuid(), 1, 'completed', ($1::uuid[])[(n - 1) * $2::int + 1:n * $2::int],"
        " 'Ämter, \"Süd\"\\', now(), 0"
        " FROM generate_series(1, $3::int) AS n", persons, len(persons) // erasures, erasures)


async def readable(composed: Composed, service: str) -> set[UUID]:
    """The persons of a service whose keys are there."""
    return {row["person_ref"] for row in await composed.sql(
        service, "SELECT person_ref FROM person_key WHERE wrapped IS NOT NULL")}


async def asked_again(composed: Composed) -> int:
    """How many erasures the registry has begun again, each with all its persons and due at once."""
    (row,) = await composed.sql(
        "registry", "SELECT count(*) FROM erasure JOIN due ON due.about = erasure.id AND due.kind = 'erasure'"
        " WHERE state = 'requested' AND due_at <= now() AND requested_by = 'Ämter, \"Süd\"\\'")
    return int(row["count"])


async def test_thousands_of_erasures_are_done_again(composed: Composed) -> None:
    """More of them than fit into one argument of a program, in two services at once, and nothing is left behind."""
    stays, gone = uuid4(), [uuid4() for _ in range(ERASURES * PERSONS_EACH)]
    assert len(gone) * len(str(stays)) > MOST_BYTES
    folder = await backed_up(composed, [stays, *gone])
    await erased(composed, gone, ERASURES)

    done = composed.script("restore.sh", folder, *WITH_TABLES)

    assert done.returncode == 0, done.stderr
    assert [await readable(composed, service) for service in WITH_TABLES] == [{stays}, {stays}]
    assert await asked_again(composed) == ERASURES
    assert await composed.sql("postgres", "SELECT 1 FROM pg_namespace WHERE nspname = 'restoring'") == []
    assert {path.name for path in composed.folder.iterdir()} == {"backup", "bin", "calls"}


@pytest.mark.parametrize("broken", [
    "COPY asked FROM", *(pytest.param(one, marks=pytest.mark.slow) for one in (
        "DROP DATABASE IF EXISTS events", "pg_restore", "DROP SCHEMA restoring")),
])
async def test_whatever_breaks_it_off_the_next_one_knows_who_was_erased(composed: Composed, broken: str) -> None:
    """Between the drop and the last step: the restore after it, from another folder, does all that was missing."""
    stays, gone = uuid4(), [uuid4(), uuid4()]
    folder = await backed_up(composed, [stays, *gone])
    await erased(composed, gone, 1)
    again = shutil.copytree(folder, composed.folder / "another")

    ended = composed.script("restore.sh", folder, *WITH_TABLES, broken=broken)
    assert (ended.returncode, "The restore has not ended: do it again" in ended.stderr) == (1, True), ended.stderr
    done = composed.script("restore.sh", str(again), *WITH_TABLES)

    assert done.returncode == 0, done.stderr
    assert [await readable(composed, service) for service in WITH_TABLES] == [{stays}, {stays}]
    assert await asked_again(composed) == 1


async def test_a_service_whose_restore_was_broken_off_is_not_forgotten(composed: Composed) -> None:
    """Who names only another one is told which was begun; nothing is done until it is named, too."""
    folder = await backed_up(composed, [uuid4()])
    composed.script("restore.sh", folder, "events", broken="COPY erased FROM")

    refused = composed.script("restore.sh", folder, "registry")

    assert (refused.returncode, "A restore of events was interrupted" in refused.stderr) == (64, True)
    assert composed.script("restore.sh", folder, "registry", "events").returncode == 0


@pytest.mark.parametrize("broken", [
    "SELECT count(*) FROM pg_database", "to_regclass('erasure')", "COPY (SELECT person_ref",
])
async def test_a_question_that_fails_is_not_taken_for_nobody(composed: Composed, broken: str) -> None:
    """The script ends before anything is dropped, and says so."""
    stays, gone = uuid4(), uuid4()
    folder = await backed_up(composed, [stays, gone])
    await erased(composed, [gone], 1)
    (before,) = await composed.sql("postgres", "SELECT oid FROM pg_database WHERE datname = 'registry'")

    ended = composed.script("restore.sh", folder, "registry", broken=broken)

    assert (ended.returncode, "the databases are as they were" in ended.stderr) == (1, True), ended.stderr
    assert await composed.sql("postgres", "SELECT oid FROM pg_database WHERE datname = 'registry'") == [before]
    assert await readable(composed, "registry") == {stays}


async def test_a_database_that_is_lost_is_taken_back(composed: Composed) -> None:
    """What does not exist knows nobody; the others' erasures hold in it all the same."""
    stays, gone = uuid4(), uuid4()
    folder = await backed_up(composed, [stays, gone])
    await erased(composed, [gone], 1)
    await composed.sql("postgres", "DROP DATABASE registry WITH (FORCE)")
    began = time.time()

    done = composed.script("restore.sh", folder, "registry")

    assert done.returncode == 0, done.stderr
    assert await readable(composed, "registry") == {stays}
    (row,) = await composed.sql("registry", "SELECT destroyed_at FROM person_key WHERE wrapped IS NULL")
    assert row["destroyed_at"].timestamp() >= began - 1
