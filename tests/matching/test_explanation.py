"""Explanations: plain sentences in two languages for every criterion, every code and everybody without a proposal."""

import re
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.runs import explanation
from services.matching.runs.batch import Inputs, run
from services.matching.runs.explanation import LANGUAGES, Language, besides, slot_names, what_is_missing, why, why_not
from services.matching.runs.hard import HardCode
from services.matching.runs.outcome import NextBest, Proposal, Unserved
from services.matching.runs.points import Points
from services.matching.runs.pool import CRITERIA, LEVELS, Rules, Weights
from tests.matching.pools import a_household, a_unit, pools

A_PROPOSAL = Proposal(
    household=a_household().id, unit=a_unit().id,
    points=Points(language=178, distance=182, needs=125, interests=50, availability=37),
    bonus=45, worth=1617, languages={"ar": "B2", "de": "A1"}, interpreter=False, metres=3_449, slots=0b1000_0001,
    wishes_met=("school",), wishes_missing=("letters_and_forms",), interests=("chess", "football", "music"),
    unit_price=12, next_best=NextBest(unit=a_unit(2).id, score=512, unit_price=0),
)
NOBODY_SERVED = Unserved(household=a_household().id, possible=0, removed={}, alone={})


def sentences(proposal: Proposal, language: Language) -> dict[str, str]:
    """The sentence of each criterion."""
    return {reason.criterion: reason.text for reason in why(proposal, Weights(), language)}


def test_a_proposal_in_german() -> None:
    """Languages and levels, kilometres, wishes, interests and times as a person would say them."""
    assert sentences(A_PROPOSAL, "de") == {
        "language": "Sie können miteinander sprechen: Arabisch (gut) und Deutsch (erste Sätze).",
        "distance": "Zwischen ihnen liegen 3,4 km.",
        "needs": "Erfüllte Wünsche: school. Noch offen: letters and forms.",
        "interests": "Gemeinsame Interessen: chess, football und music.",
        "availability": "Sie haben 2 gemeinsame freie Zeiten in der Woche: Montag früh und Dienstag abends.",
    }
    assert besides(A_PROPOSAL, "de") == (
        "Für Wartezeit und Dringlichkeit kommen 45 Punkte hinzu.",
        "Hier fehlen Plätze: Ein weiterer Platz würde das Ergebnis für alle um 12 Punkte verbessern.",
        "Die nächstbeste Möglichkeit hätte 512 von 1000 Punkten.",
    )


def test_a_proposal_in_english() -> None:
    """The same in English; codes stand for themselves, in words."""
    assert sentences(A_PROPOSAL, "en") == {
        "language": "They can talk to each other: Arabic (well) and German (first sentences).",
        "distance": "They live 3.4 km apart.",
        "needs": "Wishes met: school. Still open: letters and forms.",
        "interests": "Interests in common: chess, football and music.",
        "availability": "They have 2 free times of the week in common: Monday morning and Tuesday evening.",
    }
    assert besides(A_PROPOSAL, "en") == (
        "Waiting time and urgency add 45 points.",
        "Places are short here: one more would make the result for everyone better by 12 points.",
        "The next best possibility would have 512 of 1000 points.",
    )


