"""The command `lotse`: a network on one machine, started, looked at and looked after."""

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from deploy.local import operating_cli, ports
from deploy.local.cluster import Cluster
from deploy.local.exits import CannotGoOn, Exit
from deploy.local.matching_cli import match
from deploy.local.servers import start_servers
from deploy.local.showing import addresses, condition, findings, out, say, say_why
from deploy.local.simulating_cli import simulate
from deploy.local.state import default_state, fresh_demonstration, holder_of

_EXIT_CODES = (
    "Exit codes: 0 done; 1 failed; 2 wrong usage; 69 a port, program or server is not available; 73 state cannot be"
    " kept there; 75 already running on this state; 78 unsafe or missing settings; 130 interrupted."
    " LOTSE_STATE names the state folder, LOTSE_PG_BIN and LOTSE_NATS_BIN other programs than those of the wheels."
)

app = typer.Typer(
    help="Lotsennetz: one system for a network that helps refugees arrive.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
State = Annotated[
    Path | None, typer.Option("--state", help="The folder that keeps databases, streams and secrets [LOTSE_STATE].")
]


def _is_slug(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name):
        raise typer.BadParameter("small letters, digits and hyphens only")
    return name


NetworkName = Annotated[
    str,
    typer.Option(envvar="LOTSE_NETWORK", callback=_is_slug, help="Small letters, digits and hyphens."),
]


def main() -> None:
    """Run the command; ends with one of the exit codes that --help lists."""
    reason = None
    operating_cli.add_to(app)
    app.command()(match)
    app.command()(simulate)
    try:
        app()
    except* CannotGoOn as stopped:
        reason = _first(stopped)
    if reason:
        say_why(reason)
        sys.exit(reason.code)


@app.command(epilog=_EXIT_CODES)
def up(
    state: State = None,
    network: NetworkName = "lotsennetz",
    host: Annotated[str, typer.Option(help="The address on which the services listen.")] = ports.HOST,
    port: Annotated[
        int, typer.Option(min=0, max=65531, help="The first of the four services' ports (0: free ones).")
    ] = ports.FIRST_SERVICE_PORT,
    postgres_port: Annotated[int, typer.Option(min=0, max=65535)] = ports.POSTGRES_PORT,
    nats_port: Annotated[int, typer.Option(min=0, max=65535)] = ports.NATS_PORT,
    nats_monitoring_port: Annotated[int, typer.Option(min=0, max=65535)] = ports.MONITORING_PORT,
) -> None:
    """Bring up PostgreSQL, nats-server and the four services, and stay until Ctrl-C. State is kept between runs."""
    from deploy.local.first_key import show_first_key
    from deploy.local.network import Network, Plan, run

    plan = Plan(
        state=_folder(state),
        network=network,
        host=host,
        first_port=port,
        postgres_port=postgres_port,
        nats_port=nats_port,
        monitoring_port=nats_monitoring_port,
    )

    async def show(network: Network) -> None:
        out.print(addresses(network.urls))
        await show_first_key(network)
        out.print(f"State and logs: {plan.state}. Ctrl-C ends the network; `lotse up` brings it back as it was.")

    raise typer.Exit(asyncio.run(run(plan, show, say=say)))


@app.command(epilog=_EXIT_CODES)
def demo(
    state: State = None,
    once: Annotated[
        bool, typer.Option("--once", help="End after the job; exit code 0 only if all of it held.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65531, help="The first of the four services' ports (0: free ones).")
    ] = ports.FIRST_SERVICE_PORT,
    refusals: Annotated[
        Path | None, typer.Option(hidden=True, help="Write each refusal into this file, and provoke some more.")
    ] = None,
) -> None:
    """Play the network's main job for real, on a fresh network of its own, and stay until Ctrl-C.

    Months pass by the demonstration's clock. Every step is asked back through the public APIs.
    """
    from deploy.local.demo.job import demonstration
    from deploy.local.network import Plan, run

    folder = fresh_demonstration(_folder(state))
    own = 0 if once else None
    plan = Plan(
        state=folder,
        network="demonstration",
        demonstration=True,
        first_port=port if own is None else own,
        postgres_port=0,
        nats_port=0,
        monitoring_port=0,
    )
    raise typer.Exit(asyncio.run(run(plan, demonstration(once=once, refusals=refusals), say=say)))


@app.command(epilog=_EXIT_CODES)
def serve(service: Annotated[str, typer.Argument(help="registry, events, matching or notify.")]) -> None:
    """Run one service with the settings of the environment (LOTSE_DATABASE_URL, LOTSE_NATS_URL …), as compose does."""
    from deploy.local.one_service import serve_one

    serve_one(service)


@app.command(epilog=_EXIT_CODES)
def status(
    state: State = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """What runs, where, and whether it is ready. Exit code 69 when nothing runs."""
    from deploy.local.looking import with_health
    from deploy.local.run_file import read_run

    folder = _folder(state)
    run = read_run(folder)
    if run is None and not as_json:
        raise _nothing_runs(folder)
    found = asyncio.run(with_health(run)) if run else {"state": str(folder)}
    if as_json:
        print(json.dumps({"running": run is not None, **found}, indent=2))
        raise typer.Exit(Exit.OK if run else Exit.UNAVAILABLE)
    out.print(f"{found['network']} (lotsennetz {found['version']}), process {found['pid']}, state in {found['state']}")
    out.print(condition(found))


@app.command(epilog=_EXIT_CODES)
def doctor(
    state: State = None,
    database_url: Annotated[
        str | None, typer.Option(envvar="LOTSE_DATABASE_URL", help="Look at this PostgreSQL instead.")
    ] = None,
    nats_monitor_url: Annotated[
        str | None, typer.Option(envvar="LOTSE_NATS_MONITOR_URL", help="Look at this nats-server's monitoring instead.")
    ] = None,
) -> None:
    """Check that what the servers acknowledge survives a crash, and say what to do. Exit code 78 when it might not."""
    from deploy.local.looking import durability

    if database_url:
        found = asyncio.run(durability([database_url], nats_monitor_url or ""))
    else:
        with _cluster(_folder(state), start=False) as cluster:
            urls = [cluster.database_url(service) for service in cluster.services]
            found = asyncio.run(durability(urls, nats_monitor_url or cluster.monitoring_url))
    out.print(findings(found))
    if not all(setting.safe for setting in found):
        raise CannotGoOn("Acknowledged data may be lost with these settings.", code=Exit.UNSAFE)
    say("Safe: what is acknowledged survives a crash.")


@app.command(epilog=_EXIT_CODES)
def migrate(
    state: State = None,
    network: NetworkName = "lotsennetz",
) -> None:
    """Bring the four databases to this version's tables; starts the servers for it when they do not run."""
    from deploy.local.service_settings import migrate_database, settings_for

    with _cluster(_folder(state), start=True) as cluster:
        for service in cluster.services:
            settings = settings_for(service, cluster, network=network, url="http://127.0.0.1:8000")
            asyncio.run(migrate_database(service, settings))
            say(f"{service} is up to date.")


@app.command(epilog=_EXIT_CODES)
def provision(state: State = None) -> None:
    """Make the bus's streams and durables or bring them up to date; starts the servers when they do not run."""
    from deploy.local.service_settings import provision_bus

    with _cluster(_folder(state), start=True) as cluster:
        for change in asyncio.run(provision_bus(cluster)):
            say(change)
        say("The bus is provisioned.")


@contextmanager
def _cluster(folder: Path, *, start: bool) -> Iterator[Cluster]:
    """The servers that run on this state folder; started for as long as it takes, or refused, when none do."""
    running = Cluster.load(folder) if holder_of(folder) else None
    if running:
        yield running
    elif start:
        with start_servers(folder, say=say) as servers:
            yield servers.cluster
    else:
        raise _nothing_runs(folder)


def _folder(state: Path | None) -> Path:
    return state.absolute() if state else default_state()


def _nothing_runs(folder: Path) -> CannotGoOn:
    return CannotGoOn(f"Nothing runs on {folder}.", "Start it with `lotse up`.", Exit.UNAVAILABLE)


def _first(stopped: BaseExceptionGroup[CannotGoOn]) -> CannotGoOn:
    reason: BaseException = stopped
    while isinstance(reason, BaseExceptionGroup):
        reason = reason.exceptions[0]
    return reason if isinstance(reason, CannotGoOn) else CannotGoOn(str(reason))
