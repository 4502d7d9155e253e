"""Who may ask what: the list that the bus enforces is that of the questions themselves."""

import importlib
from typing import Any

from libs.common.facts import ASKS, SERVICES
from libs.common.facts.question import Question


def _questions(kind: type[Question[Any]]) -> set[type[Question[Any]]]:
    return {child for one in kind.__subclasses__() for child in ({one} | _questions(one))}


def test_the_bus_lets_ask_what_the_questions_say() -> None:
    """A question's askers are those that ASKS lets ask it, and nobody else; nobody asks itself over the bus."""
    for service in SERVICES:
        importlib.import_module(f"libs.common.facts.{service}")
    declared = {(asker, one.subject.removeprefix("ask.")) for one in _questions(Question)
                if "subject" in vars(one) for asker in one.askers if asker != one.owner()}

    assert {(asker, question) for asker, questions in ASKS.items() for question in questions} == declared
