"""`lotse parked`, `bus`, `rebuild` and `audit`: look after a network that runs on this machine."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from deploy.local import operating
from deploy.local.cluster import Cluster
from deploy.local.exits import CannotGoOn, Exit
from deploy.local.showing import out, say, show_rows
from deploy.local.state import default_state, holder_of
from libs.common.facts import SERVICES
from libs.common.parked import What

State = Annotated[Path | None, typer.Option("--state", help="The network's state folder [LOTSE_STATE].")]
ServiceName = Annotated[str, typer.Argument(help="registry, events, matching or notify.")]
ParkedId = Annotated[int, typer.Argument(help="The id that `lotse parked list` shows.")]

parked_app = typer.Typer(help="What failed for good: due work, and facts with later ones of their aggregate behind.",
                         no_args_is_help=True)
bus_app = typer.Typer(help="The bus: a copy of the outboxes, to be checked and filled again.", no_args_is_help=True)
audit_app = typer.Typer(help="Who read or changed which person's data.", no_args_is_help=True)


@parked_app.command("list")
def list_parked(state: State = None) -> None:
    """What is parked in all services, facts and due work; exit code 1 when there is anything."""
    with _running(state) as cluster:
        found = asyncio.run(operating.parked(cluster))
    table = Table("service", "id", "what", "subject or kind", "about", "since", "tried", "raised", "behind")
    for service, one in found:
        what = f"fact of {one.speaker}" if one.what is What.FACT else "due work"
        table.add_row(service, str(one.id), what, one.subject, one.about, _moment(one.parked_at), str(one.attempts),
                      one.raised.partition(" at ")[0], str(one.behind))
    if found:
        show_rows(table)
    else:
        out.print("Nothing is parked.")
    raise typer.Exit(Exit.FAILED if found else Exit.OK)


@parked_app.command("show")
def show_parked(service: ServiceName, parked_id: ParkedId, state: State = None) -> None:
    """A parked fact, its envelope and body; or due work, and when it is tried again; and what was raised where."""
    with _running(state) as cluster:
        what, row = asyncio.run(operating.parked_one(cluster, _known(service), parked_id))
    if what is What.FACT:
        out.print(f"{row.subject} about {row.about}, fact {row.fact_id}, number {row.number} of {row.speaker}")
    else:
        out.print(f"due work {row.kind} about {row.about}, due {_moment(row.due_at)}, "
                  f"tried again {_moment(row.not_before)}")
    out.print(f"tried {row.attempts} times; parked {_moment(row.parked_at)}; raised {row.raised}", markup=False)
    if what is What.FACT:
        out.print_json(data=dict(row.headers))
        out.print(row.body.decode(errors="replace"), markup=False)


@parked_app.command("replay")
def replay_parked(service: ServiceName, parked_id: ParkedId, state: State = None) -> None:
    """Try a parked fact again, and what waits behind it; or due work, without waiting for its next hour."""
    with _running(state) as cluster:
        asyncio.run(operating.decide(cluster, _known(service), parked_id, again=True))
    say(f"{parked_id} is tried again; `lotse parked list` shows if it failed once more.")


@parked_app.command("discard")
def discard_parked(
    service: ServiceName, parked_id: ParkedId, state: State = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Give a parked fact up for good, and what waits behind it goes on; or due work, which is never done then."""
    if not yes:
        typer.confirm("Its effect will be missing for good. Go on?", abort=True)
    with _running(state) as cluster:
        asyncio.run(operating.decide(cluster, _known(service), parked_id, again=False))
    say(f"{parked_id} is given up.")


@bus_app.command("verify")
def verify_bus(state: State = None) -> None:
    """Hold every stream against its outbox; exit code 1 when something is missing or foreign."""
    with _running(state) as cluster, Progress(transient=True) as bar:
        bars = {service: bar.add_task(service) for service in SERVICES}
        found = asyncio.run(operating.verify_bus(
            cluster, lambda service, done, total: bar.update(bars[service], completed=done, total=total)))
    table = Table("stream", "number", "what is wrong")
    for one in found[:100]:
        table.add_row(one.service, str(one.number), one.sentence)
    out.print(table if found else "Every stream holds what its outbox says.")
    if found:
        say(f"{len(found)} findings; `lotse bus rebuild <service>` fills a stream again from its outbox.")
    raise typer.Exit(Exit.FAILED if found else Exit.OK)


@bus_app.command("rebuild")
def rebuild_bus(service: ServiceName, state: State = None) -> None:
    """Delete a service's stream and fill it again from its outbox; nobody hears anything twice."""
    with _running(state) as cluster:
        count = asyncio.run(operating.rebuild_bus(cluster, _known(service)))
    say(f"The stream {service} is made anew; its relay publishes {count} facts again.")


@audit_app.command("verify")
def verify_audit(state: State = None) -> None:
    """Walk each service's audit chain; exit code 1 when an entry was changed, removed or added."""
    table, wrong_ones = Table("service", "entries", "head", "what is wrong"), 0
    with _running(state) as cluster, Progress(transient=True) as bar:
        bars = {service: bar.add_task(service) for service in SERVICES}
        for service in SERVICES:
            found = asyncio.run(operating.audited(
                cluster, service, lambda service, done, of: bar.update(bars[service], completed=done, total=of)))
            wrong_ones += len(found.wrong)
            table.add_row(service, str(found.entries), found.head[:16], "; ".join(found.wrong[:5]) or "nothing")
    out.print(table)
    raise typer.Exit(Exit.FAILED if wrong_ones else Exit.OK)


def rebuild(service: ServiceName, state: State = None) -> None:
    """Let a service make its copies and figures anew, from the first fact on."""
    with _running(state) as cluster:
        done = asyncio.run(operating.rebuild_service(cluster, _known(service)))
    say(f"{service} {done}; `lotse status` shows how it does.")


def add_to(app: typer.Typer) -> None:
    """Put these commands below `lotse`."""
    app.add_typer(parked_app, name="parked")
    app.add_typer(bus_app, name="bus")
    app.add_typer(audit_app, name="audit")
    app.command("rebuild")(rebuild)


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone():%d.%m.%Y %H:%M}" if at else "at once"


def _known(service: str) -> str:
    if service not in SERVICES:
        raise CannotGoOn(f"There is no service {service!r}.", f"It is one of {', '.join(SERVICES)}.", Exit.USAGE)
    return service


@contextmanager
def _running(state: Path | None) -> Iterator[Cluster]:
    folder = state.absolute() if state else default_state()
    cluster = Cluster.load(folder) if holder_of(folder) else None
    if cluster is None:
        raise CannotGoOn(f"Nothing runs on {folder}.", "Start it with `lotse up`.", Exit.UNAVAILABLE)
    yield cluster

