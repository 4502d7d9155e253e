"""The order of names in a German directory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.codes.sorting import sort_key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Ärzte", "arzte"),
        ("Öffnung", "offnung"),
        ("Über", "uber"),
        ("Straße", "strasse"),
        ("STRASSE", "strasse"),
        ("Café", "cafe"),
        ("Łódź", "lodz"),
        ("Ørsted Æble Œuvre Þór", "orsted aeble oeuvre thor"),
        ("I\u015f\u0131k", "isik"),
        ("  „Willkommen“  e. V. ", "willkommen e v"),
        ("Kirchenkreis-Arbeitsstelle", "kirchenkreis arbeitsstelle"),
        ("Привет", "привет"),
        ("مُحَمَّد", "محمد"),
        ("\u202eabc\u202c\x00\t\nd", "abc d"),
        ("", ""),
        ("—", ""),
    ],
)
def test_a_name_is_filed_under_its_plain_letters(text: str, key: str) -> None:
    """Umlauts as their base letter, ß as ss; accents, case, punctuation and invisible marks do not count."""
    assert sort_key(text) == key


def test_names_stand_as_in_a_german_directory() -> None:
    """Umlauts between their neighbours, shorter words first, word by word."""
    names = ["Zeitz", "Übach", "Uder", "Ärzte", "Arzberg", "Bad Lauchstädt", "Badra", "Straßberg", "Öde"]

    assert " < ".join(sorted(names, key=sort_key)) == (
        "Arzberg < Ärzte < Bad Lauchstädt < Badra < Öde < Straßberg < Übach < Uder < Zeitz"
    )


def test_names_with_one_key_keep_their_order() -> None:
    """The key makes no difference between them: whoever pages over names breaks ties by id."""
    assert sort_key("Müller") == sort_key("MULLER")
    assert sorted(["Muller", "Müller", "muller"], key=sort_key) == ["Muller", "Müller", "muller"]


def test_letters_written_in_two_ways_have_one_key() -> None:
    """A composed and a decomposed umlaut are the same letter."""
    assert sort_key("a\u0308") == sort_key("\u00e4") == "a"


@given(st.text())
def test_a_key_is_its_own_key(text: str) -> None:
    """Filing what is filed changes nothing, and no control character gets into the database by it."""
    key = sort_key(text)

    assert sort_key(key) == key
    assert "\x00" not in key
    assert key == key.strip()
