"""The servers of a test run as containers of the images that compose.yaml names: `--backend=containers`."""

import asyncio
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import httpx
import yaml
from testcontainers.core.container import DockerContainer

from deploy.local.cluster import Cluster
from deploy.local.secret_files import ensure_secrets
from deploy.nats.permissions import accounts_conf, bus_users, passwords_conf
from libs.common.facts import ASKS, HEARS, SERVICES

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
READY_SECONDS = 45.0
# Nothing of a test run outlives it, so nobody waits for a disk.
HASTE = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


@contextmanager
def container_servers(state: Path, accounts: int) -> Iterator[Cluster]:
    """PostgreSQL and nats-server, set up as compose does it; the folder holds their settings and secrets meanwhile."""
    state.mkdir(parents=True)
    secrets = ensure_secrets(state / "secrets", SERVICES)
    try:
        with _nats(state, secrets, accounts) as nats, _postgres(state) as postgres:
            cluster = Cluster(
                state=state, postgres_port=postgres.get_exposed_port(5432), nats_port=nats.get_exposed_port(4222),
                monitoring_port=nats.get_exposed_port(8222), services=tuple(SERVICES), versions={}, secrets=secrets,
                accounts=accounts)
            _wait_until_ready(cluster)
            yield cluster
    finally:
        shutil.rmtree(state, ignore_errors=True)


def image_of(service: str) -> str:
    """The image that compose.yaml pins for a server."""
    composed = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    return str(composed["services"][service]["image"])


def _postgres(state: Path) -> DockerContainer:
    # Inside, another user reads them than made them.
    readable = shutil.copytree(state / "secrets", state / "readable")
    readable.chmod(0o755)
    for file in readable.iterdir():
        file.chmod(0o444)
    container = DockerContainer(image_of("postgres")).with_exposed_ports(5432)
    container.with_env("POSTGRES_PASSWORD_FILE", "/run/secrets/postgres_password")
    container.with_env("POSTGRES_INITDB_ARGS", "--locale-provider=builtin --builtin-locale=C.UTF-8 --encoding=UTF8")
    for source, target in (
        (readable, "/run/secrets"), (DEPLOY / "postgres" / "postgresql.conf", "/etc/lotsennetz/postgresql.conf"),
        (DEPLOY / "postgres" / "service.sql", "/etc/lotsennetz/service.sql"),
        (DEPLOY / "postgres" / "initdb.sh", "/docker-entrypoint-initdb.d/10-lotsennetz.sh"),
    ):
        container.with_volume_mapping(str(source), target)
    return container.with_command(
        ["-c", "config_file=/etc/lotsennetz/postgresql.conf", "-c", "listen_addresses=*", *HASTE])


def _nats(state: Path, secrets: dict[str, str], accounts: int) -> DockerContainer:
    folder = state / "nats"
    folder.mkdir()
    for name in ("server.conf", "tls.conf"):
        shutil.copy(DEPLOY / "nats" / name, folder)
    (folder / "accounts.conf").write_text(accounts_conf(HEARS, ASKS, accounts=accounts), "utf-8")
    passwords = {user: secrets[f"nats_{user}_password"] for user in bus_users(SERVICES)}
    (folder / "passwords.conf").write_text(passwords_conf(passwords), "utf-8")
    container = DockerContainer(image_of("nats")).with_exposed_ports(4222, 8222)
    container.with_volume_mapping(str(folder), "/etc/lotse").with_tmpfs_mount("/data")
    return container.with_command(["-c", "/etc/lotse/server.conf", "-sd", "/data"])


def _wait_until_ready(cluster: Cluster) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not (_nats_answers(cluster) and asyncio.run(_databases_are_there(cluster))):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the containers were not ready within {READY_SECONDS:.0f} seconds")
        time.sleep(0.2)


def _nats_answers(cluster: Cluster) -> bool:
    try:
        return httpx.get(f"{cluster.monitoring_url}/healthz", timeout=1).is_success
    except httpx.HTTPError:
        return False


async def _databases_are_there(cluster: Cluster) -> bool:
    try:
        for service in SERVICES:
            connection = await asyncpg.connect(cluster.database_url(service), timeout=2)
            await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False
    return True
