"""A filled database of the former version: what was counted stays counted, and an old instance goes on counting."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import asyncpg
import pytest_asyncio
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local.cluster import Cluster
from deploy.local.new_migration import difference
from libs.common.db import sqlalchemy_url
from tests.migrating import empty_database, upgraded

BEFORE = ("spine@head", "registry_0002")
# As the version before wrote it.
COUNT = ("INSERT INTO counted_fact (id, version, kind, project_id, region, occurred_on, told_at, number, source_id,"
         " value, random_key) VALUES ($1, 1, 'attendance', $2, '15087', $3, $4, 1, $1, 1, false)")


@pytest_asyncio.fixture
async def empty(cluster: Cluster) -> AsyncIterator[str]:
    """The name of an empty database of the service's owner."""
    async with empty_database(cluster, "registry") as name:
        yield name


async def test_what_was_counted_stays_and_an_old_instance_goes_on(cluster: Cluster, empty: str) -> None:
    """Each fact with its project; it is no partner's."""
    project, day, told = uuid4(), date(2027, 3, 2), datetime(2027, 3, 2, tzinfo=UTC)
    await upgraded(cluster, "registry", empty, *BEFORE)
    filled = await asyncpg.connect(cluster.superuser_url(empty))
    try:
        facts: list[UUID] = [uuid4(), uuid4()]
        await filled.execute(COUNT, facts[0], project, day, told)
        await upgraded(cluster, "registry", empty, "heads")
        await filled.execute(COUNT, facts[1], project, day, told)
        rows = await filled.fetch("SELECT id, project_id, partner_id FROM counted_fact")

        assert {(row["id"], row["project_id"], row["partner_id"]) for row in rows} == {
            (fact, project, None) for fact in facts}
        assert await filled.fetch("SELECT 1 FROM received_referral") == []
    finally:
        await filled.close()


async def test_the_tables_are_as_the_code_says(cluster: Cluster, empty: str) -> None:
    """A database that has been migrated to the end needs no further change."""
    await upgraded(cluster, "registry", empty, "heads")
    engine = create_async_engine(sqlalchemy_url(cluster.owner_database_url("registry", empty)))
    try:
        async with engine.connect() as connection:
            script = await connection.run_sync(difference, "registry")
    finally:
        await engine.dispose()

    # Texts of the one and the other kind are the same to PostgreSQL; such changes stand in lists of their own.
    assert [one for one in script.upgrade_ops.as_diffs() if isinstance(one, tuple)] == []
