"""Every refusal is said in German as well, with the same values in it, and is explained in docs/status-codes.md."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from libs.common.http import catalogues_of
from libs.common.refusals import GERMAN_OF_ALL
from tests.contract.apps import SERVICES
from tests.contract.refusal_scan import (
    ROOT,
    VALUES_SET_LATER,
    Raised,
    Unreadable,
    placeholders,
    raised_by_the_door,
    raised_in,
)

STATUS_CODES = ROOT / "docs" / "status-codes.md"
SLUG = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
FAMILIAR = re.compile(r"\b(du|dir|dich|dein\w*|euch|eu(er|re)\w*)\b", re.IGNORECASE)
ROW = re.compile(r"^\| `(?P<slug>[^`]+)` \| (?P<status>\d{3}) \| (?P<user>[^|]*) \| (?P<operator>[^|]*) \|$")


def common() -> list[Raised]:
    """What every service may refuse with."""
    return [*raised_in(ROOT, "libs"), *raised_by_the_door()]


def of_service(service: str) -> list[Raised]:
    """What a service itself refuses with."""
    return list(raised_in(ROOT, f"services/{service}"))


def everything() -> list[Raised]:
    """All refusals of all services."""
    return [*common(), *(raised for service in SERVICES for raised in of_service(service))]


def sentences(catalogue: Path) -> dict[str, str]:
    """The German sentences by slug, without the words that stand in them; none without the file."""
    said = tomllib.loads(catalogue.read_text(encoding="utf-8")) if catalogue.exists() else {}
    return {slug: text for slug, text in said.items() if isinstance(text, str)}


def faults(raised: Iterable[Raised], german: dict[str, str]) -> Iterator[str]:
    """What is wrong with these refusals and their German sentences."""
    for one in raised:
        wanted = placeholders(one.reason)
        if not SLUG.match(one.slug):
            yield f"{one.place}: {one.slug} is not small words with hyphens"
        if one.slug not in VALUES_SET_LATER and not wanted <= one.values:
            yield f"{one.place}: {one.slug} is not given {sorted(wanted - one.values)}"
        if one.slug not in german:
            yield f"{one.place}: {one.slug} has no German sentence"
        elif placeholders(german[one.slug]) != wanted:
            yield f"{one.place}: {one.slug} names {sorted(wanted)}, in German {sorted(placeholders(german[one.slug]))}"


def rude(german: dict[str, str]) -> list[str]:
    """Sentences that do not say Sie."""
    return [slug for slug, sentence in german.items() if FAMILIAR.search(sentence)]


def explained(page: str) -> dict[str, tuple[int, str, str]]:
    """The rows of docs/status-codes.md by slug: status, what the user does, what the operator does."""
    rows = (ROW.match(line) for line in page.splitlines())
    return {row["slug"]: (int(row["status"]), row["user"].strip(), row["operator"].strip()) for row in rows if row}


def unexplained(raised: Iterable[Raised], page: str) -> Iterator[str]:
    """Refusals that the page leaves out or tells with another status, and rows for what is never raised."""
    rows, slugs = explained(page), set()
    for one in raised:
        slugs.add(one.slug)
        status, user, operator = rows.get(one.slug, (0, "", ""))
        if not status:
            yield f"{one.slug} ({one.place}) is not in docs/status-codes.md"
        elif status != one.status or not user or not operator:
            yield f"{one.slug} ({one.place}) is {one.status}; its row says {status}, {user!r}, {operator!r}"
    yield from (f"{slug} is explained but never raised" for slug in rows.keys() - slugs)


def test_what_every_service_refuses_is_said_in_german() -> None:
    """The sentences of libs/common stand beside refusals.py."""
    assert list(faults(common(), sentences(GERMAN_OF_ALL))) == []


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_refuses_is_said_in_german(service: str) -> None:
    """A service's own sentences stand in its refusals.de.toml; it may also refuse with a slug of all."""
    assert list(faults(of_service(service), sentences(GERMAN_OF_ALL) | sentences(catalogues_of(service)))) == []


