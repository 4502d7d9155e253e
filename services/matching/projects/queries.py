"""Reads about funded projects."""

from datetime import date
from uuid import UUID

from libs.common.db import OpenTransaction
from libs.common.refusals import Invalid
from services.matching.projects.model import KnownProject


async def refuse_unless_open(
    transaction: OpenTransaction, project_id: UUID | None, *, region: str, day: date,
) -> None:
    """What counts for a project counts for one that is open here and on this day; None: it counts for none."""
    if project_id is None:
        return
    known = await transaction.get(KnownProject, project_id)
    if known is None or not known.is_open(region, day):
        raise Invalid("project-not-open", "There is no such project that is open here and on this day.",
                      field="project_id")
