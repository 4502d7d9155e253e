"""A profile: the columns that both sides have, readable because matching computes with them, blanked by an erasure."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import SQLModel

from libs.common.columns import personal


def code_list() -> Any:
    """A list of codes about a person."""
    return personal(default_factory=list, sa_type=ARRAY(Text))


def id_list() -> Any:
    """A list of opaque ids that a person named."""
    return personal(default_factory=list, sa_type=ARRAY(Uuid))


class Described(SQLModel):
    """What either side says: languages with levels, parts of the week as a mask, about where, interests."""

    languages: dict[str, str] = personal(default_factory=dict, sa_type=JSONB)
    slots: int = personal(0)
    radius_km: int | None = personal(None)
    postcode: str | None = personal(None)
    lat: float | None = personal(None)
    lon: float | None = personal(None)
    interests: list[str] = code_list()
    conflict_groups: list[str] = code_list()

    def describe(self, fields: Mapping[str, Any]) -> None:
        """Take these values over, by the columns' names."""
        for name, value in fields.items():
            setattr(self, name, value)

    def blank(self) -> None:
        """Forget everything that was said; what an erasure does to readable codes."""
        for name, given in Described.model_fields.items():
            setattr(self, name, given.get_default(call_default_factory=True))


class Accompanying(Described):
    """What who accompanies says besides: whom they take in, and what they offer."""

    largest: int = personal(1)
    offers: list[str] = code_list()
    accepts_genders: list[str] = code_list()
    accepts_bands: list[str] = code_list()
    childcare: bool = personal(default=False)
    step_free: bool = personal(default=False)
    vetoed_households: list[UUID] = id_list()

    def blank(self) -> None:
        """Forget everything that was said."""
        for name, given in Accompanying.model_fields.items():
            setattr(self, name, given.get_default(call_default_factory=True))
