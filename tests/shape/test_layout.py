"""The layout: a service is its nouns, each noun has the same few files, and everything is small by measure."""

import ast
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.shape.places import ROOT, SERVICES, SOURCE, WITH_TESTS, files_in, parsed, plant, python_in

SERVICE_FILES = {"__init__.py", "__main__.py", "app.py", "permissions.py", "settings.py", "tables.py"}
SERVICE_TEXTS = {"README.md", "phrases.toml", "refusals.de.toml"}
# What a service has beside its nouns: Alembic's history, and data files with their licences.
SERVICE_FOLDERS = {"migrations", "data"}
NOUN_FILES = {"__init__.py", "model.py", "rules.py", "queries.py", "routes.py", "reactions.py"}
UNCOUNTABLE = {"attendance", "feedback", "counselling", "simulation", "suppression", "own_data", "self_service"}
# Nouns of another kind: files that have other names (* stands for any), and the reason why.
OTHER_FILES = {
    "services/matching/runs": (("*",), "a computing library of its own kind: its files are named by what they compute"),
    "services/matching/simulation": (("*",), "a computing library like the runs that it plays: no tables and no doors"),
    "services/matching/profiles": (("never_a_score.toml",), "words in two languages, which are no code"),
    "services/notify/deliveries": (
        ("composing.py", "mail.py", "sender.py", "transports.py"),
        "writing and sending a mail is no rule of the field"),
    "services/notify/templates": (
        ("layout/*.toml", "layout/page.html", "*/*.toml"),
        "the texts of mails: a folder for each key with a file for each language, and the frame around all of them"),
}
# A whole name, or any word of one: `base.py` is as empty as `offers_helper.py`, `matching_core.py` is not.
NO_NAMES = {"utils", "util", "helpers", "helper", "base", "manager", "managers", "core", "misc"}
NO_WORDS = NO_NAMES - {"base", "core"}
PLURAL = re.compile(r"^[a-z][a-z_]*s$")
SENTENCE = re.compile(r"^\S.*[.?!]$")
SOURCE_LINES, TEST_LINES, FUNCTION_LINES = 300, 500, 30
DECISION_LINES = 30
# A migration is one list of statements, read from top to bottom once.
LISTS_OF_STATEMENTS = "migrations"
# The published language: declarations only, and one file per speaker, since that is what the import contracts name.
FACTS, FACTS_LINES = "libs/common/facts", 500
# What docs/decisions/0007 allows the modules directly in here; facts, codes and migrations are declarations.
SPINE, SPINE_LINES = "libs/common", 6_000


def is_package_mark(path: Path, root: Path) -> bool:
    """Whether the file only makes a folder of tests a package, so that two of them may hold files of one name."""
    return path.name == "__init__.py" and path.relative_to(root).parts[0] == "tests"


def strange_files(root: Path) -> Iterator[str]:
    """Files and folders of a service that have no place in the layout."""
    for service in SERVICES:
        for path in files_in(root, f"services/{service}"):
            place, inside = path.relative_to(root).as_posix(), path.relative_to(root / "services" / service).parts
            if len(inside) == 1:
                if inside[0] not in SERVICE_FILES | SERVICE_TEXTS:
                    yield f"{place}: not a file that a service has"
            elif inside[0] not in SERVICE_FOLDERS:
                yield from _strange_in_noun(place, inside)


def _strange_in_noun(place: str, inside: tuple[str, ...]) -> Iterator[str]:
    noun = place.split("/")[:3]
    if not PLURAL.match(inside[0]) and inside[0] not in UNCOUNTABLE:
        yield f"{place}: the folder is not a plural noun"
    within = "/".join(inside[1:])
    others, _ = OTHER_FILES.get("/".join(noun), ((), ""))
    if within not in NOUN_FILES and not any(fnmatch(within, other) for other in others):
        yield f"{place}: not a file that a noun has"


def missing_files(root: Path) -> Iterator[str]:
    """What every service has and one lacks; and reasons for what is not there."""
    for service in SERVICES:
        yield from (f"services/{service}/{name}: missing" for name in sorted(SERVICE_FILES)
                    if not (root / "services" / service / name).exists())
    yield from (f"{noun}: a reason for what is not there" for noun, (others, _) in OTHER_FILES.items()
                for other in others if not any((root / noun).glob(other)))


def strange_services(root: Path) -> Iterator[str]:
    """Folders beside the four services, and libraries beside libs/common."""
    for folder, known in (("services", SERVICES), ("libs", ("common",))):
        yield from sorted({f"{folder}/{path.relative_to(root / folder).parts[0]}: not one of {', '.join(known)}"
                           for path in python_in(root, folder)
                           if path.name != "__init__.py" and path.relative_to(root / folder).parts[0] not in known})


def names_that_say_nothing(root: Path) -> Iterator[str]:
    """Files and folders whose name would fit anything."""
    for path in files_in(root, *WITH_TESTS):
        parts = path.relative_to(root).with_suffix("").parts
        if any(part in NO_NAMES or NO_WORDS & set(re.split(r"[_\-.]", part)) for part in parts):
            yield path.relative_to(root).as_posix()


def docstrings_amiss(root: Path) -> Iterator[str]:
    """Modules that do not begin with one sentence on one line that says what they are."""
    for path in python_in(root, *WITH_TESTS):
        if is_package_mark(path, root):
            continue
        first = (ast.get_docstring(parsed(path)) or "").partition("\n\n")[0]
        if not SENTENCE.match(first) or "\n" in first or re.search(r"[a-z)][.?!] +[A-Z]", first):
            yield path.relative_to(root).as_posix()


