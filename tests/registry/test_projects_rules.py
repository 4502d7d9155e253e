"""A project's states and refusals, and cells of its report that can be no formula."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.refusals import Invalid, Refused
from libs.common.sheets import as_csv
from services.registry.projects.model import Project, ProjectState

NOW = datetime(2077, 3, 1, 9, tzinfo=UTC)


def a_project(**fields: Any) -> Project:
    """A planned project of Sachsen-Anhalt."""
    plain: dict[str, Any] = {
        "name": "Ankommen", "sort_key": "ankommen", "starts": date(2077, 3, 1), "ends": date(2077, 12, 31),
        "region": "15", "carrier_id": uuid4(), "target_regions": ["15087"]}
    return Project(**plain | fields)


def test_closing_destroys_the_secret() -> None:
    """Only an open project has one."""
    project = a_project()
    assert project.count_secret is None
    project.open(b"sealed", NOW)
    assert project.count_secret == b"sealed"

    project.close(NOW)

    assert (project.state, project.count_secret, project.closed_at) == (ProjectState.CLOSED, None, NOW)


def test_each_step_is_taken_once() -> None:
    """A project is opened once, closed once, and changed before either."""
    project = a_project()
    with pytest.raises(Refused):
        project.close(NOW)
    project.open(b"sealed", NOW)
    acts: list[Callable[[], None]] = [lambda: project.open(b"other", NOW), project.refuse_unless_planned]
    for act in acts:
        with pytest.raises(Refused, match="open"):
            act()
    assert project.count_secret == b"sealed"
    project.close(NOW)
    acts = [lambda: project.close(NOW), project.refuse_unless_open, project.refuse_when_closed]
    for act in acts:
        with pytest.raises(Refused, match="closed"):
            act()


@pytest.mark.parametrize("fields", [
    {"ends": date(2077, 2, 28)}, {"target_regions": ["15087", "05158"]}, {"region": "15087", "target_regions": ["15"]},
])
def test_a_term_and_its_regions_fit(fields: dict[str, object]) -> None:
    """No term that ends before it begins, no target outside of where the project is administered."""
    with pytest.raises(Invalid):
        a_project(**fields).check()
    a_project().check()
    a_project(region=None, target_regions=["15087", "05158"]).check()


def cells(text: str) -> list[list[str]]:
    """The file as a spreadsheet reads it."""
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.parametrize("cell", [
    "=1+1", "+49", "-cmd", "@SUM(A1)", "|calc", "%x", " =1+1", "\t=1+1", "\r=1+1", "\n=1+1", "\u00a0=1+1", "\u200b=1+1",
    "\uff1d1+1", "\uff0b1", "\ufeff=1", "\x00=1", " \t\uff20SUM(A1)",
])
def test_no_cell_is_a_formula(cell: str) -> None:
    """Whatever comes before the sign, and however wide it is written."""
    ((_,), (shown,)) = cells(as_csv(["label"], [{"label": cell}]))

    assert shown.startswith("'")


def test_numbers_and_plain_texts_stay_as_they_are() -> None:
    """A figure can be summed up, an umlaut read, a missing value is empty."""
    rows = [{"label": "Schulungen, gehalten", "target": 14, "share": -3, "list": "a;b"}]

    assert cells(as_csv(["label", "target", "share", "list", "none"], rows))[1] == [
        "Schulungen, gehalten", "14", "-3", "a;b", ""]


@given(st.lists(st.text(), min_size=1))
def test_any_text_stays_in_its_cell(texts: list[str]) -> None:
    """Quotes, commas and line breaks move nothing into another cell, and nothing begins like a formula."""
    lines = cells(as_csv(["one", "two"], [{"one": text, "two": "end"} for text in texts]))

    assert [line[1] for line in lines[1:]] == ["end"] * len(texts)
    assert not any(line[0][:1] in set("=+-@|%\t\r\n ") and line[0] for line in lines[1:])
