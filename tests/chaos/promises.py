"""What is promised (R1), each promise by the name under which its violation is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SOME = 3


class Promise(StrEnum):
    """One thing that must be true, whatever was done to the network."""

    KEPT = "no acknowledged command lost"
    ONCE = "no effect twice"
    ANSWERED = "every command is answered"
    NO_BUG = "no request meets a bug"
    ANNOUNCED = "every acknowledged command is announced once"
    NUMBERED = "numbers are gapless and unique"
    ORDERED = "order per aggregate is kept"
    HEARD = "each fact is heard once"
    EFFECTS = "each fact has its effect once"
    COPIED = "copies equal their source"
    REBUILT = "copies made anew are the same"
    DUE = "due work is done once"
    AUDITED = "the audit chain verifies"
    PARKED = "poison is parked, and nothing else"
    BEHIND = "later facts of a parked aggregate wait"
    FILLED = "the stream is filled again"
    LEADER = "one leader at a time"
    SETTLED = "the network settles"
    CRASHED = "acknowledged is heard, published is stored, also in a crash"
    SEATS = "no seat is given twice"
    PLACES = "no place is given twice"
    IN_TURN = "seats are given in order"
    MAILED = "each notification is sent once"
    TICKED = "a group is ready exactly when its people attended"
    NEUTRAL = "a concern reaches the neutral contact, and nobody else"
    LEARNED = "each learning is received once"
    ERASED = "who is erased is erased everywhere, for good"


@dataclass(frozen=True)
class Violation:
    """A promise that was not kept, and what that was seen by."""

    promise: Promise
    sentence: str


def some_of(found: Sequence[Any]) -> str:
    """The first few, and how many there are."""
    return f"{', '.join(map(str, sorted(found)[:SOME]))} ({len(found)} in all)"
