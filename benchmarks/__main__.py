"""Everything that is measured, each against its bare limit in the same run, as one table.

python -m benchmarks [--only relay inbox post registrations options starting] [--facts N] [--requests N]
"""

import argparse
import asyncio
import sys
from collections.abc import Callable

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks import inbox, live, post, registrations, relay, starting
from benchmarks.stage import Measured, a_bench
from libs.common.logs import set_up_logs


def _spine(facts: int, *, with_inbox: bool) -> list[Measured]:
    with a_bench() as bench:
        found = asyncio.run(relay.measure(bench, facts))
        return found + (asyncio.run(inbox.measure(bench, facts)) if with_inbox else [])


def _post(requests: int) -> list[Measured]:
    with a_bench() as bench:
        return asyncio.run(post.measure(bench, requests))


def _registrations(requests: int) -> list[Measured]:
    with a_bench() as bench:
        return asyncio.run(registrations.measure(bench, requests // 2))


def _options(requests: int) -> list[Measured]:
    with a_bench() as bench:
        return asyncio.run(live.measure(bench, requests))


def _show(console: Console, found: list[Measured]) -> None:
    table = Table("measured", "ours", "bare or beside", "ratio", "goal", "", title="Measured, each ratio in one run")
    for line in found:
        verdict = {None: "", True: "[green]reached", False: "[red]missed"}[line.reached]
        table.add_row(line.what, line.ours, line.bare, line.ratio, line.goal, verdict)
    console.print(table)


def main() -> int:
    """0 when every goal was reached, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = ("relay", "inbox", "post", "registrations", "options", "starting")
    parser.add_argument("--only", nargs="+", choices=names, default=list(names))
    parser.add_argument("--facts", type=int, default=20_000)
    parser.add_argument("--requests", type=int, default=2000)
    options = parser.parse_args()
    works: dict[str, Callable[[], list[Measured]]] = {
        # What the inbox hears is what the relay published.
        "inbox": lambda: _spine(options.facts, with_inbox=True),
        "relay": lambda: _spine(options.facts, with_inbox=False),
        "post": lambda: _post(options.requests),
        "registrations": lambda: _registrations(options.requests),
        "options": lambda: _options(options.requests),
        "starting": starting.measure,
    }
    chosen = [name for name in works if name in options.only and not (name == "relay" and "inbox" in options.only)]
    # Services that hear speakers who are not there would say so again and again.
    set_up_logs(as_json=False, level="warning")
    console = Console(width=None if sys.stdout.isatty() else 150)
    found: list[Measured] = []
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console) as progress:
        for name in chosen:
            task = progress.add_task(name)
            found += works[name]()
            progress.stop_task(task)
    _show(console, found)
    return 0 if all(line.reached is not False for line in found) else 1


if __name__ == "__main__":
    sys.exit(main())
