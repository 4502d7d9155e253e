"""Countries: all of ISO 3166-1 are there, each in the region of the world in which the United Nations count it."""

import re

import pytest
from babel import Locale

from libs.common.codes.countries import world_region
from libs.common.codes.lists import WorldRegion
from libs.common.codes.rows import DATA, read_rows
from libs.common.refusals import Invalid

COUNTRIES = {row["code"]: row["world_region"] for row in read_rows(DATA / "countries.csv")}
# What CLDR names beside the countries of ISO 3166-1: reserved codes, and regions that are no country.
NO_COUNTRIES = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}


def test_every_country_is_there_once() -> None:
    """The 249 of ISO 3166-1, as CLDR has them too, in the order of their codes."""
    known = {code for code in map(str, Locale("en").territories) if re.fullmatch("[A-Z]{2}", code)}

    assert len(COUNTRIES) == 249
    assert set(COUNTRIES) == known - NO_COUNTRIES
    assert list(COUNTRIES) == sorted(COUNTRIES)
    assert len(read_rows(DATA / "countries.csv")) == 249


def test_every_region_of_the_world_has_its_countries() -> None:
    """None is left over, and none is missing from the code list."""
    assert set(COUNTRIES.values()) == set(WorldRegion)


@pytest.mark.parametrize(("country", "expected"), [
    ("SY", WorldRegion.WESTERN_ASIA), ("AF", WorldRegion.SOUTHERN_ASIA), ("UA", WorldRegion.EASTERN_EUROPE),
    ("IR", WorldRegion.SOUTHERN_ASIA), ("ER", WorldRegion.EASTERN_AFRICA), ("SD", WorldRegion.NORTHERN_AFRICA),
    ("VE", WorldRegion.SOUTH_AMERICA), ("GE", WorldRegion.WESTERN_ASIA), ("CU", WorldRegion.CARIBBEAN),
])
def test_a_country_lies_where_m49_says(country: str, expected: WorldRegion) -> None:
    """Also where everyday speech says otherwise: Georgia in Western Asia, the Sudan in Northern Africa."""
    assert world_region(country) is expected


@pytest.mark.parametrize("code", ["", "XX", "ZZ", "sy", "SYR", "EU", "UK"])
def test_what_is_no_country_is_refused(code: str) -> None:
    """A code that is reserved, in small letters, or of another list."""
    with pytest.raises(Invalid, match="no country"):
        world_region(code)
