"""Refusals: a request that the field's rules turn down, with a stable slug and a sentence a person understands."""

import tomllib
from functools import cache
from pathlib import Path
from typing import ClassVar

GERMAN_OF_ALL = Path(__file__).with_name("refusals.de.toml")


class Refused(Exception):
    """A request that a rule of the field turns down.

    slug: the stable name for programs. reason: the English sentence; `{name}` stands for one of the values.
    field: the input field that is at fault, as it is called in the request. values: what the sentence names,
    and what a program may read from the problem document; never personal data.
    """

    status: ClassVar[int] = 409

    def __init__(self, slug: str, reason: str, *, field: str | None = None, **values: object) -> None:
        """Refuse with this slug and sentence."""
        super().__init__(reason.format(**values) if values else reason)
        self.slug = slug
        self.reason = reason
        self.field = field
        self.values = values

    def sentence(self, german: dict[str, str], language: str) -> str:
        """The sentence in German (`de`) when the catalogue has it, else in English."""
        text = german.get(self.slug, self.reason) if language == "de" else self.reason
        return text.format(**self.values) if self.values else text


class NotAuthenticated(Refused):
    """Nobody we know: no key or token, or one that does not hold."""

    status = 401


class NotAllowed(Refused):
    """A known caller without the grant for this."""

    status = 403


class NotFound(Refused):
    """There is no such thing, or none that the caller may know of."""

    status = 404


class Stale(Refused):
    """The thing has changed since the caller read it."""

    status = 412


class Invalid(Refused):
    """The request cannot be read, or breaks a rule that needs no state to check."""

    status = 422


class Missing(Refused):
    """A header is missing without which a change could overwrite another's."""

    status = 428


class TooMany(Refused):
    """The caller asks more often than it may."""

    status = 429


class Unavailable(Refused):
    """Something that this needs is away; trying again later helps."""

    status = 503


class TooLarge(Refused):
    """The request is larger than we take."""

    status = 413


@cache
def german_of(*catalogues: Path) -> dict[str, str]:
    """The German sentences by slug: those of all services, then those of the given catalogue files."""
    sentences: dict[str, str] = {}
    for catalogue in (GERMAN_OF_ALL, *catalogues):
        if catalogue.exists():
            sentences |= tomllib.loads(catalogue.read_text(encoding="utf-8"))
    return sentences
