"""How profiles are written in requests and answers: languages with levels, parts of the week by name, a postcode."""

import tomllib
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, EmailStr, Field, StringConstraints

from libs.common.bodies import Body, Line
from libs.common.callers import Scope
from libs.common.codes.languages import spoken
from libs.common.codes.lists import AgeBand, Cefr, Gender
from libs.common.codes.regions import point_of
from libs.common.codes.regions import region as region_of
from libs.common.codes.types import ByLanguage, Code, Day, LanguageTag, Postcode
from libs.common.refusals import Invalid, NotAllowed

BERLIN = ZoneInfo("Europe/Berlin")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PARTS = ("morning", "midday", "afternoon", "evening")
SLOTS = tuple(f"{day}_{part}" for day in DAYS for part in PARTS)
AS_THEY_ARE = ("vetoed_households", "available_until")

Slot = Annotated[str, StringConstraints(
    pattern="^(mon|tue|wed|thu|fri|sat|sun)_(morning|midday|afternoon|evening)$")]
"""A part of a day of the week, such as `tue_evening`."""

LocalAgs = Annotated[str, StringConstraints(pattern="^[0-9]{5}([0-9]{3})?$")]
"""The regional key of a district (5 digits) or municipality (8): where somebody is accompanied."""

NEVER_A_SCORE: frozenset[str] = frozenset(word for words in tomllib.loads(
    (Path(__file__).parent / "never_a_score.toml").read_text(encoding="utf-8")).values() for word in words)


def _is_no_trait(code: str) -> str:
    if NEVER_A_SCORE & set(code.split("_")):
        raise ValueError("religion, health and other protected traits are never a score")
    return code


Topic = Annotated[Code, AfterValidator(_is_no_trait)]
"""An interest, a wish or what somebody offers, as a code of the network's own; never a protected trait."""


def _as_spoken(languages: dict[str, Cefr]) -> dict[str, Cefr]:
    found: dict[str, Cefr] = {}
    for tag, level in languages.items():
        language = spoken(tag)
        found[language] = max(level, found.get(language, level))
    return found


Spoken = Annotated[ByLanguage[Cefr], AfterValidator(_as_spoken)]
"""How well each language is spoken; without script and region, since `ar-SY` and `ar` understand each other."""

Rating = Annotated[int, Field(ge=1, le=5)]
"""From 1 (not at all well) to 5 (very well)."""


class DescribedIn(Body):
    """What either side says of itself. Nobody's traits are scored; what is not stated is neither for nor against."""

    languages: Spoken = Field(default={}, max_length=20, examples=[{"ar": "C2", "de": "A1"}])
    slots: list[Slot] = Field(default=[], max_length=28, examples=[["tue_evening", "sat_morning"]])
    postcode: Postcode | None = Field(None, examples=["06295"])
    interests: list[Topic] = Field(default=[], max_length=20, examples=[["cooking", "football"]])
    conflict_groups: list[Code] = Field(
        default=[], max_length=10, description="Who shares one of these is never brought together.")


class AccompanyingIn(DescribedIn):
    """What who accompanies says besides: how far they go, whom they take in, what they offer."""

    radius_km: int = Field(20, ge=0, le=500)
    largest: int = Field(6, ge=1, le=30, description="Persons in the largest household they can take in.")
    offers: list[Topic] = Field(default=[], max_length=20, examples=[["jobcentre", "school"]])
    accepts_genders: list[Gender] = Field(default=[], max_length=4, description="Empty: everyone.")
    accepts_bands: list[AgeBand] = Field(default=[], max_length=7, description="Empty: every age.")
    childcare: bool = False
    step_free: bool = False
    vetoed_households: list[UUID] = Field(default=[], max_length=50)
    available_until: Day | None = Field(None, description=(
        "The last day on which somebody new is proposed to them; null: no end is known. A PUT without it keeps it."))


class ContactIn(Body):
    """A person: name and how to reach them; sealed with a key of their own."""

    name: Line = Field(examples=["Rana Beispiel"])
    email: EmailStr | None = Field(None, max_length=200, examples=["rana@example.org"])
    phone: Line | None = None
    written_in: list[LanguageTag] = Field(
        default=["de"], min_length=1, max_length=5, description="The languages to write to them in, the dearest first.")


Besides = Literal["checkins", "learnings", "authority"]
"""A purpose to which a person may have consented besides matching, in the same text."""
CONSENTED_BESIDES = "To what else the text asks for consent: check-ins, learnings that name nobody, the authority."


class ConsentIn(Body):
    """That somebody consented to be matched: when, in which version and language of the text, and to what else."""

    given_on: Day
    text_version: int = Field(1, ge=1, le=10_000)
    language: LanguageTag = "de"
    besides: list[Besides] = Field(["checkins"], max_length=3, description=CONSENTED_BESIDES)


class RecordIn(Body):
    """That a criminal-record certificate was seen. The paper itself is not taken, and there is no way to upload it."""

    seen_on: Day
    certificate_date: Day
    relevant_entry: bool = Field(description="If so, nothing is kept, and who showed it counts as unchecked.")


