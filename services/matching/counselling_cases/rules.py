"""How a case is written in requests: who it is, where, and what is counted of them."""

from typing import Self
from uuid import UUID

from pydantic import Field, model_validator

from libs.common.bodies import Body, Line
from libs.common.codes.lists import AgeBand, CounsellingResult, Gender
from libs.common.codes.types import CountryCode, Day, LanguageTag
from services.matching.profiles.rules import ContactIn, LocalAgs


class CaseFields(Body):
    """What describes who is counselled; all of it may be left out."""

    languages: list[LanguageTag] = Field(default=[], max_length=10, examples=[["ar", "de"]])
    gender: Gender = Gender.NOT_STATED
    age_band: AgeBand | None = Field(None, examples=["27-44"])
    origin: CountryCode | None = Field(
        None, examples=["SY"], description="The country they come from (ISO 3166-1); sealed. Figures know its region.")
    counsellor: UUID | None = Field(None, description="The principal who answers for it; the caller unless named.")
    opened_on: Day | None = Field(None, description="The day on which it was opened: today, or unchanged, unless given."
                                  " With a contact before it the case begins on the day of the contact.")


class CaseClosingIn(Body):
    """What came of the whole case."""

    result: CounsellingResult
    closed_on: Day | None = None


class CaseClosingCorrectionIn(Body):
    """What was wrong about the last closing of a case; whatever is left out stays as it is."""

    result: CounsellingResult | None = Field(None, examples=["rejected"], description="Unchanged unless given.")
    closed_on: Day | None = Field(None, description="Unchanged unless given.")


class CaseSoughtIn(Body):
    """Whose cases are looked for; in a body, so that no address stands in a log of paths."""

    address: Line = Field(examples=["amina@example.org"], description="A mail address, or a telephone number.")


class CaseIn(CaseFields):
    """A new case: of a person who is met here, or of one whom the partner knows by a household or an earlier case."""

    region: LocalAgs = Field(examples=["15087"])
    partner_id: UUID | None = Field(None, description="A counsellor's own partner unless named.")
    person: ContactIn | None = None
    person_ref: UUID | None = Field(
        None, description="Of a household's contact, or of an earlier case, of the same partner.")
    another_person: bool = Field(
        default=False, description="Not the one of an open case with the same mail address or telephone number.")

    @model_validator(mode="after")
    def _one_person(self) -> Self:
        if (self.person is None) == (self.person_ref is None):
            raise ValueError("either the person or a person_ref")
        return self
