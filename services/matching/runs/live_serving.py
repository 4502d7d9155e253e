"""What the live process does: it keeps the pools of programmes, takes over what has changed, and answers at once."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.matching.runs.candidates import available
from services.matching.runs.columns import Side
from services.matching.runs.copied import Copied, households_of, units_of
from services.matching.runs.encoding import encode_sides
from services.matching.runs.explanation import LANGUAGES, label
from services.matching.runs.live import LivePool, Option, Options, Within
from services.matching.runs.pairs import proposal_told, unserved_told
from services.matching.runs.pool import Household, Rules, Unit
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

    `programme`, `token`; `whole`, the rules and the units as they were copied out, which is answered by nothing; or
    `changed` rows of units, ids that are `gone`, where they are new `prices`, and `ask`. {"unknown": True} where there
    is no pool of this token: the whole is needed.
    """
    programme, token = request["programme"], request["token"]
    if "whole" in request:
        _keep(programme, _Held(token, _pool(request["whole"])))
        return {}
    held = _POOLS.get(programme)
    if held is None or held.token != token:
        return {"unknown": True}
    _POOLS.move_to_end(programme)
    _renew(held.pool, request)
    return _answer(held.pool, request["ask"])


def priced(pool: Plain) -> dict[str, int]:
    """The prices of a programme's units, those that cost something; `past`: households that came before."""
    units, _ = units_of(Copied(*pool["units"]), pool["today"])
    past, _ = households_of(Copied(*pool["past"]))
    left = units["days_left"].to(lambda days: HORIZON if days is None else days).each()
    rules = rules_of(pool)
    expected = expected_here(units, past, rules, joined=pool["joined"], days=pool["days"])
    found = future_prices(units, past, rules, expected=expected, seed=pool["seed"], days_left=left)
    return {str(one): price for one, price in zip(units.ids, found.tolist(), strict=True) if price}


def expected_here(units: Side, past: Side, rules: Rules, *, joined: int, days: int) -> int:
    """How many of those who will come look among the places that are free today.

    As many come as have come in the `days` before; of those, the share that will look here: places join as they have
    `joined` in that time, those that are taken or gone by now among them, and the others find somebody there.
    """
    pool = encode_sides(Side.of(Household, ()), units, rules)
    here = int(pool.units.free[available(pool)].sum())
    coming, joining = (number * HORIZON / days for number in (len(past), joined))
    return round(coming * here / max(1.0, here + joining))


def _pool(whole: Plain) -> LivePool:
    side, _ = units_of(Copied(*whole["units"]), whole["today"])
    ids = {name: side[name].to(lambda given: frozenset(map(UUID, given))) for name in ("persons", "vetoed_households")}
    partner = side["partner"].to(lambda one: one and UUID(one))
    units = Side([*map(UUID, side.ids)], {**side.columns, **ids, "partner": partner})
    return LivePool(units.people(Unit), rules_of(whole), {})


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
