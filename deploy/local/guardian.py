"""The process that ends the servers when every `lotse` that used them is gone, kill -9 included."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from deploy.local.leftovers import end_leftovers

_ROOT = Path(__file__).parents[2]
_EPHEMERAL = "ephemeral"


class Alive:
    """This process's sign of life on a state folder; the last one's end is what the guardian waits for.

    A record lock: unlike a pipe's end or a flock it is not inherited by a forked worker, which would
    keep it when its parent is killed.
    """

    def __init__(self, state: Path) -> None:
        """Give the sign; refused with BlockingIOError when the guardian is already ending the servers."""
        self._file = os.open(state / "alive", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.lockf(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise

    def end(self) -> None:
        """Take the sign back."""
        os.close(self._file)


def mark_ephemeral(state: Path) -> None:
    """Let the guardian remove the state folder when it has ended the servers."""
    (state / _EPHEMERAL).touch()


def start_guardian(state: Path, lock: int) -> subprocess.Popen[bytes]:
    """Start the guardian of a state folder, after `Alive`; it shares the state's lock until the servers have ended."""
    # -S and no own environment: the guardian needs the standard library only, and is there at once.
    program = f"import sys; sys.path.insert(0, {str(_ROOT)!r}); from deploy.local.guardian import guard; guard()"
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", program, str(state)],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=[lock],
    )


def guard() -> None:
    """Wait until nobody gives a sign of life any more, then end the servers (run in a process of its own)."""
    state = Path(sys.argv[1])
    # A signal to the whole session or container is answered by `lotse`, which ends its servers in order.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    file = os.open(state / "alive", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.lockf(file, fcntl.LOCK_EX)
    end_leftovers(state)
    if (state / _EPHEMERAL).exists():
        shutil.rmtree(state, ignore_errors=True)
