"""What people may change by their link, and how the forms of their page say it."""

from typing import Annotated, Any

from pydantic import Field, WrapValidator

from libs.common.bodies import Body
from libs.common.codes.types import Day
from services.matching.links.rules import Form, first, read_form
from services.matching.profiles.rules import ContactIn, ContactOut, Slot, Spoken

MOST_LANGUAGES = 20
# What only those who accompany are asked.
OF_UNITS = ("capacity", "available_until")


class AvailabilityIn(Body):
    """When and where somebody can, in which languages, and with how many; what is left out stays as it is."""

    slots: list[Slot] | None = Field(None, max_length=28, examples=[["tue_evening", "sat_morning"]])
    languages: Spoken | None = Field(None, max_length=MOST_LANGUAGES,
                                     examples=[{"ar": "C2", "de": "A1"}])
    radius_km: int | None = Field(None, ge=0, le=500, description="For a household null means: as far as they go.")
    capacity: int | None = Field(None, ge=1, le=50, description="Households at a time; of mentors alone.")
    available_until: Day | None = Field(None, description=(
        "The last day on which somebody new is proposed; null: no end is known. Of mentors and groups alone."))


# Each is what a program sends, or the form of a browser.
Availability = Annotated[AvailabilityIn, WrapValidator(read_form)]
Contact = Annotated[ContactIn, WrapValidator(read_form)]


def availability_in(form: Form) -> dict[str, Any]:
    """What the form about availability says, as a program would send it; of units only what it asks for."""
    spoken = zip(form.get("language", []), form.get("level", []), strict=False)
    return {
        "slots": form.get("slots", []), "languages": {tag: level for tag, level in spoken if tag},
        "radius_km": first(form, "radius_km"),
        **{name: first(form, name) for name in OF_UNITS if name in form},
    }


def contact_in(form: Form) -> dict[str, Any]:
    """What the form about name and addresses says, as a program would send it."""
    return {
        "name": first(form, "name") or "", "email": first(form, "email"), "phone": first(form, "phone"),
        "written_in": list(dict.fromkeys(tag for tag in form.get("written_in", []) if tag)),
    }


def availability_form(stored: dict[str, Any]) -> Form:
    """What stands in the form about availability before anybody changes it."""
    return {
        "slots": stored["slots"], "language": list(stored["languages"]), "level": list(stored["languages"].values()),
        "radius_km": _text(stored["radius_km"]),
        **{name: _text(stored[name]) for name in OF_UNITS if name in stored},
    }


def contact_form(contact: ContactOut) -> Form:
    """What stands in the form about name and addresses before anybody changes it."""
    return {"name": [contact.name], "email": _text(contact.email), "phone": _text(contact.phone),
            "written_in": contact.written_in}


def _text(value: Any) -> list[str]:
    return [] if value is None else [str(value)]
