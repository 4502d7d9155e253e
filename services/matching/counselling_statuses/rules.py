"""What was true on a day by what is known now, and which codes say so."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from libs.common.codes.lists import Cefr, CodeList, CourseStatus, Employment, HousingSituation, ResidenceStatus
from libs.common.refusals import Invalid


class Attribute(StrEnum):
    """What of somebody's situation is followed over time."""

    RESIDENCE_STATUS = "residence_status"
    EMPLOYMENT = "employment"
    LANGUAGE_LEVEL = "language_level"
    HOUSING = "housing"
    COURSE = "course"


CODES: dict[Attribute, type[CodeList]] = {
    Attribute.RESIDENCE_STATUS: ResidenceStatus, Attribute.EMPLOYMENT: Employment, Attribute.LANGUAGE_LEVEL: Cefr,
    Attribute.HOUSING: HousingSituation, Attribute.COURSE: CourseStatus,
}


class Entry(Protocol):
    """What an entry of a history says; later ones have larger ids."""

    id: UUID
    attribute: Attribute
    value: str | None
    valid_from: date
    corrects: UUID | None


def standing(entries: Iterable[Entry], day: date) -> dict[Attribute, str]:
    """What was true on the day: of each attribute the entry that began last before it, of those nobody corrected."""
    entries = list(entries)
    corrected = {entry.corrects for entry in entries}
    hold = [entry for entry in entries
            if entry.id not in corrected and entry.value is not None and entry.valid_from <= day]
    # Of two from the same day the one entered later holds.
    return {entry.attribute: entry.value for entry in sorted(hold, key=lambda one: (one.valid_from, one.id))
            if entry.value is not None}


def refuse_value(attribute: Attribute, value: str | None, *, correcting: bool) -> None:
    """A value is a code of its attribute's list; none at all only takes an entry back."""
    if value is None and correcting:
        return
    if value not in set(CODES[attribute]):
        raise Invalid("status-value", "This is not a code for {attribute}.", field="value", attribute=attribute)
