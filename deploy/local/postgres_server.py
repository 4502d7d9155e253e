"""One PostgreSQL server as a child process: its data folder, its start, its clean end."""

import shutil
import subprocess
from pathlib import Path

from deploy.local import ports
from deploy.local.child import Child
from deploy.local.exits import CannotGoOn
from deploy.local.processes import POSTGRES_SHUTDOWN, Process
from deploy.local.programs import program_version
from deploy.local.unprivileged import Runner, server_environment

SUPERUSER = "postgres"
_SETTINGS = Path(__file__).parents[1] / "postgres/postgresql.conf"
_STATUS_LINE = 7


class PostgresServer:
    """PostgreSQL in a state folder, listening on one port of this machine only."""

    def __init__(self, state: Path, programs: Path, runner: Runner, port: int, *, fsync: bool = True) -> None:
        self.folder = state / "postgres"
        self.data = self.folder / "data"
        self.port = port
        self.child = Child("PostgreSQL", runner, self.folder, POSTGRES_SHUTDOWN)
        self._programs = programs
        self._runner = runner
        self._fsync = fsync

    def prepare(self, password: str) -> None:
        """Write the settings; on the first start make the data folder, with checksums and this superuser's password."""
        self._runner.folder(self.folder)
        self._runner.write(self.folder / "postgresql.conf", _SETTINGS.read_text("utf-8"))
        if not self.data.exists():
            self._initialise(password)
        self._refuse_other_version()

    def start(self) -> Process:
        """Start the server without waiting until it takes connections."""
        return self.child.start(self._command())

    def wait_until_ready(self) -> None:
        """Return once the server takes connections."""
        self.child.wait_until(self._ready)

    def stop(self) -> None:
        """End the server cleanly: the next start needs no recovery."""
        self.child.stop()

    def _ready(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        # The file may be that of an earlier, killed server.
        ours = lines[:1] == [str(self.child.pid)]
        return ours and len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready"

    def _command(self) -> list[str]:
        settings = {
            "config_file": self.folder / "postgresql.conf",
            "listen_addresses": ports.HOST,
            "port": self.port,
            # By TCP only: a socket's path may be too long, and everybody shows a password anyway.
            "unix_socket_directories": "",
            **({} if self._fsync else {"fsync": "off"}),
        }
        flags = [flag for name, value in settings.items() for flag in ("-c", f"{name}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self.data), *flags]

    def _initialise(self, password: str) -> None:
        # Made beside and renamed: a start that is killed in the middle leaves no half database.
        fresh = self.data.with_name("data.new")
        shutil.rmtree(fresh, ignore_errors=True)
        password_file = self.folder / "password"
        self._runner.write(password_file, password + "\n")
        try:
            self._initdb(fresh, password_file)
        finally:
            password_file.unlink()
        fresh.rename(self.data)

    def _initdb(self, data: Path, password_file: Path) -> None:
        told = subprocess.run(
            [
                str(self._programs / "initdb"),
                f"--pgdata={data}",
                f"--username={SUPERUSER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--data-checksums",
                "--no-instructions",
                *([] if self._fsync else ["--no-sync"]),
            ],
            cwd=self.folder,
            env=server_environment(),
            capture_output=True,
            text=True,
            check=False,
            **self._runner.identity(),
        )
        if told.returncode != 0:
            shutil.rmtree(data, ignore_errors=True)
            raise CannotGoOn("PostgreSQL's data folder could not be made.", told.stderr.strip())

    def _refuse_other_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        found = program_version(self._programs / "postgres")
        if found.partition(".")[0] != made_by:
            raise CannotGoOn(
                f"The data in {self.data} are those of PostgreSQL {made_by}, but {found} is what would read them.",
                "Name the folder with that version's commands in LOTSE_PG_BIN, or set LOTSE_STATE to another folder.",
            )
