"""What the worker process does: rows from the database in, one exact run, plain data with its reasons out."""

from dataclasses import asdict
from typing import Any, Literal

from services.matching.runs.batch import Inputs, run
from services.matching.runs.explanation import LANGUAGES, besides, what_is_missing, why
from services.matching.runs.outcome import Outcome, Proposal, Unserved
from services.matching.runs.pool import Weights
from services.matching.runs.rows import household_of, rules_of, unit_of
from services.matching.runs.steps import Progress, nobody_listens

BARRED = ("declined", "pinned", "forbidden")


def solved(pool: dict[str, Any], tell: Progress = nobody_listens) -> dict[str, Any]:
    """Match the pool; ValueError when it holds what the core refuses. Keys are the columns of the run's tables."""
    inputs = inputs_of(pool)
    return told(run(inputs, tell=tell), inputs.rules.weights)


def inputs_of(pool: dict[str, Any]) -> Inputs:
    """The pool as the core takes it."""
    return Inputs(
        households=tuple(household_of(row) for row in pool["households"]),
        units=tuple(unit_of(row, pool["today"]) for row in pool["units"]),
        rules=rules_of(pool), today=pool["today"], **{name: frozenset(pool[name]) for name in BARRED})


def told(outcome: Outcome, weights: Weights) -> dict[str, Any]:
    """An outcome as plain values, with the reasons in all languages."""
    return {
        "run": _run(outcome),
        "proposals": [proposal_told(one, weights) for one in outcome.proposals],
        "unserved": [unserved_told(one) for one in outcome.unserved],
    }


def _run(outcome: Outcome) -> dict[str, Any]:
    return {
        "inputs_hash": outcome.inputs_hash, "computing_version": outcome.computing_version,
        "weights_version": outcome.weights_version, "solver": outcome.solver, "numpy": outcome.numpy,
        "possible_pairs": outcome.possible_pairs, "objective": outcome.objective, "certified": outcome.certified,
        "bound": outcome.bound,
        "unit_prices": {str(unit): price for unit, price in outcome.unit_prices.items() if price},
        "household_values": {str(one): value for one, value in outcome.household_values.items() if value},
    }


def proposal_told(
    proposal: Proposal, weights: Weights, price: Literal["price", "live_price"] = "price",
) -> dict[str, Any]:
    """A proposal as the columns of its table, with the reasons in all languages."""
    said = {language: why(proposal, weights, language) for language in LANGUAGES}
    texts = {language: {one.criterion: one.text for one in reasons} for language, reasons in said.items()}
    next_best = proposal.next_best
    return {
        "household_id": proposal.household, "unit_id": proposal.unit, "score": proposal.score,
        "pinned": proposal.pinned, "bonus": proposal.bonus, "worth": proposal.worth, "unit_price": proposal.unit_price,
        "points": asdict(proposal.points),
        "reasons": [{"criterion": one.criterion, "points": one.points, "most": one.most,
                     **{language: texts[language][one.criterion] for language in LANGUAGES}}
                    for one in said[LANGUAGES[0]]],
        "besides": {language: list(besides(proposal, language, price)) for language in LANGUAGES},
        "shared": {"languages": dict(proposal.languages), "interpreter": proposal.interpreter,
                   "metres": proposal.metres, "slots": proposal.slots.bit_count(),
                   "interests": len(proposal.interests)},
        "next_best": {"unit_id": str(next_best.unit), "score": next_best.score,
                      "unit_price": next_best.unit_price} if next_best else None,
    }


def unserved_told(unserved: Unserved) -> dict[str, Any]:
    """Why nobody was found for a household, as the columns of its table."""
    return {
        "household_id": unserved.household, "possible": unserved.possible,
        "removed": {code.value: number for code, number in unserved.removed.items()},
        "alone": {code.value: number for code, number in unserved.alone.items()},
        "missing": {language: list(what_is_missing(unserved, language)) for language in LANGUAGES},
    }
