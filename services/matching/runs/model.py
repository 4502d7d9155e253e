"""A run: when it was started and by whom, what it computed with, what it found, and the proof of it."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from libs.common.columns import code, moment, personal, plain
from libs.common.refusals import Refused
from services.matching.runs.explanation import why_failed
from services.matching.runs.steps import Step
from services.matching.runs.words import Failed
from services.matching.tables import Table


class RunState(StrEnum):
    """Where a run is; one that is found running after a restart is computed again."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class PairReason(StrEnum):
    """Why somebody wants a pair in a run, or rules it out."""

    WISH_OF_BOTH = "wish_of_both"
    KNOWN_TO_FIT = "known_to_fit"
    WAITED_LONGEST = "waited_longest"
    AUTHORITY_DECIDED = "authority_decided"
    NOT_SUITABLE = "not_suitable"
    CONFLICT = "conflict"
    OTHER_PLAN = "other_plan"
    OTHER = "other"


class CancelReason(StrEnum):
    """Why nobody waits for a run any more."""

    STARTED_BY_MISTAKE = "started_by_mistake"
    POOL_CHANGED = "pool_changed"
    TAKES_TOO_LONG = "takes_too_long"
    OTHER = "other"


UNFINISHED = frozenset({RunState.WAITING, RunState.RUNNING})
# So often computing a run begins: each time but the first a service ended in the middle of it, or gave up the lead.
MOST_BEGUN = 5


class Run(Table, table=True):
    """One exact computation over all who wait in a region. certified: objective and bound are equal, proven by prices.

    unit_prices and household_values are the proof (0 left out; the value of a pinned household may be below 0);
    begun: how often services have begun to compute it; dropped: proposals whose pair was no longer to be had when the
    result was taken over. A simulated run proposes nothing: it tells what other weights or pairs would bring.
    pinned_reasons, forbidden_reasons: why, in the order of the pairs; None where nobody said. rules_valid_from: since
    when the programme's rule set holds that it computed with. released: by dimension, the run as of which figures of
    fairness are told to who may read no household (`runs.releases`); None: all as of this one.
    """

    region: str = plain(index=True)
    programme_id: UUID = plain()
    state: RunState = code(RunState, RunState.WAITING)
    started_by: str = plain()
    started_at: datetime = moment()
    begun: int = plain(0, column={"server_default": "0"})
    finished_at: datetime | None = moment(None)
    simulated: bool = plain(default=False)
    weights: dict[str, int] | None = plain(None, sa_type=JSONB(none_as_null=True))
    pinned: list[list[str]] = plain(default_factory=list, sa_type=JSONB)
    forbidden: list[list[str]] = plain(default_factory=list, sa_type=JSONB)
    pinned_reasons: list[str | None] = plain(default_factory=list, sa_type=JSONB, column={"server_default": "[]"})
    forbidden_reasons: list[str | None] = plain(default_factory=list, sa_type=JSONB, column={"server_default": "[]"})
    step: Step | None = code(Step, None)
    step_count: int = plain(0, sa_type=BigInteger)
    today: date | None = plain(None)
    rules_valid_from: date | None = plain(None)
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
    fairness: list[dict[str, Any]] = plain(default_factory=list, sa_type=JSONB)
    released: dict[str, str] | None = plain(None, sa_type=JSONB(none_as_null=True))
    failed_with: str | None = plain(None)
    failed_pair: list[str] | None = plain(None, sa_type=JSONB(none_as_null=True))
    cancelled_by: str | None = plain(None)
    cancelled_why: CancelReason | None = code(CancelReason, None)

    @property
    def failed_because(self) -> dict[str, list[str]]:
        """Why it could not be computed, in words by language."""
        return why_failed(Failed(self.failed_with), self.failed_pair or ()) if self.failed_with else {}

    def begin(self, now: datetime) -> bool:
        """It is being computed, for the first time or once more; False, and failed, where it never came to an end.

        A service that ends each time that it begins anew would do nothing else any more.
        """
        if self.begun >= MOST_BEGUN:
            self.fail(Failed.NEVER_FINISHED, None, now=now)
            return False
        self.state, self.begun = RunState.RUNNING, self.begun + 1
        return True

    def fail(self, reason: Failed, pair: list[str] | None, *, now: datetime) -> None:
        """It could not be computed, because of a pair with its codes where there is one; a new run may be started."""
        self.state, self.failed_with, self.finished_at, self.failed_pair = RunState.FAILED, reason, now, pair

    def cancel(self, by: str, why: CancelReason | None, now: datetime) -> None:
        """Somebody says that nobody waits for its result any more; what has been taken over stays."""
        if self.state not in UNFINISHED:
            raise Refused("run-over", "The run is over: {state}.", state=self.state)
        self.state, self.finished_at, self.cancelled_by, self.cancelled_why = RunState.CANCELLED, now, by, why

    def why_pinned(self) -> dict[tuple[str, ...], str | None]:
        """Why who started it wanted a pair; of runs from before reasons were kept there are none."""
        return dict(zip(map(tuple, self.pinned), self.pinned_reasons, strict=False))

    def refuse_unless_done(self) -> None:
        """There is a result."""
        if self.state is not RunState.DONE:
            raise Refused("run-not-done", "The run has no result: {state}.", state=self.state)

    def finish(self, found: dict[str, Any], now: datetime) -> None:
        """Take the result over."""
        for name, value in found.items():
            setattr(self, name, value)
        self.state, self.finished_at = RunState.DONE, now


class RunPair(Table, table=True):
    """A pair that a simulated run found. Those of other runs are their proposals (`comparing.found_pairs` has both)."""

    __tablename__ = "run_pair"
    __table_args__ = (UniqueConstraint("run_id", "household_id"),)

    run_id: UUID = plain(foreign_key="run.id")
    region: str = plain(index=True)
    household_id: UUID = plain(index=True, foreign_key="household.id")
    unit_id: UUID = plain(index=True)
    score: int = plain()
    worth: int = plain()
    unit_price: int = plain(0)
    pinned: bool = plain(default=False)
    points: dict[str, int] = personal(default_factory=dict, sa_type=JSONB)

    def forget(self) -> None:
        """Blank what it tells about the two; what an erasure does."""
        self.points = {}


class RunPool(Table, table=True):
    """Who was looked at by a run, each in which version: what has changed since is told by it. Its id is the run's.

    free: places of each unit that were free; rules: what the programme's rules asked of a run; read_at: when all that
    was read. Of runs of earlier versions these are not known.
    """

    __tablename__ = "run_pool"

    region: str = plain(index=True)
    households: dict[str, int] = plain(default_factory=dict, sa_type=JSONB)
    units: dict[str, int] = plain(default_factory=dict, sa_type=JSONB)
    free: dict[str, int] | None = plain(None, sa_type=JSONB(none_as_null=True))
    rules: dict[str, Any] | None = plain(None, sa_type=JSONB(none_as_null=True))
    read_at: datetime | None = moment(None)


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
