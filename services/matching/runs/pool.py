"""What a run works on: units (mentors and groups), households and the programme's rules, as frozen data.

Codes are plain text from short lists (a StrEnum with the same values serves as well). An empty set or map
means "nothing stated": no wish, no veto, no language. Whoever makes one of these with a value that cannot be
meant gets a ValueError which begins with the field's name.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Self
from uuid import UUID

from libs.common.codes.lists import AgeBand, Cefr, Gender

KINDS = ("single", "duo", "group")
GENDERS = tuple(gender.value for gender in Gender)
AGE_BANDS = tuple(band.value for band in AgeBand)
MINORS = frozenset({"0-5", "6-13", "14-17"})
# From nothing to like a native: a level is as good as its place in this list.
LEVELS = tuple(level.value for level in Cefr)
DAYS = 7
PARTS_OF_DAY = 4
ALL_SLOTS = (1 << DAYS * PARTS_OF_DAY) - 1
COUNTED_IN = ("households", "persons")
MOST_URGENT = 3
FULL_SCORE = 1000
# Lengths of an AGS: a whole district (Kreis) or a municipality in it.
DISTRICT, MUNICIPALITY = 5, 8
POLE, DATE_LINE = 90, 180

NOBODY: frozenset[UUID] = frozenset()
NOTHING: frozenset[str] = frozenset()


def require(holds: bool, name: str, sentence: str) -> None:  # noqa: FBT001 - it reads like assert
    """Raise ValueError "name: sentence" unless it holds."""
    if not holds:
        raise ValueError(f"{name}: {sentence}")


@dataclass(frozen=True)
class Point:
    """A place on earth, in degrees."""

    lat: float
    lon: float

    def __post_init__(self) -> None:
        """Refuse what is not on earth."""
        for name, value, most in (("lat", self.lat, POLE), ("lon", self.lon, DATE_LINE)):
            if not (math.isfinite(value) and abs(value) <= most):
                raise ValueError(f"{name}: {value} is not within -{most}..{most}")


@dataclass(frozen=True)
class Member:
    """One person of a household: age band and, where stated, gender."""

    age_band: str
    gender: str = "not_stated"

    def __post_init__(self) -> None:
        """Refuse unknown codes."""
        _of_list("age_band", (self.age_band,), AGE_BANDS)
        _of_list("gender", (self.gender,), GENDERS)


@dataclass(frozen=True)
class Housing:
    """The home that a unit has found, where its programme asks for one. A date that is not known is None."""

    persons: int
    step_free: bool = False
    available_from: date | None = None
    rent_secured_until: date | None = None


@dataclass(frozen=True)
class HousingRule:
    """A programme's demand: a home, free by one day and its rent secured until another."""

    available_by: date
    rent_secured_until: date


@dataclass(frozen=True)
class Unit:
    """Who accompanies: a mentor, two of them, or a group.

    `free`: places for further households; `largest`: persons in the largest household it can take;
    `district`: AGS; `radius_km`: how far it goes; `languages`: tag -> level of LEVELS; `slots`: bit 4 * day +
    part, Monday morning is bit 0; `contact_genders`: of the main contacts; `accepts_genders` and
    `accepts_bands`: whom it wishes to accompany (empty: everyone); `persons`: who belongs to it, for vetoes;
    `days_left`: on so many days from today on somebody new may be proposed (None: no end is known).
    """

    id: UUID
    kind: str
    free: int
    largest: int
    district: str
    radius_km: int
    point: Point | None = None
    languages: Mapping[str, str] = field(default_factory=dict)
    slots: int = 0
    contact_genders: frozenset[str] = NOTHING
    accepts_genders: frozenset[str] = NOTHING
    accepts_bands: frozenset[str] = NOTHING
    offers: frozenset[str] = NOTHING
    interests: frozenset[str] = NOTHING
    childcare: bool = False
    step_free: bool = False
    conflict_groups: frozenset[str] = NOTHING
    persons: frozenset[UUID] = NOBODY
    partner: UUID | None = None
    vetoed_households: frozenset[UUID] = NOBODY
    vetted: bool = False
    consented: bool = False
    paused: bool = False
    days_left: int | None = None
    housing: Housing | None = None

    def __post_init__(self) -> None:
        """Refuse unknown codes and numbers that cannot be meant."""
        _of_list("kind", (self.kind,), KINDS)
        require(self.free >= 0, "free", f"{self.free} places are fewer than none")
        require(self.days_left is None or self.days_left >= 0, "days_left", f"{self.days_left} is below 0")
        require(self.largest >= 1, "largest", f"a household has at least one person, not {self.largest}")
        _shared(self.district, self.radius_km, self.languages, self.slots)
        _of_list("contact_genders", self.contact_genders, GENDERS)
        _of_list("accepts_genders", self.accepts_genders, GENDERS)
        _of_list("accepts_bands", self.accepts_bands, AGE_BANDS)

    @property
    def provides(self) -> frozenset[str]:
        """Everything a must-have or a wish can ask for."""
        return provided(self.offers, self.childcare, self.step_free)


