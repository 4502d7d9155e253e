"""The demonstration as a job of a network on this machine: play, tell how it went, and stay or end."""

import asyncio
from pathlib import Path

from rich.table import Table

from deploy.local.demo.mailbox import MailFolder
from deploy.local.demo.play import Played, play
from deploy.local.exits import Exit
from deploy.local.network import Job, Network
from deploy.local.operating import database_of
from deploy.local.run_file import add_to_run
from deploy.local.showing import addresses, out
from services.registry.access_keys.queries import first_operator
from services.registry.offers.queries import load_listed


def demonstration(*, once: bool, refusals: Path | None = None) -> Job:
    """The job: with `once` it ends with the exit code of the play, otherwise the network stays up after it.

    refusals: a file for every refusal that was met; some more are provoked for it.
    """

    async def job(network: Network) -> int | None:
        async with database_of(network.cluster, "registry") as database:
            await load_listed(database)
            key = await first_operator(database)
        if key is None:
            raise RuntimeError("a demonstration begins with an empty network")
        played = await play(network.urls, key, MailFolder(network.plan.state / "mail"), out.print,
                            provoking=refusals is not None)
        if refusals:
            await asyncio.to_thread(refusals.write_text, "\n".join(played.refusals), encoding="utf-8")
        add_to_run(network.plan.state, keys=dict(played.keys))
        _tell(network, played, once=once)
        if played.failed:
            return Exit.FAILED
        return Exit.OK if once else None

    return job


def _tell(network: Network, played: Played, *, once: bool) -> None:
    if played.failed:
        out.print(f"\n[bold red]Not everything held:[/] {played.failed}", highlight=False)
        return
    out.print(f"\n[bold green]All {played.held} steps were observed to hold[/] in {played.seconds:.1f} s.")
    if once:
        return
    keys = Table("who", "key")
    for who, key in played.keys.items():
        keys.add_row(who, key, style=None)
    out.print(addresses(network.urls))
    out.print(keys)
    out.print("Ctrl-C ends the demonstration.")
