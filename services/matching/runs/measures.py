"""What lies between households and units, for many pairs at once: metres, language, things in common.

Household indices and unit indices are int64 arrays that broadcast: of one length (arcs), or a column and a
row (every pair of the two); a slice of the units stands for such a row.
"""

import numpy as np
from numpy.typing import NDArray

from services.matching.runs.bits import Bools, Ints, Words
from services.matching.runs.encoding import EncodedPool
from services.matching.runs.hard import EARTH_METRES

Bytes = NDArray[np.uint8]
Which = Ints | slice


def metres_between(pool: EncodedPool, households: Ints, units: Which) -> Ints:
    """Return whole metres, the very numbers of `hard.metres`; meaningless where a place is not known."""
    (x, y, z), (unit_x, unit_y, unit_z) = pool.households.place, pool.units.place
    dx = x[households] - unit_x[units]
    dy = y[households] - unit_y[units]
    dz = z[households] - unit_z[units]
    # The order of these operations is that of `hard.metres`: another one rounds to other numbers.
    squared = dx * dx + dy * dy + dz * dz
    chord = np.sqrt(squared)
    metres: Ints = (EARTH_METRES * (chord + chord * squared / 24.0)).astype(np.int64)
    return metres


def both_places_known(pool: EncodedPool, households: Ints, units: Which) -> Bools:
    """Return where metres mean something."""
    known: Bools = pool.households.placed[households] & pool.units.placed[units]
    return known


def common_level(pool: EncodedPool, households: Ints, units: Ints) -> Bytes:
    """Return the rank of the best common language; 0 where it does not reach what the household asks for."""
    best = np.zeros(np.broadcast_shapes(households.shape, units.shape), dtype=np.uint8)
    for theirs, ours in zip(pool.households.speaks, pool.units.speaks, strict=True):
        best += overlapping(theirs, ours, households, units)
    enough: Bytes = best * (best >= pool.households.least[households])
    return enough


def common_slots(pool: EncodedPool, households: Ints, units: Which) -> Bytes:
    """Return how many parts of the week both have free."""
    number: Bytes = np.bitwise_count(pool.households.slots[households] & pool.units.slots[units])
    return number


def overlapping(theirs: Words, ours: Words, households: Ints, units: Which) -> Bools:
    """Return where the household's set and the unit's have anything in common."""
    common: Bools = (theirs[0][households] & ours[0][units]) != 0
    for their, our in zip(theirs[1:], ours[1:], strict=True):
        common |= (their[households] & our[units]) != 0
    return common


def lacking(needed: Words, given: Words, households: Ints, units: Which) -> Bools:
    """Return where the household's set has anything that the unit's has not."""
    missing: Bools = (needed[0][households] & ~given[0][units]) != 0
    for need, give in zip(needed[1:], given[1:], strict=True):
        missing |= (need[households] & ~give[units]) != 0
    return missing


def in_common(theirs: Words, ours: Words, households: Ints, units: Ints) -> Ints:
    """Return how many elements the two sets share."""
    number: Ints = np.bitwise_count(theirs[0][households] & ours[0][units]).astype(np.int64)
    for their, our in zip(theirs[1:], ours[1:], strict=True):
        number += np.bitwise_count(their[households] & our[units])
    return number
