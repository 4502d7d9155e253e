"""Signs that a text names someone: mail addresses, telephone numbers, and words that come before a name."""

import re
from collections.abc import Iterator

import phonenumbers

from libs.common.refusals import Invalid

MAIL = re.compile(r"[^\s@<>()]{1,64}@[^\s@<>()]{1,255}\.[^\W\d_]{2,}")
NAME = r"[A-ZÄÖÜÀ-ÖØ-ÞА-ЯЁЄІЇҐ][\w'-]+"
# After these a name follows, in German and English, Ukrainian and Arabic; Arabic has no capitals.
INTRODUCED = re.compile(
    rf"\b(?:Herrn?|Frau|Familie|Fam\.|Dr\.|Prof\.|Mr\.?|Mrs\.?|Ms\.?|Mister|пан|пані|сім'я|родина)\s+(?:Dr\.\s+)?{NAME}"
    rf"|\b(?:hei(?:ß|ss)t|hei(?:ß|ss)en|namens|genannt|called|named|звати|на ім'я)\s+{NAME}"
    rf"|\b(?:[Nn]ame (?:ist|is|war|was))\s+{NAME}"
    r"|(?:السيد|السيدة|عائلة|اسمه|اسمها)\s+\w{2,}")


def signs(text: str) -> Iterator[str]:
    """Which signs of a person the text holds: `mail`, `phone`, `name`. No sign is no proof that nobody is named."""
    if MAIL.search(text):
        yield "mail"
    if any(phonenumbers.PhoneNumberMatcher(text, "DE")):
        yield "phone"
    if INTRODUCED.search(text):
        yield "name"


def refuse_names(text: str, *, field: str, confirmed: bool) -> None:
    """A text that seems to name someone is taken only when its author confirms that it does not."""
    found = [] if confirmed else list(signs(text))
    if found:
        raise Invalid(
            "text-names-someone",
            "The text seems to name someone ({found}); take it out, or confirm with contains_no_names.",
            field=field, found=found)
