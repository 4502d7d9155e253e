"""The bodies of a what-if run's file: those of the API, and what only the core asks for.

Each value has to be of its own kind: a truth value as a number, or a day in seconds, is something that nobody meant.
"""

import re
from contextlib import suppress
from datetime import date
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from libs.common.bodies import Body
from libs.common.codes.lists import Gender
from libs.common.codes.regions import UnknownRegion, region
from libs.common.codes.types import Day
from services.matching.households.rules import HouseholdFields
from services.matching.mentor_groups.rules import HousingIn
from services.matching.mentors.routes import MentorFields
from services.matching.profiles.rules import AccompanyingIn, LocalAgs
from services.matching.runs.what_if_pairs import refuse_to_two
from services.matching.weights.routes import Weights as WeightFields

MOST_PLACES = 100_000
DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _as_written(given: Any) -> date:
    if isinstance(given, str) and DAY.fullmatch(given):
        with suppress(ValueError):
            return date.fromisoformat(given)
    raise ValueError("no valid date, such as 2026-03-02")


def _known(ags: str) -> str:
    try:
        region(ags)
    except UnknownRegion as raised:
        raise ValueError(f"there is no region {ags}") from raised
    return ags


def _to_one(pairs: list[tuple[UUID, UUID]]) -> list[tuple[UUID, UUID]]:
    refuse_to_two(pairs)
    return pairs


Written = BeforeValidator(_as_written)
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]


class Placed(Body):
    """Where somebody is: a region, and if known the point; without it that of the postcode."""

    id: UUID
    region: Annotated[LocalAgs, AfterValidator(_known)]
    partner_id: UUID | None = None
    lat: Latitude | None = None
    lon: Longitude | None = None
    consented: bool = True

    @model_validator(mode="after")
    def _whole_point(self) -> Self:
        if (self.lat is None) is not (self.lon is None):
            raise ValueError("lat and lon belong together")
        return self


class Free(Placed):
    """A side that accompanies: whether it may be proposed, and how many places it has."""

    capacity: int = Field(1, ge=0, le=MOST_PLACES, description="Places that are free, in `capacity_in`.")
    vetted: bool = True
    paused: bool = False


class HomeRow(HousingIn):
    """A group's home; of its rooms and its rent matching needs nothing."""

    rooms: int | None = Field(None, ge=1, le=30)  # type: ignore[assignment] # what reads it asks for neither
    net_cold_rent: int | None = Field(None, ge=0, le=1_000_000)  # type: ignore[assignment]
    available_from: Annotated[Day, Written]


class MentorRow(MentorFields, Free):
    """A mentor of a what-if run."""

    capacity: int = Field(1, ge=0, le=MOST_PLACES)
    available_until: Annotated[Day, Written] | None = None
    person_ref: UUID | None = None


class GroupRow(AccompanyingIn, Free):
    """A mentor group of a what-if run; of its members only the main contacts' genders are needed."""

    largest: int = Field(12, ge=1, le=30)
    available_until: Annotated[Day, Written] | None = None
    contact_genders: list[Gender] = Field(default=[], max_length=20)
    member_refs: list[UUID] = Field(default=[], max_length=50)
    housing: HomeRow | None = None


class HouseholdRow(HouseholdFields, Placed):
    """A household of a what-if run."""

    waiting_since: Annotated[date, Written]


class RulesRow(WeightFields, Body):
    """What the programme computes with, and for how many months a home's rent has to be secured (0: none needed).

    A file knows no programme: what it leaves out is as in one for which nobody has set any weights.
    """

    model_config = ConfigDict(strict=True)

    rent_months: int = Field(0, ge=0, le=120)
    capacity_in: Literal["households", "persons"] = "households"
    weights_version: Annotated[str, StringConstraints(pattern="^[a-z0-9-]{1,40}$")] = "what-if"


class WhatIf(Body):
    """The whole file; its rows are looked at one by one, so that a large one fits into memory."""

    today: Annotated[Day, Written]
    of_run: dict[str, Any] | None = Field(None, description="What a run's download says of the run; it counts not.")
    rules: RulesRow = Field(default_factory=RulesRow)
    mentors: list[Any] = Field(default=[])
    mentor_groups: list[Any] = Field(default=[])
    households: list[Any] = Field(default=[])
    declined: list[tuple[UUID, UUID]] = Field(default=[])
    pinned: Annotated[list[tuple[UUID, UUID]], AfterValidator(_to_one)] = Field(default=[])
    forbidden: list[tuple[UUID, UUID]] = Field(default=[])
