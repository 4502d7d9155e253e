"""Which pairs are possible, for the whole pool at once, and how many units each hard code took away.

The same constraints as `hard.py`, one code at a time, over columns. Nothing is pruned: every possible pair is
found.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from services.matching.runs.bits import Bools, Ints
from services.matching.runs.encoding import EncodedPool
from services.matching.runs.hard import HardCode
from services.matching.runs.measures import (
    Which,
    both_places_known,
    common_slots,
    lacking,
    metres_between,
    overlapping,
)
from services.matching.runs.nearby import Block, blocks

# Households at a time when their obstacles are counted: the table of one code then stays in the processor's
# cache.
ROWS_AT_ONCE = 32
BITS = 64
# What stands against no pair at all.
NONE = np.zeros(1, dtype=np.bool_)

# All units as they stand, without picking them one by one.
ALL = slice(None)

# Household indices and unit indices: of one length (arcs), or as a column and a row (every pair of the two).
Check = Callable[[EncodedPool, Ints, Which], Bools]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Possible pairs: int64[k] indices each, and the metres between them where all of both places are known."""

    households: Ints
    units: Ints
    metres: Ints | None = None

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
    """Return every pair that no hard constraint forbids, sorted by household and then unit."""
    found = [block.households * pool.n_units + block.units for block in possible_in_blocks(pool)]
    keys = np.sort(np.concatenate([np.empty(0, dtype=np.int64), *found]))
    return Candidates(*np.divmod(keys, max(pool.n_units, 1)))


def possible_in_blocks(pool: EncodedPool, half: int | None = None) -> Iterator[Candidates]:
    """Yield every pair that no hard constraint forbids, each in one block; how many there may be does not matter.

    half: only every other block, from the first (0) or the second (1) on.
    """
    households = np.flatnonzero(pool.households.consented)
    units = np.flatnonzero(available(pool))
    barred = _barred(pool)
    for block in islice(blocks(pool, households, units), half or 0, None, 1 if half is None else 2):
        yield _without(barred, _possible(pool, block), pool.n_units)


def possible_at_once(pool: EncodedPool) -> Candidates:
    """Return the same as `find` by looking at every pair: for one household, where a grid costs more."""
    households = np.flatnonzero(pool.households.consented)
    against = ~available(pool) | np.zeros((len(households), 1), dtype=np.bool_)
    for code in _of_the_pair(pool):
        against |= CHECKS[code](pool, households[:, None], ALL)
    row, units = np.nonzero(~against)
    pairs = Candidates(households[row], units)
    far = np.zeros(len(pairs), dtype=np.bool_)
    for code in OF_THE_PLACE:
        far |= CHECKS[code](pool, pairs.households, pairs.units)
    return _without(_barred(pool), Candidates(pairs.households[~far], pairs.units[~far]), pool.n_units)


def obstacle_tables(pool: EncodedPool, households: Ints) -> Iterator[tuple[HardCode, Bools]]:
    """Yield for every code, in order, bool[len(households), n_units]: where it stands against the pair."""
    shape = (len(households), pool.n_units)
    for code in HardCode:
        if code in BARRED:
            yield code, _table(BARRED[code](pool), households, pool)
        else:
            yield code, np.broadcast_to(CHECKS[code](pool, households[:, None], ALL), shape)


def obstacles_of(pool: EncodedPool, households: Ints, units: Ints) -> list[tuple[HardCode, ...]]:
    """Return for each pair (int64[k] indices each) every code that forbids it, in order: `hard.obstacles` of many."""
    keys = households * pool.n_units + units
    against = {code: np.isin(keys, BARRED[code](pool)) if code in BARRED
               else np.broadcast_to(CHECKS[code](pool, households, units), keys.shape) for code in HardCode}
    return [tuple(code for code, stands in against.items() if stands[place]) for place in range(len(keys))]


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


def available(pool: EncodedPool) -> Bools:
    """The units that could take anybody at all: bool[n_units]."""
    nobody = np.zeros(1, dtype=np.int64)
    available: Bools = pool.units.consented & (pool.units.free > 0)
    for code in OF_THE_UNIT:
        available &= ~CHECKS[code](pool, nobody, ALL)
    return available


def _possible(pool: EncodedPool, block: Block) -> Candidates:
    """The possible pairs of a block, but for those that are barred one by one."""
    rows, columns = block.households, block.units
    against = np.zeros((len(rows), len(columns)), dtype=np.bool_)
    for code in _of_the_pair(pool):
        against |= CHECKS[code](pool, rows[:, None], columns[None, :])
    left = np.flatnonzero(~against)
    row = left // len(columns)
    households, units = rows[row], columns[left - row * len(columns)]
    if not block.placed:
        return Candidates(households, units)
    metres = metres_between(pool, households, units)
    near = metres <= _reach(pool, households, units)
    return Candidates(households[near], units[near], metres[near])


