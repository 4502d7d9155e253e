"""Which pairs are possible, for the whole pool at once, and how many units each hard code took away.

The same constraints as `hard.py`, one code at a time, over columns. Nothing is pruned: every possible pair is
found.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from services.matching.runs.encoding import Bools, EncodedPool, Ints
from services.matching.runs.hard import HardCode
from services.matching.runs.measures import (
    both_places_known,
    common_level,
    common_slots,
    lacking,
    metres_between,
    overlapping,
)
from services.matching.runs.nearby import blocks

# Households at a time when their obstacles are counted: the table of one code then stays in the processor's
# cache.
ROWS_AT_ONCE = 32
BITS = 64

# Household indices and unit indices: of one length (arcs), or as a column and a row (every pair of the two).
Check = Callable[[EncodedPool, Ints, Ints], Bools]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The possible pairs, sorted by household and then unit: int64[k] indices each."""

    households: Ints
    units: Ints

    def __len__(self) -> int:
        """How many there are."""
        return len(self.households)


@dataclass(frozen=True, slots=True, eq=False)
class WhyNot:
    """How many units each code took from each household asked about: int64[households, codes].

    `removed` counts a unit under every code that stands against it; `alone` only where no other code does,
    that is the units which this one code keeps away. Columns are in the order of `HardCode`.
    """

    removed: Ints
    alone: Ints


def find(pool: EncodedPool) -> Candidates:
    """Return every pair that no hard constraint forbids."""
    found = [block.households * pool.n_units + block.units for block in possible_in_blocks(pool)]
    keys = np.sort(np.concatenate([np.empty(0, dtype=np.int64), *found]))
    return Candidates(*np.divmod(keys, max(pool.n_units, 1)))


def possible_in_blocks(pool: EncodedPool) -> Iterator[Candidates]:
    """Yield every pair that no hard constraint forbids, each in one block; how many there may be does not matter."""
    households = np.flatnonzero(pool.households.consented)
    units = np.flatnonzero(_available(pool))
    for rows, columns in blocks(pool, households, units):
        yield _allowed(pool, rows, columns)


def possible_at_once(pool: EncodedPool) -> Candidates:
    """Return the same as `find` by looking at every pair: for one household or a few, where a grid costs more."""
    return _allowed(pool, np.flatnonzero(pool.households.consented), np.flatnonzero(_available(pool)))


def obstacle_tables(pool: EncodedPool, households: Ints) -> Iterator[tuple[HardCode, Bools]]:
    """Yield for every code, in order, bool[len(households), n_units]: where it stands against the pair."""
    rows, columns = households[:, None], np.arange(pool.n_units)[None, :]
    shape = (len(households), pool.n_units)
    for code in HardCode:
        if code in BARRED:
            yield code, _table(BARRED[code](pool), households, pool)
        else:
            yield code, np.broadcast_to(CHECKS[code](pool, rows, columns), shape)


