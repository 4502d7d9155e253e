"""A service that finds an older compose file than it needs does not start, and says what to do."""

import os
import subprocess
import sys
from pathlib import Path

from deploy.local.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
# The next version of the services, as their start is: only that the test's servers do not wait for a disk counts as
# safe, and that it came to serving is said instead of done.
START = """
import sys
from libs.common import command
from services.registry.app import create_app
from services.registry.settings import Settings

async def safe(*_arguments, **_more):
    return []

command.COMPOSE_VERSION, command.unsafe_settings = 2, safe
command.serve = lambda *_arguments: print("serves")
sys.argv = ["registry", "serve"]
command.run("registry", Settings, create_app)
"""


def started(cluster: Cluster, databases: dict[str, str], version: str) -> subprocess.CompletedProcess[str]:
    """A start of registry with what a compose file of this version tells it."""
    told = {
        "LOTSE_COMPOSE_VERSION": version, "LOTSE_MASTER_KEY": cluster.master_key("registry"),
        "LOTSE_DATABASE_URL": cluster.database_url("registry", databases["registry"]),
        "LOTSE_INSTALLATION_SECRET": cluster.installation_secret}
    return subprocess.run([sys.executable, "-c", START], cwd=ROOT, env=os.environ | told, capture_output=True,
                          text=True, check=False, timeout=60)


async def test_an_outdated_compose_file_is_refused_with_what_to_do(
    cluster: Cluster, databases: dict[str, str],
) -> None:
    """Exit code 78, and one sentence that names both versions."""
    ended = started(cluster, databases, "1")

    assert (ended.returncode, ended.stdout) == (78, "")
    assert "compose.yaml has version 1, this needs 2: take the new one." in ended.stderr


async def test_a_compose_file_of_the_same_version_is_not(cluster: Cluster, databases: dict[str, str]) -> None:
    """The service goes on to serve."""
    ended = started(cluster, databases, "2")

    assert (ended.returncode, ended.stdout.strip().splitlines()[-1:]) == (0, ["serves"]), ended.stderr
