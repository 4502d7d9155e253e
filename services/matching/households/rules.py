"""How households are written in requests and answers."""

from datetime import date, datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from libs.common.bodies import Body, Paragraph
from libs.common.codes.lists import AgeBand, Cefr, Gender
from libs.common.codes.types import Day
from services.matching.households.model import (
    FEMALE_ONLY,
    Household,
    HouseholdChange,
    HouseholdChangeKind,
    HouseholdState,
    shape_of,
)
from services.matching.profiles.rules import ConsentIn, ContactIn, ContactOut, DescribedIn, LocalAgs, Topic

# Not "none": who asks for no level at all accepts an interpreter.
Level = Literal["literacy", "A1", "A2", "B1", "B2", "C1", "C2"]


class ClosedReason(StrEnum):
    """Why a household is looked for no longer."""

    MOVED = "moved"
    HELPED_ELSEWHERE = "helped_elsewhere"
    NOT_WANTED = "not_wanted"
    LOST_CONTACT = "lost_contact"
    OTHER = "other"


class MemberIn(Body):
    """One person of a household: as coarse as matching needs it, nobody is named."""

    age_band: AgeBand
    gender: Gender = Gender.NOT_STATED


class HouseholdFields(DescribedIn):
    """What describes a household: who belongs to it, what it needs and wishes, and what must not be."""

    members: list[MemberIn] = Field(min_length=1, max_length=20, examples=[
        [{"age_band": "27-44", "gender": "f"}, {"age_band": "6-13", "gender": "m"}]])
    radius_km: int | None = Field(None, ge=0, le=500, description="None: as far as who accompanies them goes.")
    least_level: Level = Field("A2", description="How well both must speak a common language.")
    interpreter: bool = Field(default=False, description="Somebody who interprets is welcome instead.")
    kinds: list[Literal["single", "group"]] = Field(default=[], max_length=2, description="Empty: either.")
    only_female_mentor: bool = Field(default=False, description="The same as `contact_genders` of `f` alone.")
    contact_genders: list[Gender] = Field(
        default=[], max_length=4, examples=[["f", "d"]],
        description="Of whom they wish to be accompanied; of a group all main contacts. Empty: no wish.")
    barrier_free: bool = Field(default=False, description="They need a home and meetings without steps.")
    must_haves: list[Topic] = Field(default=[], max_length=20, examples=[["jobcentre"]])
    wishes: list[Topic] = Field(default=[], max_length=20, examples=[["school", "childcare"]])
    vetoed_units: list[UUID] = Field(default=[], max_length=50, description="Mentors and groups they do not want.")
    vetoed_persons: list[UUID] = Field(default=[], max_length=50)
    vetoed_partners: list[UUID] = Field(default=[], max_length=50)
    urgency: int = Field(0, ge=0, le=3)
    arrived_on: Day | None = None
    note: Paragraph | None = Field(None, description="Sealed; never part of a score, a fact or an export.")

    @property
    def wished_genders(self) -> list[str]:
        """Of which genders whoever accompanies them is to be; none: of any."""
        return FEMALE_ONLY if self.only_female_mentor else sorted({one.value for one in self.contact_genders})

    @property
    def says_by_whom(self) -> bool:
        """Whether a wish for certain genders, or for none, is sent."""
        return self.only_female_mentor or "contact_genders" in self.model_fields_set

    @property
    def genders_agree(self) -> bool:
        """Whether the two ways to wish for a woman do not contradict each other, where both are sent."""
        only_women = {one.value for one in self.contact_genders} == set(FEMALE_ONLY)
        both = {"only_female_mentor", "contact_genders"} <= self.model_fields_set
        return only_women is self.only_female_mentor or not both


class HouseholdIn(HouseholdFields):
    """A household that somebody is to accompany, and the person to turn to."""

    region: LocalAgs = Field(examples=["15087"])
    partner_id: UUID | None = Field(None, description="A counsellor's own partner unless named.")
    programme_id: UUID
    contact: ContactIn


class ReplacingIn(Body):
    """Who is the contact person from now on, and to what they consented themselves."""

    contact: ContactIn
    consent: ConsentIn | None = Field(None, description="May be left out only while nobody is looked for yet.")
    note: Paragraph | None = Field(None, description="What is to be noted from now on; the former note goes.")


class ReplacedOut(ContactOut):
    """The new contact person; and by which person_ref the former one is erased, once nothing of them is to be kept."""

    former_person_ref: UUID


class JoiningIn(MemberIn):
    """Who was born into the household or joins it, and on which day; nobody is named."""

    change: Literal["birth", "joined"] = "joined"
    on: Day


class LeavingIn(MemberIn):
    """Who moved out of the household or died, and on which day: somebody of this age band and gender."""

    change: Literal["moved_out", "died"] = "moved_out"
    on: Day


class HouseholdChangeOut(BaseModel):
    """How large the household has been since a day, and why."""

    kind: HouseholdChangeKind
    happened_on: date
    persons: int
    noted_by: str
    noted_at: datetime

    @classmethod
    def of(cls, change: HouseholdChange) -> "HouseholdChangeOut":
        """The answer's form of a change."""
        return cls.model_validate(change, from_attributes=True)


class ClosingIn(Body):
    """Why nobody is looked for any longer."""

    reason: ClosedReason


class HouseholdOut(BaseModel):
    """A household in a list: no name, and not what it wishes."""

    id: UUID
    version: int
    region: str
    partner_id: UUID | None
    programme_id: UUID
    state: HouseholdState
    persons: int
    children: int
    languages: dict[str, Cefr]
    consented_on: date | None
    waiting_since: datetime | None = Field(
        description="From the first time on; moved on by as long as tandems lasted that ended early.")
    paused_on: date | None = Field(description="Since when they pause, and nobody is looked for.")
    closed_reason: str | None

    @classmethod
    def of(cls, household: Household) -> "HouseholdOut":
        """The answer's form of a household."""
        return cls(**household.model_dump() | shape_of(household.members))


class HouseholdDetail(HouseholdOut):
    """A household with what matching computes with, and the counsellor's note; still without names."""

    person_ref: UUID
    members: list[dict[str, str]]
    slots: list[str]
    radius_km: int | None
    postcode: str | None
    least_level: Cefr
    interpreter: bool
    kinds: list[str]
    only_female_mentor: bool
    contact_genders: list[Gender] = Field(description="Empty: no wish.")
    must_haves: list[str]
    wishes: list[str]
    interests: list[str]
    vetoed_units: list[UUID]
    vetoed_persons: list[UUID]
    vetoed_partners: list[UUID]
    urgency: int
    arrived_on: date | None
    note: str | None
