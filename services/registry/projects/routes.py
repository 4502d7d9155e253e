"""The HTTP door of projects: plan, open and close one, and read what it has reached."""

import secrets
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel, Field
from sqlmodel import col

from libs.common.bodies import Body, Line
from libs.common.codes.languages import fallback_chain
from libs.common.codes.regions import region as region_of
from libs.common.codes.sorting import sort_key
from libs.common.codes.types import Ags
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.due import cancel
from libs.common.facts.registry import ProjectClosed, ProjectOpened
from libs.common.outbox import announce
from libs.common.sheets import as_csv
from services.registry.grants.model import refuse_outside
from services.registry.indicators.queries import figures_of, indicators_of
from services.registry.indicators.reactions import look_what_is_reached, watch
from services.registry.indicators.routes import IndicatorOut, shown
from services.registry.partners.queries import known_partner
from services.registry.programmes.queries import known_programme
from services.registry.projects.model import SECRET_BYTES, Project, ProjectState
from services.registry.projects.queries import seen_by, seen_project

router = APIRouter(prefix="/projects", tags=["projects"])
CSV_COLUMNS = (
    "project", "label", "metric", "facts", "event_kinds", "training_code", "regions", "rural_only", "min_per_event",
    "min_rural_regions", "deadline", "target", "actual", "state", "random_keys", "without_key")


class ProjectIn(Body):
    """What a funder pays for; only what happens in the term and the target regions counts."""

    name: Line = Field(examples=["Integration im ländlichen Raum (Demo)"])
    programme_id: UUID | None = None
    carrier_id: UUID = Field(description="The partner that carries the project.")
    funder_id: UUID | None = Field(None, description="The partner that pays for it.")
    region: Ags | None = Field(
        None, examples=["15"], description="Where it is administered; required of a coordinator.")
    starts: date = Field(examples=["2027-03-01"])
    ends: date = Field(examples=["2027-12-31"])
    target_regions: list[Ags] = Field(min_length=1, max_length=400, examples=[["15081", "15084", "15087"]])


class ProjectOut(BaseModel):
    """A project."""

    id: UUID
    version: int
    name: str
    programme_id: UUID | None
    carrier_id: UUID
    funder_id: UUID | None
    region: str | None
    starts: date
    ends: date
    target_regions: list[str]
    state: ProjectState
    opened_at: datetime | None
    closed_at: datetime | None


class ReportOut(BaseModel):
    """What a project has reached: beside each figure how it is counted, of which facts, and on which condition."""

    project: ProjectOut
    made_at: datetime
    indicators: list[IndicatorOut]


@router.post("", status_code=201)
async def plan_project(body: ProjectIn, transaction: Transaction, once: Creation, response: Response) -> ProjectOut:
    """Plan a project; a coordinator's lies in the own region. It counts nothing before it is opened."""
    if once.repeated:
        return _shown(await get_or_refuse(transaction, Project, once.id), response)
    project = Project(id=once.id, **await _fields(transaction, body))
    project.check()
    transaction.add(project)
    await transaction.flush()
    return _shown(project, response)


@router.get("")
async def list_projects(
    transaction: Transaction, paging: PageOf, state: ProjectState | None = None,
) -> Page[ProjectOut]:
    """The projects of the caller's scope and the open ones of others, by name; a funder's reader sees the own one."""
    query = seen_by(transaction.caller)
    query = query.where(col(Project.state) == state) if state else query
    rows, following = await page(transaction, query, paging, col(Project.sort_key), col(Project.id))
    return Page(items=[_out(row) for row in rows], next=following)


@router.get("/{project_id}")
async def read_project(project_id: UUID, transaction: Transaction, response: Response) -> ProjectOut:
    """One project."""
    return _shown(await seen_project(transaction, project_id), response)


@router.put("/{project_id}")
async def change_project(
    project_id: UUID, body: ProjectIn, transaction: Transaction, expected: Expected, response: Response,
) -> ProjectOut:
    """Change what is planned; an open project stays as it was promised."""
    project = await get_or_refuse(transaction, Project, project_id, version=expected, lock=True)
    project.refuse_unless_planned()
    project.sqlmodel_update(await _fields(transaction, body))
    project.check()
    for indicator in await indicators_of(transaction, project.id, lock=True):
        indicator.region, indicator.partner_id = project.region, project.carrier_id
        indicator.deadline = min(max(indicator.deadline, project.starts), project.ends)
    await transaction.flush()
    return _shown(project, response)


