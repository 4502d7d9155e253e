"""Phrases: short texts for people in German, English, Ukrainian and Arabic, from one file per service."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from libs.common.codes.languages import fallback_chain

ROOT = Path(__file__).resolve().parents[2]
# What is put into a sentence keeps its own reading direction: first-strong isolate and its end.
ISOLATE, END_ISOLATE = "\u2068", "\u2069"


@dataclass(frozen=True, slots=True)
class Said:
    """A text and the language it is in."""

    text: str
    language: str


class Phrases:
    """The phrases of one service."""

    def __init__(self, table: dict[str, dict[str, str]]) -> None:
        """By key, then by language tag; `{name}` stands for a value."""
        self.table = table

    def say(self, key: str, languages: Sequence[str], **values: object) -> Said:
        """The phrase in the first of these languages, or their fallbacks, that it has; KeyError without the key."""
        texts = self.table[key]
        language = next((tag for tag in fallback_chain(languages) if tag in texts), "de")
        isolated = {name: f"{ISOLATE}{value}{END_ISOLATE}" for name, value in values.items()}
        return Said(texts[language].format(**isolated), language)


@cache
def phrases(path: str) -> Phrases:
    """The phrases of the file at this path below the repository's root."""
    return Phrases(tomllib.loads((ROOT / path).read_text(encoding="utf-8")))
