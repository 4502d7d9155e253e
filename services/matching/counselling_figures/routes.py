"""The HTTP door of counselling figures: what funders ask, as JSON and as CSV; workload, and demand over time."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel

from libs.common.codes.languages import fallback_chain
from libs.common.codes.types import Ags, Day
from libs.common.db import OpenTransaction
from libs.common.dependencies import Transaction
from services.matching.counselling_figures.queries import demand, figures, workload
from services.matching.counselling_figures.rules import (
    COUNTS,
    UNSAID,
    Asked,
    By,
    Figure,
    file_of,
    label_of,
    period,
    shown,
    shown_counts,
    total_label,
)
from services.matching.profiles.rules import today
from services.matching.suppression.rules import LEAST, Cell


def _names(dependant: Dependant) -> Iterator[str]:
    """What may stand in the query of a route."""
    yield from (one.alias for one in dependant.query_params)
    for needed in dependant.dependencies:
        yield from _names(needed)


def _known_parameters(request: Request) -> None:
    """A filter that is not known is refused: who is told other figures than asked for passes them on unaware."""
    unknown = request.query_params.keys() - set(_names(request.scope["route"].dependant))
    if unknown:
        raise RequestValidationError([
            {"loc": ("query", name), "type": "extra_forbidden", "msg": "", "input": ""} for name in sorted(unknown)])


router = APIRouter(
    prefix="/counselling_figures", tags=["counselling_figures"], dependencies=[Depends(_known_parameters)])
# Where the counts of a table are a total.
TOTAL = "total"


class FigureOut(BaseModel):
    """Contacts, distinct cases and minutes of one value; all of them null where they are hidden."""

    value: str
    label: str
    contacts: int | None
    cases: int | None
    minutes: int | None


class FiguresOut(BaseModel):
    """The contacts of a period told apart; with several topics or results a contact counts with each, once in all."""

    by: By
    begins: date
    ends: date
    least: int = LEAST
    figures: list[FigureOut]
    total: FigureOut


class WorkOut(BaseModel):
    """What a counsellor did in a quarter; `total` in place of either: all of them."""

    counsellor: str
    quarter: str
    open_cases: int | None
    contacts: int | None
    cases: int | None
    minutes: int | None


class WorkloadOut(BaseModel):
    """Open cases, contacts and minutes by counsellor and quarter, with all totals; hidden counts are null."""

    begins: date
    ends: date
    least: int = LEAST
    work: list[WorkOut]


class NewCasesOut(BaseModel):
    """How many cases were opened in a quarter about a topic; `total` in place of either: all of them."""

    quarter: str
    topic: str
    label: str
    new_cases: int | None


class DemandOut(BaseModel):
    """New cases by quarter and by the topics of their first contact, with all totals; hidden counts are null."""

    begins: date
    ends: date
    least: int = LEAST
    demand: list[NewCasesOut]


def _language(
    accept_language: Annotated[str, Header(max_length=200, description="Of the labels: German or English.")] = "de",
) -> str:
    asked = fallback_chain([part.split(";")[0].strip() for part in accept_language.split(",")])
    return next(tag for tag in asked if tag in {"de", "en"})


def _asked(
    transaction: Transaction,
    begins: Annotated[Day | None, Query(
        alias="from", description="The first day of a quarter; else of January of the year of the last.")] = None,
    until: Annotated[Day | None, Query(description="The last day of a quarter that is over; else of the last.")] = None,
    region: Annotated[Ags | None, Query(description="Of this region alone.")] = None,
    partner_id: Annotated[UUID | None, Query(description="Of this partner alone.")] = None,
) -> Asked:
    return Asked(period(begins, until, today(transaction.clock.now())), region, partner_id)


LanguageOf = Annotated[str, Depends(_language)]
AskedOf = Annotated[Asked, Depends(_asked, scope="function")]


@router.get("")
async def read_counselling_figures(
    transaction: Transaction, asked: AskedOf, language: LanguageOf, by: By = By.TOPIC,
) -> FiguresOut:
    """How many contacts, distinct cases and minutes there were in whole quarters, told apart by one thing.

    null where in one of the quarters fewer than five cases stand behind it, or where sums, another period or the rest
    of the scope would tell what is null elsewhere.
    """
    rows, total = await _shown(transaction, by, asked)
    return FiguresOut(by=by, begins=asked.period[0], ends=asked.period[1],
                      figures=[_out(by, row, language) for row in rows],
                      total=FigureOut(value=TOTAL, label=total_label(language), **_counts(total)))


@router.get("/export.csv", response_class=Response, responses={
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "The figures as CSV (UTF-8)."}})
async def export_counselling_figures(
    transaction: Transaction, asked: AskedOf, language: LanguageOf, by: By = By.TOPIC,
) -> Response:
    """The same figures as a file for spreadsheets; what is hidden there is hidden here."""
    rows, total = await _shown(transaction, by, asked)
    headers = {"Content-Disposition": f'attachment; filename="counselling-{by.value}.csv"',
               "Content-Language": language}
    return Response(file_of(by, rows, total, language), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/workload")
async def read_workload(transaction: Transaction, asked: AskedOf) -> WorkloadOut:
    """How many open cases, contacts and minutes each counsellor has by quarter; null as in the figures."""
    counted = await workload(transaction, asked)
    others = await workload(transaction, asked.others) if asked.others else {}
    shown_cases, open_cases = (shown_counts(counted[name], others.get(name, {})) for name in ("cases", "open_cases"))
    return WorkloadOut(begins=asked.period[0], ends=asked.period[1], work=[
        WorkOut(**_places(key, "counsellor", "quarter"), open_cases=open_cases.get(key, 0), **{
            name: None if shown_cases.get(key, 0) is None else counted[name].get(key, 0) for name in COUNTS})
        for key in sorted(shown_cases.keys() | open_cases.keys(), key=_order)])


@router.get("/demand")
async def read_demand(transaction: Transaction, asked: AskedOf, language: LanguageOf) -> DemandOut:
    """How many new cases there were by quarter and topic: what people come with, over time; null as in the figures."""
    others = await demand(transaction, asked.others) if asked.others else {}
    counted = shown_counts(await demand(transaction, asked), others)
    return DemandOut(begins=asked.period[0], ends=asked.period[1], demand=[
        NewCasesOut(**_places(key, "topic", "quarter"), new_cases=counted[key],
                    label=total_label(language) if key[0] is None else label_of(By.TOPIC, key[0], language))
        for key in sorted(counted, key=lambda key: _order((key[1], key[0])))])


async def _shown(transaction: OpenTransaction, by: By, asked: Asked) -> tuple[list[Figure], Figure]:
    others = (await figures(transaction, by, asked.others))[2] if asked.others else {}
    return shown(*await figures(transaction, by, asked), others)


def _out(by: By, figure: Figure, language: str) -> FigureOut:
    value = figure.value or UNSAID
    return FigureOut(value=value, label=label_of(by, value, language), **_counts(figure))


def _counts(figure: Figure) -> dict[str, int | None]:
    return {"contacts": figure.contacts, "cases": figure.cases, "minutes": figure.minutes}


def _places(key: Cell, row: str, column: str) -> dict[str, str]:
    return {row: TOTAL if key[0] is None else key[0], column: TOTAL if key[1] is None else key[1]}


def _order(key: Cell) -> tuple[bool, str, bool, str]:
    """By row and column; totals come last."""
    return key[0] is None, key[0] or "", key[1] is None, key[1] or ""
