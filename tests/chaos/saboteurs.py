"""Whether the harness has teeth: each planted bug must be caught, and without one nothing may be found."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from libs.common.facts import SERVICES as ALL_SERVICES
from tests.chaos.bugs import BUGS
from tests.chaos.faults import (
    Step,
    crash_at,
    directed,
    kill_on_answer,
    let_make,
    let_work,
    lose_unheard,
    second_instance,
    tell_again,
    tell_poison,
)
from tests.chaos.network_faults import cut_from_bus, cut_from_database, silence_bus
from tests.chaos.programme import Plan, Verdict, play
from tests.chaos.showing import commit, progress, saying
from tests.chaos.stage import Stage

SPEAKER, LISTENER = "registry", "events"
SERVICES = (SPEAKER, LISTENER)
SETTLE_SECONDS = 15.0
Steps = tuple[Step, ...]


NO_KILL: Steps = (("tell again", tell_again, (SPEAKER,)), ("poison", tell_poison, ("unknown code", SPEAKER)),
                  ("tell again", tell_again, (SPEAKER,)))
WORK: Steps = (("nothing", let_work, ("4",)),)
MATCHED: Steps = (("nothing", let_make, ("tandem", "10")),)
OVER: Steps = (*MATCHED, *(("crash at a named point", crash_at, ("matching", "due-before-commit")) for _ in range(2)))
ON_ANSWER: Steps = tuple(("kill on answer", kill_on_answer, (SPEAKER,)) for _ in range(4))
LOSE: Steps = (("lose what is unheard", lose_unheard, (LISTENER, SPEAKER, "no answer")),)
HEARING: Steps = tuple(("crash at a named point", crash_at, (LISTENER, "inbox-before-commit")) for _ in range(2))
RELAYING: Steps = tuple(("crash at a named point", crash_at, (SPEAKER, "relay-before-publish")) for _ in range(2))
DUE: Steps = tuple(("crash at a named point", crash_at, (SPEAKER, "due-before-commit")) for _ in range(2))
TWO: Steps = (("second instance", second_instance, (SPEAKER,)),)
ERASED: Steps = (("nothing", let_make, ("erasure", "4")),)
ATTENDED: Steps = (("nothing", let_make, ("attendance", "12")), *WORK)
CLOSED: Steps = (*MATCHED, ("nothing", let_make, ("closing", "2")))
# Which faults each bug is looked for with; without a kill where none is needed.
SOUGHT_BY: dict[str, Steps] = {
    "ack-before-commit": HEARING, "mark-before-publish": RELAYING, "cursor-on-id": WORK, "second-relay": TWO,
    "no-dedupe": NO_KILL, "mark-outside": HEARING + LOSE, "note-after-effect": HEARING, "hole-ignored": LOSE,
    "never-asks": NO_KILL, "announce-after-commit": ON_ANSWER, "answer-before-commit": ON_ANSWER,
    "due-work-forgotten": DUE, "due-work-twice": DUE, "same-id-again": NO_KILL, "poison-blocks": NO_KILL,
    "parked-is-overtaken": NO_KILL, "idempotency-ignored": NO_KILL, "etag-ignored": (*NO_KILL, *WORK, *WORK),
    "places-uncounted": MATCHED, "left-behind": OVER, "key-kept": ERASED, "ticked-unattended": ATTENDED,
    "learning-lost": CLOSED,
}
# Where the two services above cannot show it; without a bug all of them run.
SHOWN_BY = {
    **dict.fromkeys(("places-uncounted", "left-behind", "learning-lost"), (SPEAKER, "matching")),
    "ticked-unattended": (*SERVICES, "matching"), "key-kept": ALL_SERVICES, "": ALL_SERVICES}
CUT: Steps = (("cut off the bus", cut_from_bus, (LISTENER,)), ("cut off PostgreSQL", cut_from_database, (SPEAKER,)),
              ("black hole before the bus", silence_bus, (LISTENER,)))
ALL: Steps = (*NO_KILL, *HEARING[:1], *RELAYING[:1], *DUE[:1], *ON_ANSWER[:1], *LOSE, *TWO, *CUT)


@dataclass(frozen=True)
class Row:
    """One run of the table: the bug (none: empty), its verdict, and how long it took."""

    bug: str
    verdict: Verdict
    seconds: float

    @property
    def as_it_should(self) -> bool:
        """Caught when there is a bug, clean when there is none."""
        return bool(self.verdict.violations) == bool(self.bug)


async def catch_saboteurs(stage: Stage, seed: int, folder: Path, console: Console, only: Sequence[str]) -> bool:
    """Play one run without a bug and one with each, and show what was caught; whether all of it was."""
    rows = []
    with progress(console) as shown:
        for number, bug in enumerate(("", *(only or SOUGHT_BY))):
            began = time.monotonic()
            plan = Plan(f"saboteur_{number}", seed + number, 0, SHOWN_BY.get(bug, SERVICES), bug=bug,
                        settle_seconds=SETTLE_SECONDS, schedule=directed(*SOUGHT_BY.get(bug, ALL)), thorough=not bug)
            verdict = await play(stage, plan, folder / (bug or "none"), saying(shown, bug or "no bug"))
            rows.append(Row(bug, verdict, time.monotonic() - began))
    console.print(_table(rows, seed))
    missed = [row.bug or "the run without a bug" for row in rows if not row.as_it_should]
    console.print(f"Not as it should be: {', '.join(missed)}; logs are in {folder}." if missed else
                  f"{len(rows) - 1} of {len(rows) - 1} caught, and nothing found without a bug.")
    return not missed


def _table(rows: Sequence[Row], seed: int) -> Table:
    table = Table("planted bug", "what was done wrong", "verdict", "seconds", "faults", "first broken promise",
                  title=f"Saboteurs: seed {seed}, commit {commit()}")
    for row in rows:
        first = row.verdict.violations[0] if row.verdict.violations else None
        said = ("caught" if first else "MISSED") if row.bug else ("FALSE ALARM" if first else "clean")
        table.add_row(row.bug or "none", BUGS[row.bug].sentence if row.bug else "", said, f"{row.seconds:.0f}",
                      str(sum(row.verdict.faults.values())), f"{first.promise}: {first.sentence}" if first else "")
    return table
