"""What the core makes of the plain rows of the database: rules, households and units; plain Python, without NumPy."""

from datetime import date, timedelta
from typing import Any

from dateutil.relativedelta import relativedelta

from services.matching.runs.pool import CRITERIA, Household, Housing, HousingRule, Member, Point, Rules, Unit, Weights

# A home is to be had within half a year: nobody should wait longer for one that is promised.
HOME_WITHIN = timedelta(days=183)
SETS = ("interests", "conflict_groups", "accepts_genders", "accepts_bands", "offers", "vetoed_households",
        "kinds", "contact_genders", "must_haves", "wishes", "vetoed_units", "vetoed_persons", "vetoed_partners",
        "persons")


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


def household_of(row: dict[str, Any]) -> Household:
    """A household of the core from the columns of its table."""
    given = _sets(row)
    members = tuple(Member(one["age_band"], one["gender"]) for one in given.pop("members"))
    return Household(members=members, **given)


def unit_of(row: dict[str, Any], day: date) -> Unit:
    """A unit of the core from the columns of a mentor or a group."""
    given = _sets(row)
    home = given.pop("housing", None)
    if home:
        given["step_free"] = given["step_free"] or home["barrier_free"]
        given["housing"] = Housing(
            persons=home["max_persons"], step_free=home["barrier_free"],
            available_from=date.fromisoformat(home["available_from"]),
            rent_secured_until=rent_secured_until(home, day))
    return Unit(**given)


def rent_secured_until(home: dict[str, Any], day: date) -> date:
    """Until when the rent of a home is secured: so many months from moving in, that day at the earliest."""
    start = max(day, date.fromisoformat(home["available_from"]))
    return start + relativedelta(months=int(home["secured_months"]))


def _sets(row: dict[str, Any]) -> dict[str, Any]:
    given = dict(row)
    for name in SETS:
        if name in given:
            given[name] = frozenset(given[name])
    given.pop("version", None)
    lat, lon = given.pop("lat"), given.pop("lon")
    given["point"] = None if lat is None else Point(lat, lon)
    given["district"] = given.pop("region")
    return given
