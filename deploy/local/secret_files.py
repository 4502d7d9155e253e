"""The secrets of an installation: random, one file each, made on the first start and never shown."""

import base64
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from deploy.nats.permissions import bus_users


def secret_names(services: Iterable[str]) -> tuple[str, ...]:
    """The names of the files in the secrets folder: passwords and keys for these services."""
    named = tuple(services)
    return (
        "postgres_password",
        "installation_secret",
        *(f"{service}_owner_password" for service in named),
        *(f"{service}_password" for service in named),
        *(f"{service}_master_key" for service in named),
        *(f"nats_{user}_password" for user in bus_users(named)),
    )


def ensure_secrets(folder: Path, services: Iterable[str]) -> dict[str, str]:
    """Read every secret of these services, making those that are not there yet (mode 0400, 256 random bits)."""
    folder.mkdir(mode=0o700, exist_ok=True)
    return {name: _ensured(folder / name) for name in secret_names(services)}


def _ensured(file: Path) -> str:
    try:
        return file.read_text("ascii").strip()
    except FileNotFoundError:
        made = _random(file.name)
    # Written beside and renamed: a start that is killed in the middle leaves no half secret.
    fresh = file.with_name(f".{file.name}-{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as writing:
        writing.write(made + "\n")
        writing.flush()
        os.fsync(writing.fileno())
    fresh.rename(file)
    return made


def _random(name: str) -> str:
    if name.endswith("_master_key") or name == "installation_secret":
        return base64.b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(32)
