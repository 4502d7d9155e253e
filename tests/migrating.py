"""Databases of a former version: empty ones, migrated as far as a test wants, to be filled and migrated on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
from alembic import command
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local.cluster import Cluster
from libs.common.db import sqlalchemy_url
from libs.common.migrate import alembic_config


@asynccontextmanager
async def empty_database(cluster: Cluster, service: str) -> AsyncIterator[str]:
    """The name of an empty database of the service's owner."""
    name, server = f"{service}_{uuid4().hex[:8]}", await asyncpg.connect(cluster.superuser_url())
    try:
        await server.execute(f'CREATE DATABASE "{name}" OWNER "{service}_owner"')
        inside = await asyncpg.connect(cluster.superuser_url(name))
        await inside.execute(
            f"ALTER SCHEMA public OWNER TO {service}_owner; GRANT USAGE ON SCHEMA public TO {service};"
            f" ALTER DEFAULT PRIVILEGES FOR ROLE {service}_owner IN SCHEMA public"
            f" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {service}")
        await inside.close()
        yield name
        await server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await server.close()


async def upgraded(cluster: Cluster, service: str, name: str, *targets: str) -> None:
    """The database at these revisions, migrated by its owner, whom row-level security holds too."""
    engine = create_async_engine(sqlalchemy_url(cluster.owner_database_url(service, name)))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade, service, targets)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, service: str, targets: tuple[str, ...]) -> None:
    config = alembic_config(service)
    config.attributes["connection"] = connection
    for target in targets:
        command.upgrade(config, target)
