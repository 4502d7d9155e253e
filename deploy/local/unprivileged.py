"""Who the servers run as: PostgreSQL refuses to run as root, so root hands them to a user who may do nothing else."""

import os
import pwd
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from deploy.local.exits import CannotGoOn, Exit

# initdb looks its user up and refuses an unknown number, so a free number will not do: an
# operator's own user first, then those that every system has.
_CANDIDATES = ("lotsennetz", "nobody", "daemon")


class PopenIdentity(TypedDict, total=False):
    """The arguments of `subprocess.Popen` that make a child somebody else."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Runner:
    """The user the servers run as: `name` is None when it is the caller, who is not root."""

    uid: int
    gid: int
    name: str | None

    def identity(self) -> PopenIdentity:
        """What `subprocess.Popen` needs so that a child runs as this user."""
        if self.name is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def folder(self, path: Path) -> None:
        """Make a folder that only this user may look into; its parent exists."""
        path.mkdir(mode=0o700, exist_ok=True)
        if self.name is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def write(self, file: Path, text: str) -> None:
        """Replace a file that only this user may read, and nobody change."""
        file.unlink(missing_ok=True)
        # O_EXCL: a link that somebody put there meanwhile is not followed.
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w", encoding="utf-8") as writing:
            writing.write(text)
            if self.name is not None:
                os.fchown(writing.fileno(), self.uid, self.gid)

    def reads(self, path: Path) -> bool:
        """Whether this user reaches the path and may read it."""
        return self._can(["test", "-r", str(path)])

    def runs(self, program: Path) -> bool:
        """Whether this user reaches the program with its libraries, and it can be executed there."""
        return self._can([str(program), "--version"])

    def _can(self, command: list[str]) -> bool:
        try:
            tried = subprocess.run(
                command, cwd="/", capture_output=True, check=False, env=server_environment(), **self.identity()
            )
        except OSError:
            return False
        return tried.returncode == 0


def runner_for(state: Path) -> Runner:
    """Who the servers of this state folder run as; once they own something there, it stays the same user."""
    if os.geteuid() != 0:
        return Runner(os.geteuid(), os.getegid(), None)
    data = state / "postgres"
    entry = _owner(data) if data.exists() else None
    entry = entry or next(filter(None, map(_named, _CANDIDATES)), None)
    if entry:
        return Runner(entry.pw_uid, entry.pw_gid, entry.pw_name)
    raise CannotGoOn(
        f"PostgreSQL refuses to run as root, and this system has none of the users {', '.join(_CANDIDATES)}.",
        "Make a system user `lotsennetz`, or run lotse as an ordinary user.",
        Exit.UNAVAILABLE,
    )


def _owner(folder: Path) -> pwd.struct_passwd | None:
    uid = folder.stat().st_uid
    if uid == 0:
        return None
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise CannotGoOn(
            f"{folder} belongs to user number {uid}, whom this system does not know.",
            "Give that user a name, or give the state folder to a user who has one (chown -R).",
            Exit.CANNOT_CREATE,
        ) from None


def _named(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def server_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a server: nothing of the caller's, whose PG… variables would change what it does."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **(more or {})}
