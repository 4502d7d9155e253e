"""No sentence of a refusal shows a code: each state, noun and step that may stand in one has a German word."""

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from libs.common.callers import Role
from libs.common.codes.lists import AgeBand, CodeList
from libs.common.codes.words import Said
from libs.common.http import german_sentences
from libs.common.refusals import Invalid, Refused
from services.matching.mentor_groups.model import GroupState, MentorGroup
from services.matching.obstacles.rules import LEFT_OR_ENDED, in_sentences
from services.matching.runs.hard import HardCode
from tests.contract.apps import SERVICES
from tests.contract.refusal_scan import KINDS, ROOT, placeholders

LOADING = ("get_or_refuse", "locked")


@cache
def trees(service: str) -> dict[Path, ast.Module]:
    """The sources of a service, and of what all have."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for folder in (f"services/{service}", "libs/common")
            for path in sorted((ROOT / folder).rglob("*.py")) if "migrations" not in path.parts}


def called(node: ast.AST) -> str:
    """The name of what is called, else nothing."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "id", "") or getattr(function, "attr", "")


def values_of(tree: ast.Module) -> Iterator[tuple[str, str, ast.expr]]:
    """Slug, name and expression of each value that is put into a refusal's sentence."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) in KINDS and len(node.args) > 1:
            slug, reason = (getattr(one, "value", "") for one in node.args[:2])
            yield from ((slug, one.arg, one.value) for one in node.keywords if one.arg in placeholders(str(reason)))


def codes_as_they_are(tree: ast.Module) -> Iterator[str]:
    """Values that would be said as the code that they are."""
    for slug, name, value in values_of(tree):
        if re.search(r"\.value\b|\.__name__|\.join\(", ast.unparse(value)):
            yield f"{slug}: {name}={ast.unparse(value)}; give the enum's member, or the class"


def enums_of(path: Path, tree: ast.Module) -> Iterator[tuple[str, str, type[StrEnum]]]:
    """Slug and name of each value that is a member of an enum, by the annotations of its name in the module."""
    module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    annotated: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation:
            name = node.arg if isinstance(node, ast.arg) else ast.unparse(node.target)
            annotated.setdefault(name, set()).update(re.findall(r"\w+", ast.unparse(node.annotation)))
    for slug, name, value in values_of(tree):
        for part in re.findall(r"\w+", ast.unparse(value)):
            for kind in (getattr(module, one, None) for one in sorted(annotated.get(part, ()))):
                if isinstance(kind, type) and issubclass(kind, StrEnum) and not issubclass(kind, CodeList):
                    yield slug, name, kind


def words_needed(service: str) -> Iterator[str]:
    """The keys of all words that sentences of a service need."""
    for path, tree in trees(service).items():
        yield from (f"{kind.__name__}.{code.value}" for _, _, kind in enums_of(path, tree) for code in kind)
        for node in ast.walk(tree):
            if called(node) == "_only" and isinstance(node, ast.Call):
                yield from (f"done.{one.value!s}" for one in node.args[1:] if isinstance(one, ast.Constant))
            if called(node) in LOADING and isinstance(node, ast.Call) and len(node.args) > 1:
                name = ast.unparse(node.args[1])
                if name.isidentifier() and name[0].isupper():
                    yield "noun." + re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
        yield from (f"{name}.{value.value!s}" for _, name, value in values_of(tree) if isinstance(value, ast.Constant))


@pytest.mark.parametrize("service", SERVICES)
def test_every_code_in_a_sentence_has_a_german_word(service: str) -> None:
    """States, steps and nouns; a word is no code."""
    german, needed = german_sentences(service), set(words_needed(service))

    assert sorted(needed - german.keys()) == []
    assert [key for key in needed if "_" in german[key]] == []


@pytest.mark.parametrize("service", SERVICES)
def test_no_word_is_left_over(service: str) -> None:
    """Whoever takes a state away takes its word along."""
    enums = {kind.__name__: kind for path, tree in trees(service).items() for _, _, kind in enums_of(path, tree)}
    words = [key.split(".", 1) for key in german_sentences(service) if "." in key and key[0].isupper()]

    assert [f"{of}.{code}" for of, code in words if of in enums and code not in set(enums[of])] == []


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_put_into_a_sentence_is_no_bare_code(service: str) -> None:
    """The member of an enum knows its words, its value does not."""
    assert [fault for tree in trees(service).values() for fault in codes_as_they_are(tree)] == []


@pytest.mark.parametrize("service", SERVICES)
def test_no_german_refusal_of_a_state_prints_its_code(service: str) -> None:
    """Each sentence with each member that may stand in it; programs read the code beside it."""
    german = german_sentences(service)
    for path, tree in trees(service).items():
        for slug, name, kind in enums_of(path, tree):
            for member in kind:
                others = dict.fromkeys(placeholders(german[slug]), "1")
                refused = Refused(slug, german[slug], **others | {name: member})
                said = refused.sentence(german, "de")
                assert german[f"{kind.__name__}.{member.value}"] in said
                assert re.search(r"\w_\w", said) is None, said
                assert refused.codes == {name: [member.value]}


def test_a_refusal_is_said_in_words_and_read_in_codes() -> None:
    """Of one code and of several; what has words of its own, a list's code, a noun; English by the code's own words."""
    german = german_sentences("matching")
    with pytest.raises(Refused) as raised:
        MentorGroup(state=GroupState.IN_PREPARATION).refuse_unless_available(authority_chooses=False)
    assert raised.value.sentence(german, "de").startswith("Die Gruppe steht auf „in Vorbereitung“. Eingeladen")
    assert str(raised.value) == "The group is in preparation; only one that is ready is invited."
    assert raised.value.codes == {"state": ["in_preparation"], "wanted": ["ready"]}
    several = Invalid("x", "{them}, {ages}: {noun} {seats}", them=[Role.OPS, Role.AUDITOR], ages=[AgeBand("0-5")],
                      noun=MentorGroup, seats=3)
    assert several.sentence(german, "de") == "Betrieb, Revision, 0 bis 5 Jahre: Mentoring-Gruppe 3"
    assert several.sentence(german, "en").endswith(": mentor group 3")
    assert several.codes == {"them": ["ops", "auditor"], "ages": ["0-5"]}


def test_why_two_cannot_be_brought_together_is_told_in_sentences() -> None:
    """Those that a run says, in both languages, with the codes; none of them shows one."""
    for said in (in_sentences(HardCode), LEFT_OR_ENDED, *(in_sentences([code]) for code in HardCode)):
        assert isinstance(said, Said)
        assert said.codes
        assert not re.search(r"\w_\w", said.de + said.en)
    refused = Refused("pair-not-possible", "{why}", why=in_sentences([HardCode.NO_COMMON_LANGUAGE]))
    assert refused.codes == {"why": ["no_common_language"]}
    assert "Sprache" in refused.sentence(german_sentences("matching"), "de")


@pytest.mark.parametrize("value", ["self.state.value", "', '.join(found)", "kind.__name__.lower()"])
def test_a_planted_bare_code_is_found(value: str) -> None:
    """As a value, joined, or as the name of a class."""
    (fault,) = codes_as_they_are(ast.parse(f'raise Refused("a-state", "It is {{state}}.", state={value})'))

    assert "a-state: state=" in fault
