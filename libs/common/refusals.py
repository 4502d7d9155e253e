"""Refusals: a request that the field's rules turn down, with a stable slug and a sentence a person understands."""

from pathlib import Path
from typing import ClassVar

from libs.common.codes.words import codes_of, in_words

GERMAN_OF_ALL = Path(__file__).with_name("refusals.de.toml")


class Refused(Exception):
    """A request that a rule of the field turns down.

    slug: the stable name for programs. reason: the English sentence; `{name}` stands for one of the values.
    field: the input field that is at fault, as it is called in the request. values: what the sentence names; never
    personal data. Members of an enum, one or several, are said in words, and a program reads their codes.
    """

    status: ClassVar[int] = 409

    def __init__(self, slug: str, reason: str, *, field: str | None = None, **values: object) -> None:
        """Refuse with this slug and sentence."""
        self.slug = slug
        self.reason = reason
        self.field = field
        self.values = values
        super().__init__(self.sentence({}, "en"))

    def sentence(self, german: dict[str, str], language: str) -> str:
        """The sentence in German (`de`) when the catalogue has it, else in English."""
        text = german.get(self.slug, self.reason) if language == "de" else self.reason
        said = {name: in_words(name, value, german, language) for name, value in self.values.items()}
        return text.format(**said).rstrip() if said else text

    @property
    def codes(self) -> dict[str, list[str]]:
        """The codes behind the words of the sentence, by the names of its values."""
        return {name: codes for name, value in self.values.items() if (codes := codes_of(value))}


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
