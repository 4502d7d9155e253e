"""Invented people: around the towns of a region, clustered as towns are, a few languages each, mostly one place."""

import random
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from services.matching.runs.pool import ALL_SLOTS, Household, Member, Point, Unit

TODAY = date(2026, 3, 2)
# District, latitude and longitude of towns; a larger one stands there several times.
TOWNS = [("15002", 51.483, 11.972)] * 5 + [
    ("15087", 51.4722, 11.2953), ("15087", 51.5258, 11.5345), ("15087", 51.6503, 11.5115),
    ("15084", 51.1499, 11.8098), ("15084", 51.2015, 11.9684), ("15084", 51.0496, 12.1369),
    ("15088", 51.3548, 11.9892), ("15088", 51.3812, 11.6005), ("15088", 51.3178, 12.0159),
    ("15089", 51.7946, 11.7401), ("15089", 51.8519, 11.5851), ("15090", 52.6069, 11.8587),
    ("15090", 52.5446, 11.9765), ("15081", 52.8544, 11.1525), ("15081", 52.5252, 11.3952),
    ("15085", 51.8956, 11.0562), ("15085", 51.7884, 11.1501), ("15003", 52.1205, 11.6276),
]  # fmt: skip
ORIGINS = (("ar", 5), ("uk", 4), ("fa", 3), ("prs", 2), ("kmr", 2), ("ckb", 1), ("tr", 2), ("ru", 3), ("ti", 1))
OFFERS = ("jobcentre", "school", "housing", "work", "language", "leisure", "health", "letters")
INTERESTS = tuple(f"interest_{number}" for number in range(16))
BANDS = ("0-5", "6-13", "14-17", "18-26", "27-44", "45-64")


def _often(dice: random.Random, percent: int) -> bool:
    return dice.randrange(100) < percent


def _somewhere(dice: random.Random) -> dict[str, Any]:
    district, lat, lon = dice.choice(TOWNS)
    known = _often(dice, 95)
    return {
        "id": UUID(int=dice.getrandbits(128), version=4),
        "district": district,
        "point": Point(lat + dice.gauss(0, 0.04), lon + dice.gauss(0, 0.06)) if known else None,
        "slots": sum(1 << dice.randrange(28) for _ in range(8)) & ALL_SLOTS,
        "interests": frozenset(dice.sample(INTERESTS, dice.randint(0, 5))),
        "consented": True,
    }


def _origin(dice: random.Random) -> str:
    return dice.choices([tag for tag, _ in ORIGINS], [often for _, often in ORIGINS])[0]


def invented_unit(dice: random.Random) -> Unit:
    """Return a mentor or a group, vetted, with as many free places as it has."""
    kind = dice.choices(("single", "duo", "group"), (8, 2, 1))[0]
    languages = {"de": "C2", "en": dice.choice(("A1", "B1", "B2", "C1"))}
    if _often(dice, 35):
        languages[_origin(dice)] = dice.choice(("B1", "C2"))
    return Unit(
        kind=kind,
        free=1 if kind == "group" else dice.choice((1, 1, 1, 1, 2, 2, 3)),
        largest=dice.choice((1, 2, 3, 5, 8)),
        radius_km=dice.choice((5, 10, 15, 20)),
        languages=languages,
        contact_genders=frozenset({dice.choice("ffm")}),
        accepts_genders=frozenset({"f"}) if _often(dice, 15) else frozenset(),
        offers=frozenset(dice.sample(OFFERS, dice.randint(1, 4))),
        childcare=_often(dice, 20),
        step_free=_often(dice, 40),
        vetted=True,
        **_somewhere(dice),
    )


def invented_household(dice: random.Random) -> Household:
    """Return a household that waits for somebody."""
    members = tuple(
        Member(dice.choice(BANDS), dice.choice("fm")) for _ in range(dice.choice((1, 1, 2, 3, 4, 5)))
    )
    return Household(
        members=members,
        waiting_since=TODAY - timedelta(days=dice.randrange(400)),
        radius_km=dice.choice((None, 5, 10, 20)),
        languages={
            _origin(dice): "C2",
            "de": dice.choice(("none", "A1", "A2", "B1")),
            "en": dice.choice(("none", "B1")),
        },
        interpreter=_often(dice, 30),
        contact_genders=frozenset({"f"}) if _often(dice, 20) else frozenset(),
        must_haves=frozenset(dice.sample((*OFFERS, "step_free"), 1)) if _often(dice, 40) else frozenset(),
        wishes=frozenset(dice.sample(OFFERS, dice.randint(0, 3))),
        urgency=dice.choice((0, 0, 0, 1, 3)),
        **_somewhere(dice),
    )
