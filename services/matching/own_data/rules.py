"""How what is stored about somebody is said in words: a term and what it says, in the person's language."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from libs.common.codes.labels import label
from libs.common.codes.languages import language_name
from libs.common.codes.lists import AgeBand, Cefr, CodeList, Gender
from libs.common.codes.regions import region as region_of
from services.matching.profiles.rules import BERLIN, DAYS, PARTS

Say = Callable[..., str]
Told = tuple[str, str]
# The lists that codes of a column come from; codes that a network defines itself are said as they are.
LISTS: Mapping[str, type[CodeList]] = {
    "gender": Gender, "accepts_genders": Gender, "contact_genders": Gender, "accepts_bands": AgeBand,
    "least_level": Cefr,
}
# What a page does not say, though the file has it: ids of other things, and states, which are said before.
UNSAID = frozenset({"id", "partner_id", "programme_id", "mentor_group_id", "state", "left_at", "left_on", "closed_at",
                    "closed_reason"})


def told(stored: Mapping[str, Any], say: Say, language: str) -> list[Told]:
    """Every column in which something stands, called by its phrase; say gives a phrase in the person's language."""
    return [(say(f"stored_{name}"), worded(name, value, say, language)) for name, value in stored.items()
            if name not in UNSAID and value not in (None, [], {})]


def worded(name: str, value: Any, say: Say, language: str) -> str:
    """What a column says, in words."""
    special: dict[str, Callable[[], str]] = {
        "languages": lambda: _languages(value, language), "slots": lambda: _slots(value, say),
        "region": lambda: region_of(value).name, "members": lambda: _members(value, language),
        "trainings_shown": lambda: _trainings(value),
        "kinds": lambda: ", ".join(say(f"kind_{kind}") for kind in value)}
    if name in special:
        return special[name]()
    if name.startswith("vetoed_"):
        return str(len(value))
    values = value if isinstance(value, list) else [value]
    return ", ".join(_one(LISTS.get(name), one, say, language) for one in values)


def level_name(level: str, language: str) -> str:
    """A level of language: in the European framework by its letters, else in words."""
    return level if level[0].isupper() else label(Cefr(level), language)


def said_day(moment: date) -> str:
    """A day as people in Germany write it."""
    day = moment.astimezone(BERLIN) if isinstance(moment, datetime) else moment
    return day.strftime("%d.%m.%Y")


def holding(consents: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that have neither been taken back nor given anew."""
    return [one for one in consents if one["withdrawn_on"] is None and one["replaced_on"] is None]


def noted(rows: Mapping[str, Sequence[Mapping[str, Any]]], say: Say) -> list[Told]:
    """What they consent to, noted, answered, told the neutral contact and attended."""
    consents = [say(f"purpose_{one['purpose']}", on=said_day(one["given_on"])) for one in holding(rows["consents"])]
    meetings = [say("noted_meeting", on=said_day(one["met_on"]), minutes=one["minutes"]) for one in rows["meetings"]]
    trainings = [one["training_code"].replace("_", " ") for one in rows["trainings"] if one["counts"]]
    answers = [": ".join(text for text in (
        say(f"mood_{one['mood']}") if one["mood"] else say("mood_unsaid"), one["note"]) if text)
        for one in rows["checkins"]]
    concerns = [one["text"] or said_day(one["raised_at"]) for one in rows["concerns"]]
    told_of = (("noted_consents", consents), ("noted_meetings", meetings), ("noted_trainings", trainings),
               ("noted_checkins", answers), ("noted_concerns", concerns))
    return [(say(key), "; ".join(lines)) for key, lines in told_of if lines]


def _one(of: type[CodeList] | None, value: Any, say: Say, language: str) -> str:
    if isinstance(value, bool):
        return say("yes" if value else "no")
    if isinstance(value, date):
        return said_day(value)
    return label(of(value), language) if of else str(value).replace("_", " ")


def _languages(spoken: Mapping[str, str], language: str) -> str:
    return ", ".join(f"{language_name(tag, tag)} ({level_name(level, language)})" for tag, level in spoken.items())


def _slots(slots: Sequence[str], say: Say) -> str:
    days = {day: [part for part in PARTS if f"{day}_{part}" in slots] for day in DAYS}
    return "; ".join(f"{say(f'day_{day}')}: {', '.join(say(f'part_{part}') for part in parts)}"
                     for day, parts in days.items() if parts)


def _trainings(shown: Sequence[Mapping[str, str]]) -> str:
    return "; ".join(f"{one['training_code'].replace('_', ' ')}, {said_day(date.fromisoformat(one['attended_on']))}, "
                     f"{one['certificate']}" for one in shown)


def _members(members: Sequence[Mapping[str, str]], language: str) -> str:
    return "; ".join(f"{label(AgeBand(one['age_band']), language)}, {label(Gender(one['gender']), language)}"
                     for one in members)
