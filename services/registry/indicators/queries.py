"""Reads about indicators: the figures of a project, and the facts behind one of them."""

from collections.abc import Sequence
from typing import cast
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy import select as sql_select
from sqlmodel import col, select

from libs.common.db import OpenTransaction
from services.registry.indicators.model import BY_PARTNER, OF_CARRIER, CountedFact, Indicator
from services.registry.indicators.rules import Figure, figures, needed_for
from services.registry.projects.model import Project

COLUMNS = [col(getattr(CountedFact, name)) for name in CountedFact.model_fields]


async def indicators_of(
    transaction: OpenTransaction, project_id: UUID, *, lock: bool = False,
) -> Sequence[Indicator]:
    """The indicators of a project, in the order in which they were added; lock: nobody else changes them meanwhile."""
    query = select(Indicator).where(col(Indicator.project_id) == project_id).order_by(col(Indicator.id))
    return (await transaction.scalars(query.with_for_update() if lock else query)).all()


async def unreached_indicators(transaction: OpenTransaction, project_id: UUID) -> Sequence[Indicator]:
    """Those that have not been told as reached, locked."""
    query = select(Indicator).where(col(Indicator.project_id) == project_id, col(Indicator.reached_at).is_(None))
    return (await transaction.scalars(query.order_by(col(Indicator.id)).with_for_update())).all()


async def figures_of(
    transaction: OpenTransaction, project: Project, indicators: Sequence[Indicator],
) -> list[tuple[Indicator, Figure]]:
    """These indicators of the project, each with its figure computed from all counted facts."""
    if not indicators:
        return []
    query = sql_select(*COLUMNS).where(_told_of(project, indicators), col(CountedFact.kind).in_(needed_for(indicators)))
    # Rows have the attributes of the facts that they are; as objects of the session they would take twice as long.
    facts = cast("Sequence[CountedFact]", (await transaction.execute(query)).all())
    return list(zip(indicators, figures(indicators, project, facts), strict=True))


def _told_of(project: Project, indicators: Sequence[Indicator]) -> ColumnElement[bool]:
    """What was told of the project, and of its carrier's counselling where an indicator asks for it."""
    own = col(CountedFact.project_id) == project.id
    if not any(indicator.kinds & OF_CARRIER for indicator in indicators):
        return own
    carriers = and_(col(CountedFact.project_id).is_(None), col(CountedFact.partner_id) == project.carrier_id)
    return or_(own, and_(carriers, col(CountedFact.kind).in_(BY_PARTNER)))
