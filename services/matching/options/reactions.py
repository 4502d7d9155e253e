"""What falls due for options: the prices of places are computed anew, beside everything else."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from libs.common.db import OpenTransaction
from libs.common.due import schedule
from libs.common.reactions import when_due
from services.matching.options.queries import horizon_now, pool_to_price, prices_of
from services.matching.profiles.rules import BERLIN
from services.matching.runs.live_worker import price

NIGHT = time(2, 30)


@when_due("prices", takes_long=True)
async def compute_prices(transaction: OpenTransaction, programme_id: UUID) -> None:
    """Compute a programme's prices, as long as somebody asks, and look again the next night.

    A run that is started meanwhile waits, as prices do for a run.
    """
    prices, now = await prices_of(transaction, programme_id), transaction.clock.now()
    if prices is None:
        return
    await schedule(transaction, "prices", programme_id, next_night(now))
    if not prices.is_asked(now):
        prices.awaited = False
        return
    counted_from = await horizon_now(transaction)
    pool = await pool_to_price(transaction, programme_id)
    found = await price(pool)
    prices.compute(found, past=pool["past"][1].count(b"\n"), counted_from=counted_from, now=now)


def next_night(now: datetime) -> datetime:
    """The next half past two at night, German time."""
    day = now.astimezone(BERLIN).date()
    nights = (datetime.combine(day + timedelta(days=later), NIGHT, BERLIN).astimezone(UTC) for later in range(2))
    return next(night for night in nights if night > now)
