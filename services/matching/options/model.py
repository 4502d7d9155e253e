"""What options are told from: the prices of places as they were last computed, and which units have changed when."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, text
from sqlalchemy.dialects.postgresql import JSONB

from libs.common.columns import moment, plain
from services.matching.tables import Table

# Prices of places are computed anew each night as long as somebody asks, and after so many changes of units.
ASKED_WITHIN = timedelta(days=7)
CHANGES = 200
# Not sooner than so long after the last time: it takes a processor for seconds, and runs wait for it.
REST = timedelta(minutes=5)
# Above, e.g. after a run, the whole pool is read anew: that takes no longer than so many units one by one.
MOST_NEWS = 200
# Whoever holds a pool in memory has looked at the changes long before these are deleted.
CHANGES_KEPT = timedelta(days=2)


class PriceSet(Table, table=True):
    """What each unit's place would bring to those who are yet to come (0 left out); one for each programme.

    computed_at None: they are not computed yet, and those of the last run stand in for them. past: so many households
    that came before were drawn from; counted_from: the changes of units that they do not know of (UnitChange.changed);
    awaited: they are due to be computed, and who asks meanwhile does not begin it anew.
    """

    __tablename__ = "price_set"

    programme_id: UUID = plain(unique=True)
    prices: dict[str, int] = plain(default_factory=dict, sa_type=JSONB)
    past: int = plain(0)
    counted_from: int = plain(0, sa_type=BigInteger)
    computed_at: datetime | None = moment(None)
    asked_at: datetime = moment()
    awaited: bool = plain(default=True)

    def compute(self, prices: dict[str, int], *, past: int, counted_from: int, now: datetime) -> None:
        """They are computed anew."""
        self.prices, self.past, self.counted_from, self.computed_at = prices, past, counted_from, now
        self.awaited = False

    def next_time(self, now: datetime) -> datetime:
        """When they may be computed again: at once, or when they have rested; whatever the clock showed before."""
        rested = (self.computed_at or now - REST) + REST
        return rested if now < rested <= now + REST else now

    def is_asked(self, now: datetime) -> bool:
        """Whether they are worth computing again."""
        return now - self.asked_at < ASKED_WITHIN


class UnitChange(Table, table=True):
    """That something about a unit has changed which options depend on. Triggers write it, whoever changes what.

    changed: the transaction's number. One that is still open when the changes are read has a number that is not below
    the oldest open one then, so that who reads again from there misses nothing, in whatever order they commit.
    """

    __tablename__ = "unit_change"

    unit_id: UUID = plain()
    changed: int = plain(index=True, sa_type=BigInteger)
    at: datetime = moment(column={"server_default": text("now()")})
