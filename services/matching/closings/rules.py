"""Whether a text names somebody: names of the tandem's persons, mail addresses, what looks like a telephone number."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from enum import StrEnum

MAIL = re.compile(r"\S@\S|\S\s*(\(at\)|\[at\]|\{at\})\s*\S", re.IGNORECASE)
# Seven digits or more, whatever stands between them; days and years are taken out before.
PHONE = re.compile(r"\d(?:[\s()/.+\-\u2010-\u2015\u00a0]*\d){6,}")
DAY = re.compile(r"\b\d{1,2}\.\s?\d{1,2}\.\s?(\d{4}|\d{2})\b|\b\d{4}-\d{2}-\d{2}\b|"
                 r"\b(19|20)\d{2}\s*[-/\u2013]\s*(19|20)?\d{2}\b")
UMLAUT = re.compile("([aou])\u0308")
WORD = re.compile(r"[^\W\d_]+")
# Shorter names occur in too many words; words that belong to names and to every text name nobody.
SHORTEST_NAME = 3
SHORTEST_STEM = 4
PARTICLES = frozenset({
    "von", "van", "vom", "der", "den", "dem", "des", "die", "das", "zum", "zur", "und", "bin", "ibn", "abu", "umm",
    "bint", "del", "della", "dos", "las", "los", "ter", "ten", "and", "the",
})


class Found(StrEnum):
    """What in a text leads to a person."""

    NAME = "name"
    MAIL_ADDRESS = "mail_address"
    PHONE_NUMBER = "phone_number"


def found_in(text: str, names: Iterable[str]) -> list[Found]:
    """What leads to a person in the text. Finding nothing is no proof: a coordinator reads it too."""
    folded = _folded(text)
    words = set(_words(text))
    kinds = []
    if any(_is_there(name, words) for whole in names for name in _words(whole)):
        kinds.append(Found.NAME)
    if MAIL.search(folded):
        kinds.append(Found.MAIL_ADDRESS)
    if PHONE.search(DAY.sub(" ", folded)):
        kinds.append(Found.PHONE_NUMBER)
    return kinds


def _is_there(name: str, words: set[str]) -> bool:
    """Whether a name is among the words, also with the ending or prefix that its language puts to it."""
    if len(name) < SHORTEST_NAME or name in PARTICLES:
        return False
    if name.isascii():
        return bool({name, f"{name}s", f"{name}es"} & words)
    stem = name[:-1] if len(name) > SHORTEST_STEM else name
    return any(stem in word for word in words) if len(stem) >= SHORTEST_NAME else name in words


def _words(text: str) -> Iterator[str]:
    """Each word as it is folded, and with ae, oe and ue for its umlauts; of "öl" or "nö" these would be other words."""
    for word, spelled in zip(WORD.findall(_folded(text)), WORD.findall(_folded(text, umlaut=r"\1e")), strict=True):
        yield word
        if len(word) >= SHORTEST_NAME:
            yield spelled


def _folded(text: str, *, umlaut: str = r"\1") -> str:
    """Without case, accents and vowel signs, in one form of letters and digits: how the same name may be written."""
    plain = UMLAUT.sub(umlaut, unicodedata.normalize("NFKD", text.casefold()))
    kept = "".join(sign for sign in plain if unicodedata.category(sign) not in {"Mn", "Cf"})
    return "".join(str(unicodedata.digit(sign)) if sign.isdigit() else sign for sign in kept)
