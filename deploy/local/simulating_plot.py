"""The figures of a simulation for people: how the policies are called, a table with bars, and the same as an SVG."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from jinja2 import Environment, StrictUndefined
from rich.bar import Bar
from rich.table import Table

if TYPE_CHECKING:
    from services.matching.simulation.comparing import Goal, Line, Reached

Language = Literal["de", "en"]
WORDS: dict[Language, dict[str, str]] = {
    "de": {
        "greedy": "sofort", "live_prices": "sofort mit Preisen", "waiting_list": "Warteliste",
        "weekly_run": "Wochenlauf", "weekly_prices": "Wochenlauf mit Preisen", "hindsight": "im Rückblick",
        "policy": "Verfahren", "matched": "vermittelt", "share": "Anteil am Rückblick",
        "waited": "Wartetage (50 %, 95 %)",
        "title": "Wie viel vom Besten im Rückblick jedes Verfahren erreicht",
        "reached": "erreicht", "missed": "verfehlt", "over": "Vorsprung vor", "years": "Jahre", "year": "Jahr",
        "open": "Zu wenige Jahre für ein Urteil: was dem Ziel näher ist als zwei Standardfehler (±), kann Zufall sein. "
                "Mehr Jahre (--seeds {more}) sagen mehr.",
    },
    "en": {
        "greedy": "at once", "live_prices": "at once with prices", "waiting_list": "waiting list",
        "weekly_run": "weekly run", "weekly_prices": "weekly run with prices", "hindsight": "in hindsight",
        "policy": "policy", "matched": "matched", "share": "share of hindsight", "waited": "days waited (50 %, 95 %)",
        "title": "How much of the best in hindsight each policy reaches",
        "reached": "reached", "missed": "missed", "over": "lead over", "years": "years", "year": "year",
        "open": "Too few years to tell: what is nearer to its goal than two standard errors (±) may be chance. "
                "More years (--seeds {more}) tell more.",
    },
}
BAR_WIDTH = 30
MOST_SEEDS = 10_000
NOTHING = "-"
# Shares are close to one another: the plot begins here, and says so.
FROM = 0.5

SVG = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string("""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {{ 60 + 36 * bars|length }}" role="img" lang="{{ language }}"
  aria-labelledby="title desc" font-family="system-ui, sans-serif" font-size="16">
<title id="title">{{ title }}</title>
<desc id="desc">{% for name, share, spread, _ in bars %}{{ name }}: {{ share }}{{ spread }}. {% endfor %}</desc>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="16" y="28" font-weight="600" fill="#1b1b1b">{{ title }}</text>
{% for name, share, spread, width in bars %}
<g transform="translate(0 {{ 44 + 36 * loop.index0 }})">
<text x="206" y="19" text-anchor="end" fill="#1b1b1b">{{ name }}</text>
<rect x="216" y="2" width="{{ width }}" height="24" fill="#0b4f8a"/>
<text x="{{ 224 + width }}" y="19" fill="#1b1b1b">{{ share }}{{ spread }}</text>
</g>
{% endfor %}
<text x="216" y="{{ 56 + 36 * bars|length }}" font-size="12" fill="#4a4a4a">{{ begins }}</text>
</svg>
""")


def percent(number: float | None, language: Language) -> str:
    """A share as a person of this language writes it; a dash where there was nothing to be had a share of."""
    if number is None:
        return NOTHING
    text = f"{100 * number:.1f} %"
    return text.replace(".", ",") if language == "de" else text


def rows(lines: "Sequence[Line]", language: Language) -> Table:
    """A row per policy, with a bar from half of hindsight to all of it."""
    words = WORDS[language]
    table = Table(words["policy"])
    for name in ("matched", "share", "±"):
        table.add_column(words.get(name, name), justify="right")
    table.add_column(words["waited"], justify="right")
    table.add_column(f"{percent(FROM, language)} … {percent(1, language)}", width=BAR_WIDTH)
    for line in lines:
        table.add_row(
            words[line.policy], f"{line.matched:.0f}", percent(line.share, language),
            percent(line.spread if line.shares else None, language),
            ", ".join(NOTHING if days is None else f"{days:.0f}" for days in (line.waited_half, line.waited_most)),
            Bar(1 - FROM, 0, _beyond(line), width=BAR_WIDTH))
    return table


def _beyond(line: "Line") -> float:
    """How long its bar is."""
    return max(0.0, (line.share or 0.0) - FROM)


def told(goal: "Goal", reached: "Reached", language: Language) -> str:
    """Whether a goal is met, and by what figure; behind ± what chance alone may do in so few years."""
    words = WORDS[language]
    what = words[goal.policy] + (f", {words['over']} {words[goal.over]}" if goal.over else "")
    held = words["reached"] if reached.mean >= goal.least else words["missed"]
    error = f" ± {percent(reached.error, language)}" if reached.error is not None else ""
    return f"{goal.id}: {what}: {percent(reached.mean, language)}{error} (≥ {percent(goal.least, language)}: {held})"


def summary(seeds: int, seconds: float, language: Language, *, is_open: bool) -> str:
    """How many years were played in which time, and whether chance may decide about a goal in so few."""
    words = WORDS[language]
    played = f"{seeds} {words['year' if seeds == 1 else 'years']}, {seconds:.0f} s"
    return played + ("\n" + words["open"].format(more=min(5 * seeds, MOST_SEEDS)) if is_open else "")


def plot(lines: "Sequence[Line]", language: Language) -> str:
    """The shares as an SVG that a screen reader reads too."""
    words = WORDS[language]
    begins = {"de": f"Die Balken beginnen bei {percent(FROM, language)}.",
              "en": f"The bars begin at {percent(FROM, language)}."}
    bars = [(words[line.policy], percent(line.share, language),
             f" ± {percent(line.spread, language)}" if line.spread else "",
             round(360 * _beyond(line) / (1 - FROM))) for line in lines]
    return SVG.render(title=words["title"], language=language, bars=bars, begins=begins[language])
