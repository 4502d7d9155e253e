"""Which data of the two sides moves what: what each hard constraint, each criterion and the bonus reads.

A test watches the computing itself read, and compares it with this list; `told` names what a field is made of besides.
Where somebody comes from, what they believe, their health or their status is in none of it; gender and age only as a
person's own wish, or as the limit of a home.
"""

from collections.abc import Iterable

HOUSING = ("unit.housing",)
POINTS = ("household.point", "unit.point")
OFFERED = ("unit.childcare", "unit.offers", "unit.step_free")
# A group is step-free also by its home (rows.unit_of).
MADE_OF = {"unit.step_free": HOUSING}

HARD = {
    "not_vetted": ("unit.vetted",),
    "consent_missing": ("household.consented", "unit.consented"),
    "paused": ("unit.paused",),
    "availability_over": ("unit.days_left",),
    "no_place_free": ("unit.free",),
    "kind_not_wished": ("household.kinds", "unit.kind"),
    "household_too_large": ("household.members", "unit.largest"),
    "housing_missing": HOUSING,
    "housing_too_small": ("household.members", *HOUSING),
    "housing_not_step_free": ("household.must_haves", *HOUSING),
    "housing_not_ready": HOUSING,
    "gender_wish_of_household": ("household.contact_genders", "unit.contact_genders"),
    "gender_wish_of_unit": ("household.members", "unit.accepts_genders"),
    "ages_not_accepted": ("household.members", "unit.accepts_bands"),
    "too_far": (*POINTS, "household.radius_km", "unit.radius_km"),
    "other_district": (*POINTS, "household.district", "unit.district"),
    "too_few_common_slots": ("household.slots", "unit.slots"),
    "no_common_language": (
        "household.languages", "household.least_level", "household.interpreter", "unit.languages"),
    "must_have_missing": ("household.must_haves", *OFFERED),
    "vetoed": (
        "household.id", "household.vetoed_partners", "household.vetoed_persons", "household.vetoed_units", "unit.id",
        "unit.partner", "unit.persons", "unit.vetoed_households"),
    "conflict": ("household.conflict_groups", "unit.conflict_groups"),
    "declined_before": ("household.id", "unit.id"),
    "forbidden": ("household.id", "unit.id"),
}
CRITERIA = {
    "language": ("household.languages", "household.least_level", "unit.languages"),
    "distance": POINTS,
    "needs": ("household.wishes", *OFFERED),
    "interests": ("household.interests", "unit.interests"),
    "availability": ("household.slots", "unit.slots"),
}
BONUS = ("household.waiting_since", "household.urgency")


def told(data: Iterable[str]) -> list[str]:
    """These fields, and behind them those that they are made of besides."""
    named = list(data)
    return [*named, *(more for one in named for more in MADE_OF.get(one, ()) if more not in named)]
