"""A what-if run's file: both sides in the shape of the API's bodies, checked, with the line of what is malformed.

    {
      "today": "2026-03-02",
      "rules": {"language": 300, "distance": 150, "capacity_in": "households"},
      "mentors": [{"id": "…", "region": "15087", "postcode": "06295", "languages": {"de": "C2"}, "capacity": 2}],
      "mentor_groups": [{"id": "…", "region": "15087", "contact_genders": ["f"], "housing": {"rooms": 3, …}}],
      "households": [{"id": "…", "region": "15087", "members": [{"age_band": "27-44"}], "waiting_since": "2025-11-01"}],
      "declined": [["household's id", "mentor's or group's id"]], "pinned": [], "forbidden": []
    }

Nobody's name belongs into it, and a field that is not known is refused.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from sys import intern
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from libs.common.codes.lists import Cefr
from libs.common.codes.regions import point_of
from services.matching.profiles.rules import AccompanyingIn, DescribedIn, mask_of
from services.matching.runs.batch import Sides
from services.matching.runs.columns import Id, Side
from services.matching.runs.json_lines import DECODER, items_of, line_of, read_apart
from services.matching.runs.pool import CRITERIA, Household, Housing, Member, Point, Rules, Unit, Weights, require
from services.matching.runs.rows import home_rule, rent_secured_until
from services.matching.runs.what_if_bodies import Free, GroupRow, HouseholdRow, MentorRow, Placed, WhatIf
from services.matching.runs.what_if_pairs import unknown

SHOWN = 20
REMEMBERED = 100_000
IN_ORDER = attrgetter("id.int")
Fault = tuple[int, str, str]
"""Line, field, and what is wrong."""


class Malformed(Exception):
    """The file cannot be matched; `faults` name line, field and what is wrong, the first ones of them."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"line {line}, {field}: {wrong}" for line, field, wrong in faults))
        self.faults = faults


def read_sides(text: str) -> Sides:
    """The inputs of a run from a file's text; Malformed with the lines and fields at fault.

    A side's rows are columns before the next one is read: of a country's people only these stay in memory.
    """
    reading = _Reading(text, _file(text))
    file = reading.file
    households = Side.of(Household, sorted(reading.side("households"), key=IN_ORDER))
    units = Side.of(Unit, sorted([*reading.side("mentors"), *reading.side("mentor_groups")], key=IN_ORDER))
    faults = reading.faults or reading.unknown()
    if faults:
        raise Malformed(faults[:SHOWN])
    try:
        return Sides(households, units, _rules(file), file.today, frozenset(file.declined), frozenset(file.pinned),
                     frozenset(file.forbidden))
    except ValueError as raised:
        raise Malformed([_fault(text, ("rules",), raised)]) from raised


def pinned_at(text: str) -> dict[tuple[Id, Id], tuple[int, str]]:
    """Line and field of each pinned pair, the first of those that are equal, of a text that `read_sides` has read."""
    found: dict[tuple[Id, Id], tuple[int, str]] = {}
    for place, (line, (household, unit)) in enumerate(items_of(text, "pinned")):
        found.setdefault((UUID(household), UUID(unit)), (line, f"pinned.{place}"))
    return found


def _file(text: str) -> WhatIf:
    """The file but for its rows, of which only is read where they begin."""
    try:
        return WhatIf.model_validate(read_apart(text, ROWS))
    except json.JSONDecodeError as raised:
        raise Malformed([(raised.lineno, "file", f"not JSON: {raised.msg}")]) from raised
    except ValidationError as raised:
        raise Malformed(_faults(text, (), raised)) from raised


def _named(path: Sequence[str | int]) -> str:
    return ".".join(map(str, path)) or "file"


class _Reading:
    """Rows become what the core takes one by one, and are forgotten; what is wrong with the first of them is kept."""

    def __init__(self, text: str, file: WhatIf) -> None:
        self.faults: list[Fault] = []
        self.file, self._text = file, text
        # A mentor and a group share their ids' space; households have one of their own.
        self._seen: dict[bool, set[UUID]] = {True: set(), False: set()}

    def side(self, name: str) -> list[Any]:
        """The rows of a side, in order."""
        kind, make = ROWS[name]
        made = []
        for place, begin in enumerate(getattr(self.file, name)):
            try:
                end = DECODER.raw_decode(self._text, begin)[1]
                row = kind.model_validate_json(self._text[begin:end], strict=True)
                self._once(name, row.id)
                made.append(make(row, self.file))
            except ValidationError as raised:
                self.faults += _faults(self._text, (name, place), raised)
            except ValueError as raised:
                self.faults.append(_fault(self._text, (name, place), raised))
            if len(self.faults) >= SHOWN:
                break
        return made

    def unknown(self) -> list[Fault]:
        """Pairs of which one is nobody. Of who declined many have gone; so have those of a run's download."""
        pairs = {name: getattr(self.file, name) for name in ("declined", "pinned", "forbidden")}
        gone = ("declined", "forbidden") if self.file.of_run else ("declined",)
        return [(line_of(self._text, path), _named(path), wrong)
                for path, wrong in unknown(pairs, (self._seen[True], self._seen[False]), gone)]

    def _once(self, name: str, row_id: UUID) -> None:
        seen = self._seen[name == "households"]
        if row_id in seen:
            raise ValueError(f"id: {row_id} stands there twice")
        seen.add(row_id)


