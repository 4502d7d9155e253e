"""What a run found: proposals with their reasons, households without one and why, and the proof."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from services.matching.runs.hard import HardCode
from services.matching.runs.points import Points


@dataclass(frozen=True)
class NextBest:
    """The unit that a household would be best with otherwise, at the prices of this run."""

    unit: UUID
    score: int
    unit_price: int


@dataclass(frozen=True)
class Proposal:
    """A pair that the run proposes, and why.

    `worth` = the rules' base + score + `bonus`; `languages`: common ones with the level of who speaks it less
    well, empty levels left out; `interpreter`: none of them reaches the level asked for; `metres` None: a
    place is not known; `slots`: common parts of the week as a mask; `unit_price`: what one more place there
    would add to the sum; `next_best`: at the prices, also where it is better than a pair that is `pinned`, which
    somebody wanted whatever else would have been better.
    """

    household: UUID
    unit: UUID
    points: Points
    bonus: int
    worth: int
    languages: Mapping[str, str]
    interpreter: bool
    metres: int | None
    slots: int
    wishes_met: tuple[str, ...]
    wishes_missing: tuple[str, ...]
    interests: tuple[str, ...]
    unit_price: int
    next_best: NextBest | None
    pinned: bool = False

    @property
    def score(self) -> int:
        """The soft score, 1..1000: the sum of the points."""
        return self.points.score


@dataclass(frozen=True)
class Unserved:
    """A household without a proposal: how many units were possible (but taken), and what the codes took.

    `removed` counts each unit under every code that stands against it; `alone` under a code that is the only
    one. Codes that took nobody are left out.
    """

    household: UUID
    possible: int
    removed: Mapping[HardCode, int]
    alone: Mapping[HardCode, int]


@dataclass(frozen=True)
class Outcome:
    """What a run found; the same inputs give the same outcome with the same solver.

    No other set of pairs is worth more than the `bound`; `certified`: the objective reaches it. Where households are
    counted the bound is the price of all places and the sum of `household_values`. The value of a household that is
    pinned is what its pair is worth less the place's price: below 0 where others would gain more there.
    """

    inputs_hash: str
    computing_version: str
    weights_version: str
    solver: str
    numpy: str
    possible_pairs: int
    objective: int
    bound: int
    certified: bool
    proposals: tuple[Proposal, ...]
    unserved: tuple[Unserved, ...]
    unit_prices: Mapping[UUID, int]
    household_values: Mapping[UUID, int]
