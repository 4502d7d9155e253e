"""Invented pools for the tests of the computing core: a pair that suits, and every kind of pool by seeded chance."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any, TypeVar
from uuid import UUID

from hypothesis import strategies as st

from services.matching.runs.batch import Inputs
from services.matching.runs.pool import (
    AGE_BANDS,
    ALL_SLOTS,
    FULL_SCORE,
    GENDERS,
    KINDS,
    LEVELS,
    Household,
    Housing,
    HousingRule,
    Member,
    Point,
    Rules,
    Unit,
    Weights,
)

Drawn = TypeVar("Drawn")

TODAY = date(2026, 3, 2)
EISLEBEN, SANGERHAUSEN, HAVELBERG = Point(51.5258, 11.5345), Point(51.4722, 11.2953), Point(52.8309, 12.0755)
HOUSING = HousingRule(available_by=date(2026, 5, 1), rent_secured_until=date(2027, 5, 1))


def a_unit(number: int = 1, **given: Any) -> Unit:
    """A unit that suits `a_household`, but for what is given."""
    usual = Unit(
        id=UUID(int=0x1000 + number), kind="single", free=1, largest=4, district="15087", radius_km=30, point=EISLEBEN,
        languages={"de": "C2", "ar": "B1"}, slots=0b1111, contact_genders=frozenset({"f"}), vetted=True, consented=True,
    )
    return replace(usual, **given)


def a_household(number: int = 1, **given: Any) -> Household:
    """A household that suits `a_unit`, but for what is given."""
    usual = Household(
        id=UUID(int=0x2000 + number), members=(Member("27-44", "f"), Member("6-13", "m")), district="15087",
        waiting_since=TODAY, point=SANGERHAUSEN, languages={"ar": "C2", "de": "A1"}, slots=0b0111, consented=True,
    )
    return replace(usual, **given)


def inputs(households: list[Household], units: list[Unit], rules: Rules | None = None) -> Inputs:
    """The inputs of a run over these."""
    return Inputs(households=tuple(households), units=tuple(units), rules=rules or Rules(), today=TODAY)


OFFERS = ("jobcentre", "school", "housing", "letters", "childcare", "step_free")
INTERESTS = ("football", "cooking", "music", "chess", "garden")
CONFLICTS = ("alpha", "beta", "gamma")
DISTRICTS = ("15087", "15087370", "15084")
WEEKS = (ALL_SLOTS, 0b1111, 0b11, 0b10101010101, 0b1000)


class Chance(Random):
    """Seeded chance in the words of a pool. Whole pools from one number are drawn much faster than field by field.

    How often somebody has a limit at all differs from pool to pool: from hardly ever to most of the time.
    """

    def __init__(self, seed: int) -> None:
        """Begin at this number."""
        super().__init__(seed)
        self.strictness = self.choice((0.03, 0.1, 0.3, 0.8))

    def limits(self) -> bool:
        """Whether there is a limit here."""
        return self.random() < self.strictness

    def some(self, codes: Sequence[Drawn], most: int) -> frozenset[Drawn]:
        """A set of up to so many of these."""
        return frozenset(self.sample(codes, self.randint(0, most)))

    def wish(self, codes: Sequence[Drawn], most: int) -> frozenset[Drawn]:
        """Nothing where there is no limit, else a set of up to so many of these."""
        return self.some(codes, most) if self.limits() else frozenset()

    def ids(self, start: int) -> frozenset[UUID]:
        """Mostly none, else one of five ids."""
        return self.wish([UUID(int=start + number) for number in range(5)], 1)

    def point(self) -> Point | None:
        """Nearby or unknown; where there are limits also far away, or at an edge of the map."""
        near = Point(self.uniform(51.3, 51.7), self.uniform(11.2, 11.8))
        edge = Point(self.uniform(-90, 90), self.choice((-180.0, -179.95, 179.95, 180.0)))
        return self.choice((HAVELBERG, edge, edge) if self.limits() else (near, near, EISLEBEN, SANGERHAUSEN, None))

    def shared(self) -> dict[str, Any]:
        """What both sides have."""
        spoken = sorted(self.some(("de", "ar", "uk", "fa"), 3)) if self.limits() else ["ar", "de"]
        return {
            "district": self.choice(DISTRICTS if self.limits() else DISTRICTS[:2]),
            "point": self.point(),
            "languages": {tag: self.choice(LEVELS) for tag in spoken},
            "slots": self.choice((*WEEKS, self.getrandbits(28))) if self.limits() else self.getrandbits(28) | 0b111,
            "interests": self.some(INTERESTS, 5),
            "conflict_groups": self.wish(CONFLICTS, 1),
            "consented": not self.limits(),
        }

    def unit(self, number: int) -> Unit:
        """Any unit."""
        kind = self.choice(KINDS)
        home = Housing(
            self.randint(1, 6), not self.limits(), self.choice((None, date(2026, 4, 1), date(2026, 6, 1))),
            self.choice((None, date(2027, 4, 1), date(2027, 6, 1), date(2028, 1, 1))),
        )
        good_home = Housing(4, step_free=True, available_from=TODAY, rent_secured_until=date(2028, 1, 1))
        return Unit(
            id=UUID(int=0x1000 + number), kind=kind,
            free=0 if self.limits() else self.randint(1, 1 if kind == "group" else 2),
            largest=self.randint(1, 5) if self.limits() else 4,
            radius_km=self.choice((0, 5, 20, 50)) if self.limits() else 20_000,
            contact_genders=self.some(GENDERS, 2), accepts_genders=self.wish(GENDERS, 3),
            accepts_bands=self.wish(AGE_BANDS, 6), offers=self.some(OFFERS, 3), childcare=self.random() < 0.5,
            step_free=self.random() < 0.5, persons=self.ids(0x3000), partner=self.choice((None, UUID(int=0x4000))),
            vetoed_households=self.ids(0x2000), vetted=not self.limits(), paused=self.limits(),
            days_left=self.choice((0, 1, 40)) if self.limits() else None,
            housing=self.choice((home, home, None)) if self.limits() else good_home, **self.shared(),
        )

    def household(self, number: int) -> Household:
        """Any household."""
        members = [Member(self.choice(AGE_BANDS), self.choice(GENDERS)) for _ in range(self.randint(1, 4))]
        return Household(
            id=UUID(int=0x2000 + number), members=tuple(members),
            waiting_since=TODAY - timedelta(days=self.randint(-10, 500)),
            radius_km=self.choice((0, 10, 40)) if self.limits() else None,
            least_level=self.choice(("literacy", "A2", "B2")), interpreter=not self.limits(),
            kinds=self.wish(KINDS, 2), contact_genders=self.wish(GENDERS, 3),
            must_haves=self.wish(OFFERS, 1), wishes=self.some(OFFERS, 3), vetoed_units=self.ids(0x1000),
            vetoed_persons=self.ids(0x3000), vetoed_partners=self.wish((UUID(int=0x4000), UUID(int=0x4001)), 1),
            urgency=self.randint(0, 3), **self.shared(),
        )

    def weights(self) -> Weights:
        """Any weights that sum to 1000, some of them 0."""
        cuts = sorted(self.choice((0, 0, 1, 100, 333, 500, 700, 1000)) for _ in range(4))
        return Weights(*(high - low for low, high in zip([0, *cuts], [*cuts, FULL_SCORE], strict=True)))

    def rules(self) -> Rules:
        """Any rules."""
        return Rules(
            weights=self.choice((Weights(), self.weights())), base=self.choice((0, 1000)),
            min_common_slots=self.randint(0, 2), far_km=self.choice((1, 20, 40)), enough_slots=self.randint(1, 10),
            housing=self.choice((None, None, HOUSING)),
        )

    def pool(self, n_units: int, n_households: int) -> Inputs:
        """Any pool of so many, with rules, vetoes and earlier declines."""
        everyone = [(UUID(int=0x2000 + h), UUID(int=0x1000 + u)) for h in range(5) for u in range(5)]
        return Inputs(
            households=tuple(self.household(number) for number in range(n_households)),
            units=tuple(self.unit(number) for number in range(n_units)),
            rules=self.rules(), today=TODAY, declined=self.wish(everyone, 5),
        )


CHANCES = st.integers(0, 2**32 - 1).map(Chance)


def pools(most_units: int = 5, most_households: int = 4) -> st.SearchStrategy[Inputs]:
    """Any pool of a few."""
    return st.builds(
        lambda chance, n_units, n_households: chance.pool(n_units, n_households),
        CHANCES, st.integers(0, most_units), st.integers(0, most_households),
    )


def pairs() -> st.SearchStrategy[tuple[Household, Unit, Rules]]:
    """Any household, any unit, any rules."""
    return CHANCES.map(lambda chance: (chance.household(1), chance.unit(1), chance.rules()))
