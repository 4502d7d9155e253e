"""What an image runs: the command of one service in a process of its own, told by the environment."""

import asyncio
import os
import sys
from pathlib import Path

from deploy.local.cluster import Cluster
from tests.harness import Network

ROOT = Path(__file__).resolve().parents[2]


async def said_by(network: Network, service: str, *words: str, **told: str) -> tuple[int, str, str]:
    """Exit code, what it said and its log of `python -m services.<service> <words>` beside this network."""
    cluster: Cluster = network.cluster
    settings = {
        "LOTSE_NETWORK": "test", "LOTSE_DATABASE_URL": cluster.database_url(service, network.databases[service]),
        "LOTSE_MASTER_KEY": cluster.master_key(service), "LOTSE_INSTALLATION_SECRET": cluster.installation_secret}
    others = {name: value for name, value in os.environ.items() if not name.startswith("LOTSE_")}
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"services.{service}", *words, cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, env=others | settings | told)
    said, log = await running.communicate()
    return running.returncode or 0, said.decode(), log.decode()