@pytest.mark.parametrize(("changed", "criterion", "text"), [
    ({"interpreter": True}, "language", "Keine gemeinsame Sprache reicht aus. Es hilft jemand, der übersetzt."),
    ({"languages": {"uk": "C2"}}, "language", "Sie können miteinander sprechen: Ukrainisch (fließend)."),
    ({"metres": None}, "distance",
     "Sie leben im selben Kreis oder in derselben Stadt. Genauer ist der Ort nicht bekannt."),
    ({"metres": 999}, "distance", "Sie wohnen weniger als 1 km voneinander entfernt."),
    ({"metres": 1000}, "distance", "Zwischen ihnen liegen 1 km."),
    ({"metres": 9_949}, "distance", "Zwischen ihnen liegen 9,9 km."),
    ({"metres": 9_951}, "distance", "Zwischen ihnen liegen 10 km."),
    ({"metres": 17_597}, "distance", "Zwischen ihnen liegen 18 km."),
    ({"wishes_met": (), "wishes_missing": ()}, "needs", "Es wurden keine Wünsche genannt."),
    ({"wishes_missing": ()}, "needs", "Erfüllte Wünsche: school."),
    ({"wishes_met": ()}, "needs", "Diese Wünsche bleiben offen: letters and forms."),
    ({"interests": ()}, "interests", "Gemeinsame Interessen sind nicht bekannt."),
    ({"slots": 0}, "availability", "Gemeinsame freie Zeiten sind nicht bekannt."),
    ({"slots": 1 << 27}, "availability", "Sie haben eine gemeinsame freie Zeit in der Woche: Sonntag abends."),
])
def test_each_case_has_its_sentence(changed: dict[str, Any], criterion: str, text: str) -> None:
    """What is not known, one of a thing, and the edges of rounding."""
    assert sentences(replace(A_PROPOSAL, **changed), "de")[criterion] == text


def test_what_stands_beside_a_proposal_in_the_other_cases() -> None:
    """No bonus is not mentioned; free places, one point and no alternative have sentences of their own."""
    plain = replace(A_PROPOSAL, bonus=0, unit_price=0, next_best=None)

    assert besides(plain, "de") == (
        "Hier sind genug Plätze für alle, denen das am meisten hilft.",
        "Für diesen Haushalt gibt es im betrachteten Gebiet sonst keine Möglichkeit.",
    )
    assert besides(plain, "en", "live_price", alone=True) == (
        "Places like this one will be enough, as far as is known, for everyone who comes within half a year.",
    )
    assert besides(replace(plain, bonus=1, unit_price=1), "en")[:2] == (
        "Waiting time and urgency add 1 point.",
        "Places are short here: one more would make the result for everyone better by 1 point.",
    )


@given(given_=pools(5, 4), language=st.sampled_from(LANGUAGES))
@settings(max_examples=40, deadline=None)
def test_everybody_gets_an_explanation_whose_points_sum_to_the_score(given_: Inputs, language: Language) -> None:
    """Every proposal has a reason per criterion, every household without one at least one sentence, none unfilled."""
    outcome = run(given_)
    for proposal in outcome.proposals:
        reasons = why(proposal, given_.rules.weights, language)
        assert sorted(reason.criterion for reason in reasons) == sorted(CRITERIA)
        assert sum(reason.points for reason in reasons) == proposal.score
        assert all(reason.points <= reason.most for reason in reasons)
        assert_plain(*(reason.text for reason in reasons), *besides(proposal, language))
    for unserved in outcome.unserved:
        told = what_is_missing(unserved, language)
        assert told
        assert_plain(*told)


def assert_plain(*texts: str) -> None:
    """Whole sentences, nothing left to fill in."""
    for text in texts:
        assert re.fullmatch(r"[A-ZÄÖÜ0-9][^{}]*\.", text), text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", HardCode)
def test_every_code_has_all_its_sentences(code: HardCode, language: Language) -> None:
    """For one pair, for one unit, for many, and as what is missing; nothing to fill in, nothing like a code."""
    texts = explanation._text("why_not", code, language)

    assert set(texts) == {"pair", "one", "many", "missing"}
    assert not any("{" in text or "_" in text for text in texts.values())
    impossible = replace(NOBODY_SERVED, removed={code: 2}, alone={code: 1})
    assert_plain(*why_not([code], language), *what_is_missing(impossible, language))
    assert not texts["missing"].endswith(".")


def test_there_are_no_sentences_for_codes_that_do_not_exist() -> None:
    """The file speaks of the codes, criteria, levels and languages there are, and of no others."""
    texts = explanation._texts()

    assert set(texts["why_not"]) == set(HardCode)
    assert set(texts["why"]) == set(CRITERIA)
    for language in LANGUAGES:
        assert set(texts["levels"][language]) == set(LEVELS[1:])
    assert get_args(Language) == LANGUAGES


