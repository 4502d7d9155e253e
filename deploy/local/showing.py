"""What `lotse` shows a person: lines of progress, tables, and the sentence it ends with when it cannot go on."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from deploy.local.exits import CannotGoOn

if TYPE_CHECKING:
    from libs.common.durability import Setting

#: What was asked for; programs read it.
out = Console(soft_wrap=True, highlight=False)
_told = Console(stderr=True, soft_wrap=True, highlight=False)
_WIDE = 240


def show_rows(table: Table) -> None:
    """Show a table that was asked for; where it goes to a program each row is one line, with whole words."""
    (out if out.is_terminal else Console(width=_WIDE, highlight=False)).print(table)


def say(line: str) -> None:
    """Tell a step, on standard error."""
    _told.print(line, markup=False)


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A line that says what is being done; where nobody watches, each step on a line of its own."""
    if not sys.stderr.isatty():
        yield lambda step: say(f"{step} …")
        return
    with Console(stderr=True).status("") as status:
        yield lambda step: status.update(f"{step} …")


def say_why(stopped: CannotGoOn) -> None:
    """Tell why it cannot go on, and what to do about it."""
    _told.print(stopped.sentence, style="bold", markup=False)
    if stopped.advice:
        _told.print(stopped.advice, markup=False)


def addresses(urls: Mapping[str, str]) -> Table:
    """Where each service answers, and where its API is described."""
    table = Table("service", "address", "API docs")
    for service, url in urls.items():
        table.add_row(service, url, f"{url}/docs")
    return table


def condition(run: Mapping[str, Any]) -> Table:
    """Each service and server of a run: where it is, and how it does."""
    table = Table("what", "address", "condition")
    for name, service in run["services"].items():
        table.add_row(name, service["url"], _health(service))
    for name, server in run["servers"].items():
        table.add_row(f"{name} {server['version']}", server["address"], f"process {server['pid']}")
    return table


def findings(settings: "Iterable[Setting]") -> Table:
    """Each setting as it was found, and what to do about an unsafe one."""
    table = Table("setting", "found", "what to do")
    for setting in settings:
        table.add_row(setting.name, setting.found, "nothing" if setting.safe else setting.advice)
    return table


def _health(service: Mapping[str, Any]) -> str:
    health = service["health"]
    reasons = ", ".join(health.get("reasons", []))
    counted = {key: sum(value.values()) if key == "inbox_lag" else value for key, value in health.items()}
    figures = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in counted.items() if type(value) is int)
    return "; ".join(filter(None, ["ready" if service["ready"] else f"not ready ({reasons})", figures]))
