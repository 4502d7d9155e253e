"""A server's process as a child of this one: started in a session of its own, ended by signals in turn."""

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.local.exits import CannotGoOn
from deploy.local.processes import Process, Shutdown, process
from deploy.local.unprivileged import Runner, server_environment

_START_SECONDS = 60.0
_LOG_BYTES = 5_000_000
_LAST_LINES = 5
_POLL = 0.005


class Child:
    """One server's process, which may be started and ended again and again."""

    def __init__(self, name: str, runner: Runner, folder: Path, shutdown: Shutdown) -> None:
        self.name = name
        # Not in the server's own folder: root must not open for writing what another user may replace.
        self.log = folder.parent / f"{folder.name}.log"
        self._folder = folder
        self._runner = runner
        self._shutdown = shutdown
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self, command: Sequence[str]) -> Process:
        """Start the process without waiting until it is ready; what it says is added to its log."""
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".old"))
        with self.log.open("ab") as log:
            self.log.chmod(0o600)
            self._popen = subprocess.Popen(
                command,
                cwd=self._folder,
                env=server_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for `lotse`, which ends its servers in order.
                start_new_session=True,
                umask=0o077,
                **self._runner.identity(),
            )
        return process(self._popen.pid) or Process(self._popen.pid, "")

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Return once it is ready; refused with the last lines of its log when it ends or takes a minute instead."""
        until = time.monotonic() + _START_SECONDS
        while not ready():
            if not self.running or time.monotonic() > until:
                raise CannotGoOn(f"{self.name} did not start.", f"{self.log} ends with:\n{self.last_lines()}")
            time.sleep(_POLL)

    def wait(self) -> int:
        """Block until the process has ended; its exit code, or minus the signal's number."""
        return self._popen.wait() if self._popen else 0

    def stop(self) -> None:
        """End the process cleanly, by force only when it does not listen."""
        for number, seconds in self._shutdown:
            if self._popen is None or self._popen.poll() is not None:
                return
            self._popen.send_signal(number)
            try:
                self._popen.wait(seconds)
            except subprocess.TimeoutExpired:
                continue

    def kill(self) -> None:
        """End the process as a crash would."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def pid(self) -> int | None:
        """The pid of the living process."""
        return self._popen.pid if self._popen is not None and self.running else None

    def last_lines(self) -> str:
        """What the process said last."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-_LAST_LINES:])
