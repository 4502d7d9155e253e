"""When the prices of a programme are computed: at night, and after a rest."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.matching.options.model import REST, PriceSet
from services.matching.options.reactions import next_night
from tests.matching.pools import TODAY


@given(ago=st.timedeltas(timedelta(days=-2), timedelta(days=2)))
def test_prices_rest_before_they_are_computed_again(ago: timedelta) -> None:
    """Not sooner than that, never later, and at once when the clock was set back."""
    now = datetime(2026, 3, 1, tzinfo=UTC)
    prices = PriceSet(programme_id=uuid4(), computed_at=now - ago, asked_at=now)
    wait = prices.next_time(now) - now

    assert wait == (REST - ago if timedelta(0) <= ago < REST else timedelta(0))


def test_prices_that_were_never_computed_are_at_once() -> None:
    """Nothing has to rest."""
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert PriceSet(programme_id=uuid4(), asked_at=now).next_time(now) == now


def test_the_next_night_is_ahead() -> None:
    """Half past two in Germany, today or tomorrow, also where that is skipped or comes twice."""
    for day in (TODAY, date(2026, 3, 28), date(2026, 10, 24)):
        midnight = datetime.combine(day, time(0), UTC)
        for minutes in range(0, 48 * 60, 10):
            now = midnight + timedelta(minutes=minutes)
            assert timedelta(0) < next_night(now) - now <= timedelta(hours=25)
