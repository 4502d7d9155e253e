"""The four services in one event loop: each with its own socket and lifespan, none with its own signals."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx
import uvicorn
from fastapi import FastAPI

from libs.common.service import look_for_cycles_seldom, server_config

_GRACEFUL_SECONDS = 5
_READY_SECONDS = 30.0
_ASK_SECONDS = 2.0
_POLL = 0.05


class _Server(uvicorn.Server):
    """A server that leaves the signals to `lotse`: four of them in one process would take them from one another."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True)
class App:
    """One service to run: its app and the socket that already holds its port."""

    app: FastAPI
    holding: socket.socket
    url: str


async def serve_apps(apps: Mapping[str, App], stop: asyncio.Event) -> None:
    """Serve all of them until `stop` is set, then end them in order; the first one that fails ends the others."""
    look_for_cycles_seldom()
    async with asyncio.TaskGroup() as services:
        for name, app in apps.items():
            services.create_task(_serve(app, stop), name=name)


async def reasons_against(apps: Mapping[str, App]) -> dict[str, str]:
    """Wait until every service says that it is ready; after half a minute the answers of those that do not."""
    async with httpx.AsyncClient(timeout=_ASK_SECONDS, trust_env=False) as client:
        answers = await asyncio.gather(*(_unready(client, app.url) for app in apps.values()))
    return {name: answer for name, answer in zip(apps, answers, strict=True) if answer}


async def _serve(app: App, stop: asyncio.Event) -> None:
    # The lifespan is run here: uvicorn would hide why a service does not start behind an exit code.
    config = server_config(
        app.app, app.app.state.settings, lifespan="off", timeout_graceful_shutdown=_GRACEFUL_SECONDS)
    async with app.app.router.lifespan_context(app.app):
        server = _Server(config)
        ending = asyncio.create_task(_stopped(server, stop))
        try:
            await server.serve(sockets=[app.holding])
        finally:
            ending.cancel()


async def _stopped(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True


async def _unready(client: httpx.AsyncClient, url: str) -> str:
    answer = ""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_READY_SECONDS):
            while True:
                try:
                    response = await client.get(f"{url}/health/ready")
                except httpx.HTTPError as problem:
                    answer = f"no answer ({type(problem).__name__})"
                else:
                    answer = "" if response.is_success else response.text
                if not answer:
                    return ""
                await asyncio.sleep(_POLL)
    return answer
