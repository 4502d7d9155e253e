"""A run: when it was started and by whom, what it computed with, what it found, and the proof of it."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from libs.common.columns import code, moment, personal, plain
from services.matching.tables import Table


class RunState(StrEnum):
    """Where a run is; one that is found running after a restart is computed again."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Run(Table, table=True):
    """One exact computation over all who wait in a region. certified: objective and bound are equal, proven by prices.

    unit_prices and household_values are the proof (0 left out); dropped: proposals whose pair was no longer to be had
    when the result was taken over.
    """

    region: str = plain(index=True)
    programme_id: UUID = plain()
    state: RunState = code(RunState, RunState.WAITING)
    started_by: str = plain()
    started_at: datetime = moment()
    finished_at: datetime | None = moment(None)
    today: date | None = plain(None)
    households: int = plain(0)
    units: int = plain(0)
    inputs_hash: str | None = plain(None)
    computing_version: str | None = plain(None)
    weights_version: str | None = plain(None)
    solver: str | None = plain(None)
    numpy: str | None = plain(None)
    possible_pairs: int | None = plain(None)
    objective: int | None = plain(None, sa_type=BigInteger)
    bound: int | None = plain(None, sa_type=BigInteger)
    certified: bool | None = plain(None)
    unit_prices: dict[str, int] = plain(default_factory=dict, sa_type=JSONB)
    household_values: dict[str, int] = plain(default_factory=dict, sa_type=JSONB)
    proposed: int = plain(0)
    dropped: int = plain(0)
    failed_with: str | None = plain(None)

    def begin(self) -> None:
        """It is being computed."""
        self.state = RunState.RUNNING

    def fail(self, reason: str, now: datetime) -> None:
        """It could not be computed; a new run may be started."""
        self.state, self.failed_with, self.finished_at = RunState.FAILED, reason, now

    def finish(self, found: dict[str, Any], now: datetime) -> None:
        """Take the result over."""
        for name, value in found.items():
            setattr(self, name, value)
        self.state, self.finished_at = RunState.DONE, now


class Unserved(Table, table=True):
    """A household without a proposal: how many units each hard code took from it, and what is missing in words."""

    __table_args__ = (UniqueConstraint("run_id", "household_id"),)

    run_id: UUID = plain(foreign_key="run.id")
    region: str = plain(index=True)
    household_id: UUID = plain(index=True, foreign_key="household.id")
    possible: int = plain()
    removed: dict[str, int] = personal(default_factory=dict, sa_type=JSONB)
    alone: dict[str, int] = personal(default_factory=dict, sa_type=JSONB)
    missing: dict[str, list[str]] = personal(default_factory=dict, sa_type=JSONB)

    def forget(self) -> None:
        """Blank what it tells about the household; what an erasure does."""
        self.removed, self.alone, self.missing = {}, {}, {}
