"""The hard constraints, never traded: which codes stand between a household and a unit, in plain Python.

This is the reference in its most readable form, for one pair at a time. `candidates.py` says the same for the
whole pool with NumPy, and the tests hold the two against each other.
"""

import math
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

from services.matching.runs.pool import DISTRICT, LEVELS, Household, Housing, Point, Rules, Unit

EARTH_METRES = 6_371_008.8
RANK = {level: rank for rank, level in enumerate(LEVELS)}

Pairs = frozenset[tuple[UUID, UUID]]
"""Pairs as (household id, unit id)."""

Vector = tuple[float, float, float]


class HardCode(StrEnum):
    """Why a pair is impossible. The codes are stable: stored, counted, and told in `reasons.toml`."""

    NOT_VETTED = "not_vetted"
    CONSENT_MISSING = "consent_missing"
    PAUSED = "paused"
    AVAILABILITY_OVER = "availability_over"
    NO_PLACE_FREE = "no_place_free"
    KIND_NOT_WISHED = "kind_not_wished"
    HOUSEHOLD_TOO_LARGE = "household_too_large"
    HOUSING_MISSING = "housing_missing"
    HOUSING_TOO_SMALL = "housing_too_small"
    HOUSING_NOT_STEP_FREE = "housing_not_step_free"
    HOUSING_NOT_READY = "housing_not_ready"
    GENDER_WISH_OF_HOUSEHOLD = "gender_wish_of_household"
    GENDER_WISH_OF_UNIT = "gender_wish_of_unit"
    AGES_NOT_ACCEPTED = "ages_not_accepted"
    TOO_FAR = "too_far"
    OTHER_DISTRICT = "other_district"
    TOO_FEW_COMMON_SLOTS = "too_few_common_slots"
    NO_COMMON_LANGUAGE = "no_common_language"
    MUST_HAVE_MISSING = "must_have_missing"
    VETOED = "vetoed"
    CONFLICT = "conflict"
    DECLINED_BEFORE = "declined_before"
    FORBIDDEN = "forbidden"


def obstacles(
    household: Household, unit: Unit, rules: Rules, declined: Pairs = frozenset(), forbidden: Pairs = frozenset()
) -> tuple[HardCode, ...]:
    """Return every code that forbids this pair, in the order of `HardCode`; empty when the pair is possible.

    `declined` holds (household id, unit id) of pairs that were declined or expired before, `forbidden` those that
    somebody ruled out for this run.
    """
    codes = [code for code, stands in CHECKS.items() if stands(household, unit, rules)]
    for code, barred in ((HardCode.DECLINED_BEFORE, declined), (HardCode.FORBIDDEN, forbidden)):
        if (household.id, unit.id) in barred:
            codes.append(code)
    return tuple(codes)


def vector(point: Point) -> Vector:
    """A point as a vector of length 1 from the middle of the earth."""
    lat, lon = math.radians(point.lat), math.radians(point.lon)
    return math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)


def metres(one: Vector, other: Vector) -> int:
    """The way between two points as the crow flies, in whole metres (exact to 1 m up to 800 km).

    Only operations that IEEE 754 rounds in one way, so that NumPy computes the very same number; sines would
    not do.
    """
    dx, dy, dz = one[0] - other[0], one[1] - other[1], one[2] - other[2]
    squared = dx * dx + dy * dy + dz * dz
    chord = math.sqrt(squared)
    # The arc over a chord c is 2 asin(c / 2) = c + c^3 / 24 + ...
    return int(EARTH_METRES * (chord + chord * squared / 24.0))


def metres_between(household: Household, unit: Unit) -> int | None:
    """The way between the two in whole metres; None where one of the places is not known."""
    if household.point is None or unit.point is None:
        return None
    return metres(_vector(household.point), _vector(unit.point))


_vector = lru_cache(maxsize=65536)(vector)


def common_languages(household: Household, unit: Unit) -> dict[str, int]:
    """The languages that both speak, each with the rank (in LEVELS) of the one who speaks it less well."""
    return common_ranks(household.languages, unit.languages)


def common_ranks(theirs: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, int]:
    """The same of what two speak."""
    ranks = {tag: min(RANK[level], RANK[ours.get(tag, "none")]) for tag, level in theirs.items()}
    return {tag: rank for tag, rank in ranks.items() if rank}


