"""A funded project, as far as matching knows it: whether a tandem may count for it."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from libs.common.columns import codes, plain
from services.matching.tables import Table


class KnownProject(Table, table=True):
    """The copy of a funded project, as the registry told it: tandems of its term and regions may count for it."""

    __tablename__ = "known_project"

    starts: date = plain()
    ends: date = plain()
    regions: list[str] = codes()
    closed: bool = plain(default=False)

    def is_open(self, region: str, since: date, until: date) -> bool:
        """Whether what happens in these days in the region may count for it; without target regions everywhere."""
        inside = any(region.startswith(one) for one in self.regions) or not self.regions
        return not self.closed and self.starts <= until and since <= self.ends and inside

    def covers(self, day: date) -> bool:
        """Whether the day lies in its term."""
        return self.starts <= day <= self.ends


def counts_for(
    day: date, project_ids: Sequence[UUID], known: Mapping[UUID, KnownProject], until_now: UUID | None,
) -> UUID | None:
    """The last one of a tandem's projects in whose term the day lies; None: there is none, or its report is made.

    What has counted for a project until its report was made stays there.
    """
    if until_now and until_now in known and known[until_now].closed:
        return until_now
    last = next((known[one] for one in reversed(project_ids) if one in known and known[one].covers(day)), None)
    return last.id if last and not last.closed else None
