"""Migrations: Alembic as the owner role, the spine's history and the service's own side by side."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from libs.common.db import sqlalchemy_url
from libs.common.settings import CommonSettings

ROOT = Path(__file__).resolve().parents[2]
SPINE_VERSIONS = ROOT / "libs/common/migrations/versions"


async def migrate(service: str, settings: CommonSettings) -> None:
    """Bring the service's database to this version's tables, in one transaction, as the owner role.

    The first time writes which network this is and whether it is a demonstration; that is not changeable later.
    Raises ValueError without an owner's URL, RuntimeError when the database belongs to another network.
    """
    if settings.owner_database_url is None:
        raise ValueError("LOTSE_OWNER_DATABASE_URL is needed to migrate")
    engine = create_async_engine(sqlalchemy_url(settings.owner_database_url.get_secret_value()))
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(7471)"))
            await connection.run_sync(_upgrade, service)
            await connection.execute(
                text("INSERT INTO network (slug, demonstration) VALUES (:slug, :demonstration) ON CONFLICT DO NOTHING"),
                {"slug": settings.network, "demonstration": settings.demonstration},
            )
            slug = await connection.scalar(text("SELECT slug FROM network"))
            if slug != settings.network:
                raise RuntimeError(f"this database is of the network {slug!r}, the settings say {settings.network!r}")
    finally:
        await engine.dispose()


def alembic_config(service: str) -> Config:
    """Alembic's configuration of one service: two histories, the spine's and its own."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "libs/common/migrations"))
    config.set_main_option("path_separator", "os")
    own = ROOT / "services" / service / "migrations" / "versions"
    config.set_main_option("version_locations", f"{SPINE_VERSIONS}:{own}")
    config.attributes["service"] = service
    return config


def _upgrade(connection: Connection, service: str) -> None:
    config = alembic_config(service)
    config.attributes["connection"] = connection
    command.upgrade(config, "heads")


def migrate_now(service: str, settings: CommonSettings) -> None:
    """The same from a command line."""
    asyncio.run(migrate(service, settings))
