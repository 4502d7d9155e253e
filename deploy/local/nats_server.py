"""One nats-server with JetStream as a child process: its accounts, its start, its end."""

import socket
from collections.abc import Mapping
from pathlib import Path

from deploy.local import ports
from deploy.local.child import Child
from deploy.local.processes import NATS_SHUTDOWN, Process
from deploy.local.unprivileged import Runner
from deploy.nats.permissions import passwords_conf

_SETTINGS = Path(__file__).parents[1] / "nats"
_CONNECT_SECONDS = 1.0


class NatsServer:
    """nats-server in a state folder, listening on two ports of this machine only: clients and monitoring."""

    def __init__(self, state: Path, program: Path, runner: Runner, port: int, monitoring_port: int) -> None:
        self.folder = state / "nats"
        self.store = self.folder / "store"
        self.port = port
        self.monitoring_port = monitoring_port
        self.child = Child("nats-server", runner, self.folder, NATS_SHUTDOWN)
        self._program = program
        self._runner = runner

    def prepare(self, accounts: str, passwords: Mapping[str, str]) -> None:
        """Write the server's settings: the text of its accounts, and each user's password."""
        self._runner.folder(self.folder)
        self._runner.folder(self.store)
        for name in ("server.conf", "tls.conf"):
            self._runner.write(self.folder / name, (_SETTINGS / name).read_text("utf-8"))
        self._runner.write(self.folder / "accounts.conf", accounts)
        self._runner.write(self.folder / "passwords.conf", passwords_conf(passwords))

    def start(self) -> Process:
        """Start the server without waiting until it takes connections."""
        return self.child.start(
            [
                str(self._program),
                *("-c", str(self.folder / "server.conf")),
                *("-sd", str(self.store)),
                *("-a", ports.HOST),
                *("-p", str(self.port)),
                *("-m", str(self.monitoring_port)),
                *("-P", str(self.folder / "pid")),
            ]
        )

    def wait_until_ready(self) -> None:
        """Return once the server takes connections, which is after it has read its store."""
        self.child.wait_until(self._ready)

    def stop(self) -> None:
        """End the server; what it acknowledged is in its store."""
        self.child.stop()

    def _ready(self) -> bool:
        try:
            with socket.create_connection((ports.HOST, self.port), _CONNECT_SECONDS) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False