@dataclass(frozen=True)
class Household:
    """Who is accompanied: one person or several.

    The fields that a unit has too mean the same. `radius_km` None: as far as the unit goes; `least_level`:
    the level both must have in one language, unless an `interpreter` is accepted; `kinds` and
    `contact_genders`: the wished ones (empty: any); `must_haves` and `wishes`: codes of offers, "childcare"
    or "step_free", the former never traded; `urgency`: 0..3.
    """

    id: UUID
    members: tuple[Member, ...]
    district: str
    waiting_since: date
    point: Point | None = None
    radius_km: int | None = None
    languages: Mapping[str, str] = field(default_factory=dict)
    least_level: str = "A2"
    interpreter: bool = False
    slots: int = 0
    kinds: frozenset[str] = NOTHING
    contact_genders: frozenset[str] = NOTHING
    must_haves: frozenset[str] = NOTHING
    wishes: frozenset[str] = NOTHING
    interests: frozenset[str] = NOTHING
    conflict_groups: frozenset[str] = NOTHING
    vetoed_units: frozenset[UUID] = NOBODY
    vetoed_persons: frozenset[UUID] = NOBODY
    vetoed_partners: frozenset[UUID] = NOBODY
    urgency: int = 0
    consented: bool = False

    def __post_init__(self) -> None:
        """Refuse unknown codes and numbers that cannot be meant."""
        require(len(self.members) >= 1, "members", "a household has at least one person")
        _shared(self.district, self.radius_km, self.languages, self.slots)
        _of_list("least_level", (self.least_level,), LEVELS[1:])
        _of_list("kinds", self.kinds, KINDS)
        _of_list("contact_genders", self.contact_genders, GENDERS)
        require(0 <= self.urgency <= MOST_URGENT, "urgency", f"{self.urgency} is not within 0..{MOST_URGENT}")

    @property
    def bands(self) -> frozenset[str]:
        """The age bands of its members."""
        return age_bands(self.members)

    @property
    def adult_genders(self) -> frozenset[str]:
        """The genders of its adults; of all members where there is no adult."""
        return adult_genders(self.members)


@dataclass(frozen=True)
class Weights:
    """How many of the 1000 points each criterion can give; there are no others: no traits are scored."""

    language: int = 250
    distance: int = 200
    needs: int = 250
    interests: int = 150
    availability: int = 150

    def __post_init__(self) -> None:
        """Refuse weights that are no whole numbers, negative, or do not make 1000."""
        points = [getattr(self, each.name) for each in fields(self)]
        for name, value in zip(CRITERIA, points, strict=True):
            require(type(value) is int and value >= 0, name, f"{value!r} is not a whole number from 0")
        require(sum(points) == FULL_SCORE, "weights", f"they sum to {sum(points)}, not to {FULL_SCORE}")

    @classmethod
    def of(cls, data: Mapping[str, int]) -> Self:
        """Read weights as they are stored: exactly one number per criterion, and nothing else."""
        unknown, missing = sorted(set(data) - set(CRITERIA)), [name for name in CRITERIA if name not in data]
        require(not unknown, "weights", f"{', '.join(unknown)}: not a criterion that may be scored")
        require(not missing, "weights", f"{', '.join(missing)}: missing")
        return cls(**data)


CRITERIA = tuple(each.name for each in fields(Weights))


@dataclass(frozen=True)
class Rules:
    """A programme's rules for a run.

    A pair is worth `base` (more of it leans to "more people matched") + its score + the household's bonus:
    points per full week of waiting up to `waiting_most`, and per step of urgency. `far_km` and beyond earns
    no points of distance, `enough_slots` common parts of a week earn all points of availability. A unit's free
    places are counted in `capacity_in`: "households" or "persons". Without `housing` no home is asked for.
    """

    weights_version: str = "1"
    weights: Weights = field(default_factory=Weights)
    base: int = 1000
    min_common_slots: int = 2
    waiting_per_week: int = 5
    waiting_most: int = 200
    urgency_bonus: int = 100
    far_km: int = 40
    enough_slots: int = 8
    capacity_in: str = "households"
    housing: HousingRule | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant."""
        for name in ("base", "min_common_slots", "waiting_per_week", "waiting_most", "urgency_bonus"):
            require(getattr(self, name) >= 0, name, f"{getattr(self, name)} is below 0")
        require(self.far_km >= 1, "far_km", f"{self.far_km} is below 1")
        require(self.enough_slots >= 1, "enough_slots", f"{self.enough_slots} is below 1")
        _of_list("capacity_in", (self.capacity_in,), COUNTED_IN)


def provided(offers: frozenset[str], childcare: bool, step_free: bool) -> frozenset[str]:  # noqa: FBT001
    """Return everything that a unit with these offers can be asked for."""
    extra = {code for code, has in (("childcare", childcare), ("step_free", step_free)) if has}
    return offers | extra if extra else offers


def age_bands(members: Iterable[Member]) -> frozenset[str]:
    """Return their age bands."""
    return frozenset(member.age_band for member in members)


def adult_genders(members: Collection[Member]) -> frozenset[str]:
    """Return the genders of the adults among them; of all where there is no adult."""
    adults = frozenset(member.gender for member in members if member.age_band not in MINORS)
    return adults or frozenset(member.gender for member in members)


def _shared(district: str, radius_km: int | None, languages: Mapping[str, str], slots: int) -> None:
    digits = district.isascii() and district.isdigit() and len(district) in (DISTRICT, MUNICIPALITY)
    require(digits, "district", f"{district!r} is not an AGS of {DISTRICT} or {MUNICIPALITY} digits")
    require(radius_km is None or radius_km >= 0, "radius_km", f"{radius_km} is below 0")
    require(0 <= slots <= ALL_SLOTS, "slots", f"{slots} is not a mask of {DAYS * PARTS_OF_DAY} bits")
    _of_list("languages", languages.values(), LEVELS)


def _of_list(name: str, given: Collection[str], known: tuple[str, ...]) -> None:
    for code in given:
        if code not in known:  # the sentence would take longer than all else
            raise ValueError(f"{name}: {code!r} is not one of {', '.join(known)}")
