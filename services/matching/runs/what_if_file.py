"""A pool written as a what-if run's file, row by row: what `what_if` reads from it is the very same pool.

Nobody's name is in it; places are those of postcodes, and what matching does not read is left out.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from datetime import date, timedelta
from typing import Any

import numpy as np

from services.matching.profiles.rules import slots_of
from services.matching.runs.batch import Sides, hash_of
from services.matching.runs.columns import Side
from services.matching.runs.pool import Housing, Rules
from services.matching.runs.solving import BARRED, sides_of

SAME_OF_BOTH = ("id", "consented", "languages", "interests", "conflict_groups", "radius_km")
SAME_OF_HOUSEHOLD = ("least_level", "interpreter", "kinds", "contact_genders", "must_haves", "wishes",
                     "vetoed_units", "vetoed_persons", "vetoed_partners", "urgency", "waiting_since")
SAME_OF_UNIT = ("largest", "offers", "accepts_genders", "accepts_bands", "childcare", "step_free",
                "vetoed_households", "vetted", "paused")
AT_ONCE = 1000
Row = dict[str, Any]


def written(sides: Sides, of_run: Row | None = None) -> Iterator[str]:
    """The parts of the file's text; `of_run` is what it says about the run whose pool it is."""
    head = ({"of_run": of_run} if of_run else {}) | {
        "today": sides.today, "rules": rules_row(sides.rules, sides.today)} | {
        name: sorted([str(one), str(other)] for one, other in getattr(sides, name)) for name in BARRED}
    yield _text(head)[:-1]
    rows = {
        "households": map(household_row, _people(sides.households)),
        "mentors": (mentor_row(one, sides.today) for one in _people(sides.units) if one["kind"] != "group"),
        "mentor_groups": (group_row(one, sides.today) for one in _people(sides.units) if one["kind"] == "group"),
    }
    for name, side in rows.items():
        yield f',\n"{name}": ['
        yield from _joined(side)
        yield "]"
    yield "}"


def file_of(pool: Row, of_run: Row) -> bytes:
    """The file of a pool as it was copied out of the database; it says whether the run saw the very same one."""
    sides, _ = sides_of(pool)
    now = hash_of(sides)
    told = of_run | {"inputs_hash_now": now, "same_inputs": now == of_run["inputs_hash"]}
    return "".join(written(sides, told)).encode()


def rules_row(rules: Rules, day: date) -> Row:
    """What is computed with; of the home that is asked for, how many months of its rent have to be secured."""
    plain = {each.name: getattr(rules, each.name) for each in fields(Rules) if each.name not in {"weights", "housing"}}
    months = months_between(day, rules.housing.rent_secured_until) if rules.housing else 0
    return plain | asdict(rules.weights) | {"rent_months": months}


def months_between(day: date, until: date) -> int:
    """The number of months that, added to the day, make the other one; the last days of a month are as good."""
    return (until.year - day.year) * 12 + until.month - day.month


def household_row(one: Row) -> Row:
    """A household's row from the fields of `pool.Household`."""
    return _described(one, SAME_OF_HOUSEHOLD) | {
        "members": [vars(member) for member in one["members"]]}


def mentor_row(one: Row, day: date) -> Row:
    """A mentor's row from the fields of `pool.Unit`; the days that it has left are counted from the day."""
    return _accompanying(one, day) | _given(
        {"gender": next(iter(one["contact_genders"]), None), "person_ref": next(iter(one["persons"]), None)})


def group_row(one: Row, day: date) -> Row:
    """A group's row likewise; rents are counted from the day."""
    home = {"housing": _home(one["housing"], day)} if one["housing"] else {}
    return _accompanying(one, day) | home | _given(
        {"contact_genders": one["contact_genders"], "member_refs": one["persons"]})


def _people(side: Side) -> Iterator[Row]:
    """The fields of each person by name; not all of them at once."""
    for start in range(0, len(side), AT_ONCE):
        places = np.arange(start, min(start + AT_ONCE, len(side)))
        columns = [column.each(places) for column in side.columns.values()]
        for one, *values in zip(side.ids[start : start + AT_ONCE], *columns, strict=True):
            yield {"id": one} | dict(zip(side.columns, values, strict=True))


def _described(one: Row, names: Iterable[str]) -> Row:
    point = {"lat": one["point"].lat, "lon": one["point"].lon} if one["point"] else {}
    same = _given({name: one[name] for name in (*SAME_OF_BOTH, *names)})
    return same | point | {"region": one["district"], "slots": slots_of(one["slots"])}


def _accompanying(one: Row, day: date) -> Row:
    left = one["days_left"]
    until = None if left is None else day + timedelta(days=left - 1)
    return _described(one, SAME_OF_UNIT) | _given(
        {"capacity": one["free"], "partner_id": one["partner"], "available_until": until})


def _home(home: Housing, day: date) -> Row:
    start = max(day, home.available_from or day)
    return {"max_persons": home.persons, "barrier_free": home.step_free, "available_from": home.available_from or day,
            "secured_months": months_between(start, home.rent_secured_until or start)}


def _given(values: Row) -> Row:
    """Without what is not stated."""
    plain = {name: sorted(map(str, value)) if isinstance(value, frozenset) else value for name, value in values.items()}
    return {name: value for name, value in plain.items() if value not in (None, [], {})}


def _joined(rows: Iterable[Row]) -> Iterator[str]:
    between = "\n"
    for row in rows:
        yield between + _text(row)
        between = ",\n"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
