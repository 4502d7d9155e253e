"""A group's checklist: what its rule set demands, and what the group has to show for it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from services.matching.prerequisites.model import Demand, Prerequisite, RuleSet, Standing

CheckKey = tuple[Demand, str]


@dataclass(frozen=True)
class GroupStand:
    """What a group has: its members, who is a main contact, who attended which training, documents, and its home.

    trainings: training code -> person_ref -> the attendance, or who shows a certificate; only what counts.
    records: the members whose criminal-record certificate was seen and still holds.
    """

    members: tuple[UUID, ...]
    main_contacts: tuple[UUID, ...]
    trainings: Mapping[str, Mapping[UUID, str]] = field(default_factory=dict)
    documents: Mapping[str, str] = field(default_factory=dict)
    housing: Mapping[str, Any] | None = None
    records: tuple[UUID, ...] = ()


def demanded(rules: RuleSet) -> dict[CheckKey, int]:
    """Each line of the checklist with how many it needs; what the rule set does not ask for has no line."""
    lines = {
        (Demand.MIN_MEMBERS, ""): rules.min_members,
        (Demand.MAIN_CONTACTS, ""): rules.main_contacts,
        **{(Demand.TRAINING, one["training_code"]): int(one["members"]) for one in rules.required_trainings},
        **{(Demand.DOCUMENT, document): 1 for document in rules.required_documents},
        (Demand.RENT, ""): rules.rent_months,
        (Demand.RECORD, ""): rules.required_records,
    }
    return {key: needed for key, needed in lines.items() if needed > 0}


def holding_on(rule_sets: Iterable[RuleSet], day: date) -> RuleSet | None:
    """Of the rule sets of one programme the one that held on the day; None when none did."""
    held = [one for one in rule_sets if one.valid_from <= day and (one.valid_until is None or day <= one.valid_until)]
    return max(held, key=lambda one: one.valid_from, default=None)


def trainings_missing(rules: RuleSet | None, attended: Collection[str]) -> list[str]:
    """The trainings that a rule set asks for and somebody who accompanies alone, a group of one, has not attended."""
    lines = demanded(rules) if rules else {}
    return [subject for demand, subject in lines if demand is Demand.TRAINING and subject not in attended]


def shown(key: CheckKey, stand: GroupStand) -> tuple[int, list[str]]:
    """How much of one line is there, and what shows it as references."""
    demand, subject = key
    if demand is Demand.TRAINING:
        attended = stand.trainings.get(subject, {})
        return len(attended), sorted(attended.values())
    if demand is Demand.DOCUMENT:
        seen = stand.documents.get(subject)
        return (1, [f"document/{subject}/{seen}"]) if seen else (0, [])
    if demand is Demand.RENT:
        home = stand.housing or {}
        months = 0 if home.get("rent_limit_ok") is False else int(home.get("secured_months") or 0)
        return months, [f"housing/secured_months/{months}"] if months else []
    of = {Demand.MIN_MEMBERS: stand.members, Demand.MAIN_CONTACTS: stand.main_contacts, Demand.RECORD: stand.records}
    persons = of[demand]
    return len(persons), [f"person/{one}" for one in sorted(persons)]


def is_complete(lines: Iterable[Prerequisite]) -> bool:
    """Whether nothing on the checklist is open or expired."""
    return all(line.standing in {Standing.FULFILLED, Standing.WAIVED} for line in lines)
