"""How a template becomes a notification: variables put in, directions kept apart, times as people say them."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from jinja2 import StrictUndefined, UndefinedError, meta
from jinja2 import Template as CompiledTemplate
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from libs.common.bodies import BIDI_OVERRIDES
from libs.common.codes.languages import direction, fallback_chain
from libs.common.facts.question import Addressee
from libs.common.phrases import END_ISOLATE, ISOLATE
from services.notify.templates.model import LANGUAGES, Catalogue, Gap, GapKind, Layout, Moot, Template

BERLIN = ZoneInfo("Europe/Berlin")
# British English: the 24-hour clock and the day before the month, as everything else in Germany has them.
LOCALES = {"en": "en_GB", "prs": "fa"}
SUBJECT_SIGNS = 60
DAY_SIGNS = len("2026-03-02")
PLAIN = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
HTML = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=True)


@dataclass(frozen=True)
class Notification:
    """What a person receives: a subject, the same in plain text and in HTML, and the language it is in."""

    template: Template
    language: str
    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class Footer:
    """The links below a notification: to the preferences, and to end the subscription that it came from."""

    preferences: str
    unsubscribe: str | None = None


@dataclass(frozen=True)
class Word:
    """One value to put in, and its language if it has one."""

    text: str
    language: str | None = None

    def isolated(self) -> str:
        """For plain text: its direction cannot turn what stands around it."""
        return "\n".join(f"{ISOLATE}{line}{END_ISOLATE}" for line in self.text.split("\n") if line.strip())

    def marked_up(self) -> Markup:
        """For HTML: set apart, with its language where that is known."""
        lines = Markup("<br>").join(escape(line) for line in self.text.split("\n") if line.strip())
        if self.language is None:
            return Markup("<bdi>{}</bdi>").format(lines) if self.text else Markup("")
        return Markup('<bdi lang="{}" dir="{}">{}</bdi>').format(self.language, direction(self.language), lines)

    def in_subject(self, around: str) -> str:
        """For a subject: short, on one line, and set apart only where its direction is another than around it."""
        line = " ".join(self.text.split())
        line = line if len(line) <= SUBJECT_SIGNS else line[: SUBJECT_SIGNS - 1].rstrip() + "…"
        return line if _runs(line) in {around, None} else f"{ISOLATE}{line}{END_ISOLATE}"


def render(
    catalogue: Catalogue, key: str, addressee: Addressee, languages: Sequence[str], footer: Footer,
) -> Notification:
    """The notification in the first of these languages that has the template.

    Gap when a text or variable is missing, Moot when that means that it holds no longer.
    """
    template = catalogue.choose(key, languages)
    words = _words(catalogue, template, addressee, languages)
    around, layout = direction(template.language), catalogue.layouts[template.language]
    in_subject = {name: word.in_subject(around) for name, word in words.items()}
    subject = " ".join(_put(PLAIN, template.subject, in_subject).split())
    parts: dict[str, object] = {
        "language": template.language, "direction": around, "subject": subject, "layout": layout,
        "footer": footer, "other_language": bool(languages) and _base(languages[0]) != _base(template.language),
        "links": [(button.label, addressee.links[button.link])
                  for button in template.buttons if addressee.links.get(button.link)],
    }
    plain = {name: word.isolated() for name, word in words.items()}
    marked = {name: word.marked_up() for name, word in words.items()}
    name = Word(_clean(" ".join(addressee.name.split())))
    return Notification(
        template, template.language, subject,
        text=_put(PLAIN, TEXT, parts | _said(PLAIN, template, layout, plain | {"name": name.isolated()})),
        html=_put(HTML, catalogue.page, parts | _said(HTML, template, layout, marked | {"name": name.marked_up()})))


def gaps(catalogue: Catalogue) -> Iterator[tuple[str, str, GapKind, str]]:
    """What the files lack: template, language, kind, and the language or variable that is missing or unknown."""
    for key, example in catalogue.examples.items():
        there = catalogue.templates[key]
        yield from ((key, tag, GapKind.MISSING_LANGUAGE, tag) for tag in LANGUAGES if tag not in there)
        for language, template in there.items():
            used = needed_by(template)
            unknown = used - example.variables()
            left_out = example.variables() - example.optional - used
            yield from ((key, language, GapKind.UNKNOWN_VARIABLE, name) for name in sorted(unknown))
            yield from ((key, language, GapKind.MISSING_VARIABLE, name) for name in sorted(left_out))


@cache
def needed_by(template: Template) -> frozenset[str]:
    """The variables that a template names."""
    sources = (template.subject, *template.paragraphs)
    named = (meta.find_undeclared_variables(PLAIN.parse(source)) for source in sources)
    return frozenset().union(*named, (button.link for button in template.buttons))


def said_time(moment: str, language: str, pattern: str) -> str:
    """A time with offset, or a day, as people in Germany say it in this language.

    pattern joins `{day}` and `{clock}`; a day alone is said without it. ValueError when it is neither.
    """
    locale = _locale(language)
    if len(moment) == DAY_SIGNS:
        return str(format_date(date.fromisoformat(moment), "full", locale=locale))
    local = datetime.fromisoformat(moment)
    local = local.astimezone(BERLIN) if local.tzinfo else local.replace(tzinfo=BERLIN)
    clock = format_time(local, "HH:mm", locale=locale)
    return pattern.format(day=format_date(local, "full", locale=locale), clock=clock)


TEXT = """\
{{ greeting }}

