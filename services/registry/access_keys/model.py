"""An access key: leads whoever shows it to a principal; only its hash is kept."""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from libs.common.columns import moment, plain, secret
from libs.common.refusals import Refused
from services.registry.tables import Table

ALIVE_AT_MOST = 2
LONGEST = timedelta(days=400)
SECRET_BYTES = 32


def new_key(key_id: UUID) -> str:
    """A key as its holder sends it: `net_<id>_<256 random bits in hex>`."""
    return f"net_{key_id.hex}_{secrets.token_hex(SECRET_BYTES)}"


def refuse_a_third(alive: int) -> None:
    """Two keys may be alive at once, so that one can be changed for the other."""
    if alive >= ALIVE_AT_MOST:
        raise Refused(
            "too-many-keys", "This principal has {most} keys that hold; revoke one first.", most=ALIVE_AT_MOST)


class AccessKey(Table, table=True):
    """A key's record: whose it is, until when it holds, the hash that is compared. Times are real, not the clock's."""

    __tablename__ = "access_key"

    principal: UUID = plain(index=True)
    label: str = plain()
    region: str | None = plain(None)
    hash: str = secret(unique=True)
    issued_by: str = plain()
    issued_at: datetime = moment()
    expires_at: datetime = moment()
    revoked_at: datetime | None = moment(None)

    def revoke(self, now: datetime) -> None:
        """End it; a second time is refused."""
        if self.revoked_at:
            raise Refused("key-revoked-already", "This access key has been revoked already.")
        self.revoked_at = now
