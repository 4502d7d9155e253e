"""Reads about funded projects."""

from collections.abc import Iterable, Mapping
from datetime import date
from uuid import UUID

from sqlmodel import col, select

from libs.common.db import OpenTransaction
from libs.common.refusals import Invalid
from services.matching.projects.model import KnownProject


async def known_projects(
    transaction: OpenTransaction, project_ids: Iterable[UUID | None],
) -> Mapping[UUID, KnownProject]:
    """Those of these projects that the registry told of, by id."""
    query = select(KnownProject).where(col(KnownProject.id).in_({one for one in project_ids if one}))
    return {one.id: one for one in (await transaction.scalars(query)).all()}


async def refuse_unless_open(
    transaction: OpenTransaction, project_id: UUID | None, *, region: str, since: date, until: date,
) -> None:
    """What counts for a project counts for one that is open here, in one of these days; None: it counts for none."""
    if project_id is None:
        return
    known = await transaction.get(KnownProject, project_id)
    if known is None or not known.is_open(region, since, until):
        raise Invalid("project-not-open", "There is no such project that is open here and in this time.",
                      field="project_id")
