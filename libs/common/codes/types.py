"""Checked string types for facts and request bodies; each tells its pattern to whoever reads the schema."""

from datetime import date
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, ValidatorFunctionWrapHandler, WrapValidator

from libs.common.codes import languages

# [0-9], not \d: that also matches Arabic and other digits in Python, and a regional key has none of them.
AGS_PATTERN = "^[0-9]{2}([0-9]{3}([0-9]{3})?)?$"
FIVE_DIGITS = "^[0-9]{5}$"

Ags = Annotated[str, StringConstraints(pattern=AGS_PATTERN)]
"""A regional key of a Land (2 digits), district (5) or municipality (8); `region()` says if it exists."""

DistrictAgs = Annotated[str, StringConstraints(pattern=FIVE_DIGITS)]
"""The regional key of a district: exactly 5 digits."""

Postcode = Annotated[str, StringConstraints(pattern=FIVE_DIGITS)]
"""A German postcode: 5 digits."""

LanguageTag = Annotated[
    str,
    StringConstraints(pattern=languages.PATTERN, max_length=languages.MAX_LENGTH),
    AfterValidator(languages.normalised),
]
"""A language as BCP 47 tag (`de`, `de-simple`, `ckb`), brought into the usual case."""

V = TypeVar("V")


def _each_once(given: Any, read: ValidatorFunctionWrapHandler) -> Any:
    found = read(given)
    if len(found) < len(given):
        raise ValueError("a language stands there twice, in two spellings")
    return found


ByLanguage = Annotated[dict[LanguageTag, V], WrapValidator(_each_once)]
"""Something for each of several languages; refuses one that stands there twice as `de` and `DE`."""

CountryCode = Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]
"""A country in the form of ISO 3166-1 alpha-2: two capitals."""

Code = Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_]{0,62}$")]
"""A code that a network defines itself, such as a training's: small letters, digits and `_`, at most 63."""

YearMonth = Annotated[str, StringConstraints(pattern="^[0-9]{4}-(0[1-9]|1[0-2])$")]
"""A month as `2026-03`: as exact as figures need it."""

# The pattern tells in the OpenAPI document what the bounds refuse.
DAY_PATTERN = "^(19[0-9]{2}|20[0-9]{2}|2100)-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2100, 12, 31), json_schema_extra={"pattern": DAY_PATTERN})]
"""A day that somebody alive can mean; reckoning with it never leaves the calendar."""