@router.post("/{project_id}/open")
async def open_project(
    project_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> ProjectOut:
    """From now on people are counted, by a secret of this project's own; all services are told."""
    project = await get_or_refuse(transaction, Project, project_id, version=expected, lock=True)
    sealed = transaction.vault.seal(project.secret_place, secrets.token_bytes(SECRET_BYTES))
    project.open(sealed, transaction.clock.now())
    for indicator in await indicators_of(transaction, project.id):
        await watch(transaction, indicator, project)
    announce(transaction, ProjectOpened(project_id=project.id, starts=project.starts, ends=project.ends,
                                        regions=tuple(project.target_regions)), region=project.region)
    await transaction.flush()
    return _shown(project, response)


@router.post("/{project_id}/close")
async def close_project(
    project_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> ProjectOut:
    """The report is made: its figures stay, and the secret is destroyed, so that no key leads to a person any more."""
    project = await get_or_refuse(transaction, Project, project_id, version=expected, lock=True)
    await look_what_is_reached(transaction, project.id)
    project.close(transaction.clock.now())
    await cancel(transaction, "project_figures", project.id)
    for indicator in await indicators_of(transaction, project.id):
        await cancel(transaction, "indicator_check", indicator.id)
    announce(transaction, ProjectClosed(project_id=project.id), region=project.region)
    await transaction.flush()
    return _shown(project, response)


@router.get("/{project_id}/report")
async def read_report(project_id: UUID, transaction: Transaction) -> ReportOut:
    """What the project has reached, computed now from the facts; after closing as it was then."""
    project = await get_or_refuse(transaction, Project, project_id)
    return ReportOut(project=_out(project), made_at=transaction.clock.now(),
                     indicators=await _indicators(transaction, project))


@router.get("/{project_id}/report.csv", response_class=Response, responses={
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "The report as CSV (UTF-8)."}})
async def export_report(
    project_id: UUID, transaction: Transaction,
    accept_language: Annotated[str, Header(max_length=200, description="Of the labels.")] = "de",
) -> Response:
    """The same report as a file for spreadsheets, one line for each indicator."""
    project = await get_or_refuse(transaction, Project, project_id)
    languages = fallback_chain([part.split(";")[0].strip() for part in accept_language.split(",")])
    rows = [_row(project, one, languages) for one in await _indicators(transaction, project)]
    headers = {"Content-Disposition": f'attachment; filename="report-{project.id}.csv"'}
    return Response(as_csv(CSV_COLUMNS, rows), media_type="text/csv; charset=utf-8", headers=headers)


async def _indicators(transaction: OpenTransaction, project: Project) -> list[IndicatorOut]:
    now, indicators = transaction.clock.now(), await indicators_of(transaction, project.id)
    found = await figures_of(transaction, project, indicators)
    return [shown(indicator, project, figure, now) for indicator, figure in found]


def _row(project: Project, indicator: IndicatorOut, languages: Sequence[str]) -> dict[str, Any]:
    fields = indicator.model_dump(mode="json")
    flat = {name: ";".join(value) if isinstance(value, list) else value for name, value in fields["filter"].items()}
    label = next((indicator.label[tag] for tag in languages if tag in indicator.label), min(indicator.label.values()))
    return fields | flat | (fields["condition"] or {}) | {"project": project.name, "label": label}


async def _fields(transaction: OpenTransaction, body: ProjectIn) -> dict[str, Any]:
    refuse_outside(transaction.caller.scope, body.region)
    for ags in filter(None, [body.region, *body.target_regions]):
        region_of(ags)
    await known_partner(transaction, body.carrier_id, field="carrier_id")
    if body.funder_id:
        await known_partner(transaction, body.funder_id, field="funder_id")
    if body.programme_id:
        await known_programme(transaction, body.programme_id, field="programme_id")
    return body.model_dump() | {"sort_key": sort_key(body.name)}


def _out(project: Project) -> ProjectOut:
    return ProjectOut.model_validate(project, from_attributes=True)


def _shown(project: Project, response: Response) -> ProjectOut:
    tag(response, project.version)
    return _out(project)
