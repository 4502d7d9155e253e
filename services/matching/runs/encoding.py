"""The pool as columns of numbers: an array per attribute and side, sets as bit masks.

Sets become words of at most 64 bits, as small as the codes in use allow; nothing is a matrix of all pairs.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from services.matching.runs.barred import BarredPairs, barred, keys, vetoes
from services.matching.runs.bits import (
    Bits,
    Bools,
    Counts,
    Floats,
    Ints,
    Words,
    bits,
    counts,
    known,
    numbered,
    small,
    speaks,
    words,
)
from services.matching.runs.columns import Column, Side
from services.matching.runs.hard import RANK, Pairs, housing_is_ready, vector
from services.matching.runs.pool import (
    AGE_BANDS,
    DISTRICT,
    GENDERS,
    KINDS,
    Household,
    Rules,
    Unit,
    adult_genders,
    age_bands,
    provided,
)

# "No limit of one's own", in metres: more than twice around the earth.
UNLIMITED = 10**8
# All bits of a small mask: accepts every code, also the bit that stands for "not stated".
ANY = 0xFF
NOT_STATED = 0x80
# What every unit answers to a household with which an interpreter may come.
ANYBODY = ("", "none")
LARGE = 4_000_000


@dataclass(frozen=True)
class UnitColumns:
    """The units, one entry each; what a field means stands at `pool.Unit`."""

    vetted: Bools
    consented: Bools
    paused: Bools
    over: Bools
    free: Ints
    kind: Bits
    largest: Counts
    home: Bools
    home_persons: Counts
    home_step_free: Bools
    home_ready: Bools
    contact_genders: Bits
    accepts_genders: Bits
    accepts_bands: Bits
    place: Floats
    placed: Bools
    district: Ints
    reach: Ints
    slots: Bits
    speaks: tuple[Words, ...]
    answers: Words
    provides: Words
    interests: Words
    has_interests: Bools
    conflicts: Words


@dataclass(frozen=True)
class HouseholdColumns:
    """The households, one entry each; what a field means stands at `pool.Household`."""

    consented: Bools
    kinds: Bits
    size: Counts
    takes: Counts | Ints
    step_free: Bools
    wished_contacts: Bits
    genders: Bits
    bands: Bits
    place: Floats
    placed: Bools
    district: Ints
    reach: Ints
    slots: Bits
    speaks: tuple[Words, ...]
    asks: Words
    least: Bits
    interpreter: Bools
    must_haves: Words
    wishes: Words
    n_wishes: Counts
    interests: Words
    n_interests: Counts
    conflicts: Words


@dataclass(frozen=True)
class EncodedPool:
    """Both sides as columns, and the pairs that are barred one by one.

    `vetoed`, `declined` and `forbidden` are sorted int64 keys `household * n_units + unit`.
    """

    n_households: int
    n_units: int
    rules: Rules
    households: HouseholdColumns
    units: UnitColumns
    vetoed: Ints
    declined: Ints
    forbidden: Ints

    @property
    def large(self) -> bool:
        """Whether there are so many pairs, possible or not, that two processes are faster than one."""
        return self.n_households * self.n_units >= LARGE


@dataclass(frozen=True)
class Vocabulary:
    """Which bit each code in use has; `levels`: the languages with the levels that somebody asks for."""

    languages: dict[str, int]
    levels: dict[tuple[str, str], int]
    offers: dict[str, int]
    interests: dict[str, int]
    conflicts: dict[str, int]

    @classmethod
    def of(cls, households: Side, units: Side) -> Self:
        """The codes that either side uses, in order."""
        languages = numbered(households["languages"], units["languages"])
        least = sorted({str(level) for level in households["least_level"].values})
        offered = Column([("childcare", "step_free")], np.zeros(0, dtype=np.int32))
        return cls(
            languages=languages,
            levels=bits([ANYBODY, *((str(tag), level) for tag in languages for level in least)]),
            offers=numbered(households["must_haves"], households["wishes"], units["offers"], offered),
            interests=numbered(households["interests"], units["interests"]),
            conflicts=numbered(households["conflict_groups"], units["conflict_groups"]),
        )


def encode(
    households: Sequence[Household], units: Sequence[Unit], rules: Rules, declined: Pairs = frozenset(),
    forbidden: Pairs = frozenset(),
) -> EncodedPool:
    """Return the pool as columns; household i and unit j keep their places in the sequences given."""
    return encode_sides(Side.of(Household, households), Side.of(Unit, units), rules, declined, forbidden)


def encode_sides(
    households: Side, units: Side, rules: Rules, declined: BarredPairs = frozenset(),
    forbidden: BarredPairs = frozenset(),
) -> EncodedPool:
    """Return the same of two sides."""
    vocabulary = Vocabulary.of(households, units)
    return EncodedPool(
        n_households=len(households),
        n_units=len(units),
        rules=rules,
        households=household_columns(households, rules, vocabulary),
        units=unit_columns(units, rules, vocabulary),
        vetoed=keys(vetoes(households, units), len(units)),
        declined=barred(declined, households, units),
        forbidden=barred(forbidden, households, units),
    )


def household_columns(pool: Side, rules: Rules, bit: Vocabulary) -> HouseholdColumns:
    """Return households as columns of numbers, in their order."""
    members, sizes = pool["members"], counts(pool["members"].to(len))
    asks = Column.both(pool["languages"], pool["least_level"], pool["interpreter"])
    return HouseholdColumns(
        consented=pool["consented"].array(np.bool_),
        kinds=small(pool["kinds"], KINDS, empty=ANY),
        size=sizes,
        takes=sizes if rules.capacity_in == "persons" else np.ones(len(pool), dtype=np.int64),
        step_free=pool["must_haves"].to(lambda asked: "step_free" in asked).array(np.bool_),
        wished_contacts=small(pool["contact_genders"], GENDERS, empty=ANY),
        genders=small(members.to(adult_genders), GENDERS),
        bands=small(members.to(age_bands), AGE_BANDS),
        place=_places(pool["point"]),
        placed=known(pool["point"]),
        district=_districts(pool["district"]),
        reach=pool["radius_km"].to(lambda km: UNLIMITED if km is None else min(km * 1000, UNLIMITED)).array(np.int64),
        slots=pool["slots"].array(np.uint32),
        speaks=speaks(pool["languages"], bit.languages),
        asks=words(asks.to(lambda asked: _asked(asked[0], asked[1], interpreter=asked[2])), bit.levels),
        least=pool["least_level"].to(RANK.__getitem__).array(np.uint8),
        interpreter=pool["interpreter"].array(np.bool_),
        must_haves=words(pool["must_haves"], bit.offers),
        wishes=words(pool["wishes"], bit.offers),
        n_wishes=counts(pool["wishes"].to(len)),
        interests=words(pool["interests"], bit.interests),
        n_interests=counts(pool["interests"].to(len)),
        conflicts=words(pool["conflict_groups"], bit.conflicts),
    )


def unit_columns(pool: Side, rules: Rules, bit: Vocabulary) -> UnitColumns:
    """Return units as columns of numbers, in their order."""
    home = pool["housing"]
    provides = Column.both(pool["offers"], pool["childcare"], pool["step_free"]).to(lambda given: provided(*given))
    return UnitColumns(
        vetted=pool["vetted"].array(np.bool_),
        consented=pool["consented"].array(np.bool_),
        paused=pool["paused"].array(np.bool_),
        over=pool["days_left"].to(lambda days: days == 0).array(np.bool_),
        free=pool["free"].array(np.int64),
        kind=small(pool["kind"].to(lambda kind: {kind}), KINDS),
        largest=counts(pool["largest"]),
        home=known(home),
        home_persons=counts(home.to(lambda one: one.persons if one else 0)),
        home_step_free=home.to(lambda one: one is not None and one.step_free).array(np.bool_),
        home_ready=home.to(lambda one: housing_is_ready(one, rules)).array(np.bool_),
        contact_genders=small(pool["contact_genders"], GENDERS, empty=NOT_STATED),
        accepts_genders=small(pool["accepts_genders"], GENDERS, empty=ANY),
        accepts_bands=small(pool["accepts_bands"], AGE_BANDS, empty=ANY),
        place=_places(pool["point"]),
        placed=known(pool["point"]),
        district=_districts(pool["district"]),
        reach=pool["radius_km"].to(lambda km: min(km * 1000, UNLIMITED)).array(np.int64),
        slots=pool["slots"].array(np.uint32),
        speaks=speaks(pool["languages"], bit.languages),
        answers=words(pool["languages"].to(lambda spoken: _answered(spoken, bit.levels)), bit.levels),
        provides=words(provides, bit.offers),
        interests=words(pool["interests"], bit.interests),
        has_interests=pool["interests"].to(bool).array(np.bool_),
        conflicts=words(pool["conflict_groups"], bit.conflicts),
    )


def _asked(languages: Mapping[str, str], least: str, *, interpreter: bool) -> Collection[tuple[str, str]]:
    """What one of a unit has to answer: a language that is spoken well enough, or anything at all."""
    if interpreter:
        return [ANYBODY]
    return [(str(tag), str(least)) for tag, level in languages.items() if RANK[level] >= RANK[least]]


def _answered(languages: Mapping[str, str], levels: Collection[tuple[str, str]]) -> Collection[tuple[str, str]]:
    """Which of the levels that somebody asks for are reached."""
    reached = [(tag, level) for tag, level in levels if RANK[languages.get(tag, "none")] >= RANK[level] > 0]
    return [ANYBODY, *reached]


def _districts(column: Column) -> Ints:
    return column.to(lambda district: int(district[:DISTRICT])).array(np.int64)


def _places(column: Column) -> Floats:
    """Points as vectors of length 1, float64[3, n]; where none is known, the middle of the earth."""
    vectors = [(0.0, 0.0, 0.0) if point is None else vector(point) for point in column.values]
    return np.ascontiguousarray(np.array(vectors, dtype=np.float64).reshape(-1, 3)[column.at].T)


