"""Reads about weights."""

from uuid import UUID

from sqlmodel import col, select

from libs.common.db import OpenTransaction
from services.matching.weights.model import WeightSet


async def weights_now(transaction: OpenTransaction, programme_id: UUID) -> WeightSet | None:
    """The version that a run of this programme computes with; None: the usual weights, as version 0."""
    query = select(WeightSet).where(WeightSet.programme_id == programme_id)
    return (await transaction.scalars(query.order_by(col(WeightSet.number).desc()).limit(1))).first()
