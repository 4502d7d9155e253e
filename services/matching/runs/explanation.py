"""What a run found, in plain German or English: why this pair, why not that one, and what is missing.

The sentences stand in `reasons.toml`; nothing here decides anything.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from libs.common.codes.languages import language_name
from services.matching.runs.hard import HardCode
from services.matching.runs.pool import DAYS, PARTS_OF_DAY, Weights
from services.matching.runs.words import Failed

# An outcome loads NumPy, and the service itself says why a pair does not fit.
if TYPE_CHECKING:
    from services.matching.runs.outcome import Proposal, Unserved

Language = Literal["de", "en"]
LANGUAGES: tuple[Language, ...] = ("de", "en")
KILOMETRE = 1000
TENTHS_BELOW = 10
FILE = Path(__file__).with_name("reasons.toml")
# What says the opposite of a criterion's reason: it is told in its place where it stands between the two.
DENIED = {"language": HardCode.NO_COMMON_LANGUAGE, "distance": HardCode.OTHER_DISTRICT}


@dataclass(frozen=True)
class Reason:
    """One criterion of a proposal: its points, how many it could give, and the sentence."""

    criterion: str
    points: int
    most: int
    text: str


def why(proposal: "Proposal", weights: Weights, language: Language) -> tuple[Reason, ...]:
    """Return a reason per criterion, most points first; their points sum to the proposal's score.

    Raises ValueError for a language other than "de" and "en", as everything here does.
    """
    return tuple(Reason(name, points, getattr(weights, name), _SENTENCES[name](proposal, language))
                 for name, points in _most_points_first(proposal))


def besides(
    proposal: "Proposal", language: Language, price: Literal["price", "live_price"] = "price", *,
    alone: bool = False,
) -> tuple[str, ...]:
    """Return what else to know: the bonus if any, what the unit's price stands for, the next best.

    A run's price counts those who wait now, a live one those who are yet to come. `alone`: only these two were looked
    at, so that nothing is known of a next best.
    """
    next_score = proposal.next_best.score if proposal.next_best else 0
    return (
        *([_counted("bonus", language, proposal.bonus)] if proposal.bonus else []),
        _counted(price, language, proposal.unit_price),
        *([] if alone else [_counted("next_best", language, next_score)]),
    )


def in_all_languages(
    proposal: "Proposal", weights: Weights, price: Literal["price", "live_price"] = "price", *, alone: bool = False,
) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """Return `why` as rows with a text for each language, and `besides` by language."""
    reasons = [{"criterion": name, "points": points, "most": getattr(weights, name),
                **{language: _SENTENCES[name](proposal, language) for language in LANGUAGES}}
               for name, points in _most_points_first(proposal)]
    return reasons, {
        language: list(besides(proposal, language, price, alone=alone)) for language in LANGUAGES}


def shared(proposal: "Proposal") -> dict[str, Any]:
    """Return what the two of a proposal have in common and what is missing, as plain values."""
    return {
        "languages": dict(proposal.languages), "interpreter": proposal.interpreter, "metres": proposal.metres,
        "slots": proposal.slots.bit_count(), "interests": len(proposal.interests), "week": proposal.slots,
        "wishes_met": proposal.wishes_met, "wishes_missing": proposal.wishes_missing,
        "common_interests": proposal.interests}


def why_not(codes: Iterable[HardCode], language: Language) -> tuple[str, ...]:
    """Return a sentence for each code that stands against one pair."""
    return tuple(_text("why_not", code, language)["pair"] for code in codes)


def what_is_missing(unserved: "Unserved", language: Language) -> tuple[str, ...]:
    """Return why a household has no proposal, the most helpful first.

    First what one change alone would solve, most units first; then what each code took, most units first.
    """
    texts = _text("unserved", language)
    if unserved.possible:
        return (texts[f"taken_{_form(unserved.possible)}"].format(n=unserved.possible),)
    if not unserved.removed:
        return (texts["nobody"],)
    alone = [
        texts[f"missing_{_form(n)}"].format(n=n, missing=_text("why_not", code, language)["missing"])
        for code, n in _most_first(unserved.alone)
    ]
    return (
        *(alone or [texts["several"]]),
        *(_took(code, n, language) for code, n in _most_first(unserved.removed)),
    )


def why_failed(reason: Failed, pair: Sequence[str]) -> dict[str, list[str]]:
    """Return why a run could not be computed, by language; pair: the two that cannot be, and the codes against them."""
    codes = [HardCode(code) for code in pair[2:]]
    form = "unknown" if reason is Failed.NOT_TO_BE_PINNED and not codes else reason.value
    return {language: [_text("failed", language)[form], *why_not(codes, language)] for language in LANGUAGES}


def in_words(what: Literal["changed_meanwhile", "not_looked_at"]) -> dict[str, list[str]]:
    """Return why a run has nobody for a household although nothing is missing, by language."""
    return {language: [_text("unserved", language)[what]] for language in LANGUAGES}


def label(kind: Literal["advice", "scarcity", "criterion"], value: str, language: Language) -> str:
    """Return the sentence for an advice, or the word for how scarce a place is, or for a criterion."""
    said: str = _text(kind, language)[value]
    return said


def slot_names(slots: int, language: Language) -> tuple[str, ...]:
    """Return the parts of the week that are in a mask, in order."""
    week = _text("week", language)
    return tuple(
        week["slot"].format(day=week["days"][day], part=week["parts"][part])
        for day in range(DAYS)
        for part in range(PARTS_OF_DAY)
        if slots >> (day * PARTS_OF_DAY + part) & 1
    )


@cache
def _texts() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def _text(*path: str) -> Any:
    """What stands at this path of the file; its last step is a language."""
    if path[-1] not in LANGUAGES:
        raise ValueError(f"language: {path[-1]!r} is not one of {', '.join(LANGUAGES)}")
    found: Any = _texts()
    for step in path:
        found = found[step]
    return found


def _most_points_first(proposal: "Proposal") -> list[tuple[str, int]]:
    return sorted(vars(proposal.points).items(), key=lambda item: -item[1])


def _form(number: int) -> str:
    return "one" if number == 1 else "many"


@lru_cache(maxsize=4096)
def _counted(name: str, language: Language, number: int) -> str:
    form = "none" if number == 0 else _form(number)
    sentence: str = _text(name, language)[form]
    return sentence.format(n=number)


def _most_first(counts: Mapping[HardCode, int]) -> list[tuple[HardCode, int]]:
    return sorted(counts.items(), key=lambda item: -item[1])


def _took(code: HardCode, number: int, language: Language) -> str:
    subject = _text("subject", language)[_form(number)].format(n=number)
    return f"{subject} {_text('why_not', code, language)[_form(number)]}"


def _listed(names: Iterable[str], language: Language) -> str:
    """Several names as a sentence has them: "a, b and c"."""
    *before, last = names
    if not before:
        return last
    joint: str = _text("and", language)
    return ", ".join(before) + joint + last


def _named(codes: Iterable[str], language: Language) -> str:
    """Codes of offers and interests stand for themselves, in words."""
    return _listed([code.replace("_", " ") for code in codes], language)


# Most who are told of have little that nobody before them had, and to put a sentence together takes longer than to
# remember it.
_remembered = lru_cache(maxsize=4096)


@_remembered
def _language(languages: tuple[tuple[str, str], ...], language: Language, *, interpreter: bool) -> str:
    texts, levels = _text("why", "language", language), _text("levels", language)
    if interpreter:
        return str(texts["interpreter"])
    spoken = [f"{language_name(tag, language)} ({levels[level]})" for tag, level in languages]
    return str(texts["shared"].format(languages=_listed(spoken, language)))


@_remembered
def _distance(metres: int | None, language: Language) -> str:
    texts = _text("why", "distance", language)
    if metres is None:
        return str(texts["district"])
    if metres < KILOMETRE:
        return str(texts["very_near"])
    return str(texts["known"].format(way=_kilometres(metres, language)))


def _kilometres(metres: int, language: Language) -> str:
    """A way as a person says it: with tenths below 10 km only."""
    whole, tenths = divmod((metres * 10 + KILOMETRE // 2) // KILOMETRE, 10)
    if whole < TENTHS_BELOW and tenths:
        return f"{whole}{_text('numbers', language)['decimal']}{tenths} km"
    return f"{(metres + KILOMETRE // 2) // KILOMETRE} km"


@_remembered
def _needs(met: tuple[str, ...], missing: tuple[str, ...], language: Language) -> str:
    form = {(True, True): "some", (True, False): "met", (False, True): "unmet"}.get(
        (bool(met), bool(missing)), "none"
    )
    filled = {name: _named(codes, language) for name, codes in (("met", met), ("missing", missing)) if codes}
    return str(_text("why", "needs", language)[form].format(**filled))


@_remembered
def _interests(interests: tuple[str, ...], language: Language) -> str:
    texts = _text("why", "interests", language)
    if not interests:
        return str(texts["unknown"])
    return str(texts["shared"].format(interests=_named(interests, language)))


@_remembered
def _availability(slots: int, language: Language) -> str:
    names = slot_names(slots, language)
    texts = _text("why", "availability", language)
    if not names:
        return str(texts["none"])
    return str(texts[_form(len(names))].format(n=len(names), slots=_listed(names, language)))


_SENTENCES: dict[str, Callable[["Proposal", Language], str]] = {
    "language": lambda proposal, language: _language(
        tuple(proposal.languages.items()), language, interpreter=proposal.interpreter),
    "distance": lambda proposal, language: _distance(proposal.metres, language),
    "needs": lambda proposal, language: _needs(proposal.wishes_met, proposal.wishes_missing, language),
    "interests": lambda proposal, language: _interests(proposal.interests, language),
    "availability": lambda proposal, language: _availability(proposal.slots, language),
}
