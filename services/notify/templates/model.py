"""A template: what a notification says in one language, the variables it needs, and what is missing of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from libs.common.codes.languages import fallback_chain
from libs.common.facts.question import Addressee
from libs.common.refusals import NotFound

# Every key is written in these; other languages may be added file by file.
LANGUAGES = ("de", "en", "uk", "ar")


class GapKind(StrEnum):
    """What is missing."""

    MISSING_LANGUAGE = "missing_language"
    MISSING_VARIABLE = "missing_variable"
    UNKNOWN_VARIABLE = "unknown_variable"


class Gap(Exception):
    """A translation or a variable is missing; nothing is sent rather than something empty."""

    def __init__(self, kind: GapKind, name: str) -> None:
        """name: the language tag or the variable."""
        super().__init__(f"{kind} {name}")
        self.kind, self.name = kind, name


class Moot(Exception):
    """What was to be told holds no longer, such as a seat offer that has been answered; nothing is sent."""


@dataclass(frozen=True)
class Button:
    """A link with what it is called; the link is one of the variables."""

    label: str
    link: str


@dataclass(frozen=True)
class Template:
    """What a notification says in one language, with `{{ variables }}`. version is a hash of the file's content."""

    key: str
    language: str
    version: str
    subject: str
    paragraphs: tuple[str, ...]
    buttons: tuple[Button, ...] = ()
    machine_translated: bool = False


@dataclass(frozen=True)
class Example:
    """The variables of a key, each with an example value; optional ones may be missing, the text then does without.

    Without those of moot_without there is nothing to tell any more: their owner gives them only while it holds.
    """

    words: Addressee
    optional: frozenset[str]
    moot_without: frozenset[str] = frozenset()

    def variables(self) -> frozenset[str]:
        """The names of all variables."""
        words = self.words
        return frozenset((*words.values, *words.texts, *words.times, *words.links))


@dataclass(frozen=True)
class Layout:
    """What stands around every notification of a language: greeting, closing, footer, and how times are written."""

    language: str
    greeting: str
    greeting_without_name: str
    closing: str
    time: str
    preferences: str
    unsubscribe: str
    why_subscription: str
    other_language: str


@dataclass(frozen=True)
class Catalogue:
    """All templates by key and language, with their examples and the layouts by language."""

    templates: Mapping[str, Mapping[str, Template]]
    examples: Mapping[str, Example]
    layouts: Mapping[str, Layout]
    page: str

    def choose(self, key: str, languages: Sequence[str]) -> Template:
        """The template in the first of these languages, or of their fallbacks, that has one; Gap when none has."""
        there = self.templates.get(key, {})
        for tag in fallback_chain(languages):
            if tag in there and tag in self.layouts:
                return there[tag]
        raise Gap(GapKind.MISSING_LANGUAGE, fallback_chain(languages)[0])

    def example(self, key: str) -> Example:
        """The example of a key; NotFound when there is no such key."""
        if key not in self.examples:
            raise NotFound("template-unknown", "There is no template {key}.", key=key)
        return self.examples[key]
