"""Both sides as PostgreSQL copies them out: they are the same people as those made one by one."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings

from services.matching.runs.batch import Inputs, Sides, inputs_hash, run, run_sides
from services.matching.runs.copied import Copied, households_of, units_of
from services.matching.runs.pool import Household, Unit
from services.matching.runs.solving import told
from tests.matching.pools import TODAY, a_household, a_unit, inputs, pools

UNIT = ("id", "version", "kind", "free", "largest", "district", "radius_km", "lat", "lon", "languages", "slots",
        "contact_genders", "accepts_genders", "accepts_bands", "offers", "interests", "childcare", "step_free",
        "conflict_groups", "persons", "partner", "vetoed_households", "vetted", "consented", "paused", "days_left",
        "housing")
HOUSEHOLD = ("id", "version", "members", "district", "waiting_since", "lat", "lon", "radius_km", "languages",
             "least_level", "interpreter", "slots", "kinds", "contact_genders", "must_haves", "wishes", "interests",
             "conflict_groups", "vetoed_units", "vetoed_persons", "vetoed_partners", "urgency", "consented")


def cell(value: Any) -> str:
    """A value as COPY writes it."""
    match value:
        case None:
            return "\\N"
        case bool():
            return "t" if value else "f"
        case frozenset() | tuple() | dict():
            return json.dumps(value if isinstance(value, dict) else [
                vars(one) if hasattr(one, "age_band") else str(one) for one in value]).replace("\\", "\\\\")
        case date():
            return str(datetime(value.year, value.month, value.day, 11, tzinfo=UTC))
        case _:
            return str(value)


def copied(people: tuple[Any, ...], names: tuple[str, ...]) -> Copied:
    """A side as it is copied out."""
    def value(one: Any, name: str) -> Any:
        if name in ("lat", "lon"):
            return getattr(one.point, name) if one.point else None
        return 3 if name == "version" else getattr(one, name)

    lines = ["\t".join(cell(value(one, name)) for name in names) + "\n" for one in people]
    return Copied(names, "".join(lines).encode())


def as_copied(given_: Inputs) -> Sides:
    """The inputs as a database would have had them."""
    units = tuple(replace(unit, housing=None) for unit in given_.units)
    barred = {name: frozenset((str(one), str(other)) for one, other in getattr(given_, name))
              for name in ("declined", "pinned", "forbidden")}
    return Sides(households_of(copied(given_.households, HOUSEHOLD))[0], units_of(copied(units, UNIT), TODAY)[0],
                 given_.rules, given_.today, **barred)


@given(given_=pools(6, 5))
@settings(max_examples=60, deadline=None)
def test_who_is_copied_out_is_who_it_was(given_: Inputs) -> None:
    """Every field, in whatever order the lines came: the same hash, and the same outcome to the last sentence."""
    given_ = replace(given_, units=tuple(replace(unit, housing=None) for unit in given_.units))
    one, other = run(given_), run_sides(as_copied(given_))

    assert other.inputs_hash == one.inputs_hash == inputs_hash(given_)
    assert "".join(told(other, given_.rules.weights)) == "".join(told(one, given_.rules.weights))


def test_ids_and_versions_are_told() -> None:
    """Who was seen, in which version; nobody is fine, too."""
    side, versions = units_of(copied((a_unit(2), a_unit(1)), UNIT), TODAY)

    assert side.ids == [str(UUID(int=0x1001)), str(UUID(int=0x1002))]
    assert versions == dict.fromkeys(side.ids, 3)
    assert households_of(Copied(HOUSEHOLD, b""))[1] == {}
    assert run_sides(as_copied(inputs([], []))).certified


def test_a_home_is_read_as_its_group_wrote_it() -> None:
    """Its rent is secured from moving in; a home without steps makes a group without steps."""
    home = {"max_persons": 4, "barrier_free": True, "available_from": "2026-04-01", "secured_months": 12}
    line = copied((a_unit(kind="group"),), UNIT)
    side, _ = units_of(line._replace(lines=line.lines.replace(b"\\N\n", json.dumps(home).encode() + b"\n")), TODAY)
    (housing,) = side["housing"].each()

    assert (housing.persons, housing.step_free, housing.rent_secured_until) == (4, True, date(2027, 4, 1))
    assert side["step_free"].each() == [True]


def test_what_a_code_holds_is_read_back() -> None:
    """Tabs, line breaks, backslashes and quotes within a code are those of the code."""
    odd = frozenset({'a"b', "a\\b", "a\tb", "a\nb", "ä"})
    side, _ = units_of(copied((a_unit(offers=odd),), UNIT), TODAY)

    assert side["offers"].each() == [odd]


BAD: list[tuple[type[Unit] | type[Household], str, Any]] = [
    (Unit, "kind", "trio"), (Unit, "free", -1), (Unit, "largest", 0), (Unit, "days_left", -1),
    (Unit, "radius_km", -1), (Unit, "slots", 1 << 28),
    (Unit, "languages", {"ar": "D1"}), (Unit, "contact_genders", frozenset({"female"})), (Unit, "lat", 91.0),
    (Household, "members", ()), (Household, "least_level", "none"), (Household, "kinds", frozenset({"trio"})),
    (Household, "urgency", 4), (Household, "slots", -1), (Household, "district", "1508"),
]


@pytest.mark.parametrize(("kind", "name", "value"), BAD)
def test_what_cannot_be_meant_is_refused_by_its_name(kind: type, name: str, value: Any) -> None:
    """As where people are made one by one."""
    names, good = (UNIT, a_unit()) if kind is Unit else (HOUSEHOLD, a_household())
    line = copied((good,), names)
    cells = line.lines.decode().rstrip("\n").split("\t")
    cells[names.index(name)] = cell(value)
    bad = Copied(names, ("\t".join(cells) + "\n").encode())

    with pytest.raises(ValueError, match=f"^{name}: "):
        units_of(bad, TODAY) if kind is Unit else households_of(bad)
