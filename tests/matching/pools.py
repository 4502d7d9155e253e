"""Invented pools for the tests of the computing core: a pair that suits, and strategies for every kind of pool."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from services.matching.runs.batch import Inputs
from services.matching.runs.pool import (
    AGE_BANDS,
    ALL_SLOTS,
    CRITERIA,
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


def _some(codes: tuple[str, ...], most: int = 3) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(codes), max_size=most)


def _ids(start: int, most: int = 1) -> st.SearchStrategy[frozenset[UUID]]:
    return st.frozensets(st.integers(start, start + 5).map(lambda number: UUID(int=number)), max_size=most)


MOSTLY = st.sampled_from((True, True, True, True, False))
RARELY = st.sampled_from((False, False, False, False, True))
OFFERS = ("jobcentre", "school", "housing", "letters", "childcare", "step_free")
INTERESTS = ("football", "cooking", "music", "chess", "garden")
CONFLICTS = ("alpha", "beta", "gamma")
POINTS = st.one_of(
    st.none(),
    st.sampled_from((EISLEBEN, SANGERHAUSEN, HAVELBERG, Point(51.5, 11.4))),
    st.builds(Point, st.floats(51.3, 51.7), st.floats(11.2, 11.8)),
    st.builds(Point, st.floats(-90, 90), st.sampled_from((-180.0, -179.95, 179.95, 180.0))),
)
WEEKS = st.one_of(st.integers(0, ALL_SLOTS), st.sampled_from((ALL_SLOTS, 0b1111, 0b11)))
SPOKEN = st.dictionaries(st.sampled_from(("de", "ar", "uk", "fa")), st.sampled_from(LEVELS), max_size=3)
DISTRICTS = st.sampled_from(("15087", "15087370", "15084"))
HOMES = st.one_of(
    st.none(),
    st.builds(
        Housing, st.integers(1, 6), st.booleans(),
        st.sampled_from((None, date(2026, 4, 1), date(2026, 6, 1))),
        st.sampled_from((None, date(2027, 4, 1), date(2027, 6, 1))),
    ),
)


@st.composite
def weights(draw: st.DrawFn) -> Weights:
    """Any weights that sum to 1000, some of them 0."""
    cuts = sorted(draw(st.lists(st.sampled_from((0, 1, 100, 333, 500, 700, 1000)), min_size=4, max_size=4)))
    return Weights(*(high - low for low, high in zip([0, *cuts], [*cuts, FULL_SCORE], strict=True)))


RULES = st.builds(
    Rules,
    weights=st.one_of(st.just(Weights()), weights()),
    base=st.sampled_from((0, 1000)),
    min_common_slots=st.integers(0, 3),
    far_km=st.sampled_from((1, 20, 40)),
    enough_slots=st.integers(1, 10),
    housing=st.sampled_from((None, None, HOUSING)),
)


@st.composite
def units(draw: st.DrawFn, number: int) -> Unit:
    """Any unit."""
    kind = draw(st.sampled_from(KINDS))
    return Unit(
        id=UUID(int=0x1000 + number),
        kind=kind,
        free=draw(st.integers(0, 1 if kind == "group" else 3)),
        largest=draw(st.integers(1, 5)),
        district=draw(DISTRICTS),
        radius_km=draw(st.sampled_from((0, 5, 20, 50, 20_000))),
        point=draw(POINTS),
        languages=draw(SPOKEN),
        slots=draw(WEEKS),
        contact_genders=draw(_some(GENDERS, 2)),
        accepts_genders=draw(st.one_of(st.just(frozenset[str]()), _some(GENDERS))),
        accepts_bands=draw(st.one_of(st.just(frozenset[str]()), _some(AGE_BANDS, 5))),
        offers=draw(_some(OFFERS)),
        interests=draw(_some(INTERESTS)),
        childcare=draw(st.booleans()),
        step_free=draw(st.booleans()),
        conflict_groups=draw(st.one_of(st.just(frozenset[str]()), _some(CONFLICTS, 1))),
        persons=draw(_ids(0x3000, 2)),
        partner=draw(st.one_of(st.none(), st.just(UUID(int=0x4000)))),
        vetoed_households=draw(st.one_of(st.just(frozenset[UUID]()), _ids(0x2000))),
        vetted=draw(MOSTLY),
        consented=draw(MOSTLY),
        paused=draw(RARELY),
        housing=draw(HOMES),
    )


@st.composite
def households(draw: st.DrawFn, number: int) -> Household:
    """Any household."""
    member = st.builds(Member, st.sampled_from(AGE_BANDS), st.sampled_from(GENDERS))
    return Household(
        id=UUID(int=0x2000 + number),
        members=tuple(draw(st.lists(member, min_size=1, max_size=4))),
        district=draw(DISTRICTS),
        waiting_since=TODAY - timedelta(days=draw(st.integers(-10, 500))),
        point=draw(POINTS),
        radius_km=draw(st.sampled_from((None, 0, 10, 40))),
        languages=draw(SPOKEN),
        least_level=draw(st.sampled_from(("literacy", "A2", "B2"))),
        interpreter=draw(st.booleans()),
        slots=draw(WEEKS),
        kinds=draw(st.one_of(st.just(frozenset[str]()), _some(KINDS))),
        contact_genders=draw(st.one_of(st.just(frozenset[str]()), _some(GENDERS))),
        must_haves=draw(st.one_of(st.just(frozenset[str]()), _some(OFFERS, 1))),
        wishes=draw(_some(OFFERS)),
        interests=draw(_some(INTERESTS, 5)),
        conflict_groups=draw(st.one_of(st.just(frozenset[str]()), _some(CONFLICTS, 1))),
        vetoed_units=draw(st.one_of(st.just(frozenset[UUID]()), _ids(0x1000))),
        vetoed_persons=draw(st.one_of(st.just(frozenset[UUID]()), _ids(0x3000))),
        vetoed_partners=draw(st.sampled_from((frozenset[UUID](), frozenset[UUID](), frozenset({UUID(int=0x4000)})))),
        urgency=draw(st.integers(0, 3)),
        consented=draw(MOSTLY),
    )


@st.composite
def pools(draw: st.DrawFn, most_units: int = 5, most_households: int = 4) -> Inputs:
    """Any pool of a few, with rules, vetoes and earlier declines."""
    n_units, n_households = draw(st.integers(0, most_units)), draw(st.integers(0, most_households))
    pair = st.tuples(st.integers(0, most_households), st.integers(0, most_units))
    return Inputs(
        households=tuple(draw(households(number)) for number in range(n_households)),
        units=tuple(draw(units(number)) for number in range(n_units)),
        rules=draw(RULES),
        today=TODAY,
        declined=frozenset((UUID(int=0x2000 + h), UUID(int=0x1000 + u)) for h, u in draw(st.sets(pair, max_size=2))),
    )
