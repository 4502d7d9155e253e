"""Figures as they may be shown: what would lead to few people stays hidden, and no sum tells what it was."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

from dateutil.relativedelta import relativedelta

from libs.common.codes.labels import label
from libs.common.codes.languages import language_name
from libs.common.codes.lists import (
    AgeBand,
    CodeList,
    CounsellingMode,
    CounsellingResult,
    CounsellingTopic,
    Gender,
    ResidenceStatus,
    WorldRegion,
)
from libs.common.refusals import Invalid
from libs.common.sheets import as_csv
from services.matching.counselling_statuses.rules import CODES, Attribute
from services.matching.suppression.rules import Cell, hidden_over_quarters


class By(StrEnum):
    """By what contacts are told apart."""

    TOPIC = "topic"
    RESULT = "result"
    ORIGIN_REGION = "origin_region"
    RESIDENCE_STATUS = "residence_status"
    EMPLOYMENT = "employment"
    LANGUAGE_LEVEL = "language_level"
    HOUSING = "housing"
    COURSE = "course"
    MODE = "mode"
    MONTH = "month"
    QUARTER = "quarter"
    COUNSELLOR = "counsellor"
    GENDER = "gender"
    AGE_BAND = "age_band"
    LANGUAGE = "language"
    CASE_RESULT = "case_result"


# What is followed over time: a contact counts with what was true on its day.
STATUSES = {By(attribute.value): attribute for attribute in Attribute}
LISTS: dict[By, type[CodeList]] = {
    By.TOPIC: CounsellingTopic, By.RESULT: CounsellingResult, By.ORIGIN_REGION: WorldRegion,
    By.MODE: CounsellingMode, By.GENDER: Gender, By.AGE_BAND: AgeBand, By.CASE_RESULT: CounsellingResult,
} | {by: CODES[attribute] for by, attribute in STATUSES.items()}
COUNTS = ("contacts", "cases", "minutes")
LONGEST = relativedelta(years=5)
# What stands where nothing was said.
UNSAID = "not_said"
# A list with a code of its own for that.
UNKNOWN: dict[By, str] = {By.RESIDENCE_STATUS: ResidenceStatus.NOT_ASKED.value}
WORDS = {
    "de": {UNSAID: "Ohne Angabe", "total": "Gesamt", By.MONTH: "Monat", By.QUARTER: "Quartal",
           By.COUNSELLOR: "Beratende Person", By.LANGUAGE: "Sprache", By.CASE_RESULT: "Ergebnis des Falls",
           "contacts": "Kontakte", "cases": "Fälle", "minutes": "Minuten", "hidden": "weniger als 5 oder geschützt"},
    "en": {UNSAID: "Not stated", "total": "Total", By.MONTH: "Month", By.QUARTER: "Quarter",
           By.COUNSELLOR: "Counsellor", By.LANGUAGE: "Language", By.CASE_RESULT: "Result of the case",
           "contacts": "Contacts", "cases": "Cases", "minutes": "Minutes", "hidden": "fewer than 5, or protected"},
}


@dataclass(frozen=True)
class Asked:
    """What is asked for: whole quarters, and a part of the caller's scope; rest: what the scope holds besides it."""

    period: tuple[date, date]
    region: str | None = None
    partner_id: UUID | None = None
    rest: bool = False

    @property
    def others(self) -> "Asked | None":
        """The rest of the same scope; None where all of it is asked for."""
        return replace(self, rest=True) if self.region or self.partner_id else None


@dataclass(frozen=True)
class Figure:
    """Contacts, the distinct cases among them, and minutes; all of them None where they are hidden."""

    value: str | None
    contacts: int | None
    cases: int | None
    minutes: int | None

    def without_counts(self) -> "Figure":
        """The same with nothing counted in it."""
        return replace(self, contacts=None, cases=None, minutes=None)


def shown(
    figures: Sequence[Figure], total: Figure, cases: Mapping[Cell, int], others: Mapping[Cell, int],
) -> tuple[list[Figure], Figure]:
    """The figures as they may be shown: whom fewer than five cases stand behind is hidden, and what would tell it.

    cases: by value and quarter; others: the same of the rest of the scope, where a part was asked for. Contacts and
    minutes are never fewer than cases, so what protects the number of cases protects them too.
    """
    hidden = hidden_over_quarters(cases, others)
    return ([one.without_counts() if (one.value, None) in hidden else one for one in figures],
            total.without_counts() if (None, None) in hidden else total)


def shown_counts(counts: Mapping[Cell, int], others: Mapping[Cell, int]) -> dict[Cell, int | None]:
    """A table by something and quarter with its totals as it may be shown; None where a count is hidden."""
    hidden = hidden_over_quarters(counts, others)
    return {key: None if key in hidden else counted for key, counted in counts.items()}


def label_of(by: By, value: str, language: str) -> str:
    """What a value is called: a code by its list, a language by its name; days and principals by themselves."""
    if value == UNSAID:
        return WORDS[language][UNSAID]
    if by is By.LANGUAGE:
        return language_name(value, language)
    return label(LISTS[by](value), language) if by in LISTS else value


def title_of(by: By, language: str) -> str:
    """What the values are called together."""
    return WORDS[language][by] if by in WORDS[language] else label(LISTS[by], language)


def total_label(language: str) -> str:
    """What the line of all is called."""
    return WORDS[language]["total"]


def file_of(by: By, figures: Iterable[Figure], total: Figure, language: str) -> str:
    """The figures for spreadsheets, the total in the last line; a hidden one says so instead of a number."""
    words, title = WORDS[language], title_of(by, language)
    named = [(label_of(by, one.value or UNSAID, language), one) for one in figures]
    rows = [{title: name} | {words[count]: words["hidden"] if (counted := getattr(one, count)) is None else counted
                             for count in COUNTS} for name, one in [*named, (words["total"], total)]]
    return as_csv([title, *(words[count] for count in COUNTS)], rows)


def period(begins: date | None, ends: date | None, today: date) -> tuple[date, date]:
    """From when until when, both days included, whole quarters that are over; else the year of the last of them.

    Who could ask for any days would subtract two periods that differ by one. By months few would be shown of an
    association with some hundred clients: what fewer than five stand behind in one is hidden in its whole year too.
    """
    over = _quarter_begins(today) - timedelta(days=1)
    ends = ends or over
    begins = begins or ends.replace(month=1, day=1)
    after = ends + timedelta(days=1)
    if wrong := "from" if begins != _quarter_begins(begins) else (
            "until" if ends > over or after != _quarter_begins(after) else None):
        raise Invalid("period-not-quarters", "Figures are told of whole quarters that are over: from the first day of"
                      " one until the last day of one.", field=wrong)
    if not begins <= ends <= begins + LONGEST:
        raise Invalid("period-odd", "A period ends after it begins, and within {years} years.", field="until",
                      years=LONGEST.years)
    return begins, ends


def _quarter_begins(day: date) -> date:
    return day.replace(month=day.month - (day.month - 1) % 3, day=1)
