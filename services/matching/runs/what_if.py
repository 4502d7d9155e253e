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
from datetime import date
from functools import lru_cache
from operator import attrgetter
from sys import intern
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, ValidationError, model_validator

from libs.common.bodies import Body
from libs.common.codes.lists import Cefr, Gender
from libs.common.codes.regions import point_of
from libs.common.codes.types import Day
from services.matching.households.rules import HouseholdFields
from services.matching.mentor_groups.rules import HousingIn
from services.matching.mentors.routes import MentorFields
from services.matching.profiles.rules import AccompanyingIn, DescribedIn, LocalAgs, mask_of
from services.matching.runs.batch import Sides
from services.matching.runs.columns import Side
from services.matching.runs.json_lines import DECODER, line_of, read_apart
from services.matching.runs.pool import CRITERIA, Household, Housing, Member, Point, Rules, Unit, Weights
from services.matching.runs.rows import home_rule, rent_secured_until
from services.matching.runs.what_if_pairs import unknown
from services.matching.weights.routes import Weights as WeightFields

MOST_PLACES = 100_000
SHOWN = 20
REMEMBERED = 100_000
IN_ORDER = attrgetter("id.int")
Fault = tuple[int, str, str]
"""Line, field, and what is wrong."""
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]


class Malformed(Exception):
    """The file cannot be matched; `faults` name line, field and what is wrong, the first ones of them."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"line {line}, {field}: {wrong}" for line, field, wrong in faults))
        self.faults = faults


class Placed(Body):
    """Where somebody is: a region, and if known the point; without it that of the postcode."""

    id: UUID
    region: LocalAgs
    partner_id: UUID | None = None
    lat: Latitude | None = None
    lon: Longitude | None = None
    consented: bool = True

    @model_validator(mode="after")
    def _whole_point(self) -> Self:
        if (self.lat is None) is not (self.lon is None):
            raise ValueError("lat and lon belong together")
        return self


class Free(Placed):
    """A side that accompanies: whether it may be proposed, and how many places it has."""

    capacity: int = Field(1, ge=0, le=MOST_PLACES, description="Places that are free, in `capacity_in`.")
    vetted: bool = True
    paused: bool = False


class HomeRow(HousingIn):
    """A group's home; of its rooms and its rent matching needs nothing."""

    rooms: int | None = Field(None, ge=1, le=30)  # type: ignore[assignment] # what reads it asks for neither
    net_cold_rent: int | None = Field(None, ge=0, le=1_000_000)  # type: ignore[assignment]


class MentorRow(MentorFields, Free):
    """A mentor of a what-if run."""

    capacity: int = Field(1, ge=0, le=MOST_PLACES)
    person_ref: UUID | None = None


class GroupRow(AccompanyingIn, Free):
    """A mentor group of a what-if run; of its members only the main contacts' genders are needed."""

    largest: int = Field(12, ge=1, le=30)
    contact_genders: list[Gender] = Field(default=[], max_length=20)
    member_refs: list[UUID] = Field(default=[], max_length=50)
    housing: HomeRow | None = None


class HouseholdRow(HouseholdFields, Placed):
    """A household of a what-if run."""

    waiting_since: date


class RulesRow(WeightFields, Body):
    """What the programme computes with, and for how many months a home's rent has to be secured (0: none needed)."""

    rent_months: int = Field(0, ge=0, le=120)
    capacity_in: Literal["households", "persons"] = "households"
    weights_version: Annotated[str, StringConstraints(pattern="^[a-z0-9-]{1,40}$")] = "what-if"


class WhatIf(Body):
    """The whole file; its rows are looked at one by one, so that a large one fits into memory."""

    today: Day
    of_run: dict[str, Any] | None = Field(None, description="What a run's download says of the run; it counts not.")
    rules: RulesRow = Field(default_factory=RulesRow)
    mentors: list[Any] = Field(default=[])
    mentor_groups: list[Any] = Field(default=[])
    households: list[Any] = Field(default=[])
    declined: list[tuple[UUID, UUID]] = Field(default=[])
    pinned: list[tuple[UUID, UUID]] = Field(default=[])
    forbidden: list[tuple[UUID, UUID]] = Field(default=[])


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
                row = kind.model_validate(DECODER.raw_decode(self._text, begin)[0])
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
    return [(line_of(text, (*path, *fault["loc"])), _named((*path, *fault["loc"])), fault["msg"])
            for fault in raised.errors()[:SHOWN]]


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


def _accompanying(row: AccompanyingIn, placed: Free) -> dict[str, Any]:
    return _described(row, placed) | {
        "free": placed.capacity, "vetted": placed.vetted, "paused": placed.paused, "partner": placed.partner_id,
        "largest": row.largest, "radius_km": row.radius_km, "offers": _codes(row.offers),
        "accepts_genders": frozenset(one.value for one in row.accepts_genders),
        "accepts_bands": frozenset(one.value for one in row.accepts_bands), "childcare": row.childcare,
        "step_free": row.step_free, "vetoed_households": frozenset(row.vetoed_households)}


def _mentor(row: MentorRow, _file: WhatIf) -> Unit:
    return Unit(kind="single", contact_genders=frozenset({row.gender.value}),
                persons=frozenset([row.person_ref] if row.person_ref else []), **_accompanying(row, row))


def _group(row: GroupRow, file: WhatIf) -> Unit:
    given = _accompanying(row, row)
    if row.housing:
        home = row.housing.model_dump(mode="json")
        given["step_free"] = given["step_free"] or row.housing.barrier_free
        given["housing"] = Housing(
            persons=row.housing.max_persons, step_free=row.housing.barrier_free,
            available_from=row.housing.available_from, rent_secured_until=rent_secured_until(home, file.today))
    return Unit(kind="group", contact_genders=frozenset(one.value for one in row.contact_genders),
                persons=frozenset(row.member_refs), **given)


def _household(row: HouseholdRow, _file: WhatIf) -> Household:
    must_haves = _codes(row.must_haves) | ({"step_free"} if row.barrier_free else frozenset())
    return Household(
        members=tuple(_member(one.age_band.value, one.gender.value) for one in row.members),
        waiting_since=row.waiting_since, radius_km=row.radius_km, least_level=row.least_level,
        interpreter=row.interpreter, kinds=frozenset(row.kinds), must_haves=must_haves, wishes=_codes(row.wishes),
        contact_genders=frozenset({"f"} if row.only_female_mentor else ()), urgency=row.urgency,
        vetoed_units=frozenset(row.vetoed_units), vetoed_persons=frozenset(row.vetoed_persons),
        vetoed_partners=frozenset(row.vetoed_partners), **_described(row, row))


ROWS: dict[str, tuple[Any, Callable[[Any, WhatIf], Household | Unit]]] = {
    "households": (HouseholdRow, _household), "mentors": (MentorRow, _mentor), "mentor_groups": (GroupRow, _group)}
