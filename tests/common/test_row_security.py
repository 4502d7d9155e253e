"""Row-level security as the second wall: without the settings of a transaction the service's role sees nothing."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from libs.common.callers import EVERYTHING, PUBLIC, SYSTEM, Caller, Role, Scope
from libs.common.db import Database
from libs.common.facts import SERVICES
from tests.common.stage import a_database, make_scratch
from tests.harness import Network

OWN, OTHER = UUID(int=1), UUID(int=2)
REGION = Caller("c", Role.COORDINATOR, Scope(regions=("15087",)))
LAND = Caller("l", Role.COORDINATOR, Scope(regions=("15",)))
PARTNER = Caller("p", Role.PARTNER_EDITOR, Scope(partners=frozenset({OWN})))
NOTHING = Caller("n", Role.OPS, Scope())
SEES = [
    (SYSTEM, 4),
    (REGION, 1),
    (LAND, 2),
    (PARTNER, 2),
    (NOTHING, 0),
    (PUBLIC, 0),
    (Caller("x", Role.COORDINATOR, Scope(regions=("1508",))), 2),
    (Caller("y", Role.COORDINATOR, Scope(regions=("05158",))), 1),
    (Caller("link/1", Role.LINK, EVERYTHING), 4),
]
ROWS = "SELECT count(*) FROM person"


@pytest.fixture
async def database(network: Network) -> AsyncIterator[Database]:
    """A database with four persons: in two regions of one Land, in another, and of no region."""
    await make_scratch(network, "matching")
    one = a_database(network, "matching")
    for region, partner in (("15087", OWN), ("15088", OTHER), ("05158", OTHER), (None, OWN)):
        await network.rows(
            "matching",
            "INSERT INTO person (person_ref, region, partner_id, languages) VALUES ($1, $2, $3, '{}') RETURNING 1",
            uuid4(),
            region,
            partner,
        )
    yield one
    await one.close()


@pytest.mark.parametrize(("caller", "count"), SEES)
async def test_a_caller_sees_what_is_inside_the_own_scope(database: Database, caller: Caller, count: int) -> None:
    """By region prefix or by partner, whatever the query asks for."""
    async with database.transaction(caller) as transaction:
        assert await transaction.scalar(text(ROWS)) == count
        changed: Any = await transaction.execute(text("UPDATE person SET languages = '{de}'"))
        assert changed.rowcount == count
        await transaction.rollback()


async def _connected(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url)


@pytest.mark.parametrize("role", ["service", "owner"])
async def test_without_settings_nobody_sees_anything(network: Network, database: Database, role: str) -> None:
    """Neither the service's role nor the owner of the tables, whom PostgreSQL lets pass where it is not forced."""
    name = network.databases["matching"]
    url = (
        network.cluster.database_url("matching", name)
        if role == "service"
        else network.cluster.owner_database_url("matching", name)
    )
    connection = await _connected(url)
    try:
        assert await connection.fetchval(ROWS) == 0
        assert await connection.execute("UPDATE person SET languages = '{}'") == "UPDATE 0"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                "INSERT INTO person (person_ref, region, languages) VALUES (gen_random_uuid(), '15087', '{}')"
            )
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_every_table_with_a_region_is_behind_the_wall(network: Network, service: str) -> None:
    """Of every service; forced, and with a policy."""
    open_ones = await network.rows(
        service,
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'region'"
        " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'known_grant'"
        " AND NOT (c.relrowsecurity AND c.relforcerowsecurity"
        " AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid))",
    )
    assert [row["relname"] for row in open_ones] == []


async def test_nothing_can_be_written_outside_the_own_scope(database: Database) -> None:
    """A row cannot be made in, or moved to, another region."""
    for statement in (
        "INSERT INTO person (person_ref, region, languages) VALUES (gen_random_uuid(), '15088', '{}')",
        "UPDATE person SET region = '15088', partner_id = NULL",
    ):
        with pytest.raises(ProgrammingError, match="row-level security"):
            async with database.transaction(REGION) as transaction:
                await transaction.execute(text(statement))


async def test_settings_end_with_the_transaction(database: Database) -> None:
    """The pool's next user inherits nothing."""
    async with database.transaction(SYSTEM) as transaction:
        assert await transaction.scalar(text(ROWS)) == 4
    for _ in range(6):
        async with database.engine.connect() as connection:
            assert await connection.scalar(text(ROWS)) == 0


async def test_a_transaction_that_did_nothing_leaves_nothing_behind(database: Database) -> None:
    """Its settings wait for a first statement that never came: who has the connection next does not get them."""
    for _ in range(6):
        async with database.transaction(SYSTEM) as transaction:
            await transaction.connection()
        async with database.engine.connect() as connection:
            assert await connection.scalar(text(ROWS)) == 0


async def test_after_undoing_the_same_scope_holds(database: Database) -> None:
    """What follows a rollback is a transaction of the same caller."""
    async with database.transaction(REGION) as transaction:
        assert await transaction.scalar(text(ROWS)) == 1
        await transaction.rollback()
        assert await transaction.scalar(text(ROWS)) == 1


@pytest.mark.parametrize("principal", ["o'brien", "a\\", "a;b", "a b", "ä", "a\n"])
async def test_a_scope_is_told_in_codes_and_ids_only(database: Database, principal: str) -> None:
    """What could end a literal opens no transaction."""
    with pytest.raises(ValueError, match="principal"):
        async with database.transaction(Caller(principal, Role.OPS, EVERYTHING)):
            pass


async def test_the_service_owns_nothing_and_bypasses_nothing(network: Network, database: Database) -> None:
    """No table, no right to make one, no way around its policies; row-level security is forced where it is on."""
    owned = await network.rows("matching", "SELECT relname FROM pg_class WHERE relowner = 'matching'::regrole")
    assert owned == []
    role = (await network.rows("matching", "SELECT * FROM pg_roles WHERE rolname = 'matching'"))[0]
    assert not any(
        (role["rolsuper"], role["rolbypassrls"], role["rolcreatedb"], role["rolcreaterole"], role["rolreplication"])
    )
    unforced = await network.rows(
        "matching", "SELECT relname FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity"
    )
    assert unforced == []
    connection = await _connected(network.cluster.database_url("matching", network.databases["matching"]))
    try:
        for statement in (
            "CREATE TABLE public.mine (a int)",
            "ALTER TABLE person DISABLE ROW LEVEL SECURITY",
            "DROP POLICY scope ON person",
            "SET ROLE matching_owner",
            "CREATE SCHEMA mine",
            "ALTER TABLE audit DISABLE TRIGGER append_only",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()
    with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InsufficientPrivilegeError)):
        await _connected(network.cluster.database_url("matching", network.databases["registry"]))
