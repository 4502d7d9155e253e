"""The HTTP door of indicators: what a project is to reach, how it stands, and the facts behind a figure."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import Uuid, any_, literal
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col, select

from libs.common.bodies import Body, Line
from libs.common.clock import day_of
from libs.common.codes.lists import EventKind
from libs.common.codes.regions import region as region_of
from libs.common.codes.types import Ags, ByLanguage, Code
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from services.registry.indicators.model import Counted, CountedFact, Indicator, IndicatorState, Metric
from services.registry.indicators.queries import figures_of
from services.registry.indicators.reactions import watch
from services.registry.indicators.rules import Figure, state_of
from services.registry.projects.model import Project, ProjectState

router = APIRouter(prefix="/indicators", tags=["indicators"])


class FilterIn(Body):
    """Which facts count; an empty list means all."""

    facts: list[Counted] = Field(min_length=1, max_length=10, examples=[["attendance"]], description=(
        "What is counted. With attendances come tallies; of tandems and meetings each tandem is a subject. Of"
        " counselling and referrals it is what the project's carrier did."))
    event_kinds: list[EventKind] = Field(default=[], max_length=20, examples=[["training"]])
    training_code: Code | None = Field(None, examples=[None])
    regions: list[Ags] = Field(default=[], max_length=50, examples=[[]])
    rural_only: bool = False


class ConditionIn(Body):
    """Only events count at which at least so many people were, who live in at least so many rural districts."""

    min_per_event: int | None = Field(None, ge=1, le=100_000, examples=[20])
    min_rural_regions: int | None = Field(None, ge=1, le=400, examples=[2])


class IndicatorFields(Body):
    """What is to be reached by when; the deadline is the end of the project's term unless given."""

    label: ByLanguage[Line] = Field(min_length=1, max_length=20, examples=[{"de": "Erreichte Personen"}])
    metric: Metric = Field(examples=["attendances"])
    filter: FilterIn
    condition: ConditionIn | None = None
    target: int = Field(ge=1, le=10_000_000, examples=[140])
    deadline: date | None = None


class IndicatorIn(IndicatorFields):
    """A new indicator of a project."""

    project_id: UUID


class IndicatorOut(BaseModel):
    """An indicator with its figure.

    random_keys: how many of the distinct were counted by a random key for lack of an address, and may be the same.
    without_key: how many people came of whom nobody can say whether they are distinct; they are not counted.
    """

    id: UUID
    version: int
    project_id: UUID
    label: dict[str, str]
    metric: Metric
    filter: FilterIn
    condition: ConditionIn | None
    target: int
    deadline: date
    actual: int
    state: IndicatorState
    random_keys: int
    without_key: int
    reached_at: datetime | None
    at_risk_at: datetime | None


class CountedFactOut(BaseModel):
    """A fact behind a figure: what happened when and where, how many or how long it counts, and what it is about."""

    fact_id: UUID
    kind: Counted
    occurred_on: date
    told_at: datetime
    region: str
    source_id: UUID
    value: int
    event_id: UUID | None
    event_kind: str | None
    training_code: str | None
    home_region: str | None
    random_key: bool

    @classmethod
    def of(cls, fact: CountedFact) -> "CountedFactOut":
        """The answer's form of a counted fact, without its key."""
        return cls(**fact.model_dump(), fact_id=fact.id)


def shown(indicator: Indicator, project: Project, figure: Figure, now: datetime) -> IndicatorOut:
    """The answer's form of an indicator and its figure."""
    fields = indicator.model_dump()
    condition = ConditionIn(**{name: fields[name] for name in ConditionIn.model_fields})
    return IndicatorOut(
        **fields, filter=FilterIn(**{name: fields[name] for name in FilterIn.model_fields}),
        condition=condition if indicator.has_condition else None, actual=figure.actual,
        state=state_of(indicator, project, figure.actual, day_of(now)),
        random_keys=figure.random_keys, without_key=figure.without_key)


@router.post("", status_code=201)
async def add_indicator(
    body: IndicatorIn, transaction: Transaction, once: Creation, response: Response,
) -> IndicatorOut:
    """Say what the project is to reach; what has been counted already counts at once."""
    if once.repeated:
        indicator = await get_or_refuse(transaction, Indicator, once.id)
        return await _answer(transaction, indicator, await _project(transaction, indicator), response)
    project = await get_or_refuse(transaction, Project, body.project_id, lock=True)
    project.refuse_when_closed()
    indicator = Indicator(id=once.id, project_id=project.id, **_fields(body, project))
    indicator.check(project)
    transaction.add(indicator)
    await transaction.flush()
    if project.state is ProjectState.OPEN:
        await watch(transaction, indicator, project)
    return await _answer(transaction, indicator, project, response)


@router.get("/{indicator_id}")
async def read_indicator(indicator_id: UUID, transaction: Transaction, response: Response) -> IndicatorOut:
    """One indicator, and how it stands."""
    indicator = await get_or_refuse(transaction, Indicator, indicator_id)
    return await _answer(transaction, indicator, await _project(transaction, indicator), response)


@router.put("/{indicator_id}")
async def change_indicator(
    indicator_id: UUID, body: IndicatorFields, transaction: Transaction, expected: Expected, response: Response,
) -> IndicatorOut:
    """Change what is to be reached or how it is counted, until the project is closed; the figure is computed anew."""
    indicator = await get_or_refuse(transaction, Indicator, indicator_id, version=expected, lock=True)
    project = await transaction.get_one(Project, indicator.project_id, with_for_update=True)
    project.refuse_when_closed()
    indicator.sqlmodel_update(_fields(body, project))
    indicator.check(project)
    await transaction.flush()
    if project.state is ProjectState.OPEN:
        await watch(transaction, indicator, project)
    return await _answer(transaction, indicator, project, response)


@router.get("/{indicator_id}/facts")
async def list_counted_facts(indicator_id: UUID, transaction: Transaction, paging: PageOf) -> Page[CountedFactOut]:
    """The facts that the figure is made of, in the order in which they were told."""
    indicator = await get_or_refuse(transaction, Indicator, indicator_id)
    project = await _project(transaction, indicator)
    ((_, figure),) = await figures_of(transaction, project, [indicator])
    ids = literal([fact.id for fact in figure.facts], ARRAY(Uuid))
    query = select(CountedFact).where(col(CountedFact.id) == any_(ids))
    rows, following = await page(transaction, query, paging, col(CountedFact.told_at), col(CountedFact.id))
    return Page(items=[CountedFactOut.of(row) for row in rows], next=following)


def _fields(body: IndicatorFields, project: Project) -> dict[str, Any]:
    for ags in body.filter.regions:
        region_of(ags)
    condition = (body.condition or ConditionIn()).model_dump()
    return {"label": body.label, "metric": body.metric, "target": body.target, "region": project.region,
            "partner_id": project.carrier_id, "deadline": body.deadline or project.ends,
            **body.filter.model_dump(mode="json"), **condition}


async def _project(transaction: OpenTransaction, indicator: Indicator) -> Project:
    return await transaction.get_one(Project, indicator.project_id)


async def _answer(
    transaction: OpenTransaction, indicator: Indicator, project: Project, response: Response,
) -> IndicatorOut:
    ((_, figure),) = await figures_of(transaction, project, [indicator])
    tag(response, indicator.version)
    return shown(indicator, project, figure, transaction.clock.now())
