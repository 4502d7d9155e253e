"""Reads about weights."""

from uuid import UUID

from sqlalchemy import bindparam
from sqlmodel import col, select

from libs.common.db import OpenTransaction
from services.matching.weights.model import WeightSet

NAMES = ("language", "distance", "needs", "interests", "availability", "base", "min_common_slots",
         "waiting_per_week", "waiting_most", "urgency_bonus", "far_km", "enough_slots")

# Put together once, since each question for options asks it.
WEIGHTS_NOW = select(WeightSet).where(WeightSet.programme_id == bindparam("programme")).order_by(
    col(WeightSet.number).desc()).limit(1)


async def weights_now(transaction: OpenTransaction, programme_id: UUID) -> WeightSet | None:
    """The version that a run of this programme computes with; None: the usual weights, as version 0."""
    return (await transaction.scalars(WEIGHTS_NOW, {"programme": programme_id})).first()


def values_of(weights: WeightSet | None) -> dict[str, int]:
    """What a version says; the usual weights of a programme for which nobody has set any."""
    return {name: getattr(weights, name) if weights else WeightSet.model_fields[name].get_default() for name in NAMES}
