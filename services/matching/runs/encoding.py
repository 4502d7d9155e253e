"""The pool as columns of numbers: an array per attribute and side, sets as bit masks.

Sets become words of at most 64 bits, as small as the codes in use allow; nothing is a matrix of all pairs.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.matching.runs.hard import RANK, Pairs, housing_is_ready, places_taken, vector
from services.matching.runs.pool import AGE_BANDS, DISTRICT, GENDERS, KINDS, LEVELS, Household, Rules, Unit

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
# An unsigned type, chosen by the largest value.
Bits = NDArray[np.unsignedinteger[Any]]
Words = tuple[Bits, ...]

WORD = 64
# "No limit of one's own", in metres: more than twice around the earth.
UNLIMITED = 10**8
# All bits of a small mask: accepts every code, also the bit that stands for "not stated".
ANY = 0xFF
NOT_STATED = 0x80


@dataclass(frozen=True)
class UnitColumns:
    """The units, one entry each; what a field means stands at `pool.Unit`."""

    vetted: Bools
    consented: Bools
    paused: Bools
    free: Ints
    kind: Bits
    largest: Ints
    home: Bools
    home_persons: Ints
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
    provides: Words
    interests: Words
    has_interests: Bools
    conflicts: Words


@dataclass(frozen=True)
class HouseholdColumns:
    """The households, one entry each; what a field means stands at `pool.Household`."""

    consented: Bools
    kinds: Bits
    size: Ints
    takes: Ints
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
    least: Bits
    interpreter: Bools
    must_haves: Words
    wishes: Words
    n_wishes: Ints
    interests: Words
    n_interests: Ints
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


@dataclass(frozen=True)
class Vocabulary:
    """Which bit each code in use has."""

    languages: dict[str, int]
    offers: dict[str, int]
    interests: dict[str, int]
    conflicts: dict[str, int]

    @classmethod
    def of(cls, households: Sequence[Household], units: Sequence[Unit]) -> Self:
        """The codes that either side uses, in order."""
        asked = (h.must_haves | h.wishes for h in households)
        return cls(
            languages=_numbered((h.languages for h in households), (u.languages for u in units)),
            offers=_numbered(asked, (u.provides for u in units)),
            interests=_numbered((h.interests for h in households), (u.interests for u in units)),
            conflicts=_numbered((h.conflict_groups for h in households), (u.conflict_groups for u in units)),
        )


def encode(
    households: Sequence[Household], units: Sequence[Unit], rules: Rules, declined: Pairs = frozenset(),
    forbidden: Pairs = frozenset(),
) -> EncodedPool:
    """Return the pool as columns; household i and unit j keep their places in the sequences given."""
    vocabulary = Vocabulary.of(households, units)
    unit_at = {unit.id: j for j, unit in enumerate(units)}
    household_at = {household.id: i for i, household in enumerate(households)}

    def barred(pairs: Pairs) -> Ints:
        there = [(household_at[h], unit_at[u]) for h, u in pairs if h in household_at and u in unit_at]
        return _keys(there, len(units))

    return EncodedPool(
        n_households=len(households),
        n_units=len(units),
        rules=rules,
        households=household_columns(households, rules, vocabulary),
        units=unit_columns(units, rules, vocabulary),
        vetoed=_keys(_vetoes(households, units), len(units)),
        declined=barred(declined),
        forbidden=barred(forbidden),
    )


def household_columns(pool: Sequence[Household], rules: Rules, bit: Vocabulary) -> HouseholdColumns:
    """Return households as columns, in their order."""
    return HouseholdColumns(
        consented=_bools(h.consented for h in pool),
        kinds=_small((h.kinds for h in pool), KINDS, empty=ANY),
        size=_ints(len(h.members) for h in pool),
        takes=_ints(places_taken(h, rules) for h in pool),
        step_free=_bools("step_free" in h.must_haves for h in pool),
        wished_contacts=_small((h.contact_genders for h in pool), GENDERS, empty=ANY),
        genders=_small((h.adult_genders for h in pool), GENDERS),
        bands=_small((h.bands for h in pool), AGE_BANDS),
        place=_places(pool),
        placed=_bools(h.point is not None for h in pool),
        district=_ints(int(h.district[:DISTRICT]) for h in pool),
        reach=_ints(UNLIMITED if h.radius_km is None else min(h.radius_km * 1000, UNLIMITED) for h in pool),
        slots=np.array([h.slots for h in pool], dtype=np.uint32),
        speaks=_speaks([each.languages for each in pool], bit.languages),
        least=np.array([RANK[h.least_level] for h in pool], dtype=np.uint8),
        interpreter=_bools(h.interpreter for h in pool),
        must_haves=_words((h.must_haves for h in pool), bit.offers),
        wishes=_words((h.wishes for h in pool), bit.offers),
        n_wishes=_ints(len(h.wishes) for h in pool),
        interests=_words((h.interests for h in pool), bit.interests),
        n_interests=_ints(len(h.interests) for h in pool),
        conflicts=_words((h.conflict_groups for h in pool), bit.conflicts),
    )


def unit_columns(pool: Sequence[Unit], rules: Rules, bit: Vocabulary) -> UnitColumns:
    """Return units as columns, in their order."""
    return UnitColumns(
        vetted=_bools(u.vetted for u in pool),
        consented=_bools(u.consented for u in pool),
        paused=_bools(u.paused for u in pool),
        free=_ints(u.free for u in pool),
        kind=_small(({u.kind} for u in pool), KINDS),
        largest=_ints(u.largest for u in pool),
        home=_bools(u.housing is not None for u in pool),
        home_persons=_ints(u.housing.persons if u.housing else 0 for u in pool),
        home_step_free=_bools(u.housing is not None and u.housing.step_free for u in pool),
        home_ready=_bools(housing_is_ready(u, rules) for u in pool),
        contact_genders=_small((u.contact_genders for u in pool), GENDERS, empty=NOT_STATED),
        accepts_genders=_small((u.accepts_genders for u in pool), GENDERS, empty=ANY),
        accepts_bands=_small((u.accepts_bands for u in pool), AGE_BANDS, empty=ANY),
        place=_places(pool),
        placed=_bools(u.point is not None for u in pool),
        district=_ints(int(u.district[:DISTRICT]) for u in pool),
        reach=_ints(min(u.radius_km * 1000, UNLIMITED) for u in pool),
        slots=np.array([u.slots for u in pool], dtype=np.uint32),
        speaks=_speaks([each.languages for each in pool], bit.languages),
        provides=_words((u.provides for u in pool), bit.offers),
        interests=_words((u.interests for u in pool), bit.interests),
        has_interests=_bools(bool(u.interests) for u in pool),
        conflicts=_words((u.conflict_groups for u in pool), bit.conflicts),
    )


def _vetoes(households: Sequence[Household], units: Sequence[Unit]) -> Iterable[tuple[int, int]]:
    """All vetoed pairs as (household, unit): of units, persons in them, their partners, and by units."""
    by_unit = _having((unit.id,) for unit in units)
    by_person = _having(unit.persons for unit in units)
    by_partner = _having(() if unit.partner is None else (unit.partner,) for unit in units)
    for i, household in enumerate(households):
        for vetoed, having in (
            (household.vetoed_units, by_unit),
            (household.vetoed_persons, by_person),
            (household.vetoed_partners, by_partner),
        ):
            yield from ((i, j) for one in vetoed for j in having.get(one, ()))
    by_household = _having((household.id,) for household in households)
    for j, unit in enumerate(units):
        yield from ((i, j) for one in unit.vetoed_households for i in by_household.get(one, ()))


def _having(ids: Iterable[Collection[UUID]]) -> dict[UUID, list[int]]:
    """Where each id occurs."""
    found: dict[UUID, list[int]] = {}
    for position, several in enumerate(ids):
        for one in several:
            found.setdefault(one, []).append(position)
    return found


def _keys(pairs: Iterable[tuple[int, int]], n_units: int) -> Ints:
    return np.unique(np.array([i * n_units + j for i, j in pairs], dtype=np.int64))


def _bools(values: Iterable[bool]) -> Bools:
    return np.fromiter(values, dtype=np.bool_)


def _ints(values: Iterable[int]) -> Ints:
    return np.fromiter(values, dtype=np.int64)


def _places(pool: Sequence[Household] | Sequence[Unit]) -> Floats:
    """Points as vectors of length 1, float64[3, n]; where none is known, the middle of the earth."""
    vectors = [(0.0, 0.0, 0.0) if each.point is None else vector(each.point) for each in pool]
    return np.ascontiguousarray(np.array(vectors, dtype=np.float64).reshape(-1, 3).T)


def _numbered(theirs: Iterable[Iterable[str]], ours: Iterable[Iterable[str]]) -> dict[str, int]:
    """Each code that occurs, with its bit as a number; by name, so that the pool's order does not matter."""
    codes: set[str] = set().union(*theirs, *ours)
    return {code: 1 << position for position, code in enumerate(sorted(codes, key=str))}


