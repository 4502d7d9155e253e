"""The state folder: what is kept between runs, and who holds it at the moment."""

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from deploy.local.exits import CannotGoOn, Exit
from deploy.local.processes import Process, this_process

_MARK = "LOTSENNETZ"
_DEMONSTRATION = "demonstration"
_LAYOUT = "state folder of Lotsennetz, layout 1\n"
_ANOTHER_FOLDER = "Set LOTSE_STATE to a folder of your own."
_ENDING_SECONDS = 30.0
_PAUSE = 0.05

#: Locks that a forked worker must not keep when its parent is gone.
_held: set[int] = set()


def default_state() -> Path:
    """Where state is kept unless LOTSE_STATE says otherwise: /var/lib as root, the XDG state folder for others."""
    named = os.environ.get("LOTSE_STATE")
    if named:
        return Path(named).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/lotsennetz")
    home = os.environ.get("XDG_STATE_HOME")
    try:
        return (Path(home) if home else Path.home() / ".local/state") / "lotsennetz"
    except RuntimeError:
        raise CannotGoOn(
            "There is no home folder to keep state in.", "Set LOTSE_STATE to a folder of yours.", Exit.CANNOT_CREATE
        ) from None


class State:
    """A state folder that this process holds: nobody else starts servers on it until `release`."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.lock = lock

    @classmethod
    def hold(cls, path: Path) -> Self:
        """Make the folder if need be and lock it; refused when another run holds it, naming its pid."""
        with _told(path):
            make_state_folder(path)
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        _held.add(lock)
        state = cls(path, lock)
        try:
            _take(lock, path)
            with _told(path):
                os.ftruncate(lock, 0)
                os.pwrite(lock, json.dumps(vars(this_process())).encode(), 0)
        except BaseException:
            _let_go(lock)
            raise
        return state

    def release(self) -> None:
        """Let go of the folder."""
        if self.lock in _held:
            os.ftruncate(self.lock, 0)
            # Not unlocked: the guardian shares this lock until it has ended the servers.
            _let_go(self.lock)

    @property
    def secrets(self) -> Path:
        """The folder of the secret files."""
        return self.path / "secrets"


def holder_of(path: Path) -> Process | None:
    """The process that holds a state folder at the moment, None when nobody does."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        told = json.loads((path / "lock").read_text())
        holder = Process(told["pid"], told["started"])
        return holder if holder.alive() else None
    return None


def refuse_if_held(path: Path) -> None:
    """Refuse, as `State.hold` would, when a run holds this folder, but take nothing."""
    holder = holder_of(path)
    if holder:
        raise _held_by(holder, path)


def write_json(file: Path, content: Any) -> None:
    """Replace a file of the state in one step, readable for its owner only."""
    fresh = file.with_name(f".{file.name}-{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as writing:
        json.dump(content, writing, indent=1)
    fresh.rename(file)


def read_json(file: Path) -> Any:
    """What `write_json` wrote; None when there is no such file or it is damaged."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads(file.read_text())
    return None


def make_state_folder(path: Path) -> None:
    """Make an empty state folder, or see that this is one; refused when it holds something else or is not ours."""
    path.mkdir(parents=True, exist_ok=True)
    if path.stat().st_uid != os.geteuid():
        raise CannotGoOn(f"{path} belongs to another user.", _ANOTHER_FOLDER, Exit.CANNOT_CREATE)
    mark = path / _MARK
    if mark.exists():
        return
    strangers = {each.name for each in path.iterdir()} - {"lost+found", _DEMONSTRATION}
    if strangers and not mark.exists():
        raise CannotGoOn(
            f"{path} is not empty, and not a state folder of Lotsennetz.",
            _ANOTHER_FOLDER,
            Exit.CANNOT_CREATE,
        )
    # As root the servers run as another user, who passes through this folder to those that are his own.
    path.chmod(0o711 if os.geteuid() == 0 else 0o700)
    mark.write_text(_LAYOUT)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise CannotGoOn(
            f"State cannot be kept in {path}: {problem.strerror or problem}.",
            "Set LOTSE_STATE to a folder that can be written.",
            Exit.CANNOT_CREATE,
        ) from problem


def _take(lock: int, path: Path) -> None:
    until = time.monotonic() + _ENDING_SECONDS
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = holder_of(path)
        if holder or time.monotonic() > until:
            raise _held_by(holder, path)
        # A run that was killed: its guardian holds the lock until the servers have ended.
        time.sleep(_PAUSE)


def _held_by(holder: Process | None, path: Path) -> CannotGoOn:
    return CannotGoOn(
        f"Lotsennetz already runs on {path}"
        + (f", as process {holder.pid}." if holder else ": the servers of an earlier run are still being ended."),
        "Use that one (`lotse status`), stop it first, or set LOTSE_STATE to another folder.",
        Exit.ALREADY_RUNNING,
    )


def _let_go(lock: int) -> None:
    _held.discard(lock)
    os.close(lock)


def _let_go_in_child() -> None:
    for lock in tuple(_held):
        _let_go(lock)


os.register_at_fork(after_in_child=_let_go_in_child)


def fresh_demonstration(state: Path) -> Path:
    """The folder of a demonstration beside a network's own state; what an earlier one left there is thrown away.

    Refused when a demonstration runs there now.
    """
    folder = state / _DEMONSTRATION
    if folder.exists():
        # Waits for the guardian of one that was killed: its servers must not run on in a folder that is gone.
        earlier = State.hold(folder)
        shutil.rmtree(folder, ignore_errors=True)
        earlier.release()
    return folder
