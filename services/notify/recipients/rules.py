"""When a recipient's quiet hours end."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")


def quiet_end(now: datetime, quiet_from: int | None, quiet_until: int | None) -> datetime | None:
    """When the quiet hours that hold now are over, by the clock on the wall in Germany; None when none hold."""
    if quiet_from is None or quiet_until is None:
        return None
    local = now.astimezone(BERLIN)
    if quiet_from < quiet_until:
        quiet = quiet_from <= local.hour < quiet_until
    else:
        quiet = local.hour >= quiet_from or local.hour < quiet_until
    if not quiet:
        return None
    end = local.replace(hour=quiet_until, minute=0, second=0, microsecond=0)
    return end if local.hour < quiet_until else end + timedelta(days=1)
