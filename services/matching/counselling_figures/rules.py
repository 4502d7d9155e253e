"""Figures as they may be shown: what would lead to few people stays hidden, and no sum tells what it was."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from dateutil.relativedelta import relativedelta

from libs.common.codes.labels import label
from libs.common.codes.lists import (
    CodeList,
    CounsellingMode,
    CounsellingResult,
    CounsellingTopic,
    ResidenceStatus,
    WorldRegion,
)
from libs.common.refusals import Invalid
from libs.common.sheets import as_csv
from services.matching.suppression.rules import Cell, hidden_in_list, hidden_in_table


class By(StrEnum):
    """By what contacts are told apart."""

    TOPIC = "topic"
    RESULT = "result"
    ORIGIN_REGION = "origin_region"
    RESIDENCE_STATUS = "residence_status"
    MODE = "mode"
    MONTH = "month"
    COUNSELLOR = "counsellor"


LISTS: dict[By, type[CodeList]] = {
    By.TOPIC: CounsellingTopic, By.RESULT: CounsellingResult, By.ORIGIN_REGION: WorldRegion,
    By.RESIDENCE_STATUS: ResidenceStatus, By.MODE: CounsellingMode,
}
COUNTS = ("contacts", "cases", "minutes")
LONGEST = relativedelta(years=5)
# What stands where nothing was said.
UNSAID = "not_said"
WORDS = {
    "de": {UNSAID: "Ohne Angabe", "total": "Gesamt", By.MONTH: "Monat", By.COUNSELLOR: "Beratende Person",
           "contacts": "Kontakte", "cases": "Fälle", "minutes": "Minuten", "hidden": "weniger als 5 oder geschützt"},
    "en": {UNSAID: "Not stated", "total": "Total", By.MONTH: "Month", By.COUNSELLOR: "Counsellor",
           "contacts": "Contacts", "cases": "Cases", "minutes": "Minutes", "hidden": "fewer than 5, or protected"},
}


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


def shown(figures: Sequence[Figure], total: Figure) -> tuple[list[Figure], Figure]:
    """The figures as they may be shown: whom fewer than five cases stand behind is hidden, and what would tell it.

    Contacts and minutes are never fewer than cases, so what protects the number of cases protects them too.
    """
    hidden = hidden_in_list({one.value or UNSAID: one.cases or 0 for one in figures}, total.cases or 0)
    return ([one.without_counts() if (one.value or UNSAID) in hidden else one for one in figures],
            total.without_counts() if None in hidden else total)


def shown_counts(counts: Mapping[Cell, int]) -> dict[Cell, int | None]:
    """A table with its totals as it may be shown; None where a count is hidden."""
    hidden = hidden_in_table(counts)
    return {key: None if key in hidden else counted for key, counted in counts.items()}


def label_of(by: By, value: str, language: str) -> str:
    """What a value is called: a code by its list, a month and a principal by themselves."""
    if value == UNSAID:
        return WORDS[language][UNSAID]
    return label(LISTS[by](value), language) if by in LISTS else value


def title_of(by: By, language: str) -> str:
    """What the values are called together."""
    return label(LISTS[by], language) if by in LISTS else WORDS[language][by]


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
    """From when until when, both days included: the running year unless given."""
    ends = ends or today
    begins = begins or ends.replace(month=1, day=1)
    if not begins <= ends <= begins + LONGEST:
        raise Invalid("period-odd", "A period ends after it begins, and within {years} years.", field="until",
                      years=LONGEST.years)
    return begins, ends
