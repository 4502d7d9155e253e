"""Reads about options: what the live process has to be told, and what it answers."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, ColumnElement, Select, and_, bindparam, func, literal_column, or_, update
from sqlalchemy import select as select_columns
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import defer
from sqlmodel import col, select
from uuid_utils.compat import uuid7

from libs.common.db import OpenTransaction
from services.matching.households.model import Household, HouseholdState
from services.matching.mentor_groups.model import MentorGroup
from services.matching.mentors.model import VETTED, Mentor, MentorState
from services.matching.options.model import CHANGES, MOST_NEWS, PriceSet, UnitChange
from services.matching.profiles.queries import first_id
from services.matching.profiles.rules import today
from services.matching.proposals.model import OPEN, PENDING, Proposal
from services.matching.runs.decided import barring
from services.matching.runs.live_worker import Known, LiveWorker, Plain, being_read
from services.matching.runs.model import Run, RunState
from services.matching.runs.queries import (
    RULES,
    copied_households,
    copied_units,
    row_of,
    rules_of_day,
    rules_told,
    units_by_id,
)
from services.matching.tandems.model import RUNNING, Tandem

YEAR, DAY = timedelta(days=364), timedelta(days=1)
# So often a pool is read for one question, should it be gone again each time.
READINGS = 2
NOT_TOLD = object()
# Above every number that a transaction has.
NEVER = (1 << 63) - 1
# Whatever is not committed yet has a number that is not below that of the oldest transaction which is still open.
HORIZON: ColumnElement[int] = literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint", BigInteger)


@dataclass(frozen=True)
class Now:
    """What is committed at this moment of all that a household's options depend on, besides the pool itself.

    changed: units that have changed since the pool was told of changes last; horizon: up to which change that is so.
    """

    rules: Plain
    barred: list[UUID]
    prices: PriceSet | None
    changes: int
    horizon: int
    changed: list[UUID]


async def read_now(transaction: OpenTransaction, live: LiveWorker, household: Household) -> Now:
    """It in one question: whoever asks for options waits for each way to the database and back."""
    known, day = live.known.get(household.programme_id), today(transaction.clock.now())
    found = (await transaction.execute(_now(), {
        "programme": household.programme_id, "household": household.id, "day": day,
        "since": known.horizon if known else NEVER})).one()
    return Now(rules_told(day, found), found.barred or [], found.PriceSet, found.changes, found.horizon,
               found.changed or [])


@lru_cache(maxsize=1)
def _now() -> Select[Any]:
    barred = barring(of_household=True).subquery()
    changed = select_columns(func.array_agg(func.distinct(UnitChange.unit_id))).where(
        col(UnitChange.changed) >= bindparam("since"))
    many = select_columns(col(UnitChange.id)).where(
        col(UnitChange.changed) >= PriceSet.counted_from, col(PriceSet.awaited).is_(False)).limit(CHANGES + 1)
    question: Select[Any] = RULES.outerjoin(
        PriceSet, col(PriceSet.programme_id) == bindparam("programme"),
    ).add_columns(
        PriceSet, HORIZON.label("horizon"), changed.scalar_subquery().label("changed"),
        select_columns(func.array_agg(barred.c.unit_id)).scalar_subquery().label("barred"),
        select_columns(func.count()).select_from(many.correlate(PriceSet).lateral()).scalar_subquery().label("changes"),
    ).options(defer(PriceSet.prices))  # type: ignore[arg-type]
    return question


async def options_of(
    transaction: OpenTransaction, live: LiveWorker, household: Household, now: Now, prices: PriceSet, *, top: int,
    but: Collection[UUID] = (),
) -> Plain:
    """The best options of a household, from the pool as it is committed now; never one of `but`.

    The household has been found inside the caller's scope, the transaction reads beyond it, and only units inside it
    are answered. The caller holds the programme's turn.
    """
    programme_id, scope = household.programme_id, transaction.caller.scope
    ask = {
        "household": row_of(household, transaction.clock.now()), "top": top, "barred": list(but),
        "within": {"everything": scope.everything, "regions": tuple(scope.regions),
                   "partners": frozenset(scope.partners)}}
    for anew in (False, *[True] * READINGS):
        if anew:
            await live.read_whole(programme_id, partial(whole_pool, programme_id))
            now = await read_now(transaction, live, household)
        answer = await _answered(transaction, live, programme_id, now, prices, ask, math.inf if anew else MOST_NEWS)
        if answer:
            return answer
    raise being_read()


async def _answered(
    transaction: OpenTransaction, live: LiveWorker, programme_id: UUID, now: Now, prices: PriceSet, ask: Plain,
    most: float,
) -> Plain | None:
    """The answer by the rules of the day.

    None where the process does not know them, or has no pool (any more), or more units than `most` have changed.
    """
    known = live.known.get(programme_id)
    if known is None or known.rules != now.rules or len(now.changed) > most:
        return None
    news = await _news(transaction, programme_id, set(now.changed), known.rules) | {
        "prices": None if known.priced_at == prices.computed_at else await _by_unit(transaction, prices)}
    asked = ask | {"today": now.rules["today"], "barred": [*ask["barred"], *now.barred]}
    answer = await live.serve({"programme": programme_id, "token": known.token, "ask": asked} | news)
    if answer.get("unknown"):
        return None
    live.known[programme_id] = Known(known.token, known.rules, now.horizon, prices.computed_at)
    return answer


async def whole_pool(programme_id: UUID, transaction: OpenTransaction) -> tuple[Plain, Known]:
    """All units of the programme as PostgreSQL copies them out; the service only hands them on."""
    horizon, rules = await horizon_now(transaction), await rules_of_day(transaction, programme_id)
    units = await copied_units(transaction, _of(programme_id), rules)
    return rules | {"units": units}, Known(uuid4(), rules, horizon, NOT_TOLD)


async def _news(transaction: OpenTransaction, programme_id: UUID, changed: set[UUID], rules: Plain) -> Plain:
    """The units that have changed as they are now, and those that are none of the programme's, or not to be had."""
    if not changed:
        return {"changed": [], "gone": changed}
    rows = await units_by_id(transaction, programme_id, changed, rules)
    return {"changed": rows, "gone": changed - {row["id"] for row in rows}}


