"""Figures of counselling, added up by PostgreSQL: contacts, distinct cases, minutes; workload, and demand over time."""

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, cast, distinct, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, distinct_on

from libs.common.callers import Scope
from libs.common.codes.lists import ResidenceStatus
from libs.common.db import OpenTransaction
from services.matching.counselling_cases.model import CounsellingCase
from services.matching.counselling_contacts.model import CounsellingContact
from services.matching.counselling_figures.rules import COUNTS, UNSAID, By, Figure
from services.matching.counselling_statuses.model import CounsellingStatus
from services.matching.counselling_statuses.rules import Attribute
from services.matching.profiles.queries import inside
from services.matching.suppression.rules import Cell
from services.matching.tables import Table

Period = tuple[date, date]
CONTACT_TABLE, CASE_TABLE, STATUS_TABLE = (Table.metadata.tables[str(kind.__tablename__)] for kind in (
    CounsellingContact, CounsellingCase, CounsellingStatus))
CONTACT, CASE, STATUS = CONTACT_TABLE.c, CASE_TABLE.c, STATUS_TABLE.c


def _month(day: Any) -> ColumnElement[str]:
    return func.to_char(day, "YYYY-MM")


def _each(codes: Any) -> ColumnElement[str]:
    """A line for each of the codes; for none, one that says so."""
    none = cast([UNSAID], ARRAY(Text))
    return func.unnest(func.coalesce(func.nullif(codes, cast([], ARRAY(Text))), none))


VALUES: dict[By, ColumnElement[str]] = {
    By.TOPIC: _each(CONTACT.topics), By.RESULT: _each(CONTACT.results), By.MODE: cast(CONTACT.mode, Text),
    By.MONTH: _month(CONTACT.held_on), By.COUNSELLOR: CONTACT.held_by,
    By.ORIGIN_REGION: func.coalesce(cast(CASE.origin_region, Text), UNSAID),
}


async def figures(transaction: OpenTransaction, by: By, period: Period) -> tuple[list[Figure], Figure]:
    """What was done in a period, told apart by something, and all of it; who came for two topics counts with both."""
    scope = transaction.caller.scope
    told = _told_apart(by, scope).where(_held(scope, period)).subquery()
    query = select(told.c.value, *_counts(told.c)).group_by(told.c.value).order_by(told.c.value)
    rows = [_figure(row) for row in await transaction.execute(query)]
    everything = select(literal(None).label("value"), *_counts(CONTACT)).where(_held(scope, period))
    return rows, _figure((await transaction.execute(everything)).one())


async def workload(transaction: OpenTransaction, period: Period) -> dict[str, dict[Cell, int]]:
    """Contacts, cases, minutes and open cases by counsellor and month, with all totals."""
    scope, month = transaction.caller.scope, _month(CONTACT.held_on)
    query = select(CONTACT.held_by, month, *_counts(CONTACT)).where(_held(scope, period))
    rows = (await transaction.execute(query.group_by(func.cube(CONTACT.held_by, month)))).all()
    done = {name: {(row[0], row[1]): row[place] for row in rows} for place, name in enumerate(COUNTS, 2)}
    return done | {"open_cases": await _open_cases(transaction, period)}


async def demand(transaction: OpenTransaction, period: Period) -> dict[Cell, int]:
    """New cases by the month in which they were opened and the topics of their first contact, with all totals."""
    first = select(CONTACT.counselling_case_id, CONTACT.topics).where(CONTACT.struck_at.is_(None)).ext(
        distinct_on(CONTACT.counselling_case_id)).order_by(
        CONTACT.counselling_case_id, CONTACT.held_on, CONTACT.id).subquery()
    new = select(CASE.id, _month(CASE.opened_on).label("month"), _each(first.c.topics).label("topic")).select_from(
        CASE_TABLE).outerjoin(first, first.c.counselling_case_id == CASE.id).where(
            inside(CounsellingCase, transaction.caller.scope), CASE.opened_on.between(*period)).subquery()
    query = select(new.c.month, new.c.topic, func.count(distinct(new.c.id))).group_by(
        func.cube(new.c.month, new.c.topic))
    return {(month, topic): counted for month, topic, counted in await transaction.execute(query) if counted}


async def _open_cases(transaction: OpenTransaction, period: Period) -> dict[Cell, int]:
    """The cases that were open some time in a month, by counsellor and month; one opened again was so all along."""
    begins, ends = period
    months = select(func.generate_series(
        begins.replace(day=1), ends, text("interval '1 month'")).label("begins")).subquery()
    month = func.to_char(months.c.begins, "YYYY-MM")
    over = func.least(ends, cast(months.c.begins + text("interval '1 month - 1 day'"), CASE.opened_on.type))
    was_open = and_(CASE.opened_on <= over, or_(
        CASE.closed_on.is_(None), CASE.closed_on >= func.greatest(begins, cast(months.c.begins, CASE.opened_on.type))))
    query = select(CASE.counsellor, month, func.count(distinct(CASE.id))).select_from(CASE_TABLE).join(
        months, was_open).where(inside(CounsellingCase, transaction.caller.scope))
    rows = await transaction.execute(query.group_by(func.cube(CASE.counsellor, month)))
    return {(counsellor, named): counted for counsellor, named, counted in rows if counted}


def _figure(row: Any) -> Figure:
    return Figure(value=row.value, contacts=row.contacts, cases=row.cases, minutes=row.minutes)


def _held(scope: Scope, period: Period) -> ColumnElement[bool]:
    return and_(inside(CounsellingContact, scope), CONTACT.struck_at.is_(None), CONTACT.held_on.between(*period))


def _counts(columns: Any) -> tuple[ColumnElement[int], ...]:
    return (func.count().label("contacts"), func.count(distinct(columns.counselling_case_id)).label("cases"),
            func.coalesce(func.sum(columns.minutes), 0).label("minutes"))


def _told_apart(by: By, scope: Scope) -> Select[Any]:
    """The contacts with what they are told apart by: as many lines of one as there are codes in it."""
    told = select(CONTACT.counselling_case_id, CONTACT.minutes)
    if by is By.RESIDENCE_STATUS:
        return _by_residence_status(told, scope)
    if by is By.ORIGIN_REGION:
        told = told.join(CASE_TABLE, CASE.id == CONTACT.counselling_case_id)
    return told.add_columns(VALUES[by].label("value"))


def _by_residence_status(told: Select[Any], scope: Scope) -> Select[Any]:
    """The contacts with the status that was true on their day by what is known now, as `standing` says it.

    Each case has its days and its values in order: how many of the days have come says which of the values holds.
    """
    later, order = STATUS_TABLE.alias(), (STATUS.valid_from, STATUS.id)
    corrected = select(later.c.id).where(later.c.corrects == STATUS.id).exists()
    history = select(
        STATUS.counselling_case_id, func.array_agg(aggregate_order_by(STATUS.valid_from, *order)).label("days"),
        func.array_agg(aggregate_order_by(STATUS.value, *order)).label("statuses"),
    ).where(inside(CounsellingStatus, scope), STATUS.attribute == Attribute.RESIDENCE_STATUS,
            STATUS.value.is_not(None), ~corrected).group_by(STATUS.counselling_case_id).subquery()
    then = history.c.statuses[func.width_bucket(CONTACT.held_on, history.c.days)]
    value = func.coalesce(then, ResidenceStatus.NOT_ASKED.value)
    return told.add_columns(value.label("value")).outerjoin_from(
        CONTACT_TABLE, history, history.c.counselling_case_id == CONTACT.counselling_case_id)
