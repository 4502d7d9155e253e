"""Reactions: what a service does when it hears a fact, when something falls due, or when it is asked."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

from libs.common.facts.fact import Fact
from libs.common.facts.question import Question

Reaction = Callable[..., Awaitable[Any]]
Decorated = TypeVar("Decorated", bound=Reaction)


def reacts_to(*facts: type[Fact]) -> Callable[[Decorated], Decorated]:
    """Mark `async (transaction, fact)` as this service's reaction to these facts.

    It runs in the transaction that also notes the fact as heard. transaction.hearing is the fact's envelope. What
    it raises is tried again later and then parked, unless the database was away. Of several reactions to a fact in
    one module, the upper ones run first.
    """
    return _mark("reacts_to", facts)


def keeps_copy(*facts: type[Fact]) -> Callable[[Decorated], Decorated]:
    """As reacts_to, for what does nothing but write down what the owner told, in tables of COPIES.

    When copies are made anew (copies.py) it runs again, over all facts, and no other reaction does: so it announces
    nothing, lets nothing fall due, and touches nothing that is this service's own.
    """
    def mark(function: Decorated) -> Decorated:
        return _mark("keeps_copy", facts)(_mark("reacts_to", facts)(function))

    return mark


def copies_made_anew(function: Decorated) -> Decorated:
    """Mark `async (transaction)` as what follows once copies were made anew: what went by a wrong one is mended."""
    return _mark("copies_made_anew", (True,))(function)


def when_due(*kinds: str, takes_long: bool = False) -> Callable[[Decorated], Decorated]:
    """Mark `async (transaction, about)` as what happens when due work of these kinds falls due.

    What takes long, some seconds and more, is done beside the other kinds, which do not wait for it.
    """
    def mark(function: Decorated) -> Decorated:
        return _mark("takes_long", kinds if takes_long else ())(_mark("when_due", kinds)(function))

    return mark


def answers(question: type[Question[Any]]) -> Callable[[Decorated], Decorated]:
    """Mark `async (transaction, question) -> answer` as this service's answer to a question of another service."""
    return _mark("answers", (question,))


def _mark(name: str, values: tuple[Any, ...]) -> Callable[[Decorated], Decorated]:
    def mark(function: Decorated) -> Decorated:
        setattr(function, f"lotse_{name}", values)
        return function

    return mark


@dataclass
class Reactions:
    """All reactions of one service: by a fact's subject, by kind of due work, by question, and those to new copies.

    `take_long`: the kinds of due work for which the others do not wait.
    """

    to_facts: dict[str, list[tuple[type[Fact], Reaction]]] = field(default_factory=dict)
    to_due: dict[str, Reaction] = field(default_factory=dict)
    to_questions: dict[type[Question[Any]], Reaction] = field(default_factory=dict)
    to_new_copies: list[Reaction] = field(default_factory=list)
    take_long: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, modules: Iterable[ModuleType]) -> "Reactions":
        """Collect the marked functions of the modules; two for the same due work or question are refused."""
        found = cls()
        for module in modules:
            for function in vars(module).values():
                found._add(function)
        return found

    def _add(self, function: Any) -> None:
        for fact in getattr(function, "lotse_reacts_to", ()):
            there = self.to_facts.setdefault(fact.subject, [])
            # Imported into a second module it is still one reaction.
            if (fact, function) not in there:
                there.append((fact, function))
        for key, table in (("lotse_when_due", self.to_due), ("lotse_answers", self.to_questions)):
            for value in getattr(function, key, ()):
                if value in table and table[value] is not function:
                    raise ValueError(f"two reactions for {value}")
                table[value] = function
        self.take_long.update(getattr(function, "lotse_takes_long", ()))
        if hasattr(function, "lotse_copies_made_anew") and function not in self.to_new_copies:
            self.to_new_copies.append(function)

    def keeping_copies(self) -> "Reactions":
        """Those that only keep copies, and what follows once these are made anew."""
        kept = {subject: [pair for pair in told if hasattr(pair[1], "lotse_keeps_copy")]
                for subject, told in self.to_facts.items()}
        return Reactions({subject: told for subject, told in kept.items() if told}, to_new_copies=self.to_new_copies)

    def speakers(self) -> set[str]:
        """The services whose facts are reacted to."""
        return {subject.split(".", 1)[0] for subject in self.to_facts}
