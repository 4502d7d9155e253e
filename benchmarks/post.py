"""Server CPU of one POST with its outbox row, against bare FastAPI and asyncpg, and against faststream-outbox.

python -m benchmarks.post [--requests N]
"""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.spine import Bench
from libs.common.auth import key_hash

WARM_UP, CLIENTS = 200, 8
BARE_TABLES = """
CREATE SCHEMA bare;
CREATE TABLE bare.grants (id uuid PRIMARY KEY, principal uuid, role text, region text, given_at timestamptz);
CREATE TABLE bare.outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, fact_id uuid UNIQUE, subject text,
headers jsonb, body text); GRANT ALL ON SCHEMA bare TO registry; GRANT ALL ON ALL TABLES IN SCHEMA bare TO registry;
"""


@contextmanager
def serving(module: str, port: int, environment: dict[str, str]) -> Iterator[psutil.Process]:
    """A server as a process of its own, ready when this yields."""
    command = [sys.executable, "-m", *module.split()]
    with subprocess.Popen(command, env={**os.environ, **environment, "LOTSE_PORT": str(port)},
                          stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            _wait(f"http://127.0.0.1:{port}/health/live")
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def _wait(url: str) -> None:
    for _ in range(200):
        try:
            if httpx.get(url, timeout=1).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"no answer at {url}")


async def load(port: int, headers: dict[str, str], count: int) -> None:
    """Send the POSTs from eight clients at once; each must create something."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as client:
        async def one_client(share: int) -> None:
            for _ in range(share):
                body = {"principal": str(uuid4()), "role": "coordinator", "region": "15087"}
                answer = await client.post("/v1/grants", json=body, headers={"Idempotency-Key": uuid4().hex})
                assert answer.status_code == HTTPStatus.CREATED, answer.text

        await asyncio.gather(*(one_client(count // CLIENTS) for _ in range(CLIENTS)))


def cpu_of_post(process: psutil.Process, port: int, headers: dict[str, str], count: int) -> float:
    """Milliseconds of the server's CPU for each POST, after a warm-up."""
    asyncio.run(load(port, headers, WARM_UP))
    before = sum(process.cpu_times()[:2])
    asyncio.run(load(port, headers, count))
    return (sum(process.cpu_times()[:2]) - before) * 1000 / count


async def _prepare(bench: Bench) -> str:
    await bench.set_up()
    key = f"net_{uuid4().hex}_{uuid4().hex}{uuid4().hex}"
    principal = uuid4()
    connection = await asyncpg.connect(bench.cluster.superuser_url("registry"))
    await connection.execute(BARE_TABLES)
    await connection.execute("INSERT INTO known_key VALUES ($1, $2, $3, now() + interval '9 days')",
                             uuid4(), key_hash(key), principal)
    await connection.execute("INSERT INTO known_grant (grant_id, principal, role) VALUES ($1, $2, 'network_admin')",
                             uuid4(), principal)
    await connection.close()
    return key


def _environment(settings: Any) -> dict[str, str]:
    values = settings.model_dump()
    given = {f"LOTSE_{name.upper()}": (value.get_secret_value() if hasattr(value, "get_secret_value") else str(value))
             for name, value in values.items() if value not in (None, "")}
    return given | {"LOTSE_RATE_PER_MINUTE": "10000000", "LOTSE_LOG_LEVEL": "warning"}


def measure(folder: Path, count: int, console: Console) -> None:
    """Run both servers and print the table."""
    bench = Bench(folder)
    try:
        headers = {"Authorization": f"Bearer {asyncio.run(_prepare(bench))}"}
        environment = _environment(bench.settings("registry"))
        with console.status("bare …"), serving("benchmarks.bare_post", 18831, environment) as process:
            bare = cpu_of_post(process, 18831, headers, count)
        with console.status("ours …"), serving("services.registry serve", 18832, environment) as process:
            ours = cpu_of_post(process, 18832, headers, count)
        table = Table("server", "CPU ms per POST", "ratio", title="One POST with its outbox row")
        table.add_row("FastAPI + asyncpg, nothing else", f"{bare:.2f}", "1")
        table.add_row("ours: identity, scope, RLS, idempotency, rules, outbox, relay",
                      f"{ours:.2f}", f"{ours / bare:.2f} (goal ≤ 4)")
        console.print(table)
    finally:
        bench.servers.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    place = Path(tempfile.mkdtemp(prefix="lotse-bench-", dir="/var/tmp"))
    place.chmod(0o755)
    try:
        measure(place / "state", parser.parse_args().requests, Console())
    finally:
        shutil.rmtree(place, ignore_errors=True)
