"""Reads from the sources which refusals are raised: slug, sentence, status and place."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from libs.common import refusals
from libs.common.http import UNKNOWN

ROOT = Path(__file__).resolve().parents[2]
KINDS = {name: kind.status for name, kind in vars(refusals).items()
         if isinstance(kind, type) and issubclass(kind, refusals.Refused)}

# Refusals whose slug is not written where they are raised, each with where it comes from.
PASSED_ON = {
    ("libs/common/http.py", "slug"): "from UNKNOWN, which is read here as well",
}
# Refusals that get their status or values after they were made.
STATUS_SET_LATER = {"bug": 500, "invalid-request": 422}
VALUES_SET_LATER = {"invalid-request"}


@dataclass(frozen=True)
class Raised:
    """A refusal as it stands in the sources; values are the names that its sentence may use."""

    slug: str
    reason: str
    status: int
    values: frozenset[str]
    place: str


class Unreadable(Exception):
    """A refusal whose slug or sentence is not written out where it is raised."""


def placeholders(sentence: str) -> set[str]:
    """The `{names}` in a sentence."""
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def raised_in(root: Path, *folders: str) -> Iterator[Raised]:
    """Every refusal made in these folders; Unreadable for one that no scan can read."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            yield from _raised_in_file(path, path.relative_to(root).as_posix())


def raised_by_the_door() -> Iterator[Raised]:
    """What the door says of unknown addresses and the like, by status."""
    for status, (slug, reason) in UNKNOWN.items():
        yield Raised(slug, reason, status, frozenset(), "libs/common/http.py")


def _raised_in_file(path: Path, place: str) -> Iterator[Raised]:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (status := KINDS.get(_called(node.func))):
            raised = _read(node, status, place)
            if raised:
                yield raised


def _called(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _read(call: ast.Call, status: int, place: str) -> Raised | None:
    where = f"{place}:{call.lineno}"
    if call.args and (place, ast.unparse(call.args[0])) in PASSED_ON:
        return None
    match call.args:
        case [ast.Constant(value=str(slug)), ast.Constant(value=str(reason))]:
            values = frozenset(given.arg for given in call.keywords if given.arg and given.arg != "field")
            return Raised(slug, reason, STATUS_SET_LATER.get(slug, status), values, where)
    raise Unreadable(f"{where}: write slug and sentence out, the values as keywords: {ast.unparse(call)}")
