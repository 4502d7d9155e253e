"""How the rule sets of a programme follow one another, and what is told of one."""

from collections.abc import Iterable
from datetime import date, timedelta

from libs.common.facts.registry import ProgrammeRulesChanged, RequiredTraining
from libs.common.refusals import Refused
from services.registry.programmes.model import Programme, RuleSet

DAY = timedelta(days=1)


def make_room(others: Iterable[RuleSet], new: RuleSet) -> list[RuleSet]:
    """The rule sets that now end the day before the new one, since they held until further notice.

    others: those with another first day. On each day at most one rule set holds: Refused when the new one would hold
    together with one whose last day was set, or with a later one.
    """
    ended = []
    for other in others:
        if other.valid_until is None and other.valid_from < new.valid_from:
            other.valid_until = new.valid_from - DAY
            ended.append(other)
        elif overlap(other, new):
            raise Refused("rules-overlap", "The rule set from {other} on would hold at the same time.",
                          field="valid_until", other=other.valid_from.isoformat())
    return ended


def overlap(one: RuleSet, other: RuleSet) -> bool:
    """Whether there is a day on which both hold."""
    return (one.valid_from <= (other.valid_until or date.max)) and (other.valid_from <= (one.valid_until or date.max))


def rules_fact(programme: Programme, rules: RuleSet) -> ProgrammeRulesChanged:
    """What everyone may know of a rule set."""
    told = rules.model_dump(include=set(ProgrammeRulesChanged.model_fields) - {"required_trainings", "chooser", "code"})
    trainings = tuple(RequiredTraining(**training) for training in rules.required_trainings)
    return ProgrammeRulesChanged(**told, code=programme.code, required_trainings=trainings, chooser=rules.chooser.value)
