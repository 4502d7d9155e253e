"""The pool's plain data: what cannot be meant is refused where it is made, by the field's name."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from libs.common.codes.lists import AgeBand, Cefr, Gender
from services.matching.runs.pool import Household, Member, Point, Rules, Unit
from tests.matching.pools import a_household, a_unit

NOT_MEANT: list[tuple[Callable[..., Any], dict[str, Any], str]] = [
    (Point, {"lat": float("nan"), "lon": 11.0}, "lat"),
    (Point, {"lat": 51.0, "lon": 181.0}, "lon"),
    (Member, {"age_band": "18+"}, "age_band"),
    (Member, {"age_band": "65+", "gender": "x"}, "gender"),
    (a_unit, {"kind": "trio"}, "kind"),
    (a_unit, {"free": -1}, "free"),
    (a_unit, {"largest": 0}, "largest"),
    (a_unit, {"district": "1508"}, "district"),
    (a_unit, {"district": "1508\u0667"}, "district"),
    (a_unit, {"radius_km": -1}, "radius_km"),
    (a_unit, {"languages": {"ar": "D1"}}, "languages"),
    (a_unit, {"slots": 1 << 28}, "slots"),
    (a_unit, {"contact_genders": frozenset({"female"})}, "contact_genders"),
    (a_unit, {"accepts_genders": frozenset({"w"})}, "accepts_genders"),
    (a_unit, {"accepts_bands": frozenset({"adult"})}, "accepts_bands"),
    (a_household, {"members": ()}, "members"),
    (a_household, {"least_level": "none"}, "least_level"),
    (a_household, {"kinds": frozenset({"trio"})}, "kinds"),
    (a_household, {"slots": -1}, "slots"),
    (a_household, {"urgency": 4}, "urgency"),
    (Rules, {"base": -1}, "base"),
    (Rules, {"far_km": 0}, "far_km"),
    (Rules, {"enough_slots": 0}, "enough_slots"),
]


@pytest.mark.parametrize(("make", "given", "name"), NOT_MEANT)
def test_what_cannot_be_meant_is_refused(make: Callable[..., Any], given: dict[str, Any], name: str) -> None:
    """Unknown codes, numbers out of range and places off the map: ValueError, naming the field."""
    with pytest.raises(ValueError, match=f"^{name}: "):
        make(**given)


def test_the_code_lists_of_the_network_serve_as_they_are() -> None:
    """Members of the shared code lists mean the same as their plain text."""
    household = a_household(
        members=(Member(AgeBand.FROM_27_TO_44, Gender.FEMALE), Member(AgeBand.FROM_6_TO_13, Gender.MALE)),
        languages={"ar": Cefr.C2, "de": Cefr.A1},
    )

    assert household == a_household()
    assert household.adult_genders == {"f"}


def test_the_pool_does_not_change_under_a_run() -> None:
    """Units and households are frozen: what was hashed is what was matched."""
    for one, name in ((a_unit(), "free"), (a_household(), "urgency")):
        assert isinstance(one, Unit | Household)
        with pytest.raises(FrozenInstanceError):
            setattr(one, name, 1)
