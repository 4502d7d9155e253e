"""Code lists: their members, their order and their labels."""

from enum import StrEnum
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from libs.common.codes.labels import TITLE, data_file, label
from libs.common.codes.lists import (
    AgeBand,
    Cefr,
    CodeList,
    CounsellingMode,
    CounsellingResult,
    CounsellingTopic,
    EventKind,
    FieldOfAction,
    Gender,
    OrderedCodeList,
    PartnerKind,
    ResidenceStatus,
    TandemKind,
    WorldRegion,
)
from libs.common.codes.rows import DATA, read_rows

ALL_LISTS = [
    code_list
    for code_list in (*CodeList.__subclasses__(), *OrderedCodeList.__subclasses__())
    if list(code_list) and code_list.__module__ == "libs.common.codes.lists"
]


@pytest.mark.parametrize("code_list", ALL_LISTS, ids=lambda code_list: code_list.__name__)
def test_each_code_has_its_row_of_labels_in_the_declared_order(code_list: type[CodeList]) -> None:
    """The data file holds the list's title and then exactly the members, none missing and none too many."""
    assert [row["code"] for row in read_rows(data_file(code_list))] == [TITLE, *code_list]


@pytest.mark.parametrize("code_list", ALL_LISTS, ids=lambda code_list: code_list.__name__)
def test_every_label_exists_in_german_and_english(code_list: type[CodeList]) -> None:
    """No cell is empty, and no two codes of a list are called the same."""
    rows = read_rows(data_file(code_list))
    for language in ("de", "en"):
        labels = [row[language] for row in rows]
        assert all(text == text.strip() != "" for text in labels)
        assert len(set(labels)) == len(labels)


def test_no_data_file_is_left_without_its_list() -> None:
    """A file of labels that no list reads would be dead data."""
    labelled = {data_file(code_list).name for code_list in ALL_LISTS}
    others = {"languages.csv", "district_rural.csv", "de-districts.csv", "de-places.csv", "de-postcodes.csv",
              "countries.csv"}

    assert {file.name for file in DATA.glob("*.csv")} == labelled | others


@pytest.mark.parametrize(
    ("code_list", "size"),
    [(FieldOfAction, 8), (EventKind, 12), (ResidenceStatus, 22), (PartnerKind, 18), (TandemKind, 9),
     (CounsellingTopic, 15), (CounsellingResult, 10), (CounsellingMode, 5), (WorldRegion, 23)],
)
def test_lists_are_complete(code_list: type[CodeList], size: int) -> None:
    """As many codes as the vocabulary of the field names."""
    assert len(code_list) == size


def test_a_code_is_called_in_the_persons_language() -> None:
    """German for German, English for English and its variants."""
    assert label(EventKind.LANGUAGE_CAFE, "de") == "Sprachcafé"
    assert label(EventKind.LANGUAGE_CAFE, "en-GB") == "Language café"


def test_a_list_has_a_title() -> None:
    """Asked for the list itself, label gives what the list is called."""
    assert label(FieldOfAction, "de") == "Handlungsfeld"
    assert label(FieldOfAction, "en") == "Field of action"


@pytest.mark.parametrize("language", ["ps", "de-simple", "xx", "", "no tag at all"])
def test_a_missing_translation_falls_back_to_german(language: str) -> None:
    """A label is never empty, whatever language is asked for."""
    assert label(Gender.DIVERSE, language) == "divers"


def test_language_levels_are_ordered_by_level_and_not_by_alphabet() -> None:
    """`none` and `literacy` come before A1, though the alphabet says otherwise."""
    assert sorted(Cefr, reverse=True)[-3:] == [Cefr.A1, Cefr.LITERACY, Cefr.NONE]
    assert Cefr.NONE < Cefr.A1 <= Cefr.A1 < Cefr.C2
    assert Cefr.B1 >= Cefr.B1 > Cefr.LITERACY
    assert not Cefr.LITERACY > "A1"
    assert max(Cefr.LITERACY, Cefr.B2, Cefr.A2) is Cefr.B2


def test_age_bands_are_ordered_by_age() -> None:
    """6-13 comes before 14-17, though as text it would not."""
    youngest_last = list(reversed(AgeBand))

    assert sorted(youngest_last) == list(AgeBand)


def test_codes_of_two_lists_have_no_order() -> None:
    """A comparison with what is not of the same list is refused, not answered by the alphabet."""
    with pytest.raises(ValueError, match="not a valid Cefr"):
        _ = Cefr.A1 < AgeBand.UP_TO_5
    with pytest.raises(ValueError, match="not a valid Cefr"):
        _ = Cefr.A1 >= "Z9"


class Told(BaseModel):
    """Something told with a code, as a fact is."""

    kind: EventKind


def test_an_unknown_code_is_told_from_other_mistakes() -> None:
    """What a newer speaker says fails as pydantic's `enum`, so that the listener can park it."""
    with pytest.raises(ValidationError) as raised:
        Told.model_validate_json('{"kind": "knowledge_fair"}')

    assert [(problem["type"], problem["loc"]) for problem in raised.value.errors()] == [("enum", ("kind",))]


def test_a_code_travels_as_itself() -> None:
    """In JSON a code is its plain text, and it comes back as the same member."""
    told = Told(kind=EventKind.TRAINING)

    assert told.model_dump_json() == '{"kind":"training"}'
    assert Told.model_validate_json(told.model_dump_json()) == told


def test_a_service_labels_its_own_list_the_same_way(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A list that one service keeps to itself has its labels beside its own module."""
    source = "from libs.common.codes.lists import CodeList\nclass EndReason(CodeList):\n    MOVED = 'moved'\n"
    (tmp_path / "data").mkdir()
    (tmp_path / "noun_with_its_own_list.py").write_text(source)
    (tmp_path / "data" / "end_reason.csv").write_text("code,de,en\n,Grund,Reason\nmoved,Umzug,Moved away\n")
    monkeypatch.syspath_prepend(tmp_path)
    end_reason: type[CodeList] = import_module("noun_with_its_own_list").EndReason

    assert label(end_reason("moved"), "de") == "Umzug"
    assert label(end_reason, "en") == "Reason"


def test_members_are_strings_in_capitals() -> None:
    """Names and codes agree, so that a code found in data is found in the source too."""
    spelled_otherwise = {Gender, AgeBand, WorldRegion}
    for code_list in set(ALL_LISTS) - spelled_otherwise:
        assert issubclass(code_list, StrEnum)
        assert all(code.name == code.value.upper() for code in code_list)
