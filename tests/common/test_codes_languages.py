"""Languages: how a tag is written, which way it runs, what it is called, and what stands in for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.codes.languages import (
    PATTERN,
    direction,
    fallback_chain,
    known_languages,
    language_name,
    normalised,
)

TAGS = st.from_regex(PATTERN, fullmatch=True).filter(lambda tag: len(tag) <= 35)


@pytest.mark.parametrize(
    ("written", "usual"),
    [
        ("DE", "de"),
        ("de-SIMPLE", "de-simple"),
        ("AR-arab-sy", "ar-Arab-SY"),
        ("es-419", "es-419"),
        ("de-ch-1996", "de-CH-1996"),
        ("ku-ARAB", "ku-Arab"),
    ],
)
def test_a_tag_is_brought_into_the_usual_case(written: str, usual: str) -> None:
    """Language small, script with a capital, region in capitals, variants small."""
    assert normalised(written) == usual


@pytest.mark.parametrize(
    "text",
    [
        "",
        "d",
        "deutsch",
        "de_DE",
        "de-",
        "-de",
        "de\n",
        " de",
        "de-x-private",
        "dé",
        "\u0669\u0669",
        "de-\x00",
        "a" * 3 + "-abcde" * 9,
    ],
)
def test_what_is_no_tag_is_refused(text: str) -> None:
    """Neither free text nor blanks, line ends, other digits or endless variants pass for a tag."""
    with pytest.raises(ValueError, match="not a language tag"):
        normalised(text)


@given(TAGS)
def test_normalising_twice_changes_nothing_more(tag: str) -> None:
    """The usual form is its own usual form."""
    assert normalised(normalised(tag)) == normalised(tag)


def test_the_networks_languages_are_known_by_three_names() -> None:
    """Each language has a German and an English name and what its speakers call it."""
    known = {language.tag: language for language in known_languages()}

    assert len(known) == 18
    assert all(language.german and language.english and language.own for language in known.values())
    assert all(normalised(tag) == tag for tag in known)
    assert (known["uk"].german, known["uk"].english, known["uk"].own) == (
        "Ukrainisch",
        "Ukrainian",
        "Українська",
    )


def test_six_of_the_networks_languages_run_from_right_to_left() -> None:
    """Arabic, Farsi, Dari, Pashto, Sorani and Urdu; Kurmanji is written in Latin letters."""
    rtl = {language.tag for language in known_languages() if direction(language.tag) == "rtl"}

    assert rtl == {"ar", "fa", "prs", "ps", "ckb", "ur"}


@pytest.mark.parametrize(
    ("tag", "runs"),
    [
        ("ar-SY", "rtl"),
        ("AR", "rtl"),
        ("kmr-Arab", "rtl"),
        ("ur-Latn", "ltr"),
        ("he", "rtl"),
        ("pl", "ltr"),
        ("de-simple", "ltr"),
    ],
)
def test_a_script_in_the_tag_decides_before_the_language(tag: str, runs: str) -> None:
    """Regions do not change the direction, scripts do."""
    assert direction(tag) == runs


def test_the_direction_of_no_language_is_refused() -> None:
    """What is no tag has no direction."""
    with pytest.raises(ValueError, match="not a language tag"):
        direction("???")


@pytest.mark.parametrize(
    ("preferred", "chain"),
    [
        ([], ["de-simple", "de"]),
        (["ar-SY", "en"], ["ar-SY", "ar", "en", "de-simple", "de"]),
        (["uk", "ru"], ["uk", "ru", "de-simple", "de"]),
        (["de"], ["de", "de-simple"]),
        (["de-simple"], ["de-simple", "de"]),
        (["EN-gb", "en"], ["en-GB", "en", "de-simple", "de"]),
        (["not a tag", "", "fa"], ["fa", "de-simple", "de"]),
    ],
)
def test_the_fallback_chain_ends_in_plain_and_standard_german(preferred: list[str], chain: list[str]) -> None:
    """Each wanted language, then its base; one bad tag does not keep a person from being written to."""
    assert fallback_chain(preferred) == chain


@given(st.lists(TAGS | st.text(), max_size=6))
def test_a_fallback_chain_is_never_empty_and_repeats_nothing(preferred: list[str]) -> None:
    """Whatever is preferred, German stands in it, and every entry is a tag in its usual form."""
    chain = fallback_chain(preferred)

    assert {"de", "de-simple"} <= set(chain)
    assert len(set(chain)) == len(chain)
    assert [normalised(tag) for tag in chain] == chain


def test_a_language_is_called_in_german_english_or_itself() -> None:
    """Every other language gets the German name; an unknown language stands for itself."""
    assert language_name("ckb", "de") == "Sorani (Zentralkurdisch)"
    assert language_name("ckb", "en-US") == "Sorani (Central Kurdish)"
    assert language_name("ar", "ar-EG") == "العربية"
    assert language_name("ar-SY", "tr") == "Arabisch"
    assert language_name("pl-PL", "de") == "pl-PL"
