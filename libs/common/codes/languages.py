"""Languages as BCP 47 tags: how they are written and called, and which stand in for a missing one."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

from libs.common.codes.rows import DATA, read_rows

# As in RFC 5646, without extensions and private use.
PATTERN = (
    "^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?"  # language, script, region
    "(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*$"  # variants
)
MAX_LENGTH = 35
LAST_RESORT = ("de-simple", "de")

Direction = Literal["ltr", "rtl"]

_WELL_FORMED = re.compile(PATTERN)
_SCRIPT = re.compile("-([A-Za-z]{4})(?=-|$)")
_REGION = re.compile("-([A-Za-z]{2})(?=-|$)")
_RTL_SCRIPTS = frozenset({"Arab", "Aran", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm", "Rohg"})
# Right-to-left by default, though not among the languages the networks work in today.
_RTL_BEYOND_THE_LIST = frozenset({"aii", "dv", "he", "sd", "syr", "ug", "yi"})


@dataclass(frozen=True, slots=True)
class Language:
    """A language the networks work in: its tag, its names, its own name and its direction of writing."""

    tag: str
    german: str
    english: str
    own: str
    direction: Direction


@cache
def known_languages() -> tuple[Language, ...]:
    """The languages the networks work in, German first."""
    return tuple(
        Language(row["code"], row["de"], row["en"], row["own"], "rtl" if row["direction"] == "rtl" else "ltr")
        for row in read_rows(DATA / "languages.csv")
    )


def normalised(tag: str) -> str:
    """The tag in the case RFC 5646 recommends: `AR-arab-sy` becomes `ar-Arab-SY`. ValueError if none."""
    if len(tag) > MAX_LENGTH or not _WELL_FORMED.fullmatch(tag):
        raise ValueError("not a language tag (BCP 47), such as de, de-simple or ar")
    with_script = _SCRIPT.sub(lambda script: script[0].title(), tag.lower())
    return _REGION.sub(lambda region: region[0].upper(), with_script)


def spoken(tag: str) -> str:
    """The language without script and region, as people hear it: `ar-SY` is spoken `ar`. ValueError if none."""
    return normalised(tag).split("-")[0]


def direction(tag: str) -> Direction:
    """How text in this language runs; a script in the tag decides before the language does."""
    usual = normalised(tag)
    script = _SCRIPT.search(usual)
    if script:
        return "rtl" if script[1] in _RTL_SCRIPTS else "ltr"
    language = usual.split("-")[0]
    known = _by_tag().get(language)
    if known:
        return known.direction
    return "rtl" if language in _RTL_BEYOND_THE_LIST else "ltr"


@lru_cache(maxsize=1024)
def language_name(tag: str, in_language: str) -> str:
    """What a language is called: in German, in English or in itself; in another language its German name.

    A tag that is not known gets the name of its base language, and without one it stands for itself.
    """
    known = next((_by_tag()[parent] for parent in _with_parents(tag) if parent in _by_tag()), None)
    if known is None:
        return normalised(tag)
    names = {"en": known.english, known.tag: known.own, "de": known.german}
    return next(names[wanted] for wanted in fallback_chain([in_language]) if wanted in names)


def fallback_chain(preferred: Sequence[str]) -> list[str]:
    """The languages to look for a text in, best first: each wanted one and its parents, then German.

    `["ar-SY", "en"]` gives `ar-SY, ar, en, de-simple, de`. Never empty; what is no language tag is left out,
    since one bad tag must not keep a person from being written to.
    """
    chain = [tag for wanted in preferred if _is_tag(wanted) for tag in _with_parents(wanted)]
    return list(dict.fromkeys([*chain, *LAST_RESORT]))


def _is_tag(text: str) -> bool:
    try:
        normalised(text)
    except ValueError:
        return False
    return True


def _with_parents(tag: str) -> Iterable[str]:
    subtags = normalised(tag).split("-")
    return ("-".join(subtags[:length]) for length in range(len(subtags), 0, -1))


@cache
def _by_tag() -> dict[str, Language]:
    return {language.tag: language for language in known_languages()}
