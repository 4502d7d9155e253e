"""Checked strings of facts and bodies: what they take, what they refuse, and what the schema says of it."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from libs.common.codes.types import Ags, ByLanguage, Code, CountryCode, DistrictAgs, LanguageTag, Postcode, YearMonth

TAKEN = [
    (Ags, ["15", "15087", "15087370", "05158", "01"]),
    (DistrictAgs, ["05158"]),
    (Postcode, ["06526", "01067"]),
    (LanguageTag, ["de", "de-simple", "ckb", "ar-SY"]),
    (CountryCode, ["SY", "UA"]),
    (Code, ["basic_training", "b1"]),
    (YearMonth, ["2026-03", "2026-12"]),
]
ARABIC_DIGITS = "\u0661\u0665"
REFUSED = [
    (
        Ags,
        [
            "",
            "1",
            "150",
            "1508",
            "150873",
            "1508737",
            "150873700",
            "15087\n",
            " 15",
            "1a",
            ARABIC_DIGITS,
            "15\x00",
        ],
    ),
    (DistrictAgs, ["15", "15087370", ""]),
    (Postcode, ["6526", "065260", "D-06526", "0652\n"]),
    (LanguageTag, ["", "german", "de_DE", "de\n", "de-" + "simple-" * 6 + "x"]),
    (CountryCode, ["sy", "SYR", "S", "ÄÖ", "SY\n"]),
    (Code, ["", "Training", "_x", "a b", "a" * 64, "1a", "ä"]),
    (YearMonth, ["2026-13", "2026-00", "2026-1", "26-01", "2026-01-01"]),
]


def each(cases: list[tuple[Any, list[Any]]]) -> list[tuple[Any, Any]]:
    """One pair for each value of each type."""
    return [(kind, value) for kind, values in cases for value in values]


@pytest.mark.parametrize(("kind", "value"), each(TAKEN))
def test_well_formed_values_pass_unchanged(kind: type[str], value: str) -> None:
    """Leading zeros and all."""
    assert TypeAdapter(kind).validate_python(value) == value


@pytest.mark.parametrize(("kind", "value"), each(REFUSED))
def test_malformed_values_are_refused(kind: type[str], value: str) -> None:
    """Wrong lengths, line ends, other digits, NUL and free text do not pass."""
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize("kind", [kind for kind, _ in TAKEN])
@pytest.mark.parametrize("value", [15087, None, ["15"], "\ud800"])
def test_what_is_no_text_is_refused(kind: type[str], value: object) -> None:
    """A number is no key (its leading zero would be lost), and neither is a lone surrogate."""
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize("kind", [kind for kind, _ in TAKEN])
def test_the_schema_tells_the_pattern(kind: type[str]) -> None:
    """Who generates values from the schema sees the same rule; a digit class would differ between engines."""
    schema = TypeAdapter(kind).json_schema()

    assert schema["type"] == "string"
    assert schema["pattern"].startswith("^")
    assert schema["pattern"].endswith("$")
    assert "\\d" not in schema["pattern"]


def test_a_language_tag_arrives_in_the_usual_case() -> None:
    """However it was written, it is stored one way."""
    assert TypeAdapter(LanguageTag).validate_python("AR-sy") == "ar-SY"


@pytest.mark.parametrize("given", [{"de": 1, "DE": 2}, {"ar-sy": 1, "ar-SY": 2}])
def test_nothing_is_lost_of_a_language_that_stands_there_twice(given: dict[str, int]) -> None:
    """It is refused; what stands for another language, or for one by itself, is taken."""
    of_each: TypeAdapter[dict[str, int]] = TypeAdapter(ByLanguage[int])
    assert of_each.validate_python({"DE": 1, "ar": 2, "ar-SY": 3}) == {"de": 1, "ar": 2, "ar-SY": 3}

    with pytest.raises(ValidationError, match="stands there twice"):
        of_each.validate_python(given)