def places_to_fill(texts: Any) -> Any:
    """The words in braces of everything below, by key."""
    if isinstance(texts, dict):
        return {key: places_to_fill(value) for key, value in texts.items()}
    return sorted(re.findall(r"{(\w+)}", str(texts)))


def test_both_languages_say_the_same_with_the_same_words_to_fill_in() -> None:
    """Nothing stands in one language only."""
    def compare(texts: dict[str, Any]) -> None:
        if set(texts) == set(LANGUAGES):
            assert places_to_fill(texts["de"]) == places_to_fill(texts["en"])
        else:
            for below in texts.values():
                compare(below)

    compare(explanation._texts())


def test_what_one_change_would_solve_comes_first() -> None:
    """An impossible household: first what alone is missing, most units first; then what each code took."""
    unserved = replace(
        NOBODY_SERVED,
        removed={HardCode.PAUSED: 1, HardCode.TOO_FAR: 7, HardCode.MUST_HAVE_MISSING: 3},
        alone={HardCode.TOO_FAR: 1, HardCode.MUST_HAVE_MISSING: 2},
    )

    assert what_is_missing(unserved, "en") == (
        "What is missing: something that the household really needs. Otherwise 2 mentors or groups would fit.",
        "What is missing: somebody nearby or willing to travel farther. Otherwise 1 mentor or group would fit.",
        "7 mentors or groups live too far away.",
        "3 mentors or groups cannot offer something that the household really needs.",
        "1 mentor or group is taking a break.",
    )
    assert what_is_missing(replace(unserved, alone={}), "de")[:2] == (
        "Bei allen passt mehr als eines nicht.",
        "7 Mentorinnen, Mentoren oder Gruppen wohnen zu weit weg.",
    )


def test_who_was_possible_but_outbid_is_told_so() -> None:
    """Places given to others, and a programme without anybody, are not blamed on the household."""
    assert what_is_missing(replace(NOBODY_SERVED, possible=1, removed={HardCode.PAUSED: 4}), "de") == (
        "1 Mentorin, Mentor oder Gruppe würde passen. Diesmal war der Platz für andere vorgesehen.",
    )
    assert what_is_missing(replace(NOBODY_SERVED, possible=3), "en") == (
        "3 mentors or groups would fit. This time all places were meant for others.",
    )
    assert what_is_missing(NOBODY_SERVED, "en") == (
        "There are no mentors or groups of this programme in the area that was looked at.",)


def test_a_rejected_pair_is_told_every_reason() -> None:
    """One sentence per code, in order."""
    assert why_not([HardCode.TOO_FAR, HardCode.VETOED], "de") == (
        "Der Weg ist zu weit.", "Diese Verbindung wurde ausgeschlossen.",
    )


def test_kinds_of_company_are_those_that_there_are() -> None:
    """A household may wish for one person or a group; nobody accompanies in twos."""
    kinds: dict[Language, str] = {"de": "(einzeln oder als Gruppe)", "en": "(one person or a group)"}
    for language, said in kinds.items():
        texts = explanation._text("why_not", HardCode.KIND_NOT_WISHED, language)
        assert all(said in text for text in texts.values())


def test_the_week_has_28_parts() -> None:
    """Bit 0 is Monday morning, bit 27 Sunday evening; each has a name of its own."""
    names = slot_names((1 << 28) - 1, "en")

    assert len(set(names)) == 28
    assert (names[0], names[5], names[27]) == ("Monday morning", "Tuesday midday", "Sunday evening")


def test_another_language_is_refused() -> None:
    """German and English only; whoever asks for another is told."""
    with pytest.raises(ValueError, match="language: 'fr'"):
        why(A_PROPOSAL, Rules().weights, "fr")  # type: ignore[arg-type]
