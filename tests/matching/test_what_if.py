"""What-if files: the shape of the API's bodies in, the core's inputs out, and for what is malformed line and field."""

import json
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from services.matching.runs.batch import hash_of, run_sides
from services.matching.runs.hard import HardCode, obstacles
from services.matching.runs.json_lines import line_of
from services.matching.runs.pool import Household, Point, Unit
from services.matching.runs.what_if import Malformed, pinned_at, read_sides

MENTOR, OTHER, GROUP = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
NOBODY = "00000000-0000-4000-8000-000000000099"
FAMILY, SINGLE = (f"00000000-0000-4000-8000-00000000000{n}" for n in "ab")
SHARED: dict[str, Any] = {"region": "15087", "languages": {"ar": "C2"}, "slots": ["tue_evening", "sat_morning"]}


def a_file(**changed: Any) -> dict[str, Any]:
    """Two mentors, a group and two households."""
    return {
        "today": "2026-03-02",
        "mentors": [SHARED | {"id": MENTOR, "gender": "f", "postcode": "06295"}, SHARED | {"id": OTHER, "capacity": 0}],
        "mentor_groups": [SHARED | {"id": GROUP, "contact_genders": ["f"], "housing": {
            "rooms": 3, "max_persons": 4, "net_cold_rent": 50000, "secured_months": 12, "barrier_free": True,
            "available_from": "2026-04-01"}}],
        "households": [
            SHARED | {"id": FAMILY, "members": [{"age_band": "27-44", "gender": "f"}, {"age_band": "6-13"}],
                      "waiting_since": "2025-11-01", "only_female_mentor": True, "barrier_free": True},
            SHARED | {"id": SINGLE, "members": [{"age_band": "18-26"}], "waiting_since": "2026-02-01",
                      "lat": 51.5, "lon": 11.5},
        ],
    } | changed


def text_of(file: dict[str, Any]) -> str:
    """The file as a person writes it: a line for each thing."""
    return json.dumps(file, indent=1)


def faults(text: str) -> list[tuple[int, str, str]]:
    """What is wrong with a text."""
    with pytest.raises(Malformed) as raised:
        read_sides(text)
    return list(raised.value.faults)


def test_a_file_becomes_the_inputs_of_a_run() -> None:
    """As the database's rows would: wishes as codes, a postcode's point, a home with its rent, places left."""
    inputs = read_sides(text_of(a_file()))
    family, single = inputs.households.people(Household)
    mentor, other, group = inputs.units.people(Unit)

    assert inputs.today == date(2026, 3, 2)
    assert (set(family.contact_genders), set(family.must_haves)) == ({"f"}, {"step_free"})
    assert single.point == Point(51.5, 11.5)
    assert mentor.point is not None
    assert (mentor.free, other.free, group.free) == (1, 0, 1)
    assert group.housing is not None
    assert (group.step_free, group.housing.rent_secured_until) == (True, date(2027, 4, 1))
    outcome = run_sides(inputs)
    assert outcome.certified
    assert {str(one.household): str(one.unit) for one in outcome.proposals} == {FAMILY: GROUP, SINGLE: MENTOR}


def test_a_wish_for_a_gender_counts() -> None:
    """For a man, or for a woman or a diverse person; a group's main contacts are all looked at."""
    for wished, units in ((["m"], {OTHER}), (["f", "d"], {MENTOR, GROUP}), (["d"], set()),
                          ([], {MENTOR, OTHER, GROUP})):
        file = a_file()
        file["mentors"][1] |= {"gender": "m", "capacity": 1}
        file["households"] = [file["households"][1] | {"contact_genders": wished}]
        inputs = read_sides(text_of(file))
        (household,) = inputs.households.people(Household)
        assert household.contact_genders == set(wished)
        fit = {str(unit.id) for unit in inputs.units.people(Unit)
               if HardCode.GENDER_WISH_OF_HOUSEHOLD not in obstacles(household, unit, inputs.rules)}
        assert fit == units, wished


