"""A funded project, as far as matching knows it: whether a tandem may count for it."""

from datetime import date

from libs.common.columns import codes, plain
from services.matching.tables import Table


class KnownProject(Table, table=True):
    """The copy of a funded project, as the registry told it: tandems of its term and regions may count for it."""

    __tablename__ = "known_project"

    starts: date = plain()
    ends: date = plain()
    regions: list[str] = codes()
    closed: bool = plain(default=False)

    def is_open(self, region: str, day: date) -> bool:
        """Whether what happens on the day in the region may count for it; without target regions everywhere."""
        inside = any(region.startswith(one) for one in self.regions) or not self.regions
        return not self.closed and self.starts <= day <= self.ends and inside