def files_too_long(root: Path) -> Iterator[str]:
    """Source files over 300 lines, test files and lists of facts over 500."""
    for path in python_in(root, *WITH_TESTS):
        if LISTS_OF_STATEMENTS in path.parts:
            continue
        most = SOURCE_LINES if path.relative_to(root).parts[0] in SOURCE else TEST_LINES
        most = FACTS_LINES if path.parent == root / FACTS else most
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > most:
            yield f"{path.relative_to(root).as_posix()}: {lines} lines, at most {most}"


def spine_too_large(root: Path) -> Iterator[str]:
    """The spine, when it holds more than its budget."""
    lines = sum(len(path.read_text(encoding="utf-8").splitlines())
                for path in python_in(root, SPINE) if path.parent == root / SPINE)
    if lines > SPINE_LINES:
        yield f"{SPINE}: {lines} lines, at most {SPINE_LINES}; docs/decisions/0007 says why"


def functions_too_long(root: Path) -> Iterator[str]:
    """Functions over 30 lines, their docstrings not counted."""
    for path in python_in(root, *WITH_TESTS):
        if LISTS_OF_STATEMENTS in path.parts:
            continue
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _lines(node) > FUNCTION_LINES:
                yield f"{path.relative_to(root).as_posix()}:{node.lineno} {node.name}: {_lines(node)} lines"


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        lines -= (function.body[0].end_lineno or 0) - function.body[0].lineno + 1
    return lines


def decisions_too_long(root: Path) -> Iterator[str]:
    """Decision records over 30 lines."""
    return (path.relative_to(root).as_posix() for path in files_in(root, "docs/decisions")
            if len(path.read_text(encoding="utf-8").splitlines()) > DECISION_LINES)


def empty_files(root: Path) -> Iterator[str]:
    """Files without anything in them."""
    return (path.relative_to(root).as_posix() for path in files_in(root, *WITH_TESTS, "docs", "requirements")
            if not path.read_bytes().strip() and not is_package_mark(path, root))


PRINTS, MORE = "    print()\n" * 30, "    More.\n" * 40
LONG_FUNCTION = f'"""A module."""\n\n\ndef long() -> None:\n    """Long."""\n{PRINTS}'
DOCUMENTED = f'"""A module."""\n\n\ndef told() -> None:\n    """Told.\n{MORE}    """\n{PRINTS[:-12]}'
CHECKS: list[tuple[Callable[[Path], Iterator[str]], str, str]] = [
    (strange_files, "services/events/handlers.py", '"""A module."""'),
    (strange_files, "services/events/events/views.py", '"""A module."""'),
    (strange_files, "services/events/events/parts/model.py", '"""A module."""'),
    (strange_files, "services/events/event/model.py", '"""A module."""'),
    (strange_services, "services/billing/app.py", '"""A module."""'),
    (strange_services, "libs/shared/db.py", '"""A module."""'),
    (names_that_say_nothing, "libs/common/utils.py", '"""A module."""'),
    (names_that_say_nothing, "services/events/events_manager/model.py", '"""A module."""'),
    (names_that_say_nothing, "tests/events/test_helpers.py", '"""A module."""'),
    (docstrings_amiss, "libs/common/clock.py", "import os\n"),
    (docstrings_amiss, "libs/common/clock.py", '"""A clock. It tells the time."""\n'),
    (docstrings_amiss, "libs/common/clock.py", '"""A clock\nthat tells the time."""\n'),
    (docstrings_amiss, "libs/common/clock.py", '"""A clock"""\n'),
    (files_too_long, "libs/common/clock.py", '"""A clock."""\n' + "# a line\n" * 300),
    (files_too_long, "libs/common/facts/events.py", '"""What events says."""\n' + "# a line\n" * 500),
    (files_too_long, "tests/common/test_clock.py", '"""A clock."""\n' + "# a line\n" * 500),
    (spine_too_large, "libs/common/clock.py", '"""A clock."""\n' + "# a line\n" * 6_000),
    (functions_too_long, "services/events/events/rules.py", LONG_FUNCTION),
    (strange_files, "services/notify/deliveries/sms.py", '"""A module."""'),
    (decisions_too_long, "docs/decisions/0006-talk.md", "much\n" * 31),
    (empty_files, "services/events/events/__init__.py", ""),
]


@pytest.mark.parametrize("check", [*dict.fromkeys(check for check, _, _ in CHECKS), missing_files])
def test_the_tree_keeps_the_layout(check: Callable[[Path], Iterator[str]]) -> None:
    """The repository as it is has no fault of this kind."""
    assert list(check(ROOT)) == []


@pytest.mark.parametrize(("check", "file", "text"), CHECKS)
def test_a_planted_fault_is_found(
    tmp_path: Path, check: Callable[[Path], Iterator[str]], file: str, text: str,
) -> None:
    """Each check names the file that breaks its rule, and nothing else."""
    tree = plant(tmp_path, {"libs/common/db.py": '"""The database."""\n', file: text})

    (fault,) = check(tree)

    assert fault.startswith(file.rsplit("/", 1)[0])


def test_a_missing_file_of_a_service_is_found(tmp_path: Path) -> None:
    """A service without its app, and a reason for a noun that is gone, are named."""
    tree = plant(tmp_path, {f"services/{service}/{name}": "" for service in SERVICES for name in SERVICE_FILES})
    (tree / "services/events/app.py").unlink()

    assert list(missing_files(tree))[:2] == [
        "services/events/app.py: missing", "services/matching/runs: a reason for what is not there"]


def test_docstrings_do_not_make_a_function_long(tmp_path: Path) -> None:
    """What a function promises may be said at length."""
    tree = plant(tmp_path, {"libs/common/told.py": DOCUMENTED})

    assert list(functions_too_long(tree)) == []
