"""What a place is worth to those who are yet to come: prices for who is matched at once, one arrival at a time.

Who always gives the best place to whoever comes first burns the places that only few others could take the place of.
A price says what a place would be worth later: households that came before are drawn anew (bootstrapped) as those who
will come, the best assignment of that future is computed, and what the sum would lose by one place less there is the
place's price in it. One future is noise; the mean of about 20 is a price.

Few came before, and prices that know only them are too sure of who will come. So more are put together from them: a
smoothed bootstrap (B. W. Silverman and G. A. Young, The bootstrap: to smooth or not to smooth?, Biometrika 1987).
"""

from collections.abc import Iterator, Sequence

import numpy as np

from services.matching.runs.assignment import solve
from services.matching.runs.certificate import Arcs, Ints, highest_prices
from services.matching.runs.columns import Column, Side
from services.matching.runs.encoding import encode_sides
from services.matching.runs.graph import Scored, scored_pairs
from services.matching.runs.pool import Rules

NOBODY = -1
FUTURES = 20
# Half a year, in days.
HORIZON = 182
# At once in memory, unless a single future has more.
MOST_PAIRS = 1_000_000
# Of whoever came so many more are put together at most, and altogether no more than this.
MOST_MORE, ENOUGH = 5, 6_000
# What they get from others, each group as a whole from one of them; where somebody lives and what they speak is theirs.
APART = (("members", "contact_genders"), ("slots",), ("must_haves", "wishes"), ("interests",))


def future_prices(
    units: Side,
    past: Side,
    rules: Rules,
    *,
    expected: int,
    seed: int,
    days_left: Sequence[int] | None = None,
    horizon: int = HORIZON,
    futures: int = FUTURES,
) -> Ints:
    """Return int64[len(units)]: what giving away one of a unit's free places would take from those who are to come.

    So many futures are drawn: in each, `expected` households out of the `past`, with repetition, come on days
    spread evenly over the `horizon`. A unit takes them within its free places (`Unit.free`, in households) and within
    its `days_left` (None: all of the horizon); what a pair is worth is `rules.base` and its score. The price is the
    mean over the futures, rounded down; 0 where there is no past, nobody is expected, or places are plenty. The same
    seed gives the same prices. Of more pairs than memory holds (`graph.MOST_IN_MEMORY`) each household's best count.

    What makes prices good was measured by `lotse simulate` (docs/simulation.md): a horizon of half a year instead of a
    month; the highest prices that support an assignment (the loss of a place) instead of the lowest (the gain of one
    more); units' own days left; prices that are a week old at most; others put together from the few who came. What did
    not help: futures in which units come too, or in which those count who wait already; a value of waiting for the
    household; three times as many futures.
    """
    dice = np.random.default_rng(seed)
    drawn_from = with_more(past, np.arange(len(past)), dice)
    pool = encode_sides(drawn_from, units, rules)
    pairs = scored_pairs(pool, np.full(len(drawn_from), rules.base))
    left = np.full(len(units), horizon) if days_left is None else np.asarray(days_left)
    return prices_of_futures(
        pairs, np.arange(len(drawn_from)), pool.units.free,
        left.astype(np.int64), expected=expected, horizon=horizon, futures=futures, dice=dice)


def with_more(people: Side, past: Ints, dice: np.random.Generator) -> Side:
    """Return the households and, where they are few, each of them some times more.

    Each of these has its id and fields, but for those `APART`: who they are, when they have time, what they need and
    what they like are each what some household of the `past` (positions) has. Household `i` of the result is, or is
    put together from, household `i % len(people)`.
    """
    more = min(MOST_MORE, ENOUGH // len(people)) if len(past) else 0
    own = np.tile(np.arange(len(people)), more)
    others: dict[str, Ints] = {}
    for group in APART:
        others |= dict.fromkeys(group, dice.choice(past, len(own)) if more else own)
    return Side(people.ids * (more + 1), {
        name: Column(column.values, np.concatenate([column.at, column.at[others.get(name, own)]]))
        for name, column in people.columns.items()})


def prices_of_futures(
    pairs: Scored, past: Ints, free: Ints, days_left: Ints, *,
    expected: int, horizon: int, futures: int, dice: np.random.Generator,
) -> Ints:
    """Return the same as `future_prices` from `pairs` that are scored already, sorted by household and then unit.

    `past` are the households (their indices in `pairs`) that are drawn from; `free` and `days_left` are int64[n_units].
    """
    prices = np.zeros(len(free), dtype=np.int64)
    units = np.flatnonzero(free > 0)
    if not len(past) or not len(units) or expected < 1 or futures < 1:
        return prices
    drawn = past[dice.integers(len(past), size=(futures, expected))]
    comes = dice.integers(horizon, size=drawn.shape)
    for part in _parts(pairs, drawn):
        arcs = _drawn(pairs, free, days_left, drawn[part], comes[part])
        prices[units] += _prices_of(arcs).reshape(-1, len(units)).sum(axis=0)
    return prices // futures


def _parts(pairs: Scored, drawn: Ints) -> Iterator[slice]:
    """So many futures at once that not too many pairs are in memory; solved side by side they do not touch."""
    pairs_of = np.bincount(pairs.households, minlength=int(drawn.max()) + 1)
    at_once = max(1, MOST_PAIRS // max(1, int(pairs_of[drawn].sum(axis=1).max())))
    for start in range(0, len(drawn), at_once):
        yield slice(start, start + at_once)


def _prices_of(arcs: Arcs) -> Ints:
    """What one place less would cost each unit."""
    found = solve(arcs.households, arcs.units, arcs.scores, arcs.capacities, n_households=arcs.n_households)
    got = np.array(found.pairs, dtype=np.int64).reshape(-1, 2)
    chosen = np.isin(arcs.households * arcs.n_units + arcs.units, got[:, 0] * arcs.n_units + got[:, 1])
    return highest_prices(arcs, chosen)


def choose(worth: Ints, prices: Ints) -> int:
    """Return the position of the place for one who comes: the greatest worth less its price, the first of several.

    NOBODY (-1) where each is worth more to those who are yet to come, or there is none. The only option is taken
    whatever its price.
    """
    if len(worth) == 0:
        return NOBODY
    gains = worth - prices
    best = int(np.argmax(gains))
    return best if gains[best] > 0 or len(worth) == 1 else NOBODY


def _drawn(pairs: Scored, free: Ints, days_left: Ints, drawn: Ints, comes: Ints) -> Arcs:
    """Futures beside one another: every drawn household, and each unit with free places once per future."""
    futures, drawn, comes = len(drawn), drawn.ravel(), comes.ravel()
    units = np.flatnonzero(free > 0)
    column = np.full(len(free), NOBODY, dtype=np.int64)
    column[units] = np.arange(len(units))
    starts = np.searchsorted(pairs.households, drawn)
    counts = np.searchsorted(pairs.households, drawn, side="right") - starts
    household = np.repeat(np.arange(len(drawn)), counts)
    pair = np.arange(len(household)) + np.repeat(starts - (np.cumsum(counts) - counts), counts)
    unit = pairs.units[pair]
    meet = (free[unit] > 0) & (days_left[unit] > comes[household])
    household, pair = household[meet], pair[meet]
    future = household // (len(drawn) // futures)
    return Arcs(household, future * len(units) + column[pairs.units[pair]], pairs.worth[pair],
                np.tile(free[units], futures), len(drawn))
