"""`lotse simulate`: a year of arrivals, played with one way of matching after the other; nothing has to run for it."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deploy.local.exits import CannotGoOn, Exit
from deploy.local.files import STANDARD, read_text, write_text
from deploy.local.showing import out, progress, show_rows
from deploy.local.simulating_plot import MOST_SEEDS, plot, rows, summary, told

if TYPE_CHECKING:
    from services.matching.simulation.comparing import Goal, Line, Reached
    from services.matching.simulation.market import Market

    Markets = dict[int, Callable[[], Market]]
    Sizes = tuple[int | None, int | None]

YEARS_OF_FILES, USUAL_PROCESSES = 5, 2
DESCRIBED = "docs/simulation.md describes the files."
Kind = Annotated[Literal["thin", "large"] | None, typer.Option(
    help="Many mentors, mostly of one place (thin, unless told), or few large places.")]
Seeds = Annotated[int | None, typer.Option(
    min=1, max=MOST_SEEDS, help="How many years are played, each by a seed of its own: 40 of a thin market, else 5.")]
Processes = Annotated[int | None, typer.Option(
    min=1, max=64, help="How many years are played at once: 2 where there are two processors. Figures are the same.")]
Households = Annotated[int | None, typer.Option(min=1, max=20_000, help="How many arrive in the year.")]
Units = Annotated[int | None, typer.Option(min=1, max=20_000, help="How many mentors, groups or places there are.")]
Told = Annotated[int | None, typer.Option(min=0, max=100, help=(
    "Of how many mentors in a hundred prices know until when they are there; then they know of no year's end either, "
    "as those of the service. Without it they know both."))]
Arrivals = Annotated[Path | None, typer.Option(help="CSV: who arrives when; with --places.")]
Places = Annotated[Path | None, typer.Option(help="CSV: who takes in how many from when to when; with --arrivals.")]
Written = Annotated[Path | None, typer.Option("--json", help="Write the figures into this file; - for stdout.")]
Plotted = Annotated[Path | None, typer.Option("--plot", help="Draw the shares of hindsight into this SVG file.")]


def simulate(  # noqa: PLR0913, PLR0917 - one for each option
    market: Kind = None, seeds: Seeds = None, households: Households = None, units: Units = None,
    arrivals: Arrivals = None, places: Places = None, written: Written = None, plotted: Plotted = None,
    processes: Processes = None, days_told: Told = None,
    language: Annotated[Literal["de", "en"], typer.Option(help="The language of table and plot.")] = "de",
) -> None:
    """Play a year with each way of matching, and tell how much of the best in hindsight each of them reaches.

    The people are invented, or come from two CSV files; docs/simulation.md says what is modelled. Exit code 2 when a
    file is malformed.
    """
    # NumPy and OR-tools are loaded by this command only.
    from services.matching.simulation.comparing import GOALS, YEARS

    began = time.monotonic()
    given = arrivals is not None or places is not None
    kind, sizes = market or "thin", (households, units)
    years = seeds or (YEARS_OF_FILES if given else YEARS[kind])
    of_invented = market is not None or any(sizes)
    markets = _read(arrivals, places, years, refused=of_invented) if given else _invented(kind, years, sizes)
    lines = _played(_foreseen(markets, days_told), processes or min(USUAL_PROCESSES, os.cpu_count() or 1))
    # Goals are about the markets that they were set for.
    by_name = {line.policy: line for line in lines}
    goals = [] if given or households or units else [(goal, goal.reached(by_name)) for goal in GOALS[kind]]
    if plotted:
        write_text(plotted, plot(lines, language))
    if written:
        write_text(written, _as_json(lines, goals, days_told))
    if written != STANDARD:
        show_rows(rows(lines, language))
        for goal, reached in goals:
            out.print(told(goal, reached, language))
        is_open = any(reached.is_open(goal.least) for goal, reached in goals)
        out.print(summary(years, time.monotonic() - began, language, is_open=is_open))


def _played(markets: "Markets", processes: int) -> "list[Line]":
    """All years, and meanwhile what is being done."""
    from services.matching.simulation.comparing import compare
    from services.matching.simulation.side_by_side import Ended

    with progress() as tell:
        try:
            return compare(markets, processes=processes, tell=tell)
        except Ended as raised:
            raise CannotGoOn("A process that played years has ended before it was done; perhaps it was killed, or "
                             "memory ran out.", "--processes 1 needs least memory.") from raised


def _as_json(lines: "list[Line]", goals: "list[tuple[Goal, Reached]]", days_told: int | None) -> str:
    return json.dumps({
        "days_told": days_told,
        "policies": [asdict(line) | {"share": line.share, "spread": line.spread} for line in lines],
        "goals": [asdict(goal) | {"reached": reached.mean, "error": reached.error} for goal, reached in goals],
    }, indent=1)


def _invented(kind: str, seeds: int, sizes: "Sizes") -> "Markets":
    """A market by chance for each seed from 1."""
    from services.matching.simulation.comparing import MARKETS, SIZES

    households, units = (size or usual for size, usual in zip(sizes, SIZES[kind], strict=True))
    return {seed: partial(MARKETS[kind], seed, households, units)
            for seed in range(1, seeds + 1)}


def _read(arrivals: Path | None, places: Path | None, seeds: int, *, refused: bool) -> "Markets":
    """The market of the files for each seed; the seeds then differ in the futures that are drawn.

    refused: there are options beside them that only an invented market has.
    """
    from services.matching.simulation.reading import Malformed, read_market

    if arrivals is None or places is None:
        raise CannotGoOn("--arrivals and --places belong together.", DESCRIBED, code=Exit.USAGE)
    if refused:
        raise CannotGoOn("--market, --households and --units are of invented markets; files say how many there are.",
                         DESCRIBED, code=Exit.USAGE)
    try:
        market = read_market(read_text(arrivals), read_text(places))
    except Malformed as raised:
        file = arrivals if raised.file == "arrivals" else places
        raise CannotGoOn(f"{file}, line {raised.line}, column {raised.column}: {raised.wrong}.", DESCRIBED,
                         code=Exit.USAGE) from raised
    return dict.fromkeys(range(1, seeds + 1), partial(_itself, market))


def _foreseen(markets: "Markets", days_told: int | None) -> "Markets":
    """The same markets; with days_told their prices foresee as little as those of the service do."""
    from services.matching.simulation.market import as_in_service

    return markets if days_told is None else {
        seed: partial(as_in_service, make, days_told, seed) for seed, make in markets.items()}


def _itself(market: "Market") -> "Market":
    """What is read once; unlike a lambda it can be told to another process."""
    return market
