"""Regions of Germany by their regional key (AGS), and where postcodes and places lie."""

import csv
import math
import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import date
from functools import cache

from libs.common.codes.lists import RegionKind
from libs.common.codes.rows import DATA, read_rows
from libs.common.codes.types import AGS_PATTERN
from libs.common.refusals import Invalid

Point = tuple[float, float]
"""Latitude and longitude in degrees (WGS 84)."""

EARTH_RADIUS_KM = 6371.0088

_KINDS = {
    "Landkreis": RegionKind.DISTRICT,
    "Kreis": RegionKind.DISTRICT,
    "Kreisfreie Stadt": RegionKind.CITY,
    "Stadtkreis": RegionKind.CITY,
    "Regionalverband": RegionKind.REGIONAL_ASSOCIATION,
}


class UnknownRegion(Invalid, LookupError):
    """There is no region with this key."""

    def __init__(self, ags: str) -> None:
        """Refuse this key; what is no key at all is not repeated."""
        shown = ags if re.fullmatch(AGS_PATTERN, ags) else "?"
        super().__init__("unknown-region", "There is no region with the key {ags}.", ags=shown)


@dataclass(frozen=True, slots=True)
class Region:
    """A Land, a district (Kreis or district-free city) or a municipality.

    ags: 2, 5 or 8 digits. nuts: NUTS-1 of a Land, NUTS-3 of the others. parent: the AGS above, if any.
    rural: the district's column in `district_rural.csv` (a municipality has its district's, a Land is never
    rural). The simple rule behind the column: a Kreis or Landkreis is rural, every other kind is not.
    population: inhabitants at the end of 2018; none for a municipality. valid_until, merged_into: the last
    day of a district (and its municipalities' old keys) that became part of another, and the AGS of that one.
    """

    ags: str
    nuts: str
    name: str
    kind: RegionKind
    parent: str | None
    rural: bool
    population: int | None = None
    valid_until: date | None = None
    merged_into: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A town or village: name, the AGS of its Land, its point, and its inhabitants where they are known."""

    name: str
    land: str
    point: Point
    population: int | None = None


def region(ags: str) -> Region:
    """The region with this key. A municipality exists when its district does. Else UnknownRegion."""
    known = _land_and_districts().get(ags)
    if known:
        return known
    district = _land_and_districts().get(ags[:5])
    if district is None or not re.fullmatch(AGS_PATTERN, ags):
        raise UnknownRegion(ags)
    return _municipality(ags, district)


def laender() -> tuple[Region, ...]:
    """The 16 Länder, by their key."""
    return tuple(known for known in _land_and_districts().values() if known.kind is RegionKind.LAND)


def children(ags: str) -> tuple[Region, ...]:
    """The regions right below this one that exist today, by their key; municipalities are not listed."""
    above = region(ags).ags
    return tuple(
        known
        for known in _land_and_districts().values()
        if known.parent == above and known.valid_until is None
    )


def current_ags(ags: str) -> str:
    """The key that holds today: for a merged district, and a municipality in it, that of the new district."""
    return region(ags).merged_into or ags


def is_within(ags: str, prefix: str) -> bool:
    """Whether one region lies in another or is the same. A merged district lies in its new one.

    Both must exist (else UnknownRegion): an empty prefix is refused, it does not mean "everywhere".
    """
    above = region(prefix).ags
    return region(ags).ags.startswith(above) or current_ags(ags).startswith(above)


def place_of(postcode: str) -> Place | None:
    """The place a postcode belongs to; None when the table has none, which makes no postcode invalid."""
    lines = _postcodes()
    at = bisect_left(lines, postcode + ",")
    row = next(csv.reader(lines[at : at + 1]), [""])
    if row[0] != postcode:
        return None
    _, name, land, latitude, longitude = row
    return Place(name, _land_keys()[land], (float(latitude), float(longitude)))


def point_of(postcode: str) -> Point | None:
    """The point of the place a postcode belongs to: all postcodes of a city share it. None when unknown."""
    place = place_of(postcode)
    return place.point if place else None


def places_named(name: str, land: str | None = None) -> tuple[Place, ...]:
    """The places of 500 inhabitants or more with this name (case aside), the largest first; `land` narrows.

    Reads the whole file (about 10 ms) and keeps nothing of it: for one address at a time.
    """
    wanted = name.casefold()
    found = [
        Place(row[1], _land_keys()[row[2]], (float(row[3]), float(row[4])), int(row[5]))
        for row in csv.reader(_lines("de-places.csv"))
        if row[1].casefold() == wanted
    ]
    here = [place for place in found if land in {None, place.land}]
    return tuple(sorted(here, key=lambda place: place.population or 0, reverse=True))


def distance_km(a: Point, b: Point) -> float:
    """The distance between two points along the earth's surface, in kilometres (haversine)."""
    (lat_a, lon_a), (lat_b, lon_b) = (tuple(map(math.radians, point)) for point in (a, b))
    chord = (
        math.sin((lat_b - lat_a) / 2) ** 2
        + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))


def _municipality(ags: str, district: Region) -> Region:
    # A district-free city is its own only municipality, written with three zeros.
    is_city = district.kind is RegionKind.CITY and ags.endswith("000")
    name = district.name if is_city else f"Gemeinde {ags} ({district.name})"
    return Region(
        ags, district.nuts, name, RegionKind.MUNICIPALITY, district.ags, district.rural,
        valid_until=district.valid_until, merged_into=district.merged_into,
    )  # fmt: skip


@cache
def _land_and_districts() -> dict[str, Region]:
    rural = {row["ags"]: row["rural"] == "true" for row in read_rows(DATA / "district_rural.csv")}
    rows = read_rows(DATA / "de-districts.csv")
    districts = [_district(row, rural=rural[row["ags"]]) for row in rows]
    names = {row["ags"][:2]: row["land"] for row in rows}
    regions = [*(_land(ags, name, districts) for ags, name in names.items()), *districts]
    return {one.ags: one for one in sorted(regions, key=lambda one: one.ags)}


def _district(row: dict[str, str], *, rural: bool) -> Region:
    return Region(
        ags=row["ags"],
        nuts=row["nuts3"],
        name=row["name"],
        kind=_KINDS[row["kind"]],
        parent=row["ags"][:2],
        rural=rural,
        population=int(row["population"]),
        valid_until=date.fromisoformat(row["valid_until"]) if row["valid_until"] else None,
        merged_into=row["merged_into"] or None,
    )


def _land(ags: str, name: str, districts: list[Region]) -> Region:
    own = [district for district in districts if district.parent == ags]
    population = sum(district.population or 0 for district in own)
    return Region(ags, own[0].nuts[:3], name, RegionKind.LAND, None, rural=False, population=population)


@cache
def _land_keys() -> dict[str, str]:
    return {land.name: land.ags for land in laender()}


# Lines, parsed when asked for: objects would take several times the memory.
@cache
def _postcodes() -> list[str]:
    return sorted(_lines("de-postcodes.csv"))


def _lines(file: str) -> list[str]:
    return (DATA / file).read_text(encoding="utf-8").splitlines()[1:]
