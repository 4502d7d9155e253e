"""deploy/*.sh without Docker: a `docker` on the PATH runs what they run in a container on the servers of a test."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from deploy.local.cluster import Cluster
from deploy.local.programs import programs_for
from deploy.local.unprivileged import runner_for

ROOT = Path(__file__).resolve().parents[2]
# `docker compose exec -T postgres PROGRAM …` runs the program here; what begins or ends containers is noted only.
# A call that matches $BROKEN fails, as one does whose container or connection is gone.
DOCKER = """#!/bin/sh
printf '%s\\n' "$*" >>"$CALLS"
case "$*" in *"$BROKEN"*) echo "broken off" >&2; exit 1 ;; esac
[ "$2" = exec ] || exit 0
shift 4
program=$1
shift
for argument; do
    shift
    case $argument in
        /etc/lotsennetz/service.sql) argument=$SERVICE_SQL ;;
        secrets=/run/secrets) argument=secrets=$SECRETS ;;
    esac
    set -- "$@" "$argument"
done
exec "$PROGRAMS/$program" "$@"
"""


@dataclass(frozen=True)
class Composed:
    """The servers, and a folder for the shim and what it notes."""

    cluster: Cluster
    folder: Path

    def script(self, name: str, *arguments: str, broken: str = "") -> subprocess.CompletedProcess[str]:
        """Run deploy/<name> to its end; a call of Docker with the text `broken` in it fails."""
        docker = self.folder / "bin" / "docker"
        docker.parent.mkdir(exist_ok=True)
        docker.write_text(DOCKER, "utf-8")
        docker.chmod(0o755)
        server = urlsplit(self.cluster.superuser_url())
        told = {
            "PATH": f"{docker.parent}:{os.environ['PATH']}", "CALLS": str(self.folder / "calls"),
            "BROKEN": broken or "never said", "SERVICE_SQL": str(ROOT / "deploy/postgres/service.sql"),
            "SECRETS": str(self.cluster.state / "secrets"), "PGHOST": str(server.hostname),
            "PROGRAMS": str(programs_for(runner_for(self.cluster.state), self.cluster.state).postgres),
            "PGPORT": str(server.port), "PGPASSWORD": str(server.password), "TMPDIR": str(self.folder)}
        return subprocess.run([f"deploy/{name}", *arguments], cwd=ROOT, env=told, capture_output=True, text=True,
                              check=False, timeout=120)

    async def sql(self, database: str, statement: str, *values: Any) -> Sequence[asyncpg.Record]:
        """What the statement answers, as superuser."""
        connection = await asyncpg.connect(self.cluster.superuser_url(database))
        try:
            found: Sequence[asyncpg.Record] = await connection.fetch(statement, *values)
            return found
        finally:
            await connection.close()
