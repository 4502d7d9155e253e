"""Chaos: kill, cut and poison a network at work, then look from outside whether every promise was kept.

python -m tests.chaos [--seconds 60] [--seed N] | --saboteurs [--only NAME …]
"""

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from deploy.local.shared import state_for_tests
from libs.common.facts import SERVICES
from tests.chaos.instances import warm_up
from tests.chaos.programme import Plan, Verdict, play
from tests.chaos.saboteurs import catch_saboteurs
from tests.chaos.showing import progress, saying, show
from tests.chaos.stage import Stage


async def _one(stage: Stage, options: argparse.Namespace, folder: Path, console: Console) -> Verdict:
    plan = Plan("run", options.seed, options.seconds, stage.services)
    with progress(console) as shown:
        return await play(stage, plan, folder, saying(shown, f"seed {options.seed}"))


def _chosen(services: list[str]) -> tuple[str, ...]:
    """The registry always: without its keys and partners nobody could give a command."""
    return tuple(service for service in SERVICES if service in {"registry", *services})


async def _run(options: argparse.Namespace, folder: Path, console: Console) -> bool:
    console.print(f"seed {options.seed}: starting the servers")
    # In a thread: what follows it, the process that services are forked from, takes seconds too.
    warming = asyncio.create_task(asyncio.to_thread(warm_up))
    stage = await asyncio.to_thread(Stage, state_for_tests(f"chaos-{folder.name}"), _chosen(options.services))
    try:
        await stage.build()
        await warming
        if options.saboteurs:
            return await catch_saboteurs(stage, options.seed, folder, console, options.only)
        verdict = await _one(stage, options, folder, console)
        show(console, verdict)
        return not verdict.violations
    finally:
        await asyncio.to_thread(stage.stop)


def main() -> int:
    """0 when every invariant holds (or every saboteur was caught), else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long faults happen")
    parser.add_argument("--seed", type=int, default=None, help="what decides on faults and commands; printed")
    parser.add_argument("--services", nargs="+", default=list(SERVICES), choices=SERVICES, help="which services run")
    parser.add_argument("--saboteurs", action="store_true", help="plant bugs, each of which must be caught")
    parser.add_argument("--only", nargs="+", default=[], help="only these saboteurs")
    options = parser.parse_args()
    options.seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    folder = Path(tempfile.mkdtemp(prefix="lotse-chaos-"))
    kept = asyncio.run(_run(options, folder, Console(width=None if sys.stdout.isatty() else 160)))
    if kept:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