def test_rules_and_declined_pairs_count() -> None:
    """Weights of the file, capacity in persons, rent to be secured, and pairs that do not come back."""
    rules = {"language": 1000, "distance": 0, "needs": 0, "interests": 0, "availability": 0, "capacity_in": "persons",
             "rent_months": 24}
    inputs = read_sides(text_of(a_file(rules=rules, declined=[[SINGLE, MENTOR]])))

    assert (inputs.rules.weights.language, inputs.rules.capacity_in) == (1000, "persons")
    assert inputs.rules.housing is not None
    assert inputs.rules.housing.rent_secured_until == date(2028, 3, 2)
    assert inputs.declined == {(UUID(SINGLE), UUID(MENTOR))}


@pytest.mark.parametrize("file", [{"today": "2026-03-02"}, a_file(households=[]), a_file(mentors=[], mentor_groups=[])])
def test_nobody_on_a_side_is_fine(file: dict[str, Any]) -> None:
    """An empty pool, or one side of it empty: nothing is proposed, and everybody is told why."""
    outcome = run_sides(read_sides(text_of(file)))

    assert outcome.certified
    assert not outcome.proposals
    assert len(outcome.unserved) == len(file.get("households", []))


def with_line(text: str, part: str) -> int:
    """The line in which a part of a text first stands."""
    return text[:text.index(part)].count("\n") + 1


@pytest.mark.parametrize(("old", "new", "field", "said"), [
    ('"ar": "C2"', '"ar": "C9"', "mentors.0.languages.ar", "Input should be"),
    ('"lat": 51.5', '"lat": 91', "households.1.lat", "less than or equal to 90"),
    ('"postcode": "06295"', '"postcode": "629"', "mentors.0.postcode", "match pattern"),
    ('"today": "2026-03-02"', '"today": "2026-02-30"', "today", "valid date"),
    ('"region": "15087"', '"region": "1508"', "mentors.0.region", "match pattern"),
    ('"region": "15087"', '"region": "99999"', "mentors.0.region", "there is no region 99999"),
    ('"age_band": "18-26"', '"age_band": "18-25"', "households.1.members.0.age_band", "Input should be"),
    ('"capacity": 0', '"capacity": -1', "mentors.1.capacity", "greater than or equal to 0"),
    ('"gender": "f",', '"name": "Rana",', "mentors.0.name", "not permitted"),
    ('"available_from": "2026-04-01"', '"available_from": "soon"', "mentor_groups.0.housing.available_from", "date"),
    ('"available_from": "2026-04-01"', '"available_from": "0"', "mentor_groups.0.housing.available_from", "date"),
    ('"today": "2026-03-02"', '"today": 0', "today", "no valid date"),
    ('"today": "2026-03-02"', '"today": "1772409600"', "today", "no valid date"),
    ('"waiting_since": "2025-11-01"', '"waiting_since": 0', "households.0.waiting_since", "no valid date"),
    ('"capacity": 0', '"capacity": true', "mentors.1.capacity", "valid integer"),
    ('"capacity": 0', '"capacity": "1"', "mentors.1.capacity", "valid integer"),
    ('"lat": 51.5', '"lat": "51.5"', "households.1.lat", "valid number"),
    ('"lat": 51.5', '"lat": true', "households.1.lat", "valid number"),
    ('"gender": "f",', '"consented": "yes",', "mentors.0.consented", "valid boolean"),
    ('"languages": {', '"languages": {"AR": "A1",', "mentors.0.languages", "twice, in two spellings"),
    ('"contact_genders": [', '"capacity": 2, "contact_genders": [', "mentor_groups.0.capacity", "one household at a"),
    ('"only_female_mentor": true', '"contact_genders": ["m"], "only_female_mentor": true',
     "households.0.contact_genders", "says otherwise"),
    ('"today": "2026-03-02"', '"rules": {"base": true}, "today": "2026-03-02"', "rules.base", "valid integer"),
])
def test_what_is_malformed_is_told_with_its_line(old: str, new: str, field: str, said: str) -> None:
    """The line in the file, the field, and what is wrong with it."""
    text = text_of(a_file()).replace(old, new, 1)
    found = {named: (line, wrong) for line, named, wrong in faults(text)}

    assert field in found, found
    assert said in found[field][1]
    assert found[field][0] == with_line(text, new)


