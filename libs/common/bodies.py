"""Bodies: what requests and answers are made of; texts that no database or mail can choke on."""

import unicodedata
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

# Marks that turn the reading direction of what follows; a name or text must not carry one across.
BIDI_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
LINE_BREAKS = frozenset("\n\t")
Model = TypeVar("Model", bound=BaseModel)


class Body(BaseModel):
    """The body of a request: a field it does not know is refused, not ignored."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


def _without_controls(text: str, allowed: frozenset[str] = frozenset()) -> str:
    for sign in text:
        if sign in BIDI_OVERRIDES or (unicodedata.category(sign) in {"Cc", "Cs"} and sign not in allowed):
            raise ValueError("contains a control character")
    return unicodedata.normalize("NFC", text)


def _paragraph(text: str) -> str:
    return _without_controls(text.replace("\r\n", "\n").replace("\r", "\n"), LINE_BREAKS)


# The pattern repeats in the OpenAPI document what is refused: controls, and nothing but spaces, which are stripped.
LINE = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
PARAGRAPH = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=LINE),
                 AfterValidator(_without_controls)]
Paragraph = Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=PARAGRAPH),
                      AfterValidator(_paragraph)]