def _of_the_pair(pool: EncodedPool) -> tuple[HardCode, ...]:
    return OF_THE_PAIR if pool.rules.housing else WITHOUT_HOME


def _barred(pool: EncodedPool) -> Ints:
    """The keys of all pairs that are barred one by one, sorted."""
    return np.unique(np.concatenate([keys(pool) for keys in BARRED.values()]))


def _without(barred: Ints, pairs: Candidates, n_units: int) -> Candidates:
    """The pairs without those that are barred (sorted keys)."""
    if not len(barred):
        return pairs
    keys = pairs.households * n_units + pairs.units
    keep = barred[np.minimum(np.searchsorted(barred, keys), len(barred) - 1)] != keys
    metres = None if pairs.metres is None else pairs.metres[keep]
    return Candidates(pairs.households[keep], pairs.units[keep], metres)


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


def _too_far(pool: EncodedPool, h: Ints, u: Which) -> Bools:
    return both_places_known(pool, h, u) & (metres_between(pool, h, u) > _reach(pool, h, u))


def _reach(pool: EncodedPool, h: Ints, u: Which) -> Ints:
    return np.minimum(pool.households.reach[h], pool.units.reach[u])


def _other_district(pool: EncodedPool, h: Ints, u: Which) -> Bools:
    other: Bools = pool.households.district[h] != pool.units.district[u]
    return ~both_places_known(pool, h, u) & other


def _no_place(pool: EncodedPool, h: Ints, u: Which) -> Bools:
    short: Bools = pool.units.free[u] < (pool.households.takes[h] if pool.rules.capacity_in == "persons" else 1)
    return short


def _no_home(pool: EncodedPool, _: Ints, u: Which) -> Bools:
    return ~pool.units.home[u] if pool.rules.housing else NONE


def _home_too_small(pool: EncodedPool, h: Ints, u: Which) -> Bools:
    if not pool.rules.housing:
        return NONE
    return pool.units.home[u] & (pool.households.size[h] > pool.units.home_persons[u])


def _home_with_steps(pool: EncodedPool, h: Ints, u: Which) -> Bools:
    if not pool.rules.housing:
        return NONE
    return pool.units.home[u] & pool.households.step_free[h] & ~pool.units.home_step_free[u]


CHECKS: dict[HardCode, Check] = {
    HardCode.NOT_VETTED: lambda p, h, u: ~p.units.vetted[u],
    HardCode.CONSENT_MISSING: lambda p, h, u: ~(p.units.consented[u] & p.households.consented[h]),
    HardCode.PAUSED: lambda p, h, u: p.units.paused[u],
    HardCode.AVAILABILITY_OVER: lambda p, h, u: p.units.over[u],
    HardCode.NO_PLACE_FREE: _no_place,
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
    HardCode.NO_COMMON_LANGUAGE: lambda p, h, u: ~overlapping(p.households.asks, p.units.answers, h, u),
    HardCode.MUST_HAVE_MISSING: lambda p, h, u: lacking(p.households.must_haves, p.units.provides, h, u),
    HardCode.CONFLICT: lambda p, h, u: overlapping(p.households.conflicts, p.units.conflicts, h, u),
}
# Pairs that are barred one by one have no columns: their keys are looked up.
BARRED: dict[HardCode, Callable[[EncodedPool], Ints]] = {
    HardCode.VETOED: lambda pool: pool.vetoed,
    HardCode.DECLINED_BEFORE: lambda pool: pool.declined,
    HardCode.FORBIDDEN: lambda pool: pool.forbidden,
}
# Whatever household is asked about. (Consent is a matter of both sides; only who gave it is looked at in pairs.)
OF_THE_UNIT = (
    HardCode.NOT_VETTED,
    HardCode.PAUSED,
    HardCode.AVAILABILITY_OVER,
    HardCode.HOUSING_MISSING,
    HardCode.HOUSING_NOT_READY,
)
# A matter of the block; how far it is costs more than all others together, and is asked only of those who are left.
OF_THE_PLACE = (HardCode.TOO_FAR, HardCode.OTHER_DISTRICT)
OF_THE_PAIR = tuple(code for code in CHECKS if code not in (HardCode.CONSENT_MISSING, *OF_THE_UNIT, *OF_THE_PLACE))
OF_THE_HOME = (HardCode.HOUSING_TOO_SMALL, HardCode.HOUSING_NOT_STEP_FREE)
WITHOUT_HOME = tuple(code for code in OF_THE_PAIR if code not in OF_THE_HOME)