{% for paragraph in paragraphs %}{{ paragraph }}

{% endfor %}{% for label, url in links %}{{ label }}:
{{ url }}

{% endfor %}{{ layout.closing }}

--
{% if other_language %}{{ layout.other_language }}

{% endif %}{% if footer.unsubscribe %}{{ layout.why_subscription }}
{{ layout.unsubscribe }}:
{{ footer.unsubscribe }}

{% endif %}{{ layout.preferences }}:
{{ footer.preferences }}
"""


def _said(
    environment: ImmutableSandboxedEnvironment, template: Template, layout: Layout, values: Mapping[str, str],
) -> dict[str, object]:
    """Greeting and paragraphs; a paragraph that came out empty is left out."""
    greeting = layout.greeting if values["name"] else layout.greeting_without_name
    said = (_broken(_put(environment, source, values)) for source in template.paragraphs)
    return {"greeting": _put(environment, greeting, values), "paragraphs": [one for one in said if one.strip()]}


def _words(catalogue: Catalogue, template: Template, addressee: Addressee, languages: Sequence[str]) -> dict[str, Word]:
    """Each variable the template needs, as one word in the dearest language there is."""
    pattern, example = catalogue.layouts[template.language].time, catalogue.example(template.key)
    found = {name: _word(name, addressee, template.language, languages, pattern) for name in needed_by(template)}
    missing = {name for name, word in found.items() if not word.text.strip()} - example.optional
    if missing & example.moot_without:
        raise Moot
    if missing:
        raise Gap(GapKind.MISSING_VARIABLE, min(missing))
    return found


def _word(name: str, addressee: Addressee, language: str, languages: Sequence[str], pattern: str) -> Word:
    if by_language := {tag: text for tag, text in addressee.texts.get(name, {}).items() if text.strip()}:
        tag = next(tag for tag in (*fallback_chain(languages), language, *by_language) if tag in by_language)
        return Word(_clean(by_language[tag]), tag)
    if name in addressee.times:
        return Word(said_time(addressee.times[name], language, pattern), language)
    return Word(_clean(addressee.values.get(name) or addressee.links.get(name, "")))


def _clean(text: str) -> str:
    """Without control characters, and without marks that would turn the direction of what follows."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(sign for sign in lines if sign == "\n" or (
        sign not in BIDI_OVERRIDES and unicodedata.category(sign) not in {"Cc", "Cs"}))


def _put(environment: ImmutableSandboxedEnvironment, source: str, values: Mapping[str, object]) -> str:
    try:
        text = _compiled(environment, source).render(values)
    except UndefinedError as raised:
        raise Gap(GapKind.MISSING_VARIABLE, "template") from raised
    return Markup(text) if environment is HTML else text  # noqa: S704 - escaped while it was put together


def _broken(paragraph: str) -> str:
    """The paragraph with its line breaks as its part writes them."""
    return paragraph.replace("\n", Markup("<br>\n")) if isinstance(paragraph, Markup) else paragraph


@cache
def _compiled(environment: ImmutableSandboxedEnvironment, source: str) -> CompiledTemplate:
    return environment.from_string(source)


def _base(tag: str) -> str:
    return tag.split("-", maxsplit=1)[0]


def _runs(text: str) -> str | None:
    """The direction of the first letter that has one."""
    for sign in text:
        kind = unicodedata.bidirectional(sign)
        if kind in {"L", "R", "AL"}:
            return "ltr" if kind == "L" else "rtl"
    return None


def _locale(language: str) -> Locale:
    for tag in fallback_chain([language]):
        try:
            return Locale.parse(LOCALES.get(tag, tag.replace("-", "_")))
        except (UnknownLocaleError, ValueError):
            continue
    return Locale("de")
