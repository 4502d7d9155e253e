"""Both sides as PostgreSQL copies them out: a line for each person, a cell for each column, read once per value.

`queries` names the columns and says what they hold; here they become what the core takes, and are refused as there.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import from_json

from libs.common.clock import day_of
from services.matching.runs.columns import Column, Side
from services.matching.runs.pool import Household, Member, Point, Unit
from services.matching.runs.rows import housing_of

NOTHING = "\\N"
NUMBERS = {"version", "free", "largest", "radius_km", "slots", "urgency", "days_left"}
YES_OR_NO = {"childcare", "step_free", "vetted", "consented", "paused", "interpreter"}
# Whatever these are asked to be instead, they look at themselves.
A_UNIT = Unit(id=UUID(int=0), kind="single", free=0, largest=1, district="00000", radius_km=0)
A_HOUSEHOLD = Household(
    id=UUID(int=0), members=(Member("65+"),), district="00000", waiting_since=date(2000, 1, 1))
LOOKED_AT = ("kind", "free", "largest", "district", "radius_km", "languages", "contact_genders", "accepts_genders",
             "accepts_bands", "least_level", "kinds", "urgency", "days_left")
# Of these only the smallest and the largest: there are many. (Each member was looked at when it was made.)
LEAST_AND_MOST: dict[str, Callable[[Any], Any]] = {"slots": int, "members": len}


class Copied(NamedTuple):
    """Lines of cells in any order of the lines, in the order of `names` within them; the first is the id."""

    names: Sequence[str]
    lines: bytes


def households_of(copied: Copied) -> tuple[Side, dict[str, int]]:
    """The households, and the version in which each was copied; ValueError for what the core refuses."""
    ids, columns = _columns(copied)
    versions = columns.pop("version").each()
    side = Side(ids, columns)
    _refuse(side, A_HOUSEHOLD)
    return side, dict(zip(ids, versions, strict=True))


def units_of(copied: Copied, day: date) -> tuple[Side, dict[str, int]]:
    """The mentors and groups likewise; rents are counted from the day."""
    ids, columns = _columns(copied)
    versions, homes = columns.pop("version").each(), columns["housing"]
    steps = Column.both(columns["step_free"], homes)
    columns["step_free"] = steps.to(lambda given: given[0] or bool(given[1] and given[1]["barrier_free"]))
    columns["housing"] = homes.to(lambda home: home and housing_of(home, day))
    side = Side(ids, columns)
    _refuse(side, A_UNIT)
    return side, dict(zip(ids, versions, strict=True))


def _columns(copied: Copied) -> tuple[list[str], dict[str, Column]]:
    """The ids in order, and a column for each other name; lat and lon are one."""
    lines = sorted(copied.lines.decode().split("\n")[:-1])
    cells = zip(*(line.split("\t") for line in lines), strict=True) if lines else ((),) * len(copied.names)
    given = dict(zip(copied.names, cells, strict=True))
    places = list(zip(given.pop("lat"), given.pop("lon"), strict=True))
    ids = list(given.pop("id"))
    return ids, {"point": Column.read(places, _point)} | {
        name: Column.read(texts, _reader(name)) for name, texts in given.items()}


def _point(place: tuple[str, str]) -> Point | None:
    return None if place[0] == NOTHING else Point(float(place[0]), float(place[1]))


def _reader(name: str) -> Callable[[str], Any]:
    """What makes a value of a cell that is not empty; an empty one is None."""
    read = READERS.get(name) or (int if name in NUMBERS else _truth if name in YES_OR_NO else _codes)
    return lambda cell: None if cell == NOTHING else read(cell)


def _truth(cell: str) -> bool:
    return cell == "t"


def _json(cell: str) -> Any:
    """JSON in which COPY has written each backslash twice."""
    return from_json(cell.replace("\\\\", "\\"))


def _codes(cell: str) -> frozenset[str]:
    return frozenset(_json(cell))


def _members(cell: str) -> tuple[Member, ...]:
    return tuple(_member(one["age_band"], one["gender"]) for one in _json(cell))


@lru_cache
def _member(age_band: str, gender: str) -> Member:
    return Member(age_band, gender)


READERS: dict[str, Callable[[str], Any]] = {
    "district": str, "kind": str, "least_level": str, "partner": str, "languages": _json, "housing": _json,
    "members": _members, "waiting_since": lambda cell: day_of(datetime.fromisoformat(cell)),
}


def _refuse(side: Side, one: Household | Unit) -> None:
    """Refuse each value that nobody can mean, as the core does of people one by one."""
    for name, column in side.columns.items():
        values = column.values if name in LOOKED_AT else []
        if name in LEAST_AND_MOST and column.values:
            by = LEAST_AND_MOST[name]
            values = [min(column.values, key=by), max(column.values, key=by)]
        for value in values:
            given: dict[str, Any] = {name: value}
            replace(one, **given)
