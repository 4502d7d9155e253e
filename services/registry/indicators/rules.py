"""How a figure is computed from counted facts alone: whatever their order, however often each was told."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from libs.common.codes.regions import UnknownRegion, current_ags, is_within, region
from services.registry.indicators.model import (
    ANSWERS,
    STRIKABLE,
    SUMMED,
    TANDEMS,
    Counted,
    CountedFact,
    Indicator,
    IndicatorState,
    Metric,
)
from services.registry.projects.model import Project

DISTRICT_DIGITS = 5
KNOWN_REGIONS = 20_000
PERSON = "person"
# Who was there, told one by one or together.
ATTENDED = frozenset({Counted.ATTENDANCE, Counted.TALLY})
# At these shares of the time it is looked at whether the target is at risk.
CHECKED_AT = (0.5, 0.75, 0.9)


@dataclass(frozen=True)
class Figure:
    """A figure and the facts behind it.

    random_keys: how many of the distinct persons or subjects were counted by a random key, so that the same person
    may be among them twice. without_key: how many people came of whom nobody can say whether they are distinct.
    """

    actual: int
    facts: tuple[CountedFact, ...]
    random_keys: int = 0
    without_key: int = 0


@dataclass
class Crowd:
    """Who was at an event: persons that can be told apart, others, and the rural districts they live in."""

    keys: set[str] = field(default_factory=set)
    others: int = 0
    rural: set[str] = field(default_factory=set)

    @property
    def people(self) -> int:
        """How many came."""
        return len(self.keys) + self.others


def in_force(facts: Iterable[CountedFact], closed_at: datetime | None = None) -> list[CountedFact]:
    """What holds of all that was told until the project was closed: of each thing the last that was told of it.

    Of the answers to a referral the last, without what a correction struck out or counts for another project now, and
    without the corrections themselves.
    """
    last: dict[tuple[frozenset[Counted], UUID], CountedFact] = {}
    struck: set[UUID] = set()
    for fact in sorted(set_of(facts), key=lambda fact: (fact.number, fact.told_at, fact.id)):
        if closed_at is not None and fact.told_at > closed_at:
            continue
        if fact.kind is Counted.CORRECTION and not fact.value:
            struck.add(fact.source_id)
            continue
        if fact.kind in STRIKABLE | {Counted.CORRECTION}:
            struck.discard(fact.source_id)
        if fact.kind is not Counted.CORRECTION:
            last[ANSWERS if fact.kind in ANSWERS else frozenset({fact.kind}), fact.source_id] = fact
    here = (fact for fact in last.values() if fact.value or fact.kind not in TANDEMS)
    return [fact for fact in here if fact.kind not in STRIKABLE or fact.source_id not in struck]


def set_of(facts: Iterable[CountedFact]) -> list[CountedFact]:
    """Each fact once."""
    return list({fact.id: fact for fact in facts}.values())


def needed_for(indicators: Iterable[Indicator]) -> frozenset[Counted]:
    """The kinds of facts without which these figures cannot be computed; those of other kinds change nothing."""
    kinds = frozenset({Counted.CORRECTION})
    for indicator in indicators:
        kinds |= indicator.kinds
        kinds |= ANSWERS if indicator.kinds & ANSWERS else frozenset()
        kinds |= ATTENDED if indicator.has_condition or Counted.ATTENDANCE in indicator.kinds else frozenset()
    return kinds


def figures(indicators: Iterable[Indicator], project: Project, facts: Iterable[CountedFact]) -> list[Figure]:
    """The figures of these indicators from all facts of their project."""
    holding = in_force(facts, project.closed_at)
    return [figure(indicator, project, holding) for indicator in indicators]


def figure(indicator: Indicator, project: Project, holding: Sequence[CountedFact]) -> Figure:
    """One indicator's figure from what holds of the project's facts."""
    counting = [fact for fact in holding if is_meant(indicator, fact) and is_inside(indicator, project, fact)]
    if indicator.has_condition:
        crowds = crowds_of(holding)
        counting = [fact for fact in counting if fact.event_id and is_enough(indicator, crowds[fact.event_id])]
    counting.sort(key=lambda fact: (fact.told_at, fact.id))
    if indicator.metric in {Metric.DISTINCT_PERSONS, Metric.DISTINCT_SUBJECTS}:
        return distinct(counting, persons_only=indicator.metric is Metric.DISTINCT_PERSONS)
    actual = sum(fact.value for fact in counting) if indicator.metric in SUMMED else len(counting)
    return Figure(actual, tuple(counting))


def distinct(counting: Sequence[CountedFact], *, persons_only: bool) -> Figure:
    """Each person, group or tandem once; who has no key cannot be told apart and does not count."""
    meant = [fact for fact in counting if not persons_only or fact.subject_kind == PERSON]
    known = [fact for fact in meant if fact.subject_key is not None]
    keys = {(fact.subject_kind, fact.subject_key) for fact in known}
    drawn = {(fact.subject_kind, fact.subject_key) for fact in known if fact.random_key}
    return Figure(len(keys), tuple(known), len(drawn), sum(fact.value for fact in meant if fact.subject_key is None))


def is_meant(indicator: Indicator, fact: CountedFact) -> bool:
    """Whether the fact is of a kind that the indicator counts."""
    kind = Counted.ATTENDANCE if fact.kind is Counted.TALLY else fact.kind
    if kind not in indicator.kinds or (indicator.event_kinds and fact.event_kind not in indicator.event_kinds):
        return False
    return indicator.training_code in {None, fact.training_code}


def is_inside(indicator: Indicator, project: Project, fact: CountedFact) -> bool:
    """Whether it happened in the term, until the deadline, and where the project and the indicator look."""
    if not project.starts <= fact.occurred_on <= min(project.ends, indicator.deadline):
        return False
    if not lies_in(fact.region, project.target_regions) or (indicator.rural_only and not is_rural(fact.region)):
        return False
    return not indicator.regions or lies_in(fact.region, indicator.regions)


def crowds_of(holding: Iterable[CountedFact]) -> dict[UUID, Crowd]:
    """Who was at each event: each person once, whoever was only tallied as often as tallied."""
    crowds: dict[UUID, Crowd] = defaultdict(Crowd)
    for fact in holding:
        if fact.event_id is None or fact.kind not in ATTENDED:
            continue
        crowd = crowds[fact.event_id]
        if fact.subject_key is None:
            crowd.others += fact.value
        else:
            crowd.keys.add(fact.subject_key)
        if fact.home_region and is_rural(fact.home_region):
            crowd.rural.add(current(fact.home_region)[:DISTRICT_DIGITS])
    return crowds


def is_enough(indicator: Indicator, crowd: Crowd) -> bool:
    """Whether as many people came, from as many rural districts, as the indicator asks for."""
    rural = len(crowd.rural)
    return crowd.people >= (indicator.min_per_event or 0) and rural >= (indicator.min_rural_regions or 0)


def state_of(indicator: Indicator, project: Project, actual: int, today: date) -> IndicatorState:
    """How it stands today: against the target, and until the deadline against the share of the time that is over."""
    if actual >= indicator.target:
        return IndicatorState.REACHED
    if today > indicator.deadline:
        return IndicatorState.MISSED
    days = (indicator.deadline - project.starts).days + 1
    passed = max(0, (today - project.starts).days)
    return IndicatorState.BEHIND if actual < indicator.target * passed // days else IndicatorState.ON_TRACK


def next_check(indicator: Indicator, project: Project, after: date) -> date | None:
    """The next day after this one on which it is looked at whether the target is at risk; None: no more."""
    days = (indicator.deadline - project.starts).days
    checks = (project.starts + timedelta(days=int(days * share)) for share in CHECKED_AT)
    return next((day for day in checks if day > after), None)


@lru_cache(maxsize=KNOWN_REGIONS)
def _within(ags: str, prefix: str) -> bool:
    try:
        return is_within(ags, prefix)
    except UnknownRegion:
        return False


def lies_in(ags: str, regions: Iterable[str]) -> bool:
    """Whether the region lies in one of these; what no region has as its key lies nowhere."""
    return any(_within(ags, prefix) for prefix in regions)


@lru_cache(maxsize=KNOWN_REGIONS)
def is_rural(ags: str) -> bool:
    """Whether the region counts as rural; what no region has as its key does not."""
    try:
        return region(current_ags(ags)).rural
    except UnknownRegion:
        return False


@lru_cache(maxsize=KNOWN_REGIONS)
def current(ags: str) -> str:
    """The key that holds today of a region that exists."""
    return current_ags(ags)
