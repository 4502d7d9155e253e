"""An erasure: whom it is about, which services have done their part, and the receipt over all of them."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from libs.common.columns import code, codes, moment, personal, plain
from libs.common.facts import SERVICES
from services.registry.tables import Table


class ErasureState(StrEnum):
    """requested: told; running: at least one service has done its part; completed: all four."""

    REQUESTED = "requested"
    RUNNING = "running"
    COMPLETED = "completed"


class Erasure(Table, table=True):
    """Whom to erase everywhere, by pseudonyms only: kept, so that a restored backup can be erased again.

    receipt is the text that was signed, signature its MAC by a key outside the database, receipt_hash its SHA-256.
    """

    region: str | None = plain(None)
    state: ErasureState = code(ErasureState, ErasureState.REQUESTED)
    person_refs: list[UUID] = personal(sa_type=ARRAY(Uuid))
    requested_by: str = plain()
    requested_at: datetime = moment()
    reminders: int = plain(0)
    completed_at: datetime | None = moment(None)
    receipt: str | None = plain(None)
    signature: str | None = plain(None)
    receipt_hash: str | None = plain(None)

    def go_on(self) -> None:
        """A service has done its part."""
        if self.state is ErasureState.REQUESTED:
            self.state = ErasureState.RUNNING

    def complete(self, receipt: str, signature: str, receipt_hash: str, now: datetime) -> None:
        """Every service has done its part."""
        self.state, self.completed_at = ErasureState.COMPLETED, now
        self.receipt, self.signature, self.receipt_hash = receipt, signature, receipt_hash


class ErasurePart(Table, table=True):
    """What one service has erased, by the names of its stores."""

    __tablename__ = "erasure_part"
    __table_args__ = (UniqueConstraint("erasure_id", "service"),)

    erasure_id: UUID = plain(foreign_key="erasure.id")
    region: str | None = plain(None)
    service: str = plain()
    stores: list[str] = codes()
    erased_at: datetime = moment()


def missing(parts: list[ErasurePart]) -> list[str]:
    """The services that have not done their part yet."""
    return [service for service in SERVICES if service not in {part.service for part in parts}]
