"""A learning names nobody: what its check finds, and what leaves only after an approval."""

import unicodedata
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.refusals import Refused
from services.matching.closings.model import Closing, LearningKind, LearningState
from services.matching.closings.rules import PARTICLES, Found, found_in

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
NAMES = ["Samira Al-Khatib", "Mira von der Höhe", "فاطمة الزهراء", "Оксана Шевченко", "Jürgen Weiß"]
HARMLESS = (
    "Feste Treffen am selben Wochentag haben geholfen.", "Vom 12.03.2026 bis zum 30.6.26 fanden 24 Treffen statt.",
    "Die Rosa-Luxemburg-Straße ist weit weg.", "2024-2025 kostete es 1 200 Euro.",
    "Von der Stadt kam nichts, und das half.",
    "Im Jahr 2026-03-01 bis 2026-12-31.", "Ein Drittel (3 von 10) sagte: gut!", "الاجتماعات المنتظمة ساعدت كثيرا",
)


def a_closing() -> Closing:
    """A closing without a learning."""
    return Closing(tandem_id=uuid4(), region="15087", person_ref=uuid4(), held_on=date(2026, 3, 2))


@pytest.mark.parametrize("text", [
    "Samira hat geholfen.", "SAMIRA!", "Die Idee kam von Khatib.", "Samiras Idee", "Frau Höhe", "frau hohe",
    "Herr Weiss", "Juergen nicht, aber Jürgen", "نصيحة فاطمة", "وفاطمة ساعدت", "Допомогла Оксані", "Шевченком",
    "S\u0061mir\u0061\u0301", "„Mira“",
])
def test_a_name_of_the_tandem_is_found(text: str) -> None:
    """In other case, with other accents, with the ending or prefix that its language puts to it."""
    assert found_in(text, NAMES) == [Found.NAME]


@pytest.mark.parametrize("text", ["mira@example.org", "schreiben Sie an a@b", "info (at) example.org", "x [at] y"])
def test_a_mail_address_is_found(text: str) -> None:
    """Also one that is written out."""
    assert found_in(text, []) == [Found.MAIL_ADDRESS]


@pytest.mark.parametrize("text", [
    "03475 123456", "+49 (0)3475/12 34-56", "0176.1234567", "Tel. 0 1 7 6 1 2 3 4 5", "٠١٧٦١٢٣٤٥٦٧",
    "\uff10\uff11\uff17\uff16 1234567",
])
def test_what_looks_like_a_telephone_number_is_found(text: str) -> None:
    """With blanks, slashes, dots and brackets, and in other digits."""
    assert found_in(text, []) == [Found.PHONE_NUMBER]


@pytest.mark.parametrize("text", HARMLESS)
def test_days_amounts_and_small_words_are_not(text: str) -> None:
    """A check that refuses every text would be switched off."""
    assert found_in(text, NAMES) == []


def test_everything_that_is_found_is_said() -> None:
    """So that it can be corrected at once."""
    assert found_in("Samira, 03475 123456, s@example.org", NAMES) == [
        Found.NAME, Found.MAIL_ADDRESS, Found.PHONE_NUMBER]


@given(st.text(max_size=60), st.sampled_from(["Samira", "Khatib", "Jürgen"]), st.text(max_size=60))
def test_a_name_is_found_wherever_it_stands_alone(before: str, name: str, after: str) -> None:
    """Whatever stands around it."""
    assert Found.NAME in found_in(f"{before} {name} {after}", NAMES)


@pytest.mark.parametrize(("name", "text"), [
    ("Müller", "Frau Mueller"), ("Mueller", "Frau Müller"), ("Müller", "MUELLERS"), ("Mueller", "mu\u0308llers"),
    ("Özgür", "Oezguer"), ("Kaess", "Käß"), ("Käß", "Kaess"), ("Größ", "Groess"), ("Boettcher", "BÖTTCHER"),
])
def test_a_name_is_found_with_umlauts_and_without(name: str, text: str) -> None:
    """As Germans write a name where there are no umlauts, and the reverse."""
    assert found_in(text, [name]) == [Found.NAME]


@pytest.mark.parametrize(("name", "text"), [
    ("Manuel", "manul"), ("Müller", "Mller, Mueler"), ("Mueller", "Muller"), ("Oel", "das Öl"), ("Noe", "nö"),
    ("Michael", "Michl"), ("Aue", "au"), ("Ute", "Uete"),
])
def test_an_e_after_a_vowel_is_not_left_out(name: str, text: str) -> None:
    """Most of them are no umlaut; a word of two letters is no name either."""
    assert found_in(text, [name]) == []


