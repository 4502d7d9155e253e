"""How mentor groups are written in requests and answers."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from libs.common.bodies import Body, Line
from libs.common.codes.lists import Cefr
from libs.common.codes.types import Code, Day
from services.matching.mentor_groups.model import GroupState, MentorGroup
from services.matching.profiles.rules import AccompanyingIn, TakingBackIn, slots_of


class GroupFields(AccompanyingIn):
    """What describes a group."""

    label: Line = Field(description="What to call the group; no person's name.", examples=["Gruppe Kupferkreis"])
    largest: int = Field(12, ge=1, le=30, description="Persons in the largest household they can take in.")


class HousingIn(Body):
    """What a landlord offers: a home, for how many persons, its rent, for how many months that is secured, and when."""

    rooms: int = Field(ge=1, le=30)
    square_metres: int | None = Field(None, ge=5, le=2_000)
    max_persons: int = Field(ge=1, le=30)
    barrier_free: bool = False
    net_cold_rent: int = Field(ge=0, le=1_000_000, description="In cents a month.", examples=[58000])
    secured_months: int = Field(ge=0, le=120, examples=[12])
    rent_limit_ok: bool | None = Field(None, description=(
        "Whether the rent is within what the authority pays later; with a rent above it none counts as secured."))
    available_from: Day = Field(description="From when one can move in; a day that has passed: at once.")
    offered_until: Day | None = Field(None, description=(
        "Until when the landlord keeps it free for the group; without a tandem by then it no longer counts."))


class DocumentIn(Body):
    """Which document was seen, and when; the document itself is not taken."""

    document: Code = Field(examples=["support_plan"])
    seen_on: Day


class TakingDocumentBackIn(TakingBackIn):
    """Which document counts as seen no longer, and why."""

    document: Code = Field(examples=["support_plan"])


class ReasonIn(Body):
    """Why; no person's name."""

    reason: Line = Field(examples=["Die Gruppe macht nächstes Jahr einen neuen Anlauf."])


class GroupOut(BaseModel):
    """A mentor group, without names; members are listed by themselves."""

    id: UUID
    version: int
    region: str
    partner_id: UUID | None
    programme_id: UUID
    label: str
    state: GroupState
    interested_on: date
    ready_at: datetime | None
    languages: dict[str, Cefr]
    slots: list[str]
    radius_km: int | None
    postcode: str | None
    largest: int
    offers: list[str]
    interests: list[str]
    childcare: bool
    step_free: bool
    available_until: date | None
    housing: dict[str, Any] | None
    housing_lapsed_on: date | None
    documents_seen: list[dict[str, Any]]
    end_reason: str | None
    paused_on: date | None = Field(description="Since when they pause for a reason of their own.")
    held_back_on: date | None = Field(
        description="Since when they take in nobody, for somebody's safety: only the coordinators end that.")
    held_back_by: str | None
    held_back_why: str | None
    resumed_by: str | None = Field(description="Who ended that, and why; until they are held back again.")
    resumed_why: str | None

    @classmethod
    def of(cls, group: MentorGroup, why: Mapping[str, str | None]) -> "GroupOut":
        """The answer's form of a group, with the reason that was opened."""
        return cls(**group.model_dump() | {"slots": slots_of(group.slots), **why})
