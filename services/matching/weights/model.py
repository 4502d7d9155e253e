"""A set of weights: how many of 1000 points each criterion gives in a programme; versions are never changed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, UniqueConstraint

from libs.common.columns import moment, plain
from services.matching.tables import Table


class WeightSet(Table, table=True):
    """One version, with who set it and why. base: how much every pair is worth besides its score."""

    __tablename__ = "weight_set"
    __table_args__ = (
        UniqueConstraint("programme_id", "number"),
        CheckConstraint("language + distance + needs + interests + availability = 1000", name="sum"),
    )

    programme_id: UUID = plain()
    number: int = plain()
    language: int = plain(250)
    distance: int = plain(200)
    needs: int = plain(250)
    interests: int = plain(150)
    availability: int = plain(150)
    base: int = plain(1000)
    min_common_slots: int = plain(2)
    waiting_per_week: int = plain(5)
    waiting_most: int = plain(200)
    urgency_bonus: int = plain(100)
    far_km: int = plain(40)
    enough_slots: int = plain(8)
    set_by: str = plain()
    set_at: datetime = moment()
    reason: str | None = plain(None)
