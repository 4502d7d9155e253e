"""What the core makes of single rows of the database: rules, households and units; plain Python, without NumPy.

`queries` says what the columns hold; a whole pool is read from copies instead (`copied.py`).
"""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from dateutil.relativedelta import relativedelta

from libs.common.clock import day_of
from services.matching.runs.pool import CRITERIA, Household, Housing, HousingRule, Member, Point, Rules, Unit, Weights

# A home is to be had within half a year: nobody should wait longer for one that is promised.
HOME_WITHIN = timedelta(days=183)
CODES = ("interests", "conflict_groups", "accepts_genders", "accepts_bands", "offers", "kinds", "contact_genders",
         "must_haves", "wishes")
IDS = ("vetoed_households", "vetoed_units", "vetoed_persons", "vetoed_partners", "persons")
JSON = {*CODES, *IDS, "languages", "members", "housing"}


def rules_of(pool: dict[str, Any]) -> Rules:
    """The programme's weights, and its demand for a home where its rule set asks for secured rent."""
    given = dict(pool["weights"])
    weights = Weights.of({name: given.pop(name) for name in CRITERIA})
    return Rules(weights=weights, housing=home_rule(pool["today"], pool["rent_months"]), **given)


def home_rule(day: date, rent_months: int) -> HousingRule | None:
    """The demand for a home, asked for on a day: its rent secured for so many months; None where none is needed."""
    if not rent_months:
        return None
    return HousingRule(available_by=day + HOME_WITHIN, rent_secured_until=day + relativedelta(months=rent_months))


def household_of(row: Mapping[str, Any]) -> Household:
    """A household of the core from the columns of its table."""
    given = _given(row)
    members = tuple(Member(one["age_band"], one["gender"]) for one in given.pop("members"))
    return Household(members=members, waiting_since=day_of(given.pop("waiting_since")), **given)


def unit_of(row: Mapping[str, Any], day: date) -> Unit:
    """A unit of the core from the columns of a mentor or a group; rents are counted from the day."""
    given = _given(row)
    home = given.pop("housing")
    step_free = given.pop("step_free") or bool(home and home["barrier_free"])
    return Unit(housing=home and housing_of(home, day), step_free=step_free, **given)


def housing_of(home: Mapping[str, Any], day: date) -> Housing:
    """A home of the core from what is kept of it."""
    return Housing(
        persons=home["max_persons"], step_free=home["barrier_free"],
        available_from=date.fromisoformat(home["available_from"]), rent_secured_until=rent_secured_until(home, day))


def rent_secured_until(home: Mapping[str, Any], day: date) -> date:
    """Until when the rent of a home is secured: so many months from moving in, that day at the earliest."""
    start = max(day, date.fromisoformat(home["available_from"]))
    return start + relativedelta(months=int(home["secured_months"]))


def _given(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns as the core names and reads them."""
    given = {name: json.loads(value) if name in JSON and isinstance(value, str) else value
             for name, value in row.items() if name != "version"}
    for name in CODES + IDS:
        if name in given:
            given[name] = frozenset(given[name] if name in CODES else (UUID(str(one)) for one in given[name]))
    lat, lon = given.pop("lat"), given.pop("lon")
    return given | {"point": None if lat is None else Point(lat, lon)}
