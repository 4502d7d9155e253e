"""Own data in words, and the forms that change it: nothing personal is without its words, nothing is lost in a form."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.codes.labels import label
from libs.common.codes.lists import Cefr, CodeList
from libs.common.phrases import phrases
from services.matching.consents.model import Purpose
from services.matching.households.model import Household, HouseholdState
from services.matching.links.queries import FILE, say
from services.matching.links.rules import at_fault, read_form
from services.matching.members.model import Member
from services.matching.mentors.model import Mentor, MentorState
from services.matching.own_data.model import TOLD
from services.matching.own_data.queries import NOT_THEIRS, lacking
from services.matching.own_data.rules import LISTS, UNSAID, noted, told
from services.matching.profiles.rules import DAYS, PARTS, SLOTS, ContactIn, ContactOut
from services.matching.runs.keeping import changed_meanwhile
from services.matching.runs.model import Unserved
from services.matching.self_service.rules import (
    AvailabilityIn,
    availability_form,
    availability_in,
    contact_form,
    contact_in,
)
from services.matching.tables import Table

LANGUAGES = ("de", "en", "uk", "ar")
# Personal columns that nobody's own data holds, each with why.
UNTOLD = {
    "closing.person_ref": "whose data it is stands at the top", "meeting.person_ref": "the same",
    "checkin.answered_by": "the same", "concern.person_ref": "the same", "consent.person_ref": "the same",
    "counselling_case.person_ref": "the same", "attended_training.person_ref": "the same",
    "decision.note_ref": "whose key opens the words; of a mentor the own",
    "prerequisite.waived_why": "why a whole group need not show it",
    "prerequisite.evidence": "ids of what a whole group brought; their own trainings are told as trainings",
    "proposal.besides": "what others could have had: prices, and the next best of somebody else",
    "proposal.unreached": "whom a mail did not reach, others of the group too; the proposal's end is told",
    "proposal.obstacles": "may hold a veto of the other side", "tandem.obstacles": "may hold a veto of the other side",
    "run_pair.points": "the proposal's points, told with it; who was weighed besides was never told to anybody",
}
TABLES: dict[str, Any] = {"mentor": Mentor, "household": Household, "member": Member}
NAMES = st.text(st.characters(categories=["L"]), min_size=1, max_size=20)
AVAILABLE = st.fixed_dictionaries({
    "slots": st.lists(st.sampled_from(SLOTS), unique=True),
    "languages": st.dictionaries(st.sampled_from(["de", "ar", "uk", "ckb"]), st.sampled_from([*Cefr])),
    "radius_km": st.none() | st.integers(0, 500), "capacity": st.integers(1, 50),
    "available_until": st.none() | st.dates(date(1900, 1, 1), date(2100, 12, 31))})


def in_words(key: str, **values: object) -> str:
    """A phrase in German."""
    return say(key, ["de"], **values).text


@pytest.mark.parametrize("table", TABLES)
def test_every_personal_column_is_told_in_words(table: str) -> None:
    """Who adds a column about a person says in four languages what it is; a column without a class is not missed."""
    known = phrases(FILE).table
    columns = [one for one in TABLES[table].__table__.columns if one.info["privacy"] != "none"]
    assert len(columns) >= 3
    assert [one.name for one in columns if f"stored_{one.name}" not in known and one.name not in NOT_THEIRS] == []
    others = [one.name for one in TABLES[table].__table__.columns if f"stored_{one.name}" not in known]
    assert set(others) <= UNSAID | NOT_THEIRS


def test_every_personal_column_is_told_to_whom_it_is_about() -> None:
    """Who adds a column about a person adds it to their own data, or says here why not; what is listed is there."""
    told = {kind.__tablename__: names for kind, names in TOLD.items()}
    # Their own row is told whole; what a group says of itself is about no one person.
    whole = {kind.__tablename__ for kind in TABLES.values()} | {"mentor_group"}
    columns = [(table.name, one.name) for table in Table.metadata.sorted_tables if table.name not in whole
               for one in table.columns if one.info["privacy"] in {"personal", "special"}]
    assert len(columns) >= 40
    missing = {f"{table}.{name}" for table, name in columns if name not in told.get(table, ())}

    assert missing == set(UNTOLD)
    assert [one for kind, names in TOLD.items() for one in names if one not in kind.model_fields] == []


def test_why_nobody_was_found_is_told_without_the_vetoes_of_others() -> None:
    """Distances and languages are told and counted; a veto is not, and where there was nothing else nothing is said."""
    row = Unserved(run_id=uuid4(), region="15087", household_id=uuid4(), possible=0, alone={"vetoed": 1},
                   removed={"vetoed": 2, "too_far": 3}, missing={"de": ["x"], "en": ["x"]})
    told = lacking(row)
    assert (told["removed"], told["alone"], set(told["missing"])) == ({"too_far": 3}, {}, {"de", "en"})
    row.removed = {"vetoed": 2}

    assert (lacking(row)["removed"], lacking(row)["missing"]) == ({}, {})


def test_that_something_changed_while_a_run_computed_is_told() -> None:
    """It is no hard constraint of anybody, and says nothing about the other side."""
    (why,) = changed_meanwhile([str(uuid4())])
    row = Unserved(run_id=uuid4(), region="15087", **why)

    assert lacking(row)["removed"] == {"changed_meanwhile": 1}
    assert set(lacking(row)["missing"]) == {"de", "en"}


def test_every_state_and_part_of_the_week_has_its_words() -> None:
    """In each language of the pages; ended ones have no page."""
    states = {*MentorState, *HouseholdState, "member"} - {MentorState.LEFT, HouseholdState.CLOSED}
    keys = [*(f"state_{state}" for state in states), *(f"day_{day}" for day in DAYS),
            *(f"part_{part}" for part in PARTS), *(f"purpose_{purpose}" for purpose in Purpose)]

    assert [key for key in keys if set(phrases(FILE).table.get(key, {})) != set(LANGUAGES)] == []


def test_every_phrase_is_in_every_language() -> None:
    """A page is never half in German."""
    assert [key for key, texts in phrases(FILE).table.items() if set(texts) != set(LANGUAGES)] == []


@pytest.mark.parametrize("of", list(dict.fromkeys(LISTS.values())), ids=lambda of: of.__name__)
def test_codes_have_labels_in_every_language_of_the_pages(of: type[CodeList]) -> None:
    """What a code is called falls back to German, which not everybody reads."""
    for code in of:
        texts = {label(code, language) for language in ("de", "uk", "ar")}
        assert len(texts) == 3, code


def test_codes_are_said_in_words() -> None:
    """Lists by their labels, days as people write them, ids of others by their number; what is empty is left out."""
    stored = {
        "id": "x", "gender": "f", "languages": {"ar": "C2", "de": "literacy"}, "slots": ["tue_evening", "tue_morning"],
        "childcare": False, "vetoed_households": ["a", "b"], "interests": ["table_tennis"], "postcode": None,
        "members": [{"age_band": "0-5", "gender": "m"}], "kinds": ["group"], "offers": []}
    found = dict(told(stored, in_words, "de"))

    assert found == {
        "Geschlecht": "weiblich", "Sprachen": "العربية (C2), Deutsch (Alphabetisierung)",
        "Freie Zeiten in der Woche": "Dienstag: morgens, abends", "Kinderbetreuung": "nein",
        "Haushalte, die Sie nicht begleiten möchten, Anzahl": "2", "Interessen": "table tennis",
        "Personen im Haushalt": "0 bis 5 Jahre, männlich", "Wer Sie begleiten soll": "eine Gruppe"}


def test_what_was_noted_is_said_in_words() -> None:
    """An answer without a mood says so; of a training that was taken back nothing is said."""
    rows: dict[str, list[dict[str, Any]]] = {
        "consents": [{"purpose": "checkins", "given_on": date(2024, 1, 8), "withdrawn_on": None, "replaced_on": None},
                     {"purpose": "learnings", "given_on": date(2024, 1, 8), "withdrawn_on": date(2025, 1, 8),
                      "replaced_on": None}],
        "meetings": [], "checkins": [{"mood": None, "note": "Gut"}, {"mood": 5, "note": None}], "concerns": [],
        "trainings": [{"training_code": "basic_training", "counts": True}, {"training_code": "x", "counts": False}]}

    assert noted(rows, in_words) == [
        ("Worin Sie eingewilligt haben", "dass wir Sie fragen, wie es läuft, seit \u206808.01.2024\u2069"),
        ("Besuchte Schulungen", "basic training"),
        ("Antworten in Begleitgesprächen", "Das möchte ich nicht sagen: Gut; 5 – sehr gut")]  # noqa: RUF001


@given(AVAILABLE)
def test_a_form_sent_as_it_was_shown_changes_nothing(stored: dict[str, Any]) -> None:
    """What stands in the form about availability says what is stored."""
    said = AvailabilityIn.model_validate(availability_in(availability_form(stored)))

    assert said.model_dump() == stored


@given(NAMES, st.none() | st.just("mira@example.org"), st.lists(st.sampled_from(["de", "ar", "uk"]), min_size=1,
                                                              unique=True))
def test_a_contact_sent_as_it_was_shown_changes_nothing(name: str, email: str | None, written_in: list[str]) -> None:
    """The same for name and addresses, also when a blank choice stands among the languages."""
    shown = contact_form(ContactOut(person_ref="0190c0de-0000-7000-8000-000000000001", name=name, email=email,
                                    phone=None, written_in=written_in))
    shown = shown | {"written_in": ["", *shown["written_in"], ""]}
    said = ContactIn.model_validate(contact_in(shown))

    assert (said.email, said.phone, said.written_in) == (email, None, written_in)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading_of_a_form(content: bytes) -> None:
    """Whatever is sent instead of a form becomes fields, or none; what is no form is read as JSON."""
    fields = read_form(content, str)

    assert all(isinstance(value, list) for value in fields.values())
    availability_in(fields)
    contact_in(fields)
    assert read_form({"name": "x"}, lambda value: value) == {"name": "x"}


def test_faults_are_told_by_the_names_in_the_form() -> None:
    """What is a table of languages to a program is a row of choices in the form."""
    faults = [{"loc": ("languages", "de")}, {"loc": ("radius_km",)}, {"loc": ()}]

    assert at_fault(faults) == {"language", "radius_km"}
