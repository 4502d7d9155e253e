"""`lotse match`: a what-if run over a file, for which nothing has to run, and which changes nothing."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from deploy.local.exits import CannotGoOn, Exit
from deploy.local.files import STANDARD, read_text, write_parts
from deploy.local.showing import out, progress, show_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.matching.runs.batch import Sides
    from services.matching.runs.columns import Id
    from services.matching.runs.outcome import Outcome
    from services.matching.runs.pool import Weights
    from services.matching.runs.what_if import Fault

# By step, with its count.
_SAID = {
    "reading": "looking at {:,} people and groups", "pruning": "very many pairs: the best {:,} of each at first",
    "solving": "solving over {:,} pairs", "looking_again": "looking for pairs that gain more (round {:,})",
    "explaining": "telling the reasons of {:,} proposals",
}
File = Annotated[Path, typer.Argument(help="Both sides as JSON, in the shape of the API's bodies; - for stdin.")]
Written = Annotated[Path | None, typer.Option("--json", help="Write everything as JSON into this file; - for stdout.")]
Rows = Annotated[int, typer.Option(min=0, help="How many proposals, and how many without one, are shown.")]


def match(
    file: File, written: Written = None, rows: Rows = 20,
    language: Annotated[Literal["de", "en"], typer.Option(help="The language of the reasons.")] = "de",
) -> None:
    """Match the people in a file: the best there is, with its proof and a reason for everyone; changes nothing.

    docs/matching.md describes the file. Exit code 1 when no proof was found in time, 2 when the file is malformed.
    """
    # NumPy, OR-tools and SciPy are loaded by this command only.
    from services.matching.runs.batch import NotToBePinned, run_sides

    began = time.monotonic()
    with progress() as say_step:
        say_step(f"reading {file}")
        sides, pinned = _read(file)
        try:
            outcome = run_sides(sides, tell=lambda step, count: say_step(_SAID[step].format(count)))
        except NotToBePinned as raised:
            raise _malformed(file, [(*pinned[raised.pair], str(raised).removeprefix("pinned: "))]) from raised
        except ValueError as raised:
            raise CannotGoOn(f"{file} cannot be matched: {raised}.", "docs/matching.md describes the file.",
                             code=Exit.USAGE) from raised
    took = time.monotonic() - began
    if written:
        _write(written, outcome, sides.rules.weights)
    if written != STANDARD:
        _show(outcome, sides.rules.weights, language, rows)
        out.print(_summary(outcome, sides, took))
    raise typer.Exit(Exit.OK if outcome.certified else Exit.FAILED)


def _read(file: Path) -> "tuple[Sides, dict[tuple[Id, Id], tuple[int, str]]]":
    from services.matching.runs.what_if import Malformed, pinned_at, read_sides

    text = read_text(file)
    try:
        sides = read_sides(text)
    except Malformed as malformed:
        raise _malformed(file, malformed.faults) from malformed
    # The text itself would take memory as long as the run computes.
    return sides, pinned_at(text) if sides.pinned else {}


def _malformed(file: Path, faults: "Sequence[Fault]") -> CannotGoOn:
    said = "\n".join(f"  line {line}: {field}: {wrong}" for line, field, wrong in faults)
    return CannotGoOn(f"{file} cannot be matched:\n{said}", "docs/matching.md describes the file.", code=Exit.USAGE)


def _show(outcome: "Outcome", weights: "Weights", language: Literal["de", "en"], rows: int) -> None:
    from services.matching.runs.explanation import what_is_missing, why

    proposals = Table("household", "mentor or group", "score", "price", "why", title="Proposals")
    for one in outcome.proposals[:rows]:
        said = " ".join(reason.text for reason in why(one, weights, language) if reason.points)
        proposals.add_row(str(one.household), str(one.unit), str(one.score), str(one.unit_price), said)
    unserved = Table("household", "possible", "what is missing", title="Without a proposal")
    for left in outcome.unserved[:rows]:
        unserved.add_row(str(left.household), str(left.possible), what_is_missing(left, language)[0])
    for table, shown, count in ((proposals, rows, len(outcome.proposals)), (unserved, rows, len(outcome.unserved))):
        if table.row_count:
            show_rows(table)
        if count > shown:
            out.print(f"… and {count - shown:,} more (--rows, or --json FILE for all)")


def _summary(outcome: "Outcome", sides: "Sides", took: float) -> str:
    proof = (f"proven best: objective {outcome.objective:,} = bound {outcome.bound:,}" if outcome.certified else
             f"not proven: objective {outcome.objective:,}, bound {outcome.bound:,}")
    return (f"{len(sides.households):,} households, {len(sides.units):,} mentors and groups, "
            f"{outcome.possible_pairs:,} possible pairs: {len(outcome.proposals):,} proposals, "
            f"{len(outcome.unserved):,} without one; {proof} ({outcome.solver}, {took:.1f} s)")


def _write(file: Path, outcome: "Outcome", weights: "Weights") -> None:
    from services.matching.runs.solving import told

    write_parts(file, told(outcome, weights))
