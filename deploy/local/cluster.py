"""What a client needs to know of running servers: addresses, users, passwords and keys."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from deploy.local import ports
from deploy.local.state import read_json, write_json
from deploy.nats.permissions import user_in_account

SUPERUSER = "postgres"


@dataclass(frozen=True)
class Cluster:
    """One PostgreSQL and one nats-server that run, and the secrets to use them.

    `account` is the NATS account whose users are meant, where there are several (None: there is one).
    """

    state: Path
    postgres_port: int
    nats_port: int
    monitoring_port: int
    services: tuple[str, ...]
    versions: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)  # not in a traceback, where they would be seen
    accounts: int = 0
    account: int | None = None

    def of_account(self, account: int) -> Self:
        """The same servers, with the users of this NATS account (0 to `accounts` - 1)."""
        if not 0 <= account < self.accounts:
            raise ValueError(f"there is no account {account}: the servers were started with {self.accounts}")
        return replace(self, account=account)

    def superuser_url(self, database: str = "postgres") -> str:
        """Where PostgreSQL's superuser connects (to set up and to test, never a service)."""
        return self._postgres(SUPERUSER, self.secrets["postgres_password"], database)

    def database_url(self, service: str, database: str | None = None) -> str:
        """Where a service connects as its own role, which owns nothing."""
        return self._postgres(service, self.secrets[f"{service}_password"], database or service)

    def owner_database_url(self, service: str, database: str | None = None) -> str:
        """Where a service's migrations connect, as the owner of its database."""
        return self._postgres(f"{service}_owner", self.secrets[f"{service}_owner_password"], database or service)

    @property
    def nats_url(self) -> str:
        """Where every user of the bus connects."""
        return f"nats://{ports.HOST}:{self.nats_port}"

    @property
    def monitoring_url(self) -> str:
        """Where nats-server answers /varz and /jsz."""
        return f"http://{ports.HOST}:{self.monitoring_port}"

    def nats_user(self, user: str) -> str:
        """The name under which a service, `provisioner` or `ops` logs in on the bus."""
        return user_in_account(user, self.account)

    def nats_password(self, user: str) -> str:
        """The password of a service, `provisioner` or `ops` on the bus."""
        return self.secrets[f"nats_{user}_password"]

    def master_key(self, service: str) -> str:
        """The key that wraps the keys of a service's persons: base64 of 32 bytes."""
        return self.secrets[f"{service}_master_key"]

    @property
    def installation_secret(self) -> str:
        """The secret that all services of the installation share."""
        return self.secrets["installation_secret"]

    def save(self) -> None:
        """Write it into the state folder, for other processes of the same user."""
        write_json(self.state / "cluster.json", asdict(self) | {"state": str(self.state)})

    @classmethod
    def load(cls, state: Path) -> Self | None:
        """What was saved last in this state folder, whether it still runs or not; None when nothing was."""
        told: dict[str, Any] | None = read_json(state / "cluster.json")
        if told is None:
            return None
        return cls(**told | {"state": Path(told["state"]), "services": tuple(told["services"])})

    def _postgres(self, user: str, password: str, database: str) -> str:
        return f"postgresql://{user}:{password}@{ports.HOST}:{self.postgres_port}/{database}"