def _faults(text: str, path: tuple[str | int, ...], raised: ValidationError) -> list[Fault]:
    return [(line_of(text, (*path, *fault["loc"])), _named((*path, *fault["loc"])), _said(fault["msg"]))
            for fault in raised.errors()[:SHOWN]]


def _said(told: str) -> str:
    """Without where in a row it is no JSON, which says nothing of the file, and what kind of error Python calls it."""
    return told.removeprefix("Value error, ").split(" at line ")[0]


def _fault(text: str, path: tuple[str | int, ...], raised: ValueError) -> Fault:
    """The core's refusal begins with a field's name."""
    field, _, wrong = str(raised).partition(": ")
    return line_of(text, (*path, field)), _named((*path, field)), wrong


def _rules(file: WhatIf) -> Rules:
    given = file.rules.model_dump()
    weights = Weights.of({name: given.pop(name) for name in CRITERIA})
    housing = home_rule(file.today, given.pop("rent_months"))
    return Rules(weights=weights, housing=housing, **given)


def _described(row: DescribedIn, placed: Placed) -> dict[str, Any]:
    """What both sides say of themselves, as the core takes it."""
    point = Point(placed.lat, placed.lon) if placed.lat is not None and placed.lon is not None else None
    if point is None and row.postcode and (found := point_of(row.postcode)):
        point = Point(*found)
    return {
        "id": placed.id, "district": placed.region, "point": point, "consented": placed.consented,
        "languages": _languages(tuple(row.languages.items())), "slots": mask_of(row.slots),
        "interests": _codes(row.interests), "conflict_groups": _codes(row.conflict_groups)}


def _codes(given: Iterable[str]) -> frozenset[str]:
    """Codes; the same ones are in memory once, however many have them. So are languages and members."""
    return _once(frozenset(map(intern, given)))


@lru_cache(maxsize=REMEMBERED)
def _once(codes: frozenset[str]) -> frozenset[str]:
    return codes


@lru_cache(maxsize=REMEMBERED)
def _languages(spoken: tuple[tuple[str, Cefr], ...]) -> Mapping[str, str]:
    return {intern(tag): level.value for tag, level in spoken}


@lru_cache
def _member(age_band: str, gender: str) -> Member:
    return Member(age_band, gender)


def _accompanying(row: AccompanyingIn, placed: Free, file: WhatIf) -> dict[str, Any]:
    until = row.available_until
    return _described(row, placed) | {
        "free": placed.capacity, "vetted": placed.vetted, "paused": placed.paused, "partner": placed.partner_id,
        "days_left": until and max(0, (until - file.today).days + 1),
        "largest": row.largest, "radius_km": row.radius_km, "offers": _codes(row.offers),
        "accepts_genders": frozenset(one.value for one in row.accepts_genders),
        "accepts_bands": frozenset(one.value for one in row.accepts_bands), "childcare": row.childcare,
        "step_free": row.step_free, "vetoed_households": frozenset(row.vetoed_households)}


def _mentor(row: MentorRow, file: WhatIf) -> Unit:
    return Unit(kind="single", contact_genders=frozenset({row.gender.value}),
                persons=frozenset([row.person_ref] if row.person_ref else []), **_accompanying(row, row, file))


def _group(row: GroupRow, file: WhatIf) -> Unit:
    several = file.rules.capacity_in == "households" and row.capacity > 1
    require(not several, "capacity", "a group takes one household at a time")
    given = _accompanying(row, row, file)
    if row.housing:
        home = row.housing.model_dump(mode="json")
        given["step_free"] = given["step_free"] or row.housing.barrier_free
        given["housing"] = Housing(
            persons=row.housing.max_persons, step_free=row.housing.barrier_free,
            available_from=row.housing.available_from, rent_secured_until=rent_secured_until(home, file.today))
    return Unit(kind="group", contact_genders=frozenset(one.value for one in row.contact_genders),
                persons=frozenset(row.member_refs), **given)


def _household(row: HouseholdRow, _file: WhatIf) -> Household:
    require(row.genders_agree, "contact_genders", "only_female_mentor says otherwise")
    must_haves = _codes(row.must_haves) | ({"step_free"} if row.barrier_free else frozenset())
    return Household(
        members=tuple(_member(one.age_band.value, one.gender.value) for one in row.members),
        waiting_since=row.waiting_since, radius_km=row.radius_km, least_level=row.least_level,
        interpreter=row.interpreter, kinds=frozenset(row.kinds), must_haves=must_haves, wishes=_codes(row.wishes),
        contact_genders=_codes(row.wished_genders), urgency=row.urgency,
        vetoed_units=frozenset(row.vetoed_units), vetoed_persons=frozenset(row.vetoed_persons),
        vetoed_partners=frozenset(row.vetoed_partners), **_described(row, row))


ROWS: dict[str, tuple[Any, Callable[[Any, WhatIf], Household | Unit]]] = {
    "households": (HouseholdRow, _household), "mentors": (MentorRow, _mentor), "mentor_groups": (GroupRow, _group)}
