"""Each service's database and roles: what they may do, and what the server's settings promise."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import nats
import pytest

from deploy.local.cluster import Cluster
from deploy.local.databases import copy_database, create_databases
from deploy.local.programs import Programs, programs_for
from deploy.local.servers import Wanted, start_servers
from deploy.local.shared import state_for_tests
from deploy.local.unprivileged import runner_for
from libs.common.durability import _version, durable_settings, unsafe_settings

SPEECH = {"registry": ["notify"], "notify": ["registry"]}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Servers of this module alone, set up as in production."""
    path = state_for_tests(f"databases-{os.getpid()}")
    with start_servers(path, Wanted(hears=SPEECH)) as servers:
        yield servers.cluster
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def programs(cluster: Cluster) -> Programs:
    """The programs the servers run."""
    return programs_for(runner_for(cluster.state), cluster.state)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that is closed again."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def test_a_service_uses_what_its_owner_makes(cluster: Cluster) -> None:
    """Reads and writes in tables made later, numbers from their sequences, and nothing that changes the tables."""
    async with connected(cluster.owner_database_url("registry")) as owner:
        await owner.execute("CREATE TABLE offer (id bigint GENERATED ALWAYS AS IDENTITY, old serial, title text)")
        await owner.execute("CREATE FUNCTION doubled(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n'")
    async with connected(cluster.database_url("registry")) as service:
        await service.execute("INSERT INTO offer (title) VALUES ('a')")
        await service.execute("UPDATE offer SET title = 'b'")
        assert await service.fetchval("SELECT title FROM offer WHERE doubled(2) = 4") == "b"
        await service.execute("DELETE FROM offer")
        for change in (
            "DROP TABLE offer", "TRUNCATE offer", "ALTER TABLE offer ADD x int", "CREATE TABLE mine (x int)",
            "CREATE SCHEMA mine", "CREATE TEMP TABLE mine (x int)", "SET ROLE registry_owner",
            "CREATE ROLE mine", "CREATE DATABASE mine", "ALTER ROLE registry BYPASSRLS", "COPY offer TO '/tmp/offer'",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.execute(change)


async def test_row_level_security_holds_for_a_service(cluster: Cluster) -> None:
    """It owns nothing and bypasses nothing: a policy is its wall also when the table does not force it."""
    async with connected(cluster.owner_database_url("registry")) as owner:
        await owner.execute("CREATE TABLE secret AS SELECT 1 AS x")
        await owner.execute("ALTER TABLE secret ENABLE ROW LEVEL SECURITY")
    async with connected(cluster.database_url("registry")) as service:
        assert await service.fetch("SELECT * FROM secret") == []


@pytest.mark.parametrize("database", ["notify", "postgres", "template1"])
@pytest.mark.parametrize("role", ["registry", "registry_owner"])
async def test_no_other_database_is_entered(cluster: Cluster, role: str, database: str) -> None:
    """Neither another service's nor those that every server has."""
    url = cluster.database_url if role == "registry" else cluster.owner_database_url
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(url("registry", database))


async def test_the_set_up_may_be_run_again(cluster: Cluster, programs: Programs) -> None:
    """It changes nothing but the passwords, which become what the files say."""
    file = cluster.state / "secrets/notify_password"
    file.unlink()
    file.write_text("another\n")

    create_databases(cluster, programs.postgres, cluster.state / "secrets")

    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(cluster.database_url("notify"))
    url = cluster.database_url("notify").replace(cluster.secrets["notify_password"], "another")
    async with connected(url) as service:
        assert await service.fetchval("SELECT current_user") == "notify"
    file.write_text(cluster.secrets["notify_password"])
    create_databases(cluster, programs.postgres, cluster.state / "secrets")


async def test_a_copy_has_the_rights_of_its_template(cluster: Cluster) -> None:
    """Tables and rights are those of the service's database; nobody else enters."""
    await copy_database(cluster, "notify", "notify_copy")

    async with connected(cluster.owner_database_url("notify", "notify_copy")) as owner:
        await owner.execute("CREATE TABLE later (x int)")
    async with connected(cluster.database_url("notify", "notify_copy")) as service:
        assert await service.fetch("SELECT * FROM later") == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(cluster.database_url("registry", "notify_copy"))


async def test_the_log_holds_no_values(cluster: Cluster) -> None:
    """What a row or statement was refused for is not written down: it quotes names, or a password."""
    async with connected(cluster.owner_database_url("registry")) as owner:
        await owner.execute("CREATE TABLE person (name text UNIQUE CHECK (name <> 'Mustafa'))")
        await owner.execute("INSERT INTO person VALUES ('Oksana')")
        for values in ("('Oksana')", "('Mustafa')"):
            with pytest.raises(asyncpg.IntegrityConstraintViolationError):
                await owner.execute(f"INSERT INTO person VALUES {values}")
        with pytest.raises(asyncpg.PostgresError):
            await owner.fetch("SELECT $1::text::int", "Oksana 0170")

    log = (cluster.state / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert not [name for name in ("Oksana", "Mustafa") if name in log]
    assert not [secret for secret in cluster.secrets.values() if secret in log]


async def test_texts_are_utf_8_and_compared_the_same_everywhere(cluster: Cluster) -> None:
    """The built-in locale does not change with the system's library."""
    async with connected(cluster.superuser_url()) as admin:
        row = await admin.fetchrow(
            "SELECT pg_encoding_to_char(encoding), datlocprovider, datlocale"
            " FROM pg_database WHERE datname = 'registry'"
        )
        assert tuple(row) == ("UTF8", b"b", "C.UTF-8")
        assert await admin.fetchval("SELECT upper('äöü ї')") == "ÄÖÜ Ї"


async def test_the_set_up_is_durable(cluster: Cluster) -> None:
    """Nothing to complain about for any role, with everything looked at."""
    for service in cluster.services:
        url = cluster.database_url(service)
        settings = await durable_settings(url, nats_monitor_url=cluster.monitoring_url)
        assert [setting.name for setting in settings if not setting.safe] == []
        assert len(settings) == 6


@pytest.mark.parametrize("setting", ["synchronous_commit"])
async def test_a_setting_of_one_role_only_is_noticed(cluster: Cluster, setting: str) -> None:
    """What counts is what the service's own role gets."""
    async with connected(cluster.superuser_url()) as admin:
        await admin.execute(f"ALTER ROLE notify SET {setting} = off")
        assert "synchronous_commit is off" in (await unsafe_settings(cluster.database_url("notify")))[0]
        assert await unsafe_settings(cluster.database_url("registry")) == []
        await admin.execute(f"ALTER ROLE notify RESET {setting}")


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
async def test_an_unsafe_server_is_noticed(cluster: Cluster, setting: str) -> None:
    """A setting changed while the server runs, as an operator in a hurry would."""
    async with connected(cluster.superuser_url()) as admin:
        # On the command line or in the file by default; ALTER SYSTEM goes before the file.
        await admin.execute(f"ALTER SYSTEM SET {setting} = off")
        await admin.execute("SELECT pg_reload_conf()")
        try:
            found = [] if await _turned(admin, setting, "off") else ["not taken over"]
            found += await unsafe_settings(cluster.database_url("registry"))
            assert [sentence.split(":")[0] for sentence in found] == [f"PostgreSQL's {setting} is off"]
        finally:
            await admin.execute(f"ALTER SYSTEM RESET {setting}")
            await admin.execute("SELECT pg_reload_conf()")
            await _turned(admin, setting, "on")


async def _turned(admin: asyncpg.Connection, setting: str, wanted: str) -> bool:
    for _ in range(200):
        if await admin.fetchval(f"SHOW {setting}") == wanted:
            return True
        await admin.execute("SELECT pg_sleep(0.01)")
    return False


async def test_a_bus_that_syncs_now_and_then_is_noticed(cluster: Cluster, programs: Programs, tmp_path: Path) -> None:
    """nats-server's own default loses what it acknowledged in the last two minutes."""
    bus = subprocess.Popen(
        [programs.nats, "-a", "127.0.0.1", "-p=-1", "-m=-1", "-js", "-sd", tmp_path, "--ports_file_dir", tmp_path],
        stderr=subprocess.DEVNULL,
    )
    try:
        url = await _monitoring_url(tmp_path)
        found = await unsafe_settings(cluster.database_url("registry"), nats_monitor_url=url)
    finally:
        bus.kill()
        bus.wait()

    assert [sentence.split(":")[0] for sentence in found] == ["JetStream's sync_interval is not always"]


async def _monitoring_url(folder: Path) -> str:
    async with asyncio.timeout(5):
        while not (files := list(folder.glob("*.ports"))) or not files[0].read_text():
            await asyncio.sleep(0.01)
    url: str = json.loads(files[0].read_text())["monitoring"][0]
    return url


@pytest.mark.parametrize(
    ("told", "safe"),
    [("2.15.1", True), ("2.16.0", True), ("3.0.0", True), ("2.15.0", False), ("2.9.25", False), ("", False)],
)
def test_an_old_nats_server_is_unsafe(told: str, safe: bool) -> None:
    """Older ones lose acknowledged facts; versions are compared as numbers."""
    assert _version(told).safe is safe


async def test_a_services_own_connection_tells_the_version(cluster: Cluster) -> None:
    """A service may not see the monitoring; the version it sees by itself."""
    bus = await nats.connect(cluster.nats_url, user="registry", password=cluster.nats_password("registry"))

    settings = await durable_settings(cluster.database_url("registry"), bus=bus)
    await bus.close()

    assert [(setting.found, setting.safe) for setting in settings if "nats" in setting.name] == [
        (cluster.versions["nats"], True)
    ]


async def test_a_server_that_cannot_be_asked_is_not_called_safe(cluster: Cluster) -> None:
    """Silence is no good sign."""
    with pytest.raises(OSError, match="does not answer"):
        await unsafe_settings(cluster.database_url("registry"), nats_monitor_url="http://127.0.0.1:9")
