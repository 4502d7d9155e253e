"""What a counselling case may do in which state, what was true on a day, and how figures are shown."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from libs.common.codes.labels import label
from libs.common.codes.lists import Cefr, CounsellingResult, Gender, ResidenceStatus, WorldRegion
from libs.common.refusals import Invalid, Refused
from services.matching.counselling_cases.model import CaseState, CounsellingCase, CounsellingSpell
from services.matching.counselling_figures.rules import (
    LISTS,
    STATUSES,
    UNKNOWN,
    UNSAID,
    By,
    Figure,
    file_of,
    label_of,
    period,
    shown,
    title_of,
)
from services.matching.counselling_statuses.rules import CODES, Attribute, refuse_value, standing
from services.matching.suppression.rules import Cell

DAY = date(2026, 3, 2)
S = CaseState


def a_case(state: CaseState = S.OPEN) -> CounsellingCase:
    """A case in this state, opened on DAY."""
    closed: dict[str, Any] = {"closed_on": DAY, "result": CounsellingResult.GRANTED} if state is S.CLOSED else {}
    return CounsellingCase(region="15087", partner_id=uuid4(), person_ref=uuid4(), counsellor="p", opened_by="p",
                           state=state, opened_on=DAY, languages=["ar"], gender=Gender.FEMALE, origin=b"sealed",
                           origin_region=WorldRegion.WESTERN_ASIA, **closed)


def a_spell(state: CaseState = S.OPEN) -> CounsellingSpell:
    """The last spell of such a case."""
    spell = a_case(state).first_spell()
    if state is S.CLOSED:
        spell.closed_on, spell.result = DAY, CounsellingResult.GRANTED
    return spell


STEPS: list[tuple[Callable[[CounsellingCase], Any], dict[CaseState, CaseState]]] = [
    (CounsellingCase.refuse_closed, {S.OPEN: S.OPEN, S.REOPENED: S.REOPENED}),
    (lambda one: one.describe({"languages": ["uk"]}), {S.OPEN: S.OPEN, S.REOPENED: S.REOPENED}),
    (lambda one: one.close(a_spell(), CounsellingResult.INFORMED, DAY), {S.OPEN: S.CLOSED, S.REOPENED: S.CLOSED}),
    (lambda one: one.reopen(a_spell(S.CLOSED), DAY), {S.CLOSED: S.REOPENED}),
]


@pytest.mark.parametrize("state", CaseState)
@pytest.mark.parametrize(("take", "leads"), STEPS)
def test_each_step_leads_from_its_states_only(
    take: Callable[[CounsellingCase], Any], leads: dict[CaseState, CaseState], state: CaseState,
) -> None:
    """Open, closed, reopened; what is closed takes no contact and no change until they come again."""
    case = a_case(state)
    if state in leads:
        take(case)
    else:
        with pytest.raises(Refused) as refused:
            take(case)
        assert refused.value.slug in {"case-closed", "case-open"}

    assert case.state is leads.get(state, state)


def test_a_case_is_open_since_its_first_contact() -> None:
    """A contact that is entered later moves the beginning back; nothing closes before it. Without it, as it was."""
    case, spell = a_case(), a_spell()
    case.begin([spell], [DAY - timedelta(days=3)])
    assert case.opened_on == spell.opened_on == DAY - timedelta(days=3)
    with pytest.raises(Invalid, match="before the day"):
        case.close(spell, CounsellingResult.INFORMED, DAY - timedelta(days=4))
    for later in ([DAY + timedelta(days=1)], []):
        case.begin([spell], later)
        assert case.opened_on == spell.opened_on == DAY


def test_who_closes_a_case_says_that_it_was_opened_by_then() -> None:
    """Also when its contacts before that are struck afterwards, and they come again: no case ends before it begins."""
    case, spell = a_case(), a_spell()
    case.begin([spell], [DAY - timedelta(days=9)])
    case.close(spell, CounsellingResult.INFORMED, DAY - timedelta(days=5))
    case.begin([spell], [])

    assert case.opened_on == case.closed_on == DAY - timedelta(days=5)
    case.begin([spell, case.reopen(spell, DAY)], [DAY])
    assert case.opened_on == DAY - timedelta(days=5)


@pytest.mark.parametrize("state", CaseState)
def test_what_is_erased_stays_counted(state: CaseState) -> None:
    """Neither language nor origin, gender or age can be read any more; the region of the world is counted on."""
    case, spell = a_case(state), a_spell(state)
    case.erase(spell, DAY)

    assert (case.state, case.closed_on, spell.closed_on) == (S.CLOSED, DAY, DAY)
    assert (case.languages, case.gender, case.age_band, case.origin) == ([], Gender.NOT_STATED, None, None)
    assert case.origin_region is WorldRegion.WESTERN_ASIA


def test_who_is_erased_after_a_clock_was_set_back_is_erased() -> None:
    """Their case ends on the day on which it began: no spell ends before, which the database refuses."""
    case, spell = a_case(), a_spell()
    case.erase(spell, DAY - timedelta(days=3))

    assert (case.closed_on, spell.closed_on) == (DAY, DAY)


@dataclass
class Entered:
    """An entry as a history has it."""

    value: str | None
    valid_from: date = DAY
    attribute: Attribute = Attribute.RESIDENCE_STATUS
    corrects: UUID | None = None
    id: UUID = field(default_factory=uuid7)


def true_on(day: date, *entries: Entered) -> str | None:
    """The residence status on a day."""
    return standing(entries, day).get(Attribute.RESIDENCE_STATUS)


def test_what_was_true_on_a_day_is_what_began_last_before_it() -> None:
    """From its first day on, until another begins, whatever the order in which they were entered."""
    pending, subsidiary = Entered("permission_pending"), Entered("subsidiary", DAY + timedelta(days=90))
    for entries in ((pending, subsidiary), (subsidiary, pending)):
        days = [DAY + timedelta(days=days) for days in (-1, 0, 89, 90, 4000)]
        assert [true_on(day, *entries) for day in days] == [
            None, "permission_pending", "permission_pending", "subsidiary", "subsidiary"]


def test_a_correction_speaks_in_place_of_what_it_corrects() -> None:
    """Value and day of it; a correction may be corrected; one without a value takes the entry back."""
    wrong = Entered("asylum")
    right = Entered("refugee", DAY + timedelta(days=1), corrects=wrong.id)
    assert [true_on(DAY + timedelta(days=days), wrong, right) for days in (0, 1)] == [None, "refugee"]
    better = Entered("subsidiary", corrects=right.id)
    assert true_on(DAY, wrong, right, better) == "subsidiary"
    taken_back = Entered(None, corrects=better.id)

    assert true_on(DAY + timedelta(days=9), wrong, right, better, taken_back) is None


def test_of_two_of_one_day_the_later_entered_holds() -> None:
    """Who enters it again without saying that it is a correction is understood all the same."""
    first, second = Entered("asylum"), Entered("refugee")

    assert true_on(DAY, second, first) == "refugee"


@given(st.lists(st.tuples(st.sampled_from(list(Attribute)), st.integers(0, 30), st.integers(-1, 5)), max_size=12))
def test_what_is_entered_for_later_days_changes_no_earlier_one(
    drawn: list[tuple[Attribute, int, int]],
) -> None:
    """The answer for a day is the same with and without what begins after it, unless that corrects something."""
    entries: list[Entered] = []
    for attribute, days, corrects in drawn:
        same = [one for one in entries if one.attribute is attribute
                and one.id not in {other.corrects for other in entries}]
        wrong = same[corrects].id if 0 <= corrects < len(same) else None
        entries.append(Entered(f"v{len(entries)}", DAY + timedelta(days=days), attribute, wrong))
    for days in range(-1, 31, 4):
        day = DAY + timedelta(days=days)
        known = [one for one in entries if one.valid_from <= day or one.corrects]
        assert standing(entries, day) == standing(known, day)
        assert all(one.valid_from <= day for one in entries for value in standing(entries, day).values()
                   if one.value == value)


@pytest.mark.parametrize("attribute", Attribute)
def test_a_value_is_a_code_of_its_attribute(attribute: Attribute) -> None:
    """Each attribute has its list; nothing else is taken, and nothing at all only to take something back."""
    for code in CODES[attribute]:
        refuse_value(attribute, code.value, correcting=False)
    refuse_value(attribute, None, correcting=True)
    wrong = {Attribute.RESIDENCE_STATUS: Cefr.A1.value}.get(attribute, ResidenceStatus.ASYLUM.value)
    for value, correcting in ((None, False), (wrong, False), (wrong, True), ("", True)):
        with pytest.raises(Invalid, match="not a code"):
            refuse_value(attribute, value, correcting=correcting)


FIGURES = [Figure("housing", 40, 20, 900), Figure("health", 6, 4, 90), Figure("other", 9, 7, 100)]
TOTAL = Figure(None, 50, 25, 1000)


def test_few_people_are_hidden_with_all_that_is_counted_of_them() -> None:
    """Six contacts of four people too, and the next larger, so that no difference tells; the sum is shown."""
    cases: dict[Cell, int] = {(one.value, "2026-02"): one.cases or 0 for one in (*FIGURES, TOTAL)}
    rows, total = shown(FIGURES, TOTAL, cases, {})

    assert rows == [FIGURES[0], Figure("health", None, None, None), Figure("other", None, None, None)]
    assert total == TOTAL
    one: dict[Cell, int] = {("housing", "2026-02"): 1, (None, "2026-02"): 1}
    assert shown([Figure("housing", 9, 1, 90)], Figure(None, 9, 1, 90), one, {})[1] == Figure(None, None, None, None)
    assert shown([], Figure(None, 0, 0, 0), {}, {}) == ([], Figure(None, 0, 0, 0))


def test_what_is_hidden_in_a_month_is_hidden_in_every_period_with_it() -> None:
    """Else the months before it, subtracted, would tell it; and a part is not shown where its rest may not be."""
    cases: dict[Cell, int] = {("housing", "2026-01"): 9, ("housing", "2026-02"): 8, ("health", "2026-01"): 7,
                              ("health", "2026-02"): 2, (None, "2026-01"): 16, (None, "2026-02"): 10}
    figures, total = [Figure("housing", 20, 12, 900), Figure("health", 9, 8, 90)], Figure(None, 29, 20, 990)
    rows, shown_total = shown(figures, total, cases, {})
    assert ([one.cases for one in rows], shown_total.cases) == ([None, None], 20)
    january = {key: counted for key, counted in cases.items() if key[1] == "2026-01"}
    assert [one.cases for one in shown(figures, total, january, {})[0]] == [12, 8]
    rest: dict[Cell, int] = {("health", "2026-01"): 3, (None, "2026-01"): 3}
    assert shown(figures, total, january, rest)[0][1].cases is None


@pytest.mark.parametrize(("language", "first", "last"), [
    ("de", "Beratungsthema,Kontakte,Fälle,Minuten", "Gesamt,50,25,1000"),
    ("en", "Counselling topic,Contacts,Cases,Minutes", "Total,50,25,1000"),
])
def test_figures_leave_as_a_table_with_labels(language: str, first: str, last: str) -> None:
    """In German and English; what is hidden says so."""
    cases: dict[Cell, int] = {(one.value, "2026-02"): one.cases or 0 for one in (*FIGURES, TOTAL)}
    hidden_health = shown(FIGURES, TOTAL, cases, {})
    lines = file_of(By.TOPIC, *hidden_health, language).splitlines()
    hidden = {"de": "weniger als 5 oder geschützt", "en": '"fewer than 5, or protected"'}[language]

    assert (lines[0], lines[-1]) == (first, last)
    assert lines[2].endswith(f",{hidden},{hidden},{hidden}")
    assert "4" not in lines[2]


@pytest.mark.parametrize("by", By)
def test_every_value_has_a_label(by: By) -> None:
    """Codes by their list, what is no code by itself, and what nobody said."""
    for language in ("de", "en"):
        assert title_of(by, language)
        assert label_of(by, UNSAID, language) in {"Ohne Angabe", "Not stated"}
        values = list(LISTS[by]) if by in LISTS else ["ar"]
        assert all(label_of(by, value, language) for value in values)
    assert label(WorldRegion.WESTERN_ASIA, "de") == "Westasien"


@pytest.mark.parametrize("attribute", Attribute)
def test_figures_know_every_status_that_is_followed(attribute: Attribute) -> None:
    """Told apart by its own list, with a word of its own for what nobody asked that is no other code of it."""
    by = By(attribute.value)

    assert (STATUSES[by], LISTS[by]) == (attribute, CODES[attribute])
    assert UNSAID not in set(CODES[attribute])
    assert label_of(by, UNKNOWN.get(by, UNSAID), "de") in {"Ohne Angabe", "Nicht erfragt"}


def test_a_period_is_whole_quarters_that_are_over() -> None:
    """The year of the last of them unless said; it ends after it begins, and is no longer than five years."""
    today, over = date(2026, 11, 23), date(2026, 9, 30)
    assert period(None, None, today) == (date(2026, 1, 1), over)
    assert period(None, None, over) == (date(2026, 1, 1), date(2026, 6, 30))
    assert period(None, None, date(2026, 3, 31)) == (date(2025, 1, 1), date(2025, 12, 31))
    assert period(date(2026, 4, 1), over, today) == (date(2026, 4, 1), over)
    assert period(date(2021, 10, 1), None, today) == (date(2021, 10, 1), over)
    for begins, ends in ((date(2026, 7, 1), date(2026, 6, 30)), (date(2021, 7, 1), over)):
        with pytest.raises(Invalid, match="A period ends"):
            period(begins, ends, today)
    for begins, ends, wrong in (
            (date(2026, 1, 2), over, "from"), (date(2026, 2, 1), over, "from"),
            (date(2026, 1, 1), date(2026, 9, 29), "until"), (date(2026, 1, 1), date(2026, 8, 31), "until"),
            (date(2026, 1, 1), today, "until"), (date(2026, 1, 1), date(2026, 12, 31), "until")):
        with pytest.raises(Invalid, match="whole quarters") as refused:
            period(begins, ends, today)
        assert refused.value.field == wrong
