"""One pair, in plain Python without NumPy: what stands against it, or all that it is explained by.

The very constraints and points that a run computes with, for who brings two together without one.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

from services.matching.runs.explanation import DENIED, LANGUAGES, in_all_languages, shared, what_is_missing
from services.matching.runs.hard import HardCode, common_languages, level_reached, metres_between, obstacles
from services.matching.runs.outcome import NextBest, Proposal, Unserved
from services.matching.runs.points import Points, bonus, points
from services.matching.runs.pool import CRITERIA, LEVELS, Household, Rules, Unit, Weights
from services.matching.runs.rows import household_of, rules_of, unit_of


def told_pair(
    household: Household, unit: Unit, points: Points, rules: Rules, *, bonus: int, unit_price: int,
    next_best: NextBest | None = None,
) -> Proposal:
    """Return a possible pair with all that it is explained by."""
    met, languages = household.wishes & unit.provides, common_languages(household, unit)
    return Proposal(
        household=household.id, unit=unit.id, points=points, bonus=bonus, worth=rules.base + points.score + bonus,
        languages={tag: LEVELS[rank] for tag, rank in sorted(languages.items())},
        interpreter=not level_reached(household, languages), metres=metres_between(household, unit),
        slots=household.slots & unit.slots, wishes_met=tuple(sorted(met, key=str)),
        wishes_missing=tuple(sorted(household.wishes - met, key=str)),
        interests=tuple(sorted(household.interests & unit.interests, key=str)),
        unit_price=unit_price, next_best=next_best)


def proposal_told(
    proposal: Proposal, weights: Weights, price: Literal["price", "live_price"] = "price",
) -> dict[str, Any]:
    """A proposal with its reasons in all languages, by the columns of its table."""
    reasons, also = in_all_languages(proposal, weights, price)
    return {
        "household_id": proposal.household, "unit_id": proposal.unit, "score": proposal.score,
        "pinned": proposal.pinned, "bonus": proposal.bonus, "worth": proposal.worth, "unit_price": proposal.unit_price,
        "points": {name: getattr(proposal.points, name) for name in CRITERIA}, "reasons": reasons, "besides": also,
        "shared": shared(proposal), "next_best": next_best_told(proposal),
    }


def next_best_told(proposal: Proposal) -> dict[str, Any] | None:
    """Who would be the next best, as it is kept."""
    one = proposal.next_best
    return {"unit_id": str(one.unit), "score": one.score, "unit_price": one.unit_price} if one else None


def unserved_told(unserved: Unserved) -> dict[str, Any]:
    """Why nobody was found for a household, as the columns of its table."""
    return {
        "household_id": unserved.household, "possible": unserved.possible,
        "removed": {code.value: number for code, number in unserved.removed.items()},
        "alone": {code.value: number for code, number in unserved.alone.items()},
        "missing": {language: list(what_is_missing(unserved, language)) for language in LANGUAGES},
    }


def in_common(rules_of_day: Mapping[str, Any], household: Mapping[str, Any], unit: Mapping[str, Any]) -> dict[str, Any]:
    """What a pair of rows has in common, as a proposal keeps it, whatever stands against the pair.

    against: the codes in the way of which a reason would say the opposite.
    """
    rules = rules_of(dict(rules_of_day))
    one, other = household_of(household), unit_of(unit, rules_of_day["today"])
    found = shared(told_pair(one, other, points(one, other, rules), rules, bonus=0, unit_price=0))
    return found | {"against": [code for code in obstacles(one, other, rules) if code in DENIED.values()]}


def examined(rules_of_day: Mapping[str, Any], household: Mapping[str, Any], unit: Mapping[str, Any], *,
             declined: bool, price: int) -> tuple[HardCode, ...] | dict[str, Any]:
    """The codes that stand against a pair of rows; or the columns of its proposal, from which reasons are told.

    `declined`: the pair came to nothing before; `price`: what the unit's place is worth to those yet to come.
    """
    rules, day = rules_of(dict(rules_of_day)), rules_of_day["today"]
    one, other = household_of(household), unit_of(unit, day)
    codes = obstacles(one, other, rules, frozenset({(one.id, other.id)} if declined else ()))
    if codes:
        return codes
    found = told_pair(one, other, points(one, other, rules), rules, bonus=bonus(one, rules, day), unit_price=price)
    return {"score": found.score, "bonus": found.bonus, "worth": found.worth, "unit_price": price,
            "points": asdict(found.points), "shared": shared(found) | {"most": asdict(rules.weights)},
            "weights_version": rules.weights_version}