def _of(programme_id: UUID) -> Any:
    return lambda kind: kind.programme_id == programme_id


async def _by_unit(transaction: OpenTransaction, prices: PriceSet) -> dict[UUID, int]:
    found = (await transaction.scalars(select(PriceSet.prices).where(PriceSet.id == prices.id))).one()
    return {UUID(unit): price for unit, price in found.items()}


async def prices_of(transaction: OpenTransaction, programme_id: UUID) -> PriceSet | None:
    """The prices of a programme, without the many numbers themselves: most who ask know them already."""
    query = select(PriceSet).where(PriceSet.programme_id == programme_id).options(defer(PriceSet.prices))  # type: ignore[arg-type]
    return (await transaction.scalars(query)).first()


async def price_of(transaction: OpenTransaction, programme_id: UUID, unit_id: UUID) -> int:
    """The price of one unit's place; 0 unless it has one."""
    query = select_columns(col(PriceSet.prices)[str(unit_id)].as_integer()).where(
        col(PriceSet.programme_id) == programme_id)
    return await transaction.scalar(query) or 0


async def held_already(transaction: OpenTransaction, household: Household) -> Proposal | Tandem | None:
    """The proposal of a household that is under way, or its tandem: nobody else is proposed meanwhile."""
    if household.state is HouseholdState.PROPOSED:
        query: Any = select(Proposal).where(
            Proposal.household_id == household.id, col(Proposal.state).in_(PENDING | OPEN))
    elif household.state is HouseholdState.IN_TANDEM:
        query = select(Tandem).where(Tandem.household_id == household.id, col(Tandem.state).in_(RUNNING))
    else:
        return None
    found: Proposal | Tandem | None = (await transaction.scalars(query)).one_or_none()
    return found


