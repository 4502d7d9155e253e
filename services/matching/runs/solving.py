"""What the worker process does: rows from the database in, one exact run, plain data with its reasons out."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from pydantic_core import to_json

from services.matching.runs.batch import Sides, run_sides
from services.matching.runs.copied import Copied, households_of, units_of
from services.matching.runs.explanation import shared
from services.matching.runs.fairness import Group, by_languages, by_members, by_region, days_between
from services.matching.runs.outcome import Outcome
from services.matching.runs.pairs import next_best_told, proposal_told, unserved_told
from services.matching.runs.pool import Weights
from services.matching.runs.rows import rules_of
from services.matching.runs.steps import Progress, nobody_listens

BARRED = ("declined", "pinned", "forbidden")


def solved(pool: dict[str, Any], tell: Progress = nobody_listens) -> dict[str, Any]:
    """Match the pool; ValueError when it holds what the core refuses. Keys are the columns of the run's tables."""
    sides, seen = sides_of(pool)
    outcome = run_sides(sides, tell=tell)
    return {
        "run": _run(outcome), "seen": seen, "waited": _waited(sides),
        "proposals": _columns(outcome, sides.rules.weights),
        "unserved": [unserved_told(one) for one in outcome.unserved],
    }


def sides_of(pool: dict[str, Any]) -> tuple[Sides, dict[str, Any]]:
    """The pool as the core takes it; who was seen, each in which version, and the units' free places."""
    households, their_versions = households_of(Copied(*pool["households"]))
    units, our_versions = units_of(Copied(*pool["units"]), pool["today"])
    barred = {name: frozenset((str(one), str(other)) for one, other in pool[name]) for name in BARRED}
    sides = Sides(households, units, rules_of(pool), pool["today"], **barred)
    free = dict(zip(units.ids, units["free"].each(), strict=True))
    return sides, {"households": their_versions, "units": our_versions, "free": free}


def told(outcome: Outcome, weights: Weights) -> Iterator[str]:
    """An outcome as JSON with the reasons in all languages, in parts: of a country they are hundreds of megabytes."""
    yield '{\n "run": ' + _indented(_run(outcome), 1)
    yield from _listed("proposals", (proposal_told(one, weights) for one in outcome.proposals))
    yield from _listed("unserved", (unserved_told(one) for one in outcome.unserved))
    yield "\n}"


def _listed(name: str, rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A member of the outermost object, which is a list."""
    between, end = f',\n "{name}": [\n  ', f',\n "{name}": []'
    for row in rows:
        yield between + _indented(row, 2)
        between, end = ",\n  ", "\n ]"
    yield end


def _indented(value: Any, depth: int) -> str:
    """JSON as it stands so deep in an indented one; within texts there are no line breaks."""
    return json.dumps(value, indent=1, ensure_ascii=False, default=str).replace("\n", "\n" + " " * depth)


def _waited(sides: Sides) -> list[tuple[str, int, tuple[Group, ...]]]:
    """Each household with the days that it has waited and the groups in which its waiting counts."""
    given = sides.households
    days = given["waiting_since"].to(lambda since: days_between(since, sides.today)).each()
    parts = (given["languages"].to(by_languages), given["members"].to(by_members), given["district"].to(by_region))
    groups = zip(*(part.each() for part in parts), strict=True)
    return [(one, waited, (*spoken, *who, *where))
            for one, waited, (spoken, who, where) in zip(given.ids, days, groups, strict=True)]


def _columns(outcome: Outcome, weights: Weights) -> dict[str, list[Any]]:
    """Proposals as columns of their table, JSON as text."""
    found, most = outcome.proposals, asdict(weights)
    columns: dict[str, list[Any]] = {
        name: [getattr(one, name) for one in found] for name in ("score", "bonus", "worth", "unit_price", "pinned")}
    return columns | {
        "household_id": [one.household for one in found], "unit_id": [one.unit for one in found],
        "points": [_text(vars(one.points)) for one in found],
        "shared": [_text(shared(one) | {"most": most}) for one in found],
        "next_best": [_text(next_best_told(one)) if one.next_best else None for one in found]}


def _text(value: Any) -> str:
    return to_json(value).decode()


def _run(outcome: Outcome) -> dict[str, Any]:
    return {
        "inputs_hash": outcome.inputs_hash, "computing_version": outcome.computing_version,
        "weights_version": outcome.weights_version, "solver": outcome.solver, "numpy": outcome.numpy,
        "possible_pairs": outcome.possible_pairs, "objective": outcome.objective, "certified": outcome.certified,
        "bound": outcome.bound,
        "unit_prices": {str(unit): price for unit, price in outcome.unit_prices.items() if price},
        "household_values": {str(one): value for one, value in outcome.household_values.items() if value},
    }
