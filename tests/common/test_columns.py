"""Tables: every column says how private it is, and what is migrated is what the models say."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import TEXT, Column, Connection, MetaData, Table, Text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import AutoString

from libs.common.db import sqlalchemy_url
from libs.common.facts import SERVICES
from libs.common.tables import SPINE
from tests.contract.apps import app_of
from tests.harness import Network

CLASSES = {"none", "personal", "special", "secret"}


def metadata_of(service: str) -> MetaData:
    """The tables of a service's nouns, once all of them have been imported."""
    app_of(service)
    metadata: MetaData = import_module(f"services.{service}.tables").Table.metadata
    return metadata


def unclassified(tables: Iterable[Table]) -> list[str]:
    """Columns that do not say how private they are."""
    return [
        f"{table.name}.{column.name}"
        for table in tables
        for column in table.columns
        if column.info.get("privacy") not in CLASSES
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_every_column_is_classified(service: str) -> None:
    """Of the service's nouns and of the spine's tables that stand beside them."""
    assert unclassified([*metadata_of(service).sorted_tables, *SPINE.sorted_tables]) == []


def test_an_unclassified_column_is_found() -> None:
    """Without a class, or with one that is none."""
    planted = MetaData()
    Table(
        "planted",
        planted,
        Column("name", Text),
        Column("note", Text, info={"privacy": "some"}),
        Column("code", Text, info={"privacy": "none"}),
    )

    assert unclassified(planted.sorted_tables) == ["planted.name", "planted.note"]


def _other_type(*told: Any) -> bool | None:
    """Whether two types differ: SQLModel's text of any length and PostgreSQL's are one; None lets Alembic say."""
    _context, _there, _column, there, wanted = told
    return False if isinstance(wanted, AutoString) and wanted.length is None and isinstance(there, TEXT) else None


def differences(connection: Connection, *wanted: MetaData) -> list[Any]:
    """What a new migration would have to do."""
    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": _other_type,
            "compare_server_default": False,
            "include_name": lambda name, kind, _parents: kind != "table" or name != "alembic_version",
        },
    )
    return list(compare_metadata(context, list(wanted)))  # type: ignore[arg-type] # it takes several


async def compared(network: Network, service: str, *wanted: MetaData) -> list[Any]:
    """The differences between a service's database and these tables."""
    url = network.cluster.owner_database_url(service, network.databases[service])
    engine = create_async_engine(sqlalchemy_url(url))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(differences, *wanted)
    finally:
        await engine.dispose()


@pytest.mark.parametrize("service", SERVICES)
async def test_what_is_migrated_is_what_the_models_say(network: Network, service: str) -> None:
    """No table, column, index or constraint is missing on either side."""
    assert await compared(network, service, SPINE, metadata_of(service)) == []


async def test_a_column_that_no_migration_makes_is_found(network: Network) -> None:
    """Nor one that no model knows."""
    planted = MetaData()
    Table("planted", planted, Column("name", Text))
    found = await compared(network, "registry", SPINE, metadata_of("registry"), planted)
    assert [one[0] for one in found] == ["add_table"]

    owner = await asyncpg.connect(network.cluster.owner_database_url("registry", network.databases["registry"]))
    try:
        await owner.execute("ALTER TABLE partner ADD COLUMN unknown text")
        found = await compared(network, "registry", SPINE, metadata_of("registry"))
    finally:
        await owner.execute("ALTER TABLE partner DROP COLUMN unknown")
        await owner.close()
    assert [one[0] for one in found] == ["remove_column"]
