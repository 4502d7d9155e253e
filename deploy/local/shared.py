"""Servers that several processes share, as the workers of a test run do: the first starts them, the last ends them."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from deploy.local.cluster import Cluster
from deploy.local.guardian import Alive
from deploy.local.leftovers import both_run
from deploy.local.servers import Wanted, start_servers
from deploy.local.state import make_state_folder

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder in it is refused unless it is ours
_ENOUGH_BYTES = 512 * 1024 * 1024


def state_for_tests(run: str) -> Path:
    """Where the servers of one test run (a name that its workers share) keep their state: in memory where there is."""
    roomy = _SHARED_MEMORY.is_dir() and os.access(_SHARED_MEMORY, os.W_OK)
    roomy = roomy and shutil.disk_usage(_SHARED_MEMORY).free > _ENOUGH_BYTES
    folder = _SHARED_MEMORY if roomy else Path(tempfile.gettempdir())
    return folder / f"lotsennetz-{os.geteuid()}-{run}"


@contextmanager
def shared_servers(path: Path, wanted: Wanted | None = None) -> Iterator[Cluster]:
    """The servers of this state folder, started by whoever comes first; once per process.

    They end, and the folder goes, when the last process has left this context or was killed.
    """
    cluster, leave = _joined_or_started(path, replace(wanted or Wanted(), ephemeral=True))
    try:
        yield cluster
    finally:
        leave()


@contextmanager
def once(cluster: Cluster, what: str) -> Iterator[bool]:
    """True for the first process that comes here with this `what`; the others wait for it and get False.

    When the first one fails, the next is the first again.
    """
    with _locked(cluster.state / f"once-{what}"):
        done = cluster.state / f"done-{what}"
        first = not done.exists()
        yield first
        if first:
            done.touch()


def _joined_or_started(path: Path, wanted: Wanted) -> tuple[Cluster, Callable[[], None]]:
    while True:
        make_state_folder(path)
        # The guardian of an earlier group may take the folder away in this very moment.
        with suppress(FileNotFoundError), _locked(path / "joining"):
            joined = _joined(path)
            if joined:
                return joined
            servers = start_servers(path, wanted)
            return servers.cluster, servers.leave


def _joined(path: Path) -> tuple[Cluster, Callable[[], None]] | None:
    cluster = Cluster.load(path)
    if cluster is None or not both_run(path):
        return None
    try:
        alive = Alive(path)
    except BlockingIOError:
        return None
    return cluster, alive.end


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