def test_two_varieties_of_a_language_are_one() -> None:
    """As by the API: the better level stands."""
    twice = text_of(a_file()).replace('"languages": {', '"languages": {"ar-SY": "A1", ', 1)
    assert twice != text_of(a_file())
    assert hash_of(read_sides(twice)) == hash_of(read_sides(text_of(a_file())))


@pytest.mark.parametrize(("text", "expected"), [
    ('{\n"today": nonsense}', (2, "file", "not JSON: Expecting value")),
    ('{\n\n"today": NaN}', (3, "today", "no valid date, such as 2026-03-02")),
    ('{"today": "2026-03-02",\n"rules": {"base": Infinity}}', (2, "rules.base", "Input should be a valid integer")),
    ("", (1, "file", "not JSON: Expecting value")),
    ("[]", (1, "file", "Input should be a valid dictionary or instance of WhatIf")),
    ('{"today": "2026-03-02",\n"today": "2026-03-03"}', (2, "file", "not JSON: today stands there twice")),
    ('{"mentors": [\n{"a": 1},\n{"a": {"b": 1, "b": 2}}]}', (3, "file", "not JSON: b stands there twice")),
    ('{"mentors": [\n' + "[" * 100_000, (2, "file", "not JSON: Nested too deeply")),
    ("[" * 100_000, (1, "file", "not JSON: Nested too deeply")),
    ('{"households": [\n{"lat": ' + "9" * 5_000 + "}]}", (2, "file", "not JSON: A number is too long")),
    ('{"today": "9999-12-31"}', (1, "today", "Input should be less than or equal to 2100-12-31")),
])
def test_what_is_no_such_file_is_told(text: str, expected: tuple[int, str, str]) -> None:
    """No JSON, no number, no object."""
    assert faults(text) == [expected]


def test_a_household_is_pinned_to_one() -> None:
    """To two: that is told of the pairs, instead of a place that is missing; the same pair twice is one."""
    one, two, other = (f"00000000-0000-4000-8000-00000000000{number}" for number in range(3))
    text = json.dumps({"today": "2026-03-02", "pinned": [[one, two], [one, other]]})
    assert faults(text) == [(1, "pinned", f"household {one} is pinned to two; it gets one")]
    assert all("nobody" in wrong or "is no" in wrong for _, _, wrong in faults(text.replace(other, two)))


def test_an_empty_pair_is_told_in_its_line() -> None:
    """Neither of the two stands anywhere."""
    assert faults('{"today": "2026-03-02",\n"pinned": [\n[]]}') == [
        (3, "pinned.0.0", "Field required"), (3, "pinned.0.1", "Field required")]


def test_a_missing_field_is_told_where_its_thing_begins() -> None:
    """There is no line of its own for what is not there."""
    file = a_file()
    del file["households"][1]["waiting_since"]
    text = text_of(file)

    (line, field, said), = faults(text)
    assert (field, said) == ("households.1.waiting_since", "Field required")
    assert text.splitlines()[line - 1].strip() == "{"
    assert SINGLE in "\n".join(text.splitlines()[line - 1 : line + 12])


def test_half_a_character_is_told_where_its_row_begins() -> None:
    """No text can hold it."""
    text = text_of(a_file()).replace('"gender": "f"', '"gender": "\\ud800"', 1)

    (line, field, said), = faults(text)
    assert (line, field, said) == (4, "mentors.0", "Invalid JSON: unexpected end of hex escape")