def why_not(pool: EncodedPool, households: Ints) -> WhyNot:
    """Count for each of these households how many units each hard code took from it."""
    removed = np.zeros((len(households), len(HardCode)), dtype=np.int64)
    alone = np.zeros_like(removed)
    for start in range(0, len(households), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        tables = [_packed(table) for _, table in obstacle_tables(pool, households[part])]
        once, twice = np.zeros_like(tables[0]), np.zeros_like(tables[0])
        for table in tables:
            twice |= once & table
            once |= table
        for position, table in enumerate(tables):
            removed[part, position] = np.bitwise_count(table).sum(axis=1)
            alone[part, position] = np.bitwise_count(table & ~twice).sum(axis=1)
    return WhyNot(removed, alone)


def _available(pool: EncodedPool) -> Bools:
    """The units that could take anybody at all."""
    nobody, everyone = np.zeros(1, dtype=np.int64), np.arange(pool.n_units)
    available = pool.units.consented & (pool.units.free > 0)
    for code in OF_THE_UNIT:
        available &= ~CHECKS[code](pool, nobody, everyone)
    return available


def _allowed(pool: EncodedPool, rows: Ints, columns: Ints) -> Candidates:
    """The possible pairs of a block without those that are barred one by one."""
    keys = np.sort(_possible(pool, rows, columns))
    for barred in (pool.vetoed, pool.declined, pool.forbidden):
        keys = _without(keys, barred)
    return Candidates(*np.divmod(keys, max(pool.n_units, 1)))


def _possible(pool: EncodedPool, rows: Ints, columns: Ints) -> Ints:
    """The possible pairs of a block, as keys."""
    against = np.zeros((len(rows), len(columns)), dtype=np.bool_)
    for code in OF_THE_PAIR:
        against |= CHECKS[code](pool, rows[:, None], columns[None, :])
    left = np.flatnonzero(~against)
    households, units = rows[left // len(columns)], columns[left % len(columns)]
    for code in COSTLY:
        keep = ~CHECKS[code](pool, households, units)
        households, units = households[keep], units[keep]
    return households * pool.n_units + units


def _without(keys: Ints, barred: Ints) -> Ints:
    """Sorted keys without those that are barred."""
    if not len(keys) or not len(barred):
        return keys
    position = np.minimum(np.searchsorted(keys, barred), len(keys) - 1)
    return np.delete(keys, position[keys[position] == barred])


def _table(barred: Ints, households: Ints, pool: EncodedPool) -> Bools:
    """Barred keys as bool[len(households), n_units]."""
    table = np.zeros((len(households), pool.n_units), dtype=np.bool_)
    row_of = np.full(pool.n_households, -1, dtype=np.int64)
    row_of[households] = np.arange(len(households))
    household, unit = np.divmod(barred, max(pool.n_units, 1))
    asked = row_of[household] >= 0
    table[row_of[household[asked]], unit[asked]] = True
    return table


def _packed(table: Bools) -> np.ndarray:
    """A table as bits, rows filled up to whole words: counting and combining then cost next to nothing."""
    packed = np.packbits(table, axis=1)
    missing = -packed.shape[1] % (BITS // 8)
    return np.pad(packed, ((0, 0), (0, missing))).view(np.uint64)


def _too_far(pool: EncodedPool, h: Ints, u: Ints) -> Bools:
    way = metres_between(pool, h, u)
    beyond: Bools = (way > pool.units.reach[u]) | (way > pool.households.reach[h])
    return both_places_known(pool, h, u) & beyond


def _other_district(pool: EncodedPool, h: Ints, u: Ints) -> Bools:
    other: Bools = pool.households.district[h] != pool.units.district[u]
    return ~both_places_known(pool, h, u) & other


def _no_language(pool: EncodedPool, h: Ints, u: Ints) -> Bools:
    without: Bools = common_level(pool, h, u) == 0
    return ~pool.households.interpreter[h] & without


def _no_home(pool: EncodedPool, _: Ints, u: Ints) -> Bools:
    return ~pool.units.home[u] & (pool.rules.housing is not None)


def _home_too_small(pool: EncodedPool, h: Ints, u: Ints) -> Bools:
    asked = pool.units.home[u] & (pool.rules.housing is not None)
    return asked & (pool.households.size[h] > pool.units.home_persons[u])


def _home_with_steps(pool: EncodedPool, h: Ints, u: Ints) -> Bools:
    asked = pool.units.home[u] & (pool.rules.housing is not None)
    return asked & pool.households.step_free[h] & ~pool.units.home_step_free[u]


CHECKS: dict[HardCode, Check] = {
    HardCode.NOT_VETTED: lambda p, h, u: ~p.units.vetted[u],
    HardCode.CONSENT_MISSING: lambda p, h, u: ~(p.units.consented[u] & p.households.consented[h]),
    HardCode.PAUSED: lambda p, h, u: p.units.paused[u],
    HardCode.NO_PLACE_FREE: lambda p, h, u: p.units.free[u] < p.households.takes[h],
    HardCode.KIND_NOT_WISHED: lambda p, h, u: (p.households.kinds[h] & p.units.kind[u]) == 0,
    HardCode.HOUSEHOLD_TOO_LARGE: lambda p, h, u: p.households.size[h] > p.units.largest[u],
    HardCode.HOUSING_MISSING: _no_home,
    HardCode.HOUSING_TOO_SMALL: _home_too_small,
    HardCode.HOUSING_NOT_STEP_FREE: _home_with_steps,
    HardCode.HOUSING_NOT_READY: lambda p, h, u: ~p.units.home_ready[u],
    HardCode.GENDER_WISH_OF_HOUSEHOLD: lambda p, h, u: (
        (p.units.contact_genders[u] & ~p.households.wished_contacts[h]) != 0
    ),
    HardCode.GENDER_WISH_OF_UNIT: lambda p, h, u: (
        (p.households.genders[h] & ~p.units.accepts_genders[u]) != 0
    ),
    HardCode.AGES_NOT_ACCEPTED: lambda p, h, u: (p.households.bands[h] & ~p.units.accepts_bands[u]) != 0,
    HardCode.TOO_FAR: _too_far,
    HardCode.OTHER_DISTRICT: _other_district,
    HardCode.TOO_FEW_COMMON_SLOTS: lambda p, h, u: common_slots(p, h, u) < p.rules.min_common_slots,
    HardCode.NO_COMMON_LANGUAGE: _no_language,
    HardCode.MUST_HAVE_MISSING: lambda p, h, u: lacking(p.households.must_haves, p.units.provides, h, u),
    HardCode.CONFLICT: lambda p, h, u: overlapping(p.households.conflicts, p.units.conflicts, h, u),
}
# Pairs that are barred one by one have no columns: their keys are looked up.
BARRED: dict[HardCode, Callable[[EncodedPool], Ints]] = {
    HardCode.VETOED: lambda pool: pool.vetoed,
    HardCode.DECLINED_BEFORE: lambda pool: pool.declined,
    HardCode.FORBIDDEN: lambda pool: pool.forbidden,
}
# Whatever household is asked about. (Consent is a matter of both sides.)
OF_THE_UNIT = (
    HardCode.NOT_VETTED,
    HardCode.PAUSED,
    HardCode.HOUSING_MISSING,
    HardCode.HOUSING_NOT_READY,
)
# Costs more per pair than all others together: asked only of those who are left.
COSTLY = (HardCode.TOO_FAR, HardCode.OTHER_DISTRICT)
OF_THE_PAIR = tuple(code for code in CHECKS if code not in OF_THE_UNIT + COSTLY)
