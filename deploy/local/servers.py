"""PostgreSQL and nats-server of one state folder: started together, ended together, never left behind."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local import ports
from deploy.local.cluster import Cluster
from deploy.local.databases import create_databases
from deploy.local.exits import CannotGoOn, Exit
from deploy.local.guardian import Alive, mark_ephemeral, start_guardian
from deploy.local.leftovers import NATS, POSTGRES, end_leftovers, record
from deploy.local.nats_server import NatsServer
from deploy.local.postgres_server import PostgresServer
from deploy.local.processes import Process
from deploy.local.programs import Programs, program_version, programs_for
from deploy.local.secret_files import ensure_secrets
from deploy.local.state import State
from deploy.local.unprivileged import Runner, runner_for
from deploy.nats.permissions import Speech, accounts_conf, bus_users, services_in

_GUARDIAN_SECONDS = 10.0
_SHARED_SECONDS = 1.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """How the servers shall be: ports of 0 are free ones; `accounts` = n gives the bus n accounts, for tests.

    Who hears and who asks whom is what stands with the facts unless it is given here.
    """

    hears: Speech | None = None
    asks: Speech | None = None
    postgres_port: int = 0
    nats_port: int = 0
    monitoring_port: int = 0
    accounts: int = 0
    fsync: bool = True
    ephemeral: bool = False

    def speech(self) -> tuple[Speech, Speech]:
        """Who hears whom, and who asks whom."""
        if self.hears is not None:
            return self.hears, self.asks or {}
        from libs.common import facts

        return facts.HEARS, facts.ASKS


class Servers:
    """The two servers of a state folder that this process holds; also a context that stops them."""

    def __init__(self, state: State, cluster: Cluster, postgres: PostgresServer, nats: NatsServer) -> None:
        self.cluster = cluster
        self.postgres = postgres
        self.nats = nats
        self._state = state
        self._processes: dict[str, Process] = {}
        # Both servers may be restarted at once, each by a thread: what is written last is to know of both.
        self._recording = threading.Lock()
        self._alive = Alive(state.path)
        self.guardian = start_guardian(state.path, state.lock)

    def start(self) -> None:
        """Start both, and return when both take connections."""
        self._record(NATS, self.nats.start())
        self._record(POSTGRES, self.postgres.start())
        self.nats.wait_until_ready()
        self.postgres.wait_until_ready()

    def restart_postgres(self) -> None:
        """Start PostgreSQL again after it ended, and return when it takes connections."""
        self._record(POSTGRES, self.postgres.start())
        self.postgres.wait_until_ready()

    def restart_nats(self) -> None:
        """Start nats-server again after it ended, and return when it takes connections."""
        self._record(NATS, self.nats.start())
        self.nats.wait_until_ready()

    def wait_for_guardian(self) -> int:
        """Block until the guardian has ended, which it only does too early; its exit code."""
        return self.guardian.wait()

    def restart_guardian(self) -> None:
        """Put a new guardian in the place of one that was killed."""
        self.guardian = start_guardian(self._state.path, self._state.lock)

    def stop(self) -> None:
        """End both servers cleanly and let go of the state folder."""
        self.nats.stop()
        self.postgres.stop()
        self._let_go(_GUARDIAN_SECONDS)

    def leave(self) -> None:
        """Let go without ending the servers: the guardian does so when the last one who shares them has left."""
        self._let_go(_SHARED_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _let_go(self, seconds: float) -> None:
        self._alive.end()
        self._state.release()
        with suppress(subprocess.TimeoutExpired):
            self.guardian.wait(seconds)

    def _record(self, name: str, process: Process) -> None:
        with self._recording:
            self._processes[name] = process
            record(self._state.path, self._processes)


def start_servers(path: Path, wanted: Wanted | None = None, *, say: Say = lambda _: None) -> Servers:
    """Start PostgreSQL and nats-server on this state folder and set up databases, roles and bus users.

    Refused (`CannotGoOn`) when another run holds the folder, a port is taken, a program is missing or
    the disk is full. `say` hears one line per step.
    """
    state = State.hold(path.absolute())
    try:
        with _disk_problems_told(path):
            return _started(state, wanted or Wanted(), say)
    except BaseException:
        state.release()
        raise


def _started(state: State, wanted: Wanted, say: Say) -> Servers:
    if end_leftovers(state.path):
        say("Ended the servers that an earlier run had left behind.")
    if wanted.ephemeral:
        mark_ephemeral(state.path)
    runner = runner_for(state.path)
    programs = programs_for(runner, state.path)
    cluster = _described(state, wanted, programs)
    servers = Servers(state, cluster, *_prepared(cluster, wanted, programs, runner))
    try:
        servers.start()
        say(f"PostgreSQL {cluster.versions[POSTGRES]} and nats-server {cluster.versions[NATS]} run.")
        create_databases(cluster, programs.postgres, state.secrets)
        cluster.save()
    except BaseException:
        servers.stop()
        raise
    return servers


def _described(state: State, wanted: Wanted, programs: Programs) -> Cluster:
    services = services_in(*wanted.speech())
    return Cluster(
        state=state.path,
        postgres_port=ports.free_port(wanted.postgres_port, "PostgreSQL"),
        nats_port=ports.free_port(wanted.nats_port, "nats-server"),
        monitoring_port=ports.free_port(wanted.monitoring_port, "nats-server's monitoring"),
        services=services,
        versions={POSTGRES: program_version(programs.postgres / "postgres"), NATS: program_version(programs.nats)},
        secrets=ensure_secrets(state.secrets, services),
        accounts=wanted.accounts,
    )


def _prepared(
    cluster: Cluster, wanted: Wanted, programs: Programs, runner: Runner
) -> tuple[PostgresServer, NatsServer]:
    path = cluster.state
    postgres = PostgresServer(path, programs.postgres, runner, cluster.postgres_port, fsync=wanted.fsync)
    nats = NatsServer(path, programs.nats, runner, cluster.nats_port, cluster.monitoring_port)
    passwords = {user: cluster.nats_password(user) for user in bus_users(cluster.services)}
    nats.prepare(accounts_conf(*wanted.speech(), accounts=wanted.accounts), passwords)
    if not runner.reads(nats.folder / "server.conf"):
        raise CannotGoOn(
            f"The user {runner.name}, as whom the servers run, does not reach {path}.",
            "Set LOTSE_STATE to a folder that every user may pass through, such as one in /var/lib.",
            Exit.CANNOT_CREATE,
        )
    postgres.prepare(cluster.secrets["postgres_password"])
    return postgres, nats


@contextmanager
def _disk_problems_told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise CannotGoOn(
            f"The servers cannot be set up in {path}: {problem.strerror or problem}.",
            "Make room on the disk, or set LOTSE_STATE to another folder.",
            Exit.CANNOT_CREATE,
        ) from problem
