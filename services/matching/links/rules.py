"""Forms on the pages that links open: read, recognised, and which of their fields are at fault."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

from libs.common.refusals import Invalid

Form = dict[str, list[str]]
# The unseen field that says which form of the page was sent; without it a body is no form of ours.
MARK = "form"
MOST_FIELDS = 200


def read_form(value: Any, otherwise: Any) -> Any:
    """A body that is no JSON as the fields of a form, none where it cannot be read; JSON is read as everywhere."""
    if not isinstance(value, bytes):
        return otherwise(value)
    try:
        return parse_qs(value.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return {}


def is_ours(form: Form, which: str) -> bool:
    """Whether the page's own form of this name was sent."""
    return form.get(MARK) == [which]


def refuse_foreign(form: Form, which: str) -> None:
    """Only what the page's own form sent is taken over: of anything else every field would count as emptied."""
    if not is_ours(form, which):
        raise Invalid("form-not-ours", "This is not the form of the page. Fill in that one, or send JSON as "
                      "application/json. Nothing was changed.")


def at_fault(faults: Iterable[Any]) -> frozenset[str]:
    """The names of the form's fields that are at fault, by the faults that a body was refused for."""
    called = {"languages": "language"}
    return frozenset(called.get(name, name) for name in (str(one["loc"][0]) for one in faults if one["loc"]))


def first(form: Form, name: str) -> str | None:
    """What stands in a field of the form; None where it was left empty."""
    value = next(iter(form.get(name, [])), "").strip()
    return value or None
