"""What the live process does: it keeps the pools of programmes, takes over what has changed, and answers at once."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.matching.runs.explanation import LANGUAGES, label
from services.matching.runs.live import LivePool, Option, Options, Within
from services.matching.runs.pairs import proposal_told, unserved_told
from services.matching.runs.prices import HORIZON, future_prices
from services.matching.runs.rows import household_of, rules_of, unit_of

Plain = dict[str, Any]
# In all pools together; the one that was asked longest ago goes first.
MOST_UNITS = 100_000


@dataclass
class _Held:
    """A pool, and the token by which the service knows that it is the one it told of changes."""

    token: UUID
    pool: LivePool


_POOLS: OrderedDict[UUID, _Held] = OrderedDict()


def serve(request: Plain) -> Plain:
    """Take over what is new about a programme's pool, then answer what is asked.

    `programme`, `token`; `whole` (the plain pool and `prices`) or `changed` rows of units, ids that are `gone` and,
    where they are new, `prices`; `ask`. {"unknown": True} where there is no pool of this token: the whole is needed.
    """
    programme, token = request["programme"], request["token"]
    if request.get("whole"):
        _keep(programme, _Held(token, _pool(request["whole"])))
    held = _POOLS.get(programme)
    if held is None or held.token != token:
        return {"unknown": True}
    _POOLS.move_to_end(programme)
    _renew(held.pool, request)
    return _answer(held.pool, request["ask"])


def priced(pool: Plain) -> dict[str, int]:
    """The prices of a programme's units, those that cost something; `past`: rows of households that came before."""
    rules = rules_of(pool)
    units = [unit_of(row, pool["today"]) for row in pool["units"]]
    free = [unit for unit in units if unit.free]
    past = [household_of(row) for row in pool["past"]]
    found = future_prices(free, past, rules, expected=expected_here(pool, sum(unit.free for unit in free)),
                          seed=pool["seed"])
    return {str(unit.id): price for unit, price in zip(free, found.tolist(), strict=True) if price}


def expected_here(pool: Plain, free: int) -> int:
    """How many of those who will come look among the places that are free today.

    So many come a day; of those, the share that will look here: places join as they have joined in the last year, and
    the others find somebody among them.
    """
    coming, joining = pool["coming_a_day"] * HORIZON, pool["joining_a_day"] * HORIZON
    expected: float = coming * free / max(1.0, free + joining)
    return round(expected)


def _pool(whole: Plain) -> LivePool:
    units = [unit_of(row, whole["today"]) for row in whole["units"]]
    return LivePool(units, rules_of(whole), whole["prices"])


def _keep(programme: UUID, held: _Held) -> None:
    _POOLS[programme] = held
    _POOLS.move_to_end(programme)
    while len(_POOLS) > 1 and sum(len(each.pool) for each in _POOLS.values()) > MOST_UNITS:
        _POOLS.popitem(last=False)


def _renew(pool: LivePool, request: Plain) -> None:
    pool.put_all([unit_of(row, request["ask"]["today"]) for row in request["changed"]])
    for unit_id in request["gone"]:
        pool.remove(unit_id)
    if request["prices"] is not None:
        pool.price(request["prices"])


def _answer(pool: LivePool, ask: Plain) -> Plain:
    found = pool.options(
        household_of(ask["household"]), ask["today"], barred=ask["barred"], within=Within(**ask["within"]),
        top=ask["top"])
    return {
        "possible": found.possible, "advice": found.advice.value,
        "said": {language: label("advice", found.advice, language) for language in LANGUAGES},
        "options": [_option(one, pool) for one in found.options],
        "missing": _missing(found),
    }


def _option(one: Option, pool: LivePool) -> Plain:
    return proposal_told(one.proposal, pool.rules.weights, "live_price") | {
        "gain": one.gain, "scarcity": one.scarcity.value,
        "scarce": {language: label("scarcity", one.scarcity, language) for language in LANGUAGES}}


def _missing(found: Options) -> dict[str, Sequence[str]]:
    return unserved_told(found.unserved)["missing"] if found.unserved else {}
