"""What a person sees of a run: where it is, and how it ended."""

import subprocess
import time
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.chaos.programme import Say, Verdict
from tests.chaos.world import World

ROOT = Path(__file__).resolve().parents[2]


def progress(console: Console) -> Progress:
    """A line that moves while a run does."""
    columns = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    return Progress(*columns, console=console, transient=True)


def saying(shown: Progress, name: str) -> Say:
    """Tells where a run is; on a terminal in one line, elsewhere a line for each fault."""
    line, began = shown.add_task(name), time.monotonic()

    def say(what: str, world: World) -> None:
        counts = f"{sum(world.faults.values())} faults, {world.ledger.acknowledged} commands acknowledged"
        told = f"{name}, {time.monotonic() - began:.0f} s: {counts}: {what}"
        shown.update(line, description=told)
        if not shown.console.is_terminal:
            shown.console.print(told, soft_wrap=True, highlight=False)

    return say


def commit() -> str:
    """The commit that runs, and whether files have changed since."""
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, text=True, capture_output=True, check=False).stdout.strip()

    changed = " with changes" if git("status", "--porcelain") else ""
    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + changed


def show(console: Console, verdict: Verdict) -> None:
    """The verdict of one run: seed, commit, counts, and the first violated invariant."""
    plan = verdict.plan
    table = Table("what", "how many", title=f"Chaos: seed {plan.seed}, commit {commit()}, {plan.seconds:.0f} s")
    for row in sorted(verdict.faults):
        table.add_row(f"fault: {row}", str(verdict.faults[row]))
    table.add_row("faults", str(sum(verdict.faults.values())))
    for noun in sorted(verdict.made):
        table.add_row(f"made in {noun}", str(verdict.made[noun]))
    table.add_row("commands acknowledged", str(verdict.acknowledged))
    table.add_row("of them repeated on purpose", str(verdict.repeated))
    table.add_row("requests refused on purpose", str(verdict.refused_rightly))
    table.add_row("tries without an answer", str(verdict.unanswered))
    table.add_row("quiet after, seconds", f"{verdict.settled_after:.1f}")
    console.print(table)
    for violation in verdict.violations[:10]:
        console.print(f"violated: {violation.promise}: {violation.sentence}", style="red", soft_wrap=True)
    console.print("Every promise was kept." if not verdict.violations else f"The run's logs are in {verdict.folder}.")
