"""The command `lotse`: what it starts and shows, and how it ends when something is in the way."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from deploy.local.cluster import Cluster
from deploy.local.leftovers import end_leftovers
from deploy.local.processes import Process, arguments, process
from deploy.local.shared import state_for_tests
from libs.common.facts import SERVICES
from tests.common.stage import Lotse

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
FREE = ("--port", "0", "--postgres-port", "0", "--nats-port", "0", "--nats-monitoring-port", "0")
PARKED_FACT = """
INSERT INTO waiting (speaker, number, fact_id, subject, about, headers, body, attempts, parked_at, raised)
VALUES ('registry', 1, $1, 'registry.offer.told.v1', $2, $3, '{}', 5, now(), 'Bug at tests/here.py:7 here') RETURNING id
"""
PARKED_WORK = """
INSERT INTO due (kind, about, due_at, attempts, parked_at, not_before, raised)
VALUES ($1, $2, now(), 5, now(), now(), 'RuntimeError at tests/here.py:7 here') RETURNING id
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A state folder in memory for this module."""
    path = state_for_tests(f"cli-{os.getpid()}")
    yield path
    end_leftovers(path)
    shutil.rmtree(path, ignore_errors=True)


class Up:
    """A `lotse up` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from deploy.local.cli import main; main()", "up", "--state", folder, *FREE],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )

    def ready(self) -> None:
        """Return when it has shown the addresses."""
        assert self.process.stdout
        for line in self.process.stdout:
            if "Ctrl-C" in line:
                return
        _, said = self.process.communicate()
        raise AssertionError(said)

    def guardian(self) -> int | None:
        """The pid of its guardian at this moment."""
        # A child belongs to the thread that started it.
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        children = [pid for task in tasks for pid in task.read_text().split()]
        return next((int(pid) for pid in children if any("guardian" in word for word in arguments(int(pid)))), None)

    def servers(self) -> dict[str, Process]:
        """Its servers at this moment."""
        told = json.loads((self.folder / "servers.json").read_text())
        return {name: Process(**server) for name, server in told.items()}


@pytest.fixture(scope="module")
def up(folder: Path) -> Iterator[Up]:
    """A network that runs."""
    running = Up(folder)
    running.ready()
    yield running
    if running.process.poll() is None:
        running.process.kill()
    running.process.communicate()


def test_help_names_the_exit_codes(lotse: Lotse) -> None:
    """A script that calls it can tell what happened."""
    for command in ((), ("up",), ("doctor",)):
        code, shown, _ = lotse(*command, "--help")
        assert code == 0
        assert all(f"{number} " in shown for number in (69, 73, 75, 78))


def test_a_wrong_word_is_wrong_usage(lotse: Lotse) -> None:
    """Exit code 2, also for a network's name that could not stand in an address."""
    assert lotse("gather")[0] == 2
    assert lotse("up", "--network", "Halle an der Saale")[0] == 2
    assert lotse("serve", "offers")[0] == 2