class TakenBack(StrEnum):
    """Why what was noted as seen or found counts no longer."""

    ENTERED_BY_MISTAKE = "entered_by_mistake"
    NO_LONGER_HOLDS = "no_longer_holds"
    OTHER = "other"


class TakingBackIn(Body):
    """Why what was noted is taken back; kept in the audit alone."""

    reason: TakenBack


class TrainingShownIn(Body):
    """That somebody was trained elsewhere: in what, when, and the code of the certificate that they showed."""

    training_code: Code = Field(examples=["basic_training"])
    attended_on: Day
    certificate: str = Field(pattern="^[A-Za-z0-9-]{4,40}$", max_length=40, examples=["ZKS-2026-0117"])


class TakingTrainingBackIn(TakingBackIn):
    """Which training counts as shown no longer, and why."""

    training_code: Code = Field(examples=["basic_training"])


class HoldingBackIn(Body):
    """Why a mentor or group is held back for somebody's safety; no person's name."""

    why: Line = Field(examples=["Nach dem Ende wurde etwas bekannt, das erst zu klären ist."])


class ResumingIn(Body):
    """Why a mentor or group that was held back for somebody's safety accompanies again; no person's name."""

    why: Line = Field(examples=["Alle haben miteinander gesprochen, die Sorge ist ausgeräumt."])


class EndingWhyIn(Body):
    """Why a mentor, or a member of a group, goes or is not taken; no person's name."""

    why: Line = Field(examples=["Hat im Erstgespräch gemerkt, dass die Zeit nicht reicht."])


class ContactOut(BaseModel):
    """Who somebody is, how to reach them, and the languages to write to them in."""

    person_ref: UUID
    name: str
    email: str | None
    phone: str | None
    written_in: list[str]


def details(given: ContactIn) -> dict[str, str | None]:
    """Name and addresses as a person's sealed details have them."""
    return {"name": given.name, "email": given.email, "phone": given.phone}


def mask_of(slots: Iterable[str]) -> int:
    """Parts of the week as a mask: Monday morning is bit 0."""
    return sum(1 << SLOTS.index(slot) for slot in set(slots))


def slots_of(mask: int) -> list[str]:
    """The parts of the week in a mask, in order."""
    return [slot for bit, slot in enumerate(SLOTS) if mask >> bit & 1]


def located(postcode: str | None) -> dict[str, Any]:
    """A postcode as values of the columns of a profile, with the point of its place, where one is known."""
    lat, lon = (point_of(postcode) if postcode else None) or (None, None)
    return {"postcode": postcode, "lat": lat, "lon": lon}


def columns_of(body: DescribedIn, *, without: Iterable[str] = ()) -> dict[str, Any]:
    """The body as values of the columns of a profile; a postcode gives the point of its place, where one is known."""
    values = body.model_dump(mode="json", exclude={*without, *AS_THEY_ARE})
    lists = {name: sorted(set(value)) for name, value in values.items() if isinstance(value, list)}
    return values | lists | located(body.postcode) | {
        "slots": mask_of(body.slots), **(_of_unit(body) if isinstance(body, AccompanyingIn) else {})}


def _of_unit(body: AccompanyingIn) -> dict[str, Any]:
    """What JSON would make text of; a day that is not named stays: who writes may not know of it."""
    named = {"available_until": body.available_until} if "available_until" in body.model_fields_set else {}
    return {"vetoed_households": sorted(set(body.vetoed_households)), **named}


def today(now: datetime) -> date:
    """The day in Germany."""
    return now.astimezone(BERLIN).date()


def begin_of(day: date) -> datetime:
    """When a day begins in Germany."""
    return datetime.combine(day, time.min, BERLIN)


def days_later(moment: datetime, days: int) -> datetime:
    """So many days later, on the day in Germany that is meant also where the clocks are changed in between."""
    later, day = moment.astimezone(UTC) + timedelta(days=days), today(moment) + timedelta(days=days)
    # Around midnight an hour more or less would make it another day: there the hour of the day stays the same.
    return later if today(later) == day else (moment.astimezone(BERLIN) + timedelta(days=days)).astimezone(UTC)


def refuse_outside(scope: Scope, region: str, partner_id: UUID | None = None) -> None:
    """What is entered lies in a region there is, and inside the scope of who enters it."""
    region_of(region)
    if not scope.covers_region(region) and partner_id not in scope.partners:
        raise NotAllowed("outside-own-region", "This lies outside the regions and partners you work for.",
                         field="region")


def refuse_future(day: date, now: datetime, field: str) -> None:
    """What has been seen or signed was so by today."""
    if day > today(now):
        raise Invalid("day-in-future", "This day has not come yet.", field=field)


def refuse_before(day: date, begin: date, field: str) -> None:
    """Nothing was so, or is planned, for a day before what it is about began."""
    if day < begin:
        raise Invalid("day-too-early", "This day lies before {begin}, when what it is about began.", field=field,
                      begin=begin.isoformat())
