"""The servers of a state folder whose `lotse` is gone: found again by what was recorded, and ended."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from deploy.local.processes import (
    NATS_SHUTDOWN,
    POSTGRES_SHUTDOWN,
    Process,
    Shutdown,
    arguments,
    end,
    gone_within,
    process,
    working_in,
)
from deploy.local.state import read_json, write_json

POSTGRES = "postgres"
NATS = "nats"
_SHUTDOWN: Mapping[str, Shutdown] = {POSTGRES: POSTGRES_SHUTDOWN, NATS: NATS_SHUTDOWN}
_PROGRAM = {POSTGRES: "postgres", NATS: "nats-server"}
_PID_FILE = {POSTGRES: "postgres/data/postmaster.pid", NATS: "nats/pid"}
_ORPHAN_SECONDS = 10.0


def record(state: Path, servers: Mapping[str, Process]) -> None:
    """Write down which processes are the servers of this state folder."""
    write_json(state / "servers.json", {name: vars(server) for name, server in servers.items()})


def both_run(state: Path) -> bool:
    """Whether both recorded servers live."""
    return all(_recorded(state, name) for name in _SHUTDOWN)


def end_leftovers(state: Path) -> list[Process]:
    """End the servers that still run on this state folder, whose lock the caller holds; which they were.

    A process is only touched when pid and start time are those recorded, or when a server's pid file names
    it and its command line is that of the server on this very folder: never a foreign one.
    """
    found = {name: server for name in _SHUTDOWN if (server := _recorded(state, name) or _from_pid_file(state, name))}
    for name, server in found.items():
        end(server, _SHUTDOWN[name])
    _clear_postgres(state / "postgres/data")
    return list(found.values())


def _recorded(state: Path, name: str) -> Process | None:
    with contextlib.suppress(TypeError, KeyError):
        told = read_json(state / "servers.json")[name]
        server = Process(told["pid"], told["started"])
        return server if server.alive() else None
    return None


def _from_pid_file(state: Path, name: str) -> Process | None:
    pid = _pid_in(state / _PID_FILE[name])
    command = arguments(pid) if pid else []
    ours = bool(command) and Path(command[0]).name == _PROGRAM[name] and any(_within(state, each) for each in command)
    return process(pid) if ours else None


def _within(state: Path, argument: str) -> bool:
    return Path(argument).is_absolute() and Path(argument).is_relative_to(state)


def _pid_in(file: Path) -> int:
    try:
        return int(file.read_text().split(maxsplit=1)[0])
    except (OSError, ValueError, IndexError):
        return 0


def _clear_postgres(data: Path) -> None:
    """Take away a pid file whose number is a foreign process by now, or a zombie: PostgreSQL would not start.

    Not when the number is free: then PostgreSQL judges by itself, and better.
    """
    pid = _pid_in(data / "postmaster.pid")
    # Backends that outlived their postmaster still write: with them the file must stay until they are gone.
    # (And an initdb that outlived its caller.)
    orphans = [found for each in (*working_in(data), *working_in(data.parent)) if (found := process(each))]
    if not gone_within(_ORPHAN_SECONDS, orphans) or not pid or not Path(f"/proc/{pid}").exists():
        return
    (data / "postmaster.pid").unlink(missing_ok=True)
