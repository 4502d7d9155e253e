"""The words: what is named in the code is named as the field and this project name it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shape.places import ROOT, SOURCE, parsed, plant, python_in

CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")

# Words that no name here has, and what is said instead.
NEVER = {
    "handler": "reaction, or what it does", "handlers": "reaction, or what it does",
    "consumer": "reader, reaction", "consumers": "reader, reaction",
    "emit": "announce", "emits": "announce", "emitter": "announce",
    "gathering": "event", "appointment": "event",
    "tenant": "partner", "organisation": "partner", "organisations": "partner", "org": "partner",
    "seeker": "household", "seekers": "household", "mentee": "household", "mentees": "household",
    "cron": "due work", "job": "due work", "jobs": "due work", "scheduler": "due work",
}
# `organization` is HSDS's word, and belongs to its door alone.
NEVER |= {"organization": "partner", "organizations": "partner"}
# How the name of a class must not end: a refusal is no error, what travels is a fact.
NO_ENDINGS = {"error": "Refused or a kind of it", "exception": "Refused or a kind of it",
              "failure": "Refused or a kind of it", "message": "fact, or notification",
              "helper": "what it is", "manager": "what it is"}
# What the nouns of a service must not be called besides; elsewhere these are words of asyncio, NATS and HTTP.
NOT_IN_NOUNS = {"client": "partner", "clients": "partner", "task": "due work", "tasks": "due work",
                "timer": "due work", "subscriber": "reaction, or recipient", "message": "notification"}

# What is said in deploy/ all the same: `lotse demo` plays the network's main job; signals and logs have handlers.
SAID_IN_DEPLOY = {"job", "handler", "handlers"}

# Names that stay, each where it is and with the reason why.
STAY = {
    "libs/common/codes/lists.py MIGRANT_ORGANISATION": "the field's name of this kind of partner",
    "libs/common/codes/lists.py JOB_APPLICATION": "the field's name of this kind of tandem",
    "libs/common/codes/lists.py APPOINTMENT_MADE": "the field's name of this result of counselling",
    "libs/common/codes/lists.py MINI_JOB": "what it is called in German law and by everybody",
    "services/notify/deliveries/mail.py message": "the standard library's word for a mail",
    "libs/common/logs.py handler": "the standard library's word for where its log goes",
}


def names_in(tree: ast.AST) -> Iterator[tuple[int, str, bool]]:
    """What the file names itself: line, name, and whether it is a class."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name):
                yield node.lineno, name, True
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield node.lineno, name, False
            case ast.arg(arg=name):
                yield node.lineno, name, False
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name, False


def words_of(name: str) -> list[str]:
    """The words that a name is made of, in small letters."""
    return [word.lower() for part in name.split("_") for word in CAMEL.findall(part)]


def wrong_words(root: Path) -> Iterator[str]:
    """Names in the sources that use a word the project does not use."""
    for path in python_in(root, *SOURCE):
        place = path.relative_to(root)
        in_noun = place.parts[0] == "services" and len(place.parts) > 3
        never = NEVER | NOT_IN_NOUNS if in_noun else NEVER
        if place.parts[0] == "deploy":
            never = {word: instead for word, instead in never.items() if word not in SAID_IN_DEPLOY}
        for line, name, is_class in names_in(parsed(path)):
            words = words_of(name)
            wrong = next((word for word in words if word in never), None)
            ending = words[-1] if is_class and words and words[-1] in NO_ENDINGS else None
            if f"{place.as_posix()} {name}" not in STAY and (wrong or ending):
                yield f"{place}:{line} {name}: say {never[wrong] if wrong else NO_ENDINGS[ending or '']}"


def test_the_code_speaks_the_projects_words() -> None:
    """No class, function, argument or variable is called by a word that means something else here."""
    assert list(wrong_words(ROOT)) == []


def test_what_stays_is_still_there() -> None:
    """An exception that nothing needs any more is taken out."""
    there = {f"{path.relative_to(ROOT).as_posix()} {name}" for path in python_in(ROOT, *SOURCE)
             for _, name, _ in names_in(parsed(path))}

    assert STAY.keys() <= there


@pytest.mark.parametrize(("file", "line"), [
    ("libs/common/bus.py", "class FactConsumer: ..."),
    ("libs/common/bus.py", "def emit(fact): ..."),
    ("libs/common/bus.py", "def run(self, cron): ..."),
    ("libs/common/refusals.py", "class NotFoundError(Exception): ..."),
    ("libs/common/refusals.py", "class DeliveryFailure(Exception): ..."),
    ("services/registry/partners/model.py", "tenant_id = 1"),
    ("services/registry/partners/model.py", "class Organisation: ..."),
    ("services/registry/offers/reactions.py", "async def offer_handler(fact): ..."),
    ("services/matching/households/model.py", "self.mentee = 1"),
    ("services/notify/deliveries/rules.py", "client: str = ''"),
    ("deploy/local/state.py", "for tenant in []: ..."),
    ("libs/common/due.py", "job = 1"),
])
def test_a_planted_word_is_found(tmp_path: Path, file: str, line: str) -> None:
    """Each kind of name is read: classes, functions, arguments, variables, attributes."""
    (fault,) = wrong_words(plant(tmp_path, {file: line}))

    assert fault.startswith(f"{file}:1 ")


def test_words_of_libraries_stay_where_they_are_theirs(tmp_path: Path) -> None:
    """NATS's message, HTTP's client and asyncio's task keep their names outside the nouns."""
    theirs = "def hear(message, client): ...\ntask = tasks = 1\nclass Tasks: ...\nadd_exception_handler(1)"

    assert list(wrong_words(plant(tmp_path, {"libs/common/bus.py": theirs}))) == []
