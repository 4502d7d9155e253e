"""The whole network in one process: servers, databases, bus and the four services, until it is told to stop."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from deploy.local import ports
from deploy.local.apps import App, reasons_against, serve_apps
from deploy.local.cluster import Cluster
from deploy.local.exits import Exit
from deploy.local.run_file import clear_run, describe_run
from deploy.local.servers import Say, Servers, Wanted, start_servers
from deploy.local.service_settings import migrate_database, provision_bus, settings_for
from deploy.local.state import refuse_if_held
from deploy.local.supervisor import keep_running
from libs.common.facts import SERVICES
from libs.common.settings import CommonSettings

_INTERRUPTED = 128 + signal.SIGINT
_LOG_BYTES = 5_000_000


@dataclass(frozen=True)
class Plan:
    """What to run and where; a port of 0 is any free one."""

    state: Path
    network: str = "lotsennetz"
    demonstration: bool = False
    host: str = ports.HOST
    first_port: int = ports.FIRST_SERVICE_PORT
    postgres_port: int = ports.POSTGRES_PORT
    nats_port: int = ports.NATS_PORT
    monitoring_port: int = ports.MONITORING_PORT


@dataclass(frozen=True)
class Network:
    """A network that runs: its servers' addresses and secrets, each service's settings and address."""

    plan: Plan
    cluster: Cluster
    settings: Mapping[str, CommonSettings]
    urls: Mapping[str, str]


#: What is done with a network that is ready: an exit code ends it, None leaves it up.
Job = Callable[[Network], Awaitable[int | None]]


async def run(plan: Plan, job: Job, *, say: Say) -> int:
    """Bring the network up, do the job, stay until SIGINT or SIGTERM unless it gave an exit code, and end in order.

    Refused (`CannotGoOn`) when another run holds the state, a port is taken, or a server does not start.
    """
    # Told before the ports that it holds are found taken.
    refuse_if_held(plan.state)
    stop = asyncio.Event()
    with _signals(stop), _listening(plan) as sockets:
        async with _servers(plan, say) as servers:
            network = _network(plan, servers.cluster, sockets)
            await _prepare(network, say)
            return await _serve(network, servers, sockets, stop=stop, job=job, say=say)


def _network(plan: Plan, cluster: Cluster, sockets: Mapping[str, socket.socket]) -> Network:
    urls = {service: ports.url_of(holding) for service, holding in sockets.items()}
    settings = {
        service: settings_for(
            service, cluster, network=plan.network, url=url, demonstration=plan.demonstration
        )
        for service, url in urls.items()
    }
    return Network(plan, cluster, settings, urls)


async def _prepare(network: Network, say: Say) -> None:
    since = time.monotonic()
    for service, settings in network.settings.items():
        await migrate_database(service, settings)
    say(f"The databases are up to date ({time.monotonic() - since:.1f} s).")
    changes = await provision_bus(network.cluster)
    say(f"The bus is provisioned ({len(changes)} changes).")


async def _serve(
    network: Network,
    servers: Servers,
    sockets: Mapping[str, socket.socket],
    *,
    stop: asyncio.Event,
    job: Job,
    say: Say,
) -> int:
    apps = {
        service: App(import_module(f"services.{service}.app").create_app(settings), sockets[service], url)
        for (service, settings), url in zip(network.settings.items(), network.urls.values(), strict=True)
    }
    with _logs_in(network.plan.state / "services.log"):
        serving = asyncio.create_task(serve_apps(apps, stop))
        watching = asyncio.create_task(
            keep_running(servers, provision=lambda: provision_bus(network.cluster), say=say)
        )
        working = asyncio.create_task(_work(network, apps, stop, job=job, say=say))
        over = [serving, watching, working, asyncio.create_task(stop.wait())]
        try:
            await asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
            return await _outcome(serving, watching, working)
        finally:
            stop.set()
            watching.cancel()
            working.cancel()
            await asyncio.gather(*over, return_exceptions=True)


async def _work(network: Network, apps: Mapping[str, App], stop: asyncio.Event, *, job: Job, say: Say) -> int:
    for service, answer in (await reasons_against(apps)).items():
        say(f"{service} is not ready yet: {answer}")
    describe_run(network.plan.state, network.cluster, network=network.plan.network, urls=network.urls)
    code = await job(network)
    if code is None:
        await stop.wait()
        return Exit.OK
    return code


async def _outcome(*tasks: asyncio.Task[int] | asyncio.Task[None]) -> int:
    """The exit code of what ended first; raises what made it end. Interrupted when it was none of them."""
    for task in tasks:
        if task.done() and (result := task.result()) is not None:
            return result
    return _INTERRUPTED


@contextlib.asynccontextmanager
async def _servers(plan: Plan, say: Say) -> AsyncIterator[Servers]:
    wanted = Wanted(postgres_port=plan.postgres_port, nats_port=plan.nats_port, monitoring_port=plan.monitoring_port)
    servers = await asyncio.to_thread(start_servers, plan.state, wanted, say=say)
    clear_run(plan.state)
    try:
        yield servers
    finally:
        clear_run(plan.state)
        await asyncio.to_thread(servers.stop)


@contextlib.contextmanager
def _listening(plan: Plan) -> Iterator[dict[str, socket.socket]]:
    """Every service's socket, held from the start: a taken port is told before anything else is begun."""
    with contextlib.ExitStack() as holding:
        yield {
            service: holding.enter_context(
                ports.bound(plan.host, plan.first_port and plan.first_port + index, f"service {service}")
            )
            for index, service in enumerate(SERVICES)
        }


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, _asked_to_stop, stop)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _asked_to_stop(stop: asyncio.Event) -> None:
    if stop.is_set():
        # Asked twice: the guardian ends the servers.
        os._exit(_INTERRUPTED)
    stop.set()


@contextlib.contextmanager
def _logs_in(file: Path) -> Iterator[None]:
    """Let the services' log go to a file, so that what `lotse` says to a person stands alone."""
    if file.exists() and file.stat().st_size > _LOG_BYTES:
        file.replace(file.with_suffix(".old"))
    handlers = [each for each in logging.getLogger().handlers if isinstance(each, logging.StreamHandler)]
    with file.open("a", encoding="utf-8") as log:
        file.chmod(0o600)
        before = [handler.setStream(log) for handler in handlers]
        try:
            yield
        finally:
            for handler, stream in zip(handlers, before, strict=True):
                handler.setStream(stream)