def _small(sets: Iterable[Collection[str]], codes: Sequence[str], empty: int = 0) -> Bits:
    """Sets of at most seven codes as one byte each; `empty` stands for a set in which nothing is stated."""
    bit = {code: 1 << position for position, code in enumerate(codes)}
    return np.array([sum(bit[code] for code in each) or empty for each in sets], dtype=np.uint8)


def _words(sets: Iterable[Collection[str]], bit: dict[str, int]) -> Words:
    """Sets of any codes as words of 64 bits, or as one smaller word where that is enough."""
    return _split([sum([bit[code] for code in each]) for each in sets], len(bit))


def _speaks(spoken: Sequence[Mapping[str, str]], bit: dict[str, int]) -> tuple[Words, ...]:
    """For each rank from 1: the languages spoken at least that well."""
    masks: list[list[int]] = [[0] * len(spoken) for _ in LEVELS]
    for position, languages in enumerate(spoken):
        for tag, level in languages.items():
            for rank in range(1, RANK[level] + 1):
                masks[rank][position] |= bit[tag]
    return tuple(_split(mask, len(bit)) for mask in masks[1:])


def _split(masks: list[int], n_bits: int) -> Words:
    """Whole numbers of any length as unsigned words."""
    if n_bits <= WORD:
        return (np.array(masks, dtype=np.min_scalar_type((1 << n_bits) - 1)),)
    low = (1 << WORD) - 1
    return tuple(
        np.array([mask >> shift & low for mask in masks], dtype=np.uint64) for shift in range(0, n_bits, WORD)
    )
