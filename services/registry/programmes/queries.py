"""Reads about programmes and their rule sets."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from sqlmodel import col, select

from libs.common.db import OpenTransaction
from libs.common.refusals import NotFound
from services.registry.programmes.model import Programme, RuleSet


async def known_programme(transaction: OpenTransaction, programme_id: UUID, *, field: str | None = None) -> Programme:
    """A programme, whoever administers it; NotFound, naming the field of the request, when there is none."""
    programme = await transaction.get(Programme, programme_id)
    if programme is None:
        raise NotFound("not-found", "There is no such {noun}.", field=field, noun="programme")
    return programme


async def rule_sets_of(transaction: OpenTransaction, programme_ids: Iterable[UUID]) -> dict[UUID, list[RuleSet]]:
    """The rule sets of these programmes, the earliest first."""
    found: dict[UUID, list[RuleSet]] = defaultdict(list)
    query = select(RuleSet).where(col(RuleSet.programme_id).in_(list(programme_ids)))
    for rules in await transaction.scalars(query.order_by(col(RuleSet.valid_from))):
        found[rules.programme_id].append(rules)
    return found
