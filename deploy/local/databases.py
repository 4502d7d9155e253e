"""A database and two roles for each service, made by the same SQL that compose uses."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

import asyncpg

from deploy.local.cluster import SUPERUSER, Cluster
from deploy.local.exits import CannotGoOn
from deploy.local.unprivileged import server_environment

_SERVICE_SQL = Path(__file__).parents[1] / "postgres/service.sql"


def create_databases(cluster: Cluster, programs: Path, secrets: Path) -> None:
    """Make what is missing of every service's database, roles and rights.

    `programs` is the folder with psql, `secrets` that of the secret files.
    """
    told = subprocess.run(
        [str(programs / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", f"secrets={secrets}", "-f", "-"],
        input="".join(_for_each(cluster.services)),
        env=server_environment(
            {
                "PGHOST": "127.0.0.1",
                "PGPORT": str(cluster.postgres_port),
                "PGUSER": SUPERUSER,
                "PGDATABASE": "postgres",
                "PGPASSWORD": cluster.secrets["postgres_password"],
            }
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode != 0:
        raise CannotGoOn("The services' databases could not be made.", told.stderr.strip())


async def copy_database(cluster: Cluster, service: str, name: str) -> None:
    """Make the database `name` as a copy of the service's own, to which nobody may be connected meanwhile."""
    connection = await asyncpg.connect(cluster.superuser_url())
    try:
        await connection.execute(
            f'CREATE DATABASE "{name}" OWNER "{service}_owner" TEMPLATE "{service}" STRATEGY FILE_COPY'
        )
        # A copy has the tables' rights, but not those of the database itself.
        await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
        await connection.execute(f'GRANT CONNECT ON DATABASE "{name}" TO "{service}"')
    finally:
        await connection.close()


def _for_each(services: Iterable[str]) -> Iterable[str]:
    for service in services:
        yield f"\\set service {service}\n\\i {_quoted(_SERVICE_SQL)}\n"


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