def common_level(household: Household, unit: Unit) -> int:
    """The rank of their best common language; 0 when it does not reach what the household asks for."""
    return level_reached(household, common_languages(household, unit))


def level_reached(household: Household, languages: Mapping[str, int]) -> int:
    """The highest of these ranks; 0 when it is below what the household asks for."""
    best = max(languages.values(), default=0)
    return best if best >= RANK[household.least_level] else 0


def places_taken(household: Household, rules: Rules) -> int:
    """How many of a unit's places the household takes: one, or one for each of its members."""
    return len(household.members) if rules.capacity_in == "persons" else 1


def housing_is_ready(home: Housing | None, rules: Rules) -> bool:
    """Say if the home is free in time and its rent secured long enough; without a rule or home: yes."""
    if rules.housing is None or home is None:
        return True
    free, secured = home.available_from, home.rent_secured_until
    if free is None or secured is None:
        return False
    return free <= rules.housing.available_by and secured >= rules.housing.rent_secured_until


def _contacts_are_wished(household: Household, unit: Unit) -> bool:
    if not household.contact_genders:
        return True
    return bool(unit.contact_genders) and unit.contact_genders <= household.contact_genders


def _is_too_far(household: Household, unit: Unit, _: Rules) -> bool:
    way = metres_between(household, unit)
    if way is None:
        return False
    return way > unit.radius_km * 1000 or (
        household.radius_km is not None and way > household.radius_km * 1000
    )


def _is_vetoed(household: Household, unit: Unit, _: Rules) -> bool:
    return (
        unit.id in household.vetoed_units
        or unit.partner in household.vetoed_partners
        or bool(unit.persons & household.vetoed_persons)
        or household.id in unit.vetoed_households
    )


def _is_in_other_district(household: Household, unit: Unit, _: Rules) -> bool:
    known = household.point is not None and unit.point is not None
    return not known and household.district[:DISTRICT] != unit.district[:DISTRICT]


CHECKS: dict[HardCode, Callable[[Household, Unit, Rules], bool]] = {
    HardCode.NOT_VETTED: lambda h, u, r: not u.vetted,
    HardCode.CONSENT_MISSING: lambda h, u, r: not (u.consented and h.consented),
    HardCode.PAUSED: lambda h, u, r: u.paused,
    HardCode.AVAILABILITY_OVER: lambda h, u, r: u.days_left == 0,
    HardCode.NO_PLACE_FREE: lambda h, u, r: u.free < places_taken(h, r),
    HardCode.KIND_NOT_WISHED: lambda h, u, r: bool(h.kinds) and u.kind not in h.kinds,
    HardCode.HOUSEHOLD_TOO_LARGE: lambda h, u, r: len(h.members) > u.largest,
    HardCode.HOUSING_MISSING: lambda h, u, r: r.housing is not None and u.housing is None,
    HardCode.HOUSING_TOO_SMALL: lambda h, u, r: (
        r.housing is not None and u.housing is not None and len(h.members) > u.housing.persons
    ),
    HardCode.HOUSING_NOT_STEP_FREE: lambda h, u, r: (
        r.housing is not None
        and u.housing is not None
        and "step_free" in h.must_haves
        and not u.housing.step_free
    ),
    HardCode.HOUSING_NOT_READY: lambda h, u, r: not housing_is_ready(u.housing, r),
    HardCode.GENDER_WISH_OF_HOUSEHOLD: lambda h, u, r: not _contacts_are_wished(h, u),
    HardCode.GENDER_WISH_OF_UNIT: lambda h, u, r: (
        bool(u.accepts_genders) and not h.adult_genders <= u.accepts_genders
    ),
    HardCode.AGES_NOT_ACCEPTED: lambda h, u, r: bool(u.accepts_bands) and not h.bands <= u.accepts_bands,
    HardCode.TOO_FAR: _is_too_far,
    HardCode.OTHER_DISTRICT: _is_in_other_district,
    HardCode.TOO_FEW_COMMON_SLOTS: lambda h, u, r: (h.slots & u.slots).bit_count() < r.min_common_slots,
    HardCode.NO_COMMON_LANGUAGE: lambda h, u, r: not h.interpreter and common_level(h, u) == 0,
    HardCode.MUST_HAVE_MISSING: lambda h, u, r: not h.must_haves <= u.provides,
    HardCode.VETOED: _is_vetoed,
    HardCode.CONFLICT: lambda h, u, r: bool(h.conflict_groups & u.conflict_groups),
}