async def first_prices(transaction: OpenTransaction, programme_id: UUID) -> PriceSet:
    """Make them, with what the last run found places to be worth: a start, until they are computed."""
    query = select(Run.unit_prices).where(
        Run.programme_id == programme_id, col(Run.state) == RunState.DONE, col(Run.simulated).is_(False))
    last = (await transaction.scalars(query.order_by(col(Run.finished_at).desc()).limit(1))).first() or {}
    made = insert(PriceSet).values(id=uuid7(), version=1, programme_id=programme_id, prices=last, past=0,
                                   counted_from=0, asked_at=transaction.clock.now(), awaited=True)
    await transaction.execute(made.on_conflict_do_nothing(index_elements=["programme_id"]))
    found = await prices_of(transaction, programme_id)
    assert found is not None  # noqa: S101 - made here, or by another a moment ago
    return found


async def noted_as_asked(transaction: OpenTransaction, prices: PriceSet, changes: int) -> bool:
    """Note, once a day, that somebody uses the prices; and say, once, that they are to be computed anew.

    They are where nobody has used them for long, much has changed (`changes`: how often units have, up to one more
    than need be), or the clock was set back. Past the object: two may ask at once.
    """
    now = transaction.clock.now()
    # Otherwise they would come in the night after the time from which the clock was set back.
    set_back = prices.asked_at - now > DAY
    if abs(now - prices.asked_at) > DAY:
        await transaction.execute(update(PriceSet).where(col(PriceSet.id) == prices.id)
                                  .values(asked_at=now, awaited=set_back or PriceSet.awaited)
                                  .execution_options(synchronize_session=False))
    if set_back:
        return True
    if prices.awaited or (prices.is_asked(now) and changes <= CHANGES):
        return False
    done = await transaction.execute(
        update(PriceSet).where(col(PriceSet.id) == prices.id, col(PriceSet.awaited).is_(False)).values(awaited=True)
        .execution_options(synchronize_session=False))
    return bool(done.rowcount)  # type: ignore[attr-defined]


async def horizon_now(transaction: OpenTransaction) -> int:
    """The oldest transaction that is still open: whatever is not seen yet has a number that is not below it."""
    return await transaction.scalar(select_columns(HORIZON)) or 0


async def pair_rows(
    transaction: OpenTransaction, household: Household, unit_id: UUID,
) -> tuple[Plain, Plain | None, Plain]:
    """A household and a unit as the core reads them, and the rules of the day; None for a unit that is not there."""
    rules = await rules_of_day(transaction, household.programme_id)
    units = await units_by_id(transaction, household.programme_id, [unit_id], rules)
    return row_of(household, transaction.clock.now()), units[0] if units else None, rules


async def _joined(transaction: OpenTransaction, programme_id: UUID, since: datetime) -> int:
    """How many places have joined since then, whether they are free, taken or gone by now.

    Of mentors who were registered since then, as far as they came to be ready, or left; of groups that became ready.
    """
    mentors = select_columns(func.coalesce(func.sum(Mentor.capacity), 0)).where(
        col(Mentor.programme_id) == programme_id, or_(
            col(Mentor.registered_on) >= today(since),
            and_(col(Mentor.registered_on).is_(None), col(Mentor.id) >= first_id(since))),
        col(Mentor.state).in_(VETTED | {MentorState.LEFT}))
    groups = select_columns(func.count()).select_from(MentorGroup).where(
        col(MentorGroup.programme_id) == programme_id, col(MentorGroup.ready_at) >= since)
    return (await transaction.scalar(mentors) or 0) + (await transaction.scalar(groups) or 0)


async def pool_to_price(transaction: OpenTransaction, programme_id: UUID) -> Plain:
    """What prices are computed from: who is to be had, and who came within the last year; both as they are copied out.

    Nobody whose consent was taken back, or who was erased, is among those who came.
    """
    now = transaction.clock.now()
    rules, of_programme, since = await rules_of_day(transaction, programme_id), _of(programme_id), now - YEAR
    past = await copied_households(transaction, lambda kind: and_(
        of_programme(kind), kind.consented_on.is_not(None), kind.waiting_since >= since, kind.waiting_since <= now))
    return rules | {
        "units": await copied_units(transaction, of_programme, rules), "past": past, "days": YEAR.days,
        "joined": await _joined(transaction, programme_id, since),
        "seed": programme_id.int ^ rules["today"].toordinal()}