def test_half_a_point_is_refused() -> None:
    """A latitude without a longitude is a mistake, not a place that is unknown."""
    file = a_file()
    del file["households"][1]["lon"]

    assert [(field, said) for _, field, said in faults(text_of(file))] == [
        ("households.1", "lat and lon belong together")]


@pytest.mark.parametrize(("given", "expected"), [
    ({"forbidden": [[MENTOR, SINGLE]]}, [("forbidden.0.0", f"{MENTOR} is no household of this file"),
                                         ("forbidden.0.1", f"{SINGLE} is no mentor or group of this file")]),
    ({"declined": [[SINGLE, MENTOR], [MENTOR, FAMILY]]}, [
        ("declined.1.0", f"{MENTOR} is no household of this file"),
        ("declined.1.1", f"{FAMILY} is no mentor or group of this file")]),
    ({"pinned": [[SINGLE, NOBODY]]}, [("pinned.0.1", f"{NOBODY} is no mentor or group of this file")]),
    ({"forbidden": [[NOBODY, MENTOR]]}, [("forbidden.0.0", f"{NOBODY} is no household of this file")]),
])
def test_a_pair_of_which_one_is_nobody_is_told(given: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """It would bar nothing without a word."""
    assert [(field, said) for _, field, said in faults(text_of(a_file(**given)))] == expected


def test_a_group_has_as_many_places_as_it_says_where_they_count_persons() -> None:
    """There it takes one household of so many."""
    file = a_file(rules={"capacity_in": "persons"})
    file["mentor_groups"][0]["capacity"] = 4

    assert max(read_sides(text_of(file)).units["free"].each()) == 4


def test_pinned_pairs_are_found_again_with_their_lines() -> None:
    """The first of two that are equal; a file without any has none."""
    text = text_of(a_file(pinned=[[FAMILY, GROUP], [SINGLE, MENTOR], [FAMILY, GROUP]]))
    first = with_line(text, '"pinned"') + 1

    assert pinned_at(text) == {(UUID(FAMILY), UUID(GROUP)): (first, "pinned.0"),
                               (UUID(SINGLE), UUID(MENTOR)): (first + 4, "pinned.1")}
    assert pinned_at(text_of(a_file())) == {}


def test_who_declined_may_be_gone_and_who_was_ruled_out_in_a_download_too() -> None:
    """A run's own file is read whoever has left since."""
    read_sides(text_of(a_file(declined=[[NOBODY, MENTOR], [SINGLE, NOBODY]])))
    read_sides(text_of(a_file(of_run={"id": NOBODY}, forbidden=[[NOBODY, MENTOR]])))


def test_ids_stand_there_once() -> None:
    """A mentor and a group share their ids' space; households have one of their own."""
    file = a_file()
    file["mentor_groups"][0]["id"] = MENTOR
    file["households"][1]["id"] = FAMILY
    text = text_of(file)

    assert [(field, said) for _, field, said in faults(text)] == [
        ("households.1.id", f"{FAMILY} stands there twice"), ("mentor_groups.0.id", f"{MENTOR} stands there twice")]


def test_weights_that_make_no_thousand_are_told_at_the_rules() -> None:
    """What only the core refuses is told with its line, too."""
    text = text_of(a_file(rules={"language": 900}))

    (line, field, said), = faults(text)
    assert (line, field) == (with_line(text, '"rules"'), "rules.weights")
    assert "sum to 1650" in said


def test_a_line_is_found_behind_anything() -> None:
    """Nested, escaped, on one line or many."""
    text = '{"a": {"b\\"": [1, {"c":\n [2, "]}",\n3]}]},\n"d": 4}'

    assert line_of(text, ["a", 'b"', 1, "c", 2]) == 3
    assert line_of(text, ["d"]) == 4
    assert line_of(text, ["a", "unknown", 5]) == 1
