"""Knowing a process again: a pid alone may belong to somebody else by now, so its start time is kept with it."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Signals to send one after the other, each with the seconds it is given to work.
Shutdown = Sequence[tuple[signal.Signals, float]]

#: Fast (a checkpoint, no waiting for clients), then immediate, then by force.
POSTGRES_SHUTDOWN: Shutdown = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
NATS_SHUTDOWN: Shutdown = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))

_PROC = Path("/proc")
_PAUSE = 0.02


@dataclass(frozen=True)
class Process:
    """One process, for as long as it lives: `started` tells it from a later one with the same pid."""

    pid: int
    started: str

    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        return process(self.pid) == self


def process(pid: int) -> Process | None:
    """The process that has this pid now; None when there is none or only its zombie."""
    if pid <= 0:
        return None
    state, started = _from_proc(pid) if (_PROC / "self/stat").exists() else _from_ps(pid)
    return Process(pid, started) if started and not state.startswith(("Z", "X")) else None


def this_process() -> Process:
    """The process that runs this line."""
    found = process(os.getpid())
    if found is None:
        raise RuntimeError("this machine has neither /proc nor ps: processes cannot be told apart")
    return found


def arguments(pid: int) -> list[str]:
    """The command line of a process; empty when it is gone or belongs to somebody who hides it."""
    with contextlib.suppress(OSError):
        if (_PROC / "self/stat").exists():
            return (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        return _ps(pid, "command=").split()
    return []


def working_in(folder: Path) -> list[int]:
    """The pids of the processes whose working folder this is; empty where the system does not tell (no /proc)."""
    found = []
    for entry in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
    return found


def end(target: Process, shutdown: Shutdown) -> bool:
    """Send the signals in turn, waiting after each for its seconds; True once the process is gone."""
    for number, seconds in shutdown:
        if not target.alive():
            return True
        with contextlib.suppress(ProcessLookupError):
            os.kill(target.pid, number)
        if gone_within(seconds, [target]):
            return True
    return not target.alive()


def gone_within(seconds: float, targets: Iterable[Process]) -> bool:
    """Wait until all these processes are gone, at most so many seconds; whether they are."""
    waiting = list(targets)
    until = time.monotonic() + seconds
    while any(each.alive() for each in waiting):
        if time.monotonic() > until:
            return False
        time.sleep(_PAUSE)
    return True


def _from_proc(pid: int) -> tuple[str, str]:
    try:
        # The program's name may hold blanks and brackets: what is wanted stands behind the last bracket.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return "", ""
    return fields[0], fields[19]


def _from_ps(pid: int) -> tuple[str, str]:
    state, _, started = _ps(pid, "stat=,lstart=").partition(" ")
    return state, started.strip()


def _ps(pid: int, columns: str) -> str:
    told = subprocess.run(["ps", "-p", str(pid), "-o", columns], capture_output=True, text=True, check=False)
    return told.stdout.strip()