PARTS = st.lists(st.sampled_from([*"abehlmnrtuäöü", "ss", "ß", "ue", "oe"]), min_size=3, max_size=9).map("".join)
SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
BARE = str.maketrans({"ä": "a", "ö": "o", "ü": "u", "ß": "ss"})


@given(PARTS.filter(lambda name: name not in PARTICLES), st.text(max_size=40), st.booleans())
def test_a_name_is_found_however_its_umlauts_are_written(name: str, around: str, reverse: bool) -> None:
    """In either direction, and decomposed; whatever stands around it."""
    spelled = name.translate(SPELLED)
    written, known = (name, spelled) if reverse else (spelled, name)
    for form in ("NFC", "NFD"):
        assert Found.NAME in found_in(f"{around} {unicodedata.normalize(form, written)} {around}", [known])


@given(PARTS, PARTS)
def test_nothing_but_umlauts_is_written_otherwise(name: str, word: str) -> None:
    """Two words are the same only if they are with the plain vowels, or with an e after each umlaut."""
    forms = {name.translate(SPELLED), name.translate(BARE)}
    written = {word.translate(SPELLED), word.translate(BARE)}
    same = forms & {one.removesuffix(ending) for one in written for ending in ("", "s", "es")}
    assert bool(same) >= bool(found_in(word, [name]))


@given(st.text(max_size=400), st.lists(st.text(max_size=30), max_size=4))
def test_no_text_breaks_the_check(text: str, names: list[str]) -> None:
    """Any text, and any name."""
    assert set(found_in(text, names)) <= set(Found)


def test_a_learning_is_readable_only_once_approved() -> None:
    """Before it is sealed, and can be written anew; afterwards it stands."""
    closing = a_closing()
    with pytest.raises(Refused, match="waits for approval"):
        closing.approve("text", "coordinator", NOW)
    closing.write(b"sealed", LearningKind.LESSON, None, "de")
    closing.write(b"sealed again", LearningKind.BARRIER, "language", "de")
    assert (closing.learning, closing.learning_state) == (None, LearningState.DRAFT)
    closing.approve("text", "coordinator", NOW)

    assert (closing.learning, closing.draft, closing.approved_at) == ("text", None, NOW)
    with pytest.raises(Refused, match="approved already"):
        closing.write(b"", LearningKind.NEED, None, "de")
    with pytest.raises(Refused, match="waits for approval"):
        closing.discard()


def test_what_is_missing_is_added_and_nothing_overwritten() -> None:
    """Not even in part, when one of several is refused; the learning stays as it is."""
    closing = a_closing()
    closing.mentors_rating, closing.goals_reached = 5, ["school"]
    closing.write(b"sealed", LearningKind.LESSON, None, "de")
    nothing: dict[str, Any] = {"mentors_rating": None, "household_rating": None, "goals_reached": []}
    closing.add(uuid4(), **nothing | {"household_rating": 3, "goals_reached": ["school", "language"]})
    closing.add(uuid4(), **nothing | {"mentors_rating": 5})
    assert (closing.mentors_rating, closing.household_rating) == (5, 3)
    assert closing.goals_reached == ["language", "school"]
    assert (closing.draft, closing.learning_state) == (b"sealed", LearningState.DRAFT)
    for given_now, slug in (({"mentors_rating": 4, "goals_reached": ["work"]}, "closing-rated"),
                            ({"household_rating": 4}, "closing-rated"),
                            ({"goals_reached": [f"goal_{number}" for number in range(9)]}, "closing-goals")):
        with pytest.raises(Refused) as refused:
            closing.add(uuid4(), **nothing | given_now)
        assert refused.value.slug == slug
    assert (closing.mentors_rating, closing.household_rating, len(closing.goals_reached)) == (5, 3, 2)


def test_what_is_discarded_is_gone() -> None:
    """Another learning may be written in its place."""
    closing = a_closing()
    closing.write(b"sealed", LearningKind.LESSON, None, "de")
    closing.discard()
    assert (closing.draft, closing.learning_state) == (None, LearningState.DISCARDED)
    closing.write(b"other", LearningKind.LESSON, None, "de")

    assert closing.learning_state is LearningState.DRAFT


def test_an_erasure_takes_ratings_and_drafts_but_not_what_names_nobody() -> None:
    """An approved learning is about nobody, and stays."""
    closing = a_closing()
    closing.mentors_rating, closing.goals_reached = 5, ["school"]
    closing.write(b"sealed", LearningKind.LESSON, None, "de")
    closing.approve("text", "coordinator", NOW)
    closing.forget()

    assert closing.mentors_rating is None
    assert not closing.goals_reached
    assert closing.learning == "text"