def test_a_service_without_settings_says_which_are_missing(lotse: Lotse, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the names of the environment's variables, without their values."""
    for name in [name for name in os.environ if name.startswith("LOTSE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LOTSE_MASTER_KEY", "c2VjcmV0")

    code, _, said = lotse("serve", "registry")

    assert code == 78
    assert "LOTSE_DATABASE_URL" in said
    assert "LOTSE_MASTER_KEY" in said
    assert "c2VjcmV0" not in said


def test_where_nothing_runs_it_says_so(lotse: Lotse, tmp_path: Path) -> None:
    """For people and for programs, and makes nothing there."""
    state = ("--state", str(tmp_path / "none"))

    assert lotse("status", *state)[0] == lotse("doctor", *state)[0] == 69
    code, shown, _ = lotse("status", "--json", *state)
    assert (code, json.loads(shown)["running"]) == (69, False)
    assert not (tmp_path / "none").exists()


def test_a_taken_port_is_told_before_anything_is_started(lotse: Lotse, tmp_path: Path) -> None:
    """Which port, and which service it should have been."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        code, _, said = lotse("up", "--state", str(tmp_path / "state"), "--port", str(port))

    assert code == 69
    assert f"Port {port} " in said
    assert "registry" in said
    assert "Traceback" not in said
    assert not (tmp_path / "state").exists()


def test_doctor_finds_what_is_unsafe(lotse: Lotse, cluster: Cluster) -> None:
    """The servers of the tests do not wait for the disk: not for a real network."""
    code, shown, said = lotse("doctor", "--state", str(cluster.state))

    assert code == 78
    assert "set fsync = on" in shown
    assert "may be lost" in said


def test_databases_and_bus_can_be_prepared_without_a_network(lotse: Lotse, folder: Path) -> None:
    """The servers are started for it and ended again; the second time there is nothing to change."""
    assert lotse("migrate", "--state", str(folder))[0] == 0
    code, _, said = lotse("provision", "--state", str(folder))
    assert code == 0
    assert "stream registry made" in said

    code, _, said = lotse("provision", "--state", str(folder))
    assert code == 0
    assert "made" not in said
    assert not [each for each in json.loads((folder / "servers.json").read_text()).values() if Process(**each).alive()]


def test_up_brings_up_four_services_that_are_ready(lotse: Lotse, up: Up, folder: Path) -> None:
    """As `status` finds by asking them."""
    code, shown, _ = lotse("status", "--json", "--state", str(folder))
    run = json.loads(shown)

    assert (code, run["running"], run["pid"]) == (0, True, up.process.pid)
    assert tuple(run["services"]) == SERVICES
    assert all(service["ready"] for service in run["services"].values())
    assert {server["pid"] for server in run["servers"].values()} == {each.pid for each in up.servers().values()}
    assert lotse("doctor", "--state", str(folder))[0] == 0
    assert "ready" in lotse("status", "--state", str(folder))[1]


def test_what_is_parked_is_listed_shown_replayed_and_discarded(lotse: Lotse, up: Up, folder: Path) -> None:
    """Facts and due work side by side; a kind that no version knows stays where it is put."""
    state, about = ("--state", str(folder)), uuid4()
    assert lotse("parked", "list", *state)[:2] == (0, "Nothing is parked.\n")
    fact, again, never = (str(one) for one in asyncio.run(_parked(folder, about)))

    code, shown, _ = lotse("parked", "list", *state)
    assert code == 1
    assert all(word in shown for word in (fact, again, never, "fact", "due work", "of_no_version", "RuntimeError"))
    assert "tests/here.py" not in shown
    assert '"ce-id"' in lotse("parked", "show", "notify", fact, *state)[1]
    code, shown, _ = lotse("parked", "show", "notify", again, *state)
    assert (code, f"due work of_no_version about {about}" in shown, "tried 5 times" in shown) == (0, True, True)
    assert lotse("parked", "replay", "notify", again, *state)[0] == 0
    assert lotse("parked", "discard", "notify", never, "--yes", *state)[0] == 0
    assert lotse("parked", "discard", "notify", fact, "--yes", *state)[0] == 0

    assert lotse("parked", "list", *state)[:2] == (0, "Nothing is parked.\n")
    for verb in ("show", "replay"):
        code, _, said = lotse("parked", verb, "notify", again, *state)
        assert (code, f"Nothing is parked under the number {again}" in said) == (1, True)


async def _parked(folder: Path, about: UUID) -> list[int]:
    """A fact and two pieces of due work that stand in notify's database as parked; their numbers."""
    cluster = Cluster.load(folder)
    assert cluster
    connection = await asyncpg.connect(cluster.superuser_url("notify"))
    try:
        return [
            await connection.fetchval(PARKED_FACT, uuid4(), f"offer/{about}", '{"ce-id": "1"}'),
            await connection.fetchval(PARKED_WORK, "of_no_version", about),
            await connection.fetchval(PARKED_WORK, "of_no_version_either", about),
        ]
    finally:
        await connection.close()


def test_services_are_rebuilt_while_they_run(lotse: Lotse, up: Up, folder: Path) -> None:
    """Copies and figures alike, keys and grants among them; and only what is a service."""
    for service in ("events", "registry"):
        code, _, said = lotse("rebuild", service, "--state", str(folder))
        assert (code, said.startswith(f"{service} has made its copies and figures anew")) == (0, True)
    assert lotse("rebuild", "offers", "--state", str(folder))[0] == 2


def test_a_second_up_on_the_same_state_is_refused(lotse: Lotse, up: Up, folder: Path) -> None:
    """With the pid of the first."""
    code, _, said = lotse("up", "--state", str(folder), *FREE)

    assert code == 75
    assert f"process {up.process.pid}" in said


def test_killed_servers_come_back_while_it_is_up(lotse: Lotse, up: Up, folder: Path) -> None:
    """Other processes in their places, and the services are ready again."""
    before = up.servers()
    for server in before.values():
        os.kill(server.pid, signal.SIGKILL)

    def ready() -> bool:
        run: dict[str, Any] = json.loads(lotse("status", "--json", "--state", str(folder))[1])
        back = [process(server["pid"]) not in {None, *before.values()} for server in run["servers"].values()]
        return all(back) and all(service["ready"] for service in run["services"].values())

    until = time.monotonic() + 20
    while not ready() and time.monotonic() < until:
        time.sleep(0.1)
    assert ready(), lotse("status", "--json", "--state", str(folder))[1]


def test_a_killed_guardian_is_replaced_while_it_is_up(up: Up) -> None:
    """Otherwise the next kill -9 would leave the servers behind."""
    before = up.guardian()
    assert before is not None

    os.kill(before, signal.SIGKILL)

    until = time.monotonic() + 10
    while up.guardian() in {None, before} and time.monotonic() < until:
        time.sleep(0.02)
    assert up.guardian() not in {None, before}


def test_sigterm_ends_everything_in_order(up: Up, folder: Path) -> None:
    """Exit code 0, no server left, PostgreSQL shut down cleanly, nothing said to run."""
    servers = up.servers()

    up.process.terminate()
    _, said = up.process.communicate(timeout=20)

    assert (up.process.returncode, "Traceback" in said) == (0, False)
    assert not [server for server in servers.values() if server.alive()]
    assert (folder / "postgres.log").read_text().rstrip().endswith("database system is shut down")
    assert not (folder / "run.json").exists()
