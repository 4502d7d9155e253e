"""Fairness: how long groups of households have waited before and after a run, and which share of them it served.

Nothing here moves a score; it is counted afterwards. The time in a tandem that ended early is no waiting. A household
counts in each language that it speaks best, in each gender of its adults and in each age band of its members.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from statistics import median
from typing import Any

from services.matching.runs.pool import DISTRICT, LEVELS, Member, adult_genders, age_bands
from services.matching.suppression.rules import LEAST, hidden_in_table

ALL = "all"
Row = dict[str, Any]
Counts = dict[str, tuple[int | None, ...]]
Group = tuple[str, str]


def counted(households: Iterable[tuple[Any, int, Iterable[Group]]], served: Collection[Any]) -> list[Row]:
    """By dimension and value: how many waited and were served, and the median and 95th percentile of days.

    households: (id, days waited, groups, as told below). `…_before` are the days of all, `…_after` those of who waits
    on; None where there is nobody.
    """
    waited: dict[Group, list[int]] = defaultdict(list)
    still: dict[Group, list[int]] = defaultdict(list)
    for one, days, groups in households:
        left = one not in served
        for group in groups:
            waited[group].append(days)
            if left:
                still[group].append(days)
    return [{
        "dimension": dimension, "value": value, "waited": len(days), "served": len(days) - len(still[dimension, value]),
        "median_before": _median(days), "p95_before": _p95(days),
        "median_after": _median(still[dimension, value]), "p95_after": _p95(still[dimension, value]),
    } for (dimension, value), days in sorted(waited.items())]


def shown(rows: Iterable[Row]) -> list[Row]:
    """The same with small cells hidden (None), and what they could be reckoned from; a share where it may be told."""
    by_dimension: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_dimension[row["dimension"]].append(row)
    everyone = by_dimension.get(ALL, [])
    return [one for dimension in sorted(by_dimension) for one in _shown(by_dimension[dimension], everyone)]


def _shown(rows: list[Row], everyone: list[Row]) -> Iterator[Row]:
    """One dimension, as a table of its values by served and not, with all totals."""
    counts: dict[tuple[str | None, str | None], int] = {}
    for row in rows:
        left = row["waited"] - row["served"]
        counts |= {(row["value"], "served"): row["served"], (row["value"], "left"): left,
                   (row["value"], None): row["waited"]}
    for total in everyone:
        counts |= {(None, "served"): total["served"], (None, "left"): total["waited"] - total["served"],
                   (None, None): total["waited"]}
    hidden = hidden_in_table(counts)
    for row in rows:
        value = row["value"]
        told = dict(row)
        if (value, None) in hidden:
            told |= dict.fromkeys(("waited", "median_before", "p95_before"))
        if hidden & {(value, "served"), (value, "left"), (value, None)}:
            told |= dict.fromkeys(("served", "median_after", "p95_after"))
        both = told["waited"] and told["served"] is not None
        yield told | {"served_share": round(told["served"] / told["waited"], 3) if both else None}


def told_anew(
    rows: Iterable[Row], before: Iterable[Iterable[Row]], around: Iterable[Iterable[Row]] = (),
) -> set[str]:
    """The dimensions of a run's figures (as `shown` gives them) that may be told beside all told before.

    around: what was told of a region that this one is a part of, or that is a part of this one. What only one of both
    counts is there the rest by itself, of which nothing is learnt besides.
    """
    now, same = _by_dimension(rows), [_by_dimension(some) for some in before]
    nested = [_by_dimension(some) for some in around]
    return {dimension for dimension, counts in now.items()
            if not any(_tells_of_few(counts, told[dimension], counts.keys() | told[dimension].keys())
                       for told in same if dimension in told)
            and not any(_tells_of_few(counts, told[dimension], counts.keys() & told[dimension].keys())
                        for told in nested if dimension in told)}


def _by_dimension(rows: Iterable[Row]) -> dict[str, Counts]:
    """By dimension and value: how many waited, how many of them were served, and how many were not."""
    found: dict[str, Counts] = defaultdict(dict)
    for row in rows:
        waited, served = row["waited"], row["served"]
        left = None if waited is None or served is None else waited - served
        found[row["dimension"]][row["value"]] = (waited, served, left)
    return found


def _tells_of_few(one: Counts, other: Counts, values: Iterable[str]) -> bool:
    nobody = (0, 0, 0)
    return any(_near(*pair) for value in values
               for pair in zip(one.get(value, nobody), other.get(value, nobody), strict=True))


def _near(one: int | None, other: int | None) -> bool:
    """Whether they differ by few; what is hidden is taken for few, which it mostly is."""
    if one is None and other is None:
        return False
    if one is None or other is None:
        return (one or 0) + (other or 0) < LEAST - 1 + LEAST
    return 0 < abs(one - other) < LEAST


def days_between(since: date, day: date) -> int:
    """How many days somebody has waited on a day."""
    return max(0, (day - since).days)


def by_languages(languages: Mapping[str, str]) -> tuple[Group, ...]:
    """The groups, as dimension and value, of a household that speaks these."""
    best = max((LEVELS.index(level) for level in languages.values()), default=-1)
    return tuple(("language", tag) for tag, level in languages.items() if LEVELS.index(level) == best)


def by_members(members: Collection[Member]) -> tuple[Group, ...]:
    """Those of one with these members."""
    return (*(("gender", gender) for gender in adult_genders(members)),
            *(("age_band", band) for band in age_bands(members)))


def by_region(region: str) -> tuple[Group, ...]:
    """Those of one that lives there: everybody, and its district."""
    return (ALL, ALL), ("region", region[:DISTRICT])


def _median(days: list[int]) -> float | None:
    return float(median(days)) if days else None


def _p95(days: list[int]) -> int | None:
    """The least of the values that 95 of a hundred do not exceed (nearest rank)."""
    return sorted(days)[-(-95 * len(days) // 100) - 1] if days else None
