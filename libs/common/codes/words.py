"""German sentences, and what their values are called: a code by its label or its German word, never as it is."""

import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from libs.common.codes.labels import label
from libs.common.codes.lists import CodeList


@dataclass(frozen=True)
class Said:
    """One of a sentence's values that has words of its own in both languages, and the codes that they stand for."""

    de: str
    en: str
    codes: tuple[str, ...] = ()


def in_words(name: str, value: Any, german: dict[str, str], language: str) -> str:
    """What a value of a sentence is called: a code by its label, or by its German word, else as it is."""
    if isinstance(value, Said):
        return value.de if language == "de" else value.en
    if isinstance(value, CodeList):
        return label(value, language)
    if isinstance(value, Collection) and not isinstance(value, str):
        return ", ".join(in_words(name, one, german, language) for one in value)
    of, plain = name, str(value)
    if isinstance(value, StrEnum):
        of, plain = type(value).__name__, value.value.replace("_", " ")
    elif isinstance(value, type):
        plain = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", value.__name__).lower()
    return german.get(f"{of}.{value if isinstance(value, StrEnum) else plain}", plain) if language == "de" else plain


def codes_of(value: Any) -> list[str]:
    """The codes that a value of a sentence stands for, none where it is no code."""
    if isinstance(value, Said):
        return list(value.codes)
    if isinstance(value, Collection) and not isinstance(value, str):
        return [code for one in value for code in codes_of(one)]
    return [value.value] if isinstance(value, StrEnum) else []


@cache
def german_of(*catalogues: Path) -> dict[str, str]:
    """The German sentences of these files by slug; a later file goes before an earlier one.

    Besides, the German words for what stands in them: by the enum and its code, or by the value's name and the value.
    """
    sentences: dict[str, str] = {}
    for catalogue in filter(Path.exists, catalogues):
        for name, text in tomllib.loads(catalogue.read_text(encoding="utf-8")).items():
            words = text if isinstance(text, dict) else {}
            sentences |= {f"{name}.{code}": word for code, word in words.items()} or {name: text}
    return sentences
