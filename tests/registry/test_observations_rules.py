"""An observation's way to an answer, and the signs of a person in its text."""

from datetime import date
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.refusals import Invalid, Refused
from services.registry.observations.model import Observation, ObservationKind, ObservationState
from services.registry.observations.rules import refuse_names, signs

TODAY = date(2027, 5, 4)
STEPS = {
    "take_up": lambda one: one.take_up(), "forward": lambda one: one.forward(uuid4(), TODAY),
    "keep_back": lambda one: one.keep_back("gelöst"), "take_answer": lambda one: one.take_answer("Ja.", TODAY),
    "close": lambda one: one.close(),
}
WAYS = {
    (ObservationState.RECEIVED, "take_up"): ObservationState.IN_REVIEW,
    (ObservationState.IN_REVIEW, "forward"): ObservationState.FORWARDED,
    (ObservationState.IN_REVIEW, "keep_back"): ObservationState.NOT_FORWARDED,
    (ObservationState.FORWARDED, "take_answer"): ObservationState.ANSWERED,
    (ObservationState.ANSWERED, "close"): ObservationState.CLOSED,
    (ObservationState.NOT_FORWARDED, "close"): ObservationState.CLOSED,
}


@pytest.mark.parametrize("state", ObservationState)
@pytest.mark.parametrize("step", STEPS)
def test_each_step_leads_where_it_should_or_is_refused(state: ObservationState, step: str) -> None:
    """Every state with every step."""
    one = Observation(kind=ObservationKind.BARRIER, region="15087", description="Kein Bus.", state=state)

    if (state, step) in WAYS:
        STEPS[step](one)
        assert one.state is WAYS[state, step]
    else:
        with pytest.raises(Refused, match=state.value.replace("_", " ")):
            STEPS[step](one)
        assert one.state is state


@pytest.mark.parametrize(("text", "found"), [
    ("Schreiben Sie an mira@example.org", ["mail"]),
    ("Rückruf unter 03476 5550123 erbeten", ["phone"]),
    ("Call +49 391 5550100", ["phone"]),
    ("Frau Beispiel wurde abgewiesen", ["name"]), ("bei Herrn Dr. Muster", ["name"]), ("Familie Al-Beispiel", ["name"]),
    ("Der Junge heißt Omar", ["name"]), ("ein Helfer namens Jan", ["name"]), ("Mein Name ist Jana", ["name"]),
    ("Mrs. Example waited", ["name"]), ("a boy called Omar", ["name"]), ("Її звати Олена", ["name"]),
    ("пані Олена чекала", ["name"]), ("السيدة فاطمة تنتظر", ["name"]),
    ("Frau Beispiel, mira@example.org, 0391 5550100", ["mail", "phone", "name"]),
])
def test_signs_of_a_person_are_found(text: str, found: list[str]) -> None:
    """Mail addresses, telephone numbers, and words that come before a name, in four languages."""
    assert list(signs(text)) == found


@pytest.mark.parametrize("text", [
    "Zum Jobcenter fährt nach 15 Uhr kein Bus.", "Die Frau wurde abgewiesen, die Familie wartet seit 2026.",
    "Am 12.04.2027 von 10 bis 12 Uhr war niemand da.", "Das Formular heißt anders als im Merkblatt.",
    "Seit dem 1. März gilt § 104c AufenthG.", "Es kostet 1.250,50 Euro im Monat.", "PLZ 06526, Haus 12",
])
def test_what_names_nobody_passes(text: str) -> None:
    """Days, times, laws, postcodes and prices are no telephone numbers, common nouns no names."""
    refuse_names(text, field="description", confirmed=False)


def test_a_sign_is_refused_unless_its_author_looked_again() -> None:
    """Who confirms that nobody is named is believed; the refusal repeats nothing of the text."""
    with pytest.raises(Invalid) as refused:
        refuse_names("Frau Beispiel, mira@example.org", field="description", confirmed=False)

    assert (refused.value.slug, refused.value.field) == ("text-names-someone", "description")
    assert "Beispiel" not in str(refused.value)
    refuse_names("Frau Beispiel", field="description", confirmed=True)


@given(st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    """Looking for signs never fails."""
    assert set(signs(text)) <= {"mail", "phone", "name"}
