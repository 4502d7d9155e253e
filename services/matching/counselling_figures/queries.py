"""Figures of counselling, added up by PostgreSQL: contacts, distinct cases, minutes; workload, and demand over time."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    case,
    cast,
    distinct,
    func,
    literal,
    not_,
    or_,
    select,
    text,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, distinct_on

from libs.common.callers import Scope
from libs.common.codes.lists import CounsellingResult
from libs.common.db import OpenTransaction
from services.matching.counselling_cases.model import CounsellingCase, CounsellingSpell
from services.matching.counselling_contacts.model import CounsellingContact
from services.matching.counselling_figures.rules import COUNTS, STATUSES, UNKNOWN, UNSAID, Asked, By, Figure
from services.matching.counselling_statuses.model import CounsellingStatus
from services.matching.profiles.queries import inside
from services.matching.suppression.rules import Cell
from services.matching.tables import Table

CONTACT_TABLE, CASE_TABLE, SPELL_TABLE, STATUS_TABLE = (Table.metadata.tables[str(kind.__tablename__)] for kind in (
    CounsellingContact, CounsellingCase, CounsellingSpell, CounsellingStatus))
CONTACT, CASE, SPELL, STATUS = CONTACT_TABLE.c, CASE_TABLE.c, SPELL_TABLE.c, STATUS_TABLE.c


def _quarter(day: Any) -> ColumnElement[str]:
    return func.to_char(day, 'YYYY-"Q"Q')


def _each(codes: Any) -> ColumnElement[str]:
    """A line for each of the codes; for none, one that says so."""
    none = cast([UNSAID], ARRAY(Text))
    return func.unnest(func.coalesce(func.nullif(codes, cast([], ARRAY(Text))), none))


def _result_then() -> ColumnElement[str]:
    """What came of the spell in which a contact falls; of one that is open, that it is."""
    result = func.coalesce(cast(SPELL.result, Text), case(
        (SPELL.closed_on.is_(None), CounsellingResult.OPEN.value), else_=UNSAID))
    return func.coalesce(select(result).where(
        SPELL.counselling_case_id == CONTACT.counselling_case_id, SPELL.opened_on <= CONTACT.held_on,
        or_(SPELL.closed_on.is_(None), SPELL.closed_on >= CONTACT.held_on)).scalar_subquery(), UNSAID)


VALUES: dict[By, ColumnElement[str]] = {
    By.TOPIC: _each(CONTACT.topics), By.RESULT: _each(CONTACT.results), By.MODE: cast(CONTACT.mode, Text),
    By.MONTH: func.to_char(CONTACT.held_on, "YYYY-MM"), By.QUARTER: _quarter(CONTACT.held_on),
    By.COUNSELLOR: CONTACT.held_by,
    By.ORIGIN_REGION: func.coalesce(cast(CASE.origin_region, Text), UNSAID), By.GENDER: cast(CASE.gender, Text),
    By.AGE_BAND: func.coalesce(cast(CASE.age_band, Text), UNSAID), By.LANGUAGE: _each(CASE.languages),
    By.CASE_RESULT: _result_then(),
}
# What contacts are told apart by that stands in their case.
OF_CASES = frozenset({By.ORIGIN_REGION, By.GENDER, By.AGE_BAND, By.LANGUAGE})


async def figures(transaction: OpenTransaction, by: By, asked: Asked) -> tuple[list[Figure], Figure, dict[Cell, int]]:
    """What was done in a period, told apart by something, all of it, and the cases by quarter with totals.

    Who came for two topics counts with both.
    """
    scope = transaction.caller.scope
    told = _told_apart(by, scope).add_columns(_quarter(CONTACT.held_on).label("quarter")).where(
        _held(scope, asked)).subquery()
    # A line for each case in a quarter first: what is to be told apart then is a part of it.
    each = select(
        told.c.value, told.c.quarter, told.c.counselling_case_id, func.count().label("contacts"),
        func.sum(told.c.minutes).label("minutes"),
    ).group_by(told.c.value, told.c.quarter, told.c.counselling_case_id).subquery()
    sets = func.grouping_sets(tuple_(each.c.value), tuple_(each.c.value, each.c.quarter), tuple_(each.c.quarter))
    query = select(each.c.value, each.c.quarter, func.sum(each.c.contacts).label("contacts"),
                   func.count(distinct(each.c.counselling_case_id)).label("cases"),
                   func.sum(each.c.minutes).label("minutes"))
    rows = (await transaction.execute(query.group_by(sets).order_by(each.c.value))).all()
    everything = select(literal(None).label("value"), *_counts(CONTACT)).where(_held(scope, asked))
    total = _figure((await transaction.execute(everything)).one())
    return ([_figure(row) for row in rows if row.quarter is None], total,
            {(row.value, row.quarter): row.cases for row in rows if row.quarter is not None})


async def workload(transaction: OpenTransaction, asked: Asked) -> dict[str, dict[Cell, int]]:
    """Contacts, cases, minutes and open cases by counsellor and quarter, with all totals."""
    scope, quarter = transaction.caller.scope, _quarter(CONTACT.held_on)
    query = select(CONTACT.held_by, quarter, *_counts(CONTACT)).where(_held(scope, asked))
    rows = (await transaction.execute(query.group_by(func.cube(CONTACT.held_by, quarter)))).all()
    done = {name: {(row[0], row[1]): row[place] for row in rows} for place, name in enumerate(COUNTS, 2)}
    return done | {"open_cases": await _open_cases(transaction, asked)}


async def demand(transaction: OpenTransaction, asked: Asked) -> dict[Cell, int]:
    """New cases by the topics of their first contact and the quarter in which they were opened, with all totals.

    A case without a contact, such as one entered twice whose contacts were moved, is nobody's need.
    """
    first = select(CONTACT.counselling_case_id, CONTACT.topics).where(CONTACT.struck_at.is_(None)).ext(
        distinct_on(CONTACT.counselling_case_id)).order_by(
        CONTACT.counselling_case_id, CONTACT.held_on, CONTACT.id).subquery()
    new = select(CASE.id, _quarter(CASE.opened_on).label("quarter"), _each(first.c.topics).label("topic")).select_from(
        CASE_TABLE).join(first, first.c.counselling_case_id == CASE.id).where(
            _among(CounsellingCase, transaction.caller.scope, asked), CASE.opened_on.between(*asked.period)).subquery()
    query = select(new.c.topic, new.c.quarter, func.count(distinct(new.c.id))).group_by(
        func.cube(new.c.topic, new.c.quarter))
    return {(topic, quarter): counted for topic, quarter, counted in await transaction.execute(query) if counted}


async def _open_cases(transaction: OpenTransaction, asked: Asked) -> dict[Cell, int]:
    """The cases that were open some time in a quarter, by counsellor and quarter; not between two of their spells."""
    begins, ends = asked.period
    quarters = select(func.generate_series(begins, ends, text("interval '3 months'")).label("begins")).subquery()
    quarter = _quarter(quarters.c.begins)
    over = cast(quarters.c.begins + text("interval '3 months - 1 day'"), SPELL.opened_on.type)
    was_open = and_(SPELL.opened_on <= over, or_(
        SPELL.closed_on.is_(None), SPELL.closed_on >= cast(quarters.c.begins, SPELL.opened_on.type)))
    query = select(CASE.counsellor, quarter, func.count(distinct(CASE.id))).select_from(CASE_TABLE).join(
        SPELL_TABLE, SPELL.counselling_case_id == CASE.id).join(quarters, was_open).where(
            _among(CounsellingCase, transaction.caller.scope, asked))
    rows = await transaction.execute(query.group_by(func.cube(CASE.counsellor, quarter)))
    return {(counsellor, named): counted for counsellor, named, counted in rows if counted}


def _figure(row: Any) -> Figure:
    return Figure(value=row.value, contacts=row.contacts, cases=row.cases, minutes=row.minutes)


def _among(kind: Any, scope: Scope, asked: Asked) -> ColumnElement[bool]:
    """The rows of a table inside the scope and in the part that is asked for, or in the rest of the scope."""
    columns = kind.__table__.c
    part = and_(true(), *(
        condition for given, condition in ((asked.region, columns.region.startswith(asked.region or "")),
                                           (asked.partner_id, columns.partner_id == asked.partner_id)) if given))
    return and_(inside(kind, scope), not_(part) if asked.rest else part)


def _held(scope: Scope, asked: Asked) -> ColumnElement[bool]:
    return and_(_among(CounsellingContact, scope, asked), CONTACT.struck_at.is_(None),
                CONTACT.held_on.between(*asked.period))


def _counts(columns: Any) -> tuple[ColumnElement[int], ...]:
    return (func.count().label("contacts"), func.count(distinct(columns.counselling_case_id)).label("cases"),
            func.coalesce(func.sum(columns.minutes), 0).label("minutes"))


def _told_apart(by: By, scope: Scope) -> Select[Any]:
    """The contacts with what they are told apart by: as many lines of one as there are codes in it."""
    told = select(CONTACT.counselling_case_id, CONTACT.minutes)
    if by in STATUSES:
        return _by_status(told, by, scope)
    if by in OF_CASES:
        told = told.join(CASE_TABLE, CASE.id == CONTACT.counselling_case_id)
    return told.add_columns(VALUES[by].label("value"))


def _by_status(told: Select[Any], by: By, scope: Scope) -> Select[Any]:
    """The contacts with the status that was true on their day by what is known now, as `standing` says it.

    Each case has its days and its values in order: how many of the days have come says which of the values holds.
    """
    later, order = STATUS_TABLE.alias(), (STATUS.valid_from, STATUS.id)
    corrected = select(later.c.id).where(later.c.corrects == STATUS.id).exists()
    history = select(
        STATUS.counselling_case_id, func.array_agg(aggregate_order_by(STATUS.valid_from, *order)).label("days"),
        func.array_agg(aggregate_order_by(STATUS.value, *order)).label("statuses"),
    ).where(inside(CounsellingStatus, scope), STATUS.attribute == STATUSES[by],
            STATUS.value.is_not(None), ~corrected).group_by(STATUS.counselling_case_id).subquery()
    then = history.c.statuses[func.width_bucket(CONTACT.held_on, history.c.days)]
    value = func.coalesce(then, UNKNOWN.get(by, UNSAID))
    return told.add_columns(value.label("value")).outerjoin_from(
        CONTACT_TABLE, history, history.c.counselling_case_id == CONTACT.counselling_case_id)