def test_no_german_sentence_is_left_over() -> None:
    """A sentence for what is no longer refused misleads who translates."""
    assert sentences(GERMAN_OF_ALL).keys() - {one.slug for one in everything()} == set()
    for service in SERVICES:
        assert sentences(catalogues_of(service)).keys() - {one.slug for one in of_service(service)} == set()


@pytest.mark.parametrize("catalogue", [GERMAN_OF_ALL, *map(catalogues_of, SERVICES)], ids=lambda path: path.parent.name)
def test_people_are_addressed_formally(catalogue: Path) -> None:
    """We say Sie."""
    assert rude(sentences(catalogue)) == []


def test_every_refusal_is_explained_for_user_and_operator() -> None:
    """docs/status-codes.md says of each slug its status and what both do."""
    assert list(unexplained(everything(), STATUS_CODES.read_text(encoding="utf-8"))) == []


SEAT = Raised("no-seat", "No seat for {party} is free.", 409, frozenset({"party"}), "planted")


@pytest.mark.parametrize(("raised", "german", "said"), [
    (SEAT, {}, "no German sentence"),
    (SEAT, {"no-seat": "Kein Platz ist frei."}, "in German []"),
    (SEAT, {"no-seat": "Für {gruppe} ist kein Platz frei."}, "in German ['gruppe']"),
    (Raised("no-seat", SEAT.reason, 409, frozenset(), "planted"), {"no-seat": "{party}"}, "is not given ['party']"),
    (Raised("NoSeat", "None.", 409, frozenset(), "planted"), {"NoSeat": "Keiner."}, "hyphens"),
])
def test_a_planted_fault_of_a_sentence_is_found(raised: Raised, german: dict[str, str], said: str) -> None:
    """A missing sentence, missing or other values, values never given, and a slug that is none."""
    (fault,) = faults([raised], german)

    assert said in fault


def test_planted_familiarity_is_found() -> None:
    """A du in the middle of a sentence is one."""
    assert rude({"a": "Bitte melde dich an.", "b": "Bitte melden Sie sich an.", "c": "Das Duell dauert."}) == ["a"]


@pytest.mark.parametrize(("page", "said"), [
    ("", "not in docs"),
    ("| `no-seat` | 404 | Waits. | Nothing. |", "its row says 404"),
    ("| `no-seat` | 409 |  | Nothing. |", "its row says 409, ''"),
    ("| `no-seat` | 409 | Waits. | Nothing. |\n| `gone` | 404 | Nothing. | Nothing. |", "never raised"),
])
def test_a_planted_fault_of_the_page_is_found(page: str, said: str) -> None:
    """A missing row, another status, an empty cell and a row for nothing."""
    (fault,) = unexplained([SEAT], page)

    assert said in fault


@pytest.mark.parametrize("line", [
    'raise Refused("no-seat", f"No seat for {party}.")',
    'raise Refused(slug, "No seat.")',
    'raise refusals.NotFound("no-seat", reason)',
])
def test_a_refusal_that_no_scan_can_read_is_found(tmp_path: Path, line: str) -> None:
    """Slug and sentence are written out where they are raised; what varies is a value."""
    (tmp_path / "model.py").write_text(line, encoding="utf-8")

    with pytest.raises(Unreadable, match="write slug and sentence out"):
        list(raised_in(tmp_path, "."))


def test_the_scan_reads_refusals_of_every_kind(tmp_path: Path) -> None:
    """By name and by module, over several lines, with its status and its values."""
    (tmp_path / "model.py").write_text(
        'raise Refused("a", "A {b}"\n " c.", field="x", b=1)\nraise refusals.NotFound("d", "D.")', encoding="utf-8")

    assert [(one.slug, one.reason, one.status, one.values) for one in raised_in(tmp_path, ".")] == [
        ("a", "A {b} c.", 409, frozenset({"b"})), ("d", "D.", 404, frozenset())]
