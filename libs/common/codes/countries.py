"""Countries by ISO 3166-1, and the region of the world in which the United Nations count them (M49)."""

from functools import cache

from libs.common.codes.lists import WorldRegion
from libs.common.codes.rows import DATA, read_rows
from libs.common.refusals import Invalid


def world_region(country: str) -> WorldRegion:
    """The region of the world that a country (ISO 3166-1 alpha-2) lies in; Invalid when there is no such country."""
    found = _regions().get(country)
    if found is None:
        raise Invalid("country-unknown", "There is no country with this code (ISO 3166-1).", field="origin")
    return found


@cache
def _regions() -> dict[str, WorldRegion]:
    return {row["code"]: WorldRegion(row["world_region"]) for row in read_rows(DATA / "countries.csv")}
