"""What people may change by their link, and how a form in a browser says it."""

from collections.abc import Iterable
from typing import Annotated, Any
from urllib.parse import parse_qs

from pydantic import Field, WrapValidator

from libs.common.bodies import Body
from libs.common.codes.lists import Cefr
from libs.common.codes.types import LanguageTag
from libs.common.refusals import Invalid
from services.matching.profiles.rules import ContactIn, ContactOut, Slot

Form = dict[str, list[str]]
# The unseen field that says which form of the page was sent; without it a body is no form of ours.
MARK = "form"
MOST_FIELDS = 200
MOST_LANGUAGES = 20


class AvailabilityIn(Body):
    """When and where somebody can, in which languages, and with how many; what is left out stays as it is."""

    slots: list[Slot] | None = Field(None, max_length=28, examples=[["tue_evening", "sat_morning"]])
    languages: dict[LanguageTag, Cefr] | None = Field(None, max_length=MOST_LANGUAGES,
                                                      examples=[{"ar": "C2", "de": "A1"}])
    radius_km: int | None = Field(None, ge=0, le=500, description="For a household null means: as far as they go.")
    capacity: int | None = Field(None, ge=1, le=50, description="Households at a time; of mentors alone.")


def read_form(value: Any, otherwise: Any) -> Any:
    """A body that is no JSON as the fields of a form, none where it cannot be read; JSON is read as everywhere."""
    if not isinstance(value, bytes):
        return otherwise(value)
    try:
        return parse_qs(value.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return {}


# Each is what a program sends, or the form of a browser.
Availability = Annotated[AvailabilityIn, WrapValidator(read_form)]
Contact = Annotated[ContactIn, WrapValidator(read_form)]


def is_ours(form: Form, which: str) -> bool:
    """Whether the page's own form of this name was sent."""
    return form.get(MARK) == [which]


def refuse_foreign(form: Form, which: str) -> None:
    """Only what the page's own form sent is taken over: of anything else every field would count as emptied."""
    if not is_ours(form, which):
        raise Invalid("form-not-ours", "This is not the form of the page. Fill in that one, or send JSON as "
                      "application/json. Nothing was changed.")


def availability_in(form: Form) -> dict[str, Any]:
    """What the form about availability says, as a program would send it; a capacity only where it asks for one."""
    spoken = zip(form.get("language", []), form.get("level", []), strict=False)
    return {
        "slots": form.get("slots", []), "languages": {tag: level for tag, level in spoken if tag},
        "radius_km": first(form, "radius_km"),
        **({"capacity": first(form, "capacity")} if "capacity" in form else {}),
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
        **({"capacity": _text(stored["capacity"])} if "capacity" in stored else {}),
    }


def contact_form(contact: ContactOut) -> Form:
    """What stands in the form about name and addresses before anybody changes it."""
    return {"name": [contact.name], "email": _text(contact.email), "phone": _text(contact.phone),
            "written_in": contact.written_in}


def at_fault(faults: Iterable[Any]) -> frozenset[str]:
    """The names of the form's fields that are at fault, by the faults that a body was refused for."""
    called = {"languages": "language"}
    return frozenset(called.get(name, name) for name in (str(one["loc"][0]) for one in faults if one["loc"]))


def first(form: Form, name: str) -> str | None:
    """What stands in a field of the form; None where it was left empty."""
    value = next(iter(form.get(name, [])), "").strip()
    return value or None


def _text(value: Any) -> list[str]:
    return [] if value is None else [str(value)]
