"""The four services in one process are served as each is alone: also as to whose word about an address is believed."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI, Request

from deploy.local import ports
from deploy.local.apps import App, serve_apps
from deploy.local.cluster import Cluster
from deploy.local.service_settings import settings_for

TOLD = {"X-Forwarded-For": "203.0.113.7"}


async def who_called(cluster: Cluster) -> str:
    """The address that a service under `lotse up` takes a request through a proxy on this machine to come from."""
    app = FastAPI()

    @app.get("/")
    async def who(request: Request) -> str:
        return request.client.host if request.client else ""

    with ports.bound(ports.HOST, 0, "service registry") as holding:
        url = ports.url_of(holding)
        app.state.settings = settings_for("registry", cluster, network="test", url=url)
        stop = asyncio.Event()
        serving = asyncio.create_task(serve_apps({"registry": App(app, holding, url)}, stop))
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(url, headers=TOLD)
        stop.set()
        await serving
    told: str = answer.json()
    return told


@pytest.mark.parametrize(("proxies", "address"), [
    (None, "203.0.113.7"), ("127.0.0.0/8,10.0.0.0/8", "203.0.113.7"), ("10.0.0.0/8", "127.0.0.1")])
async def test_the_proxies_of_the_environment_are_believed_and_no_others(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, proxies: str | None, address: str,
) -> None:
    """LOTSE_PROXIES says whose; without it those of this machine, and not what uvicorn reads by itself."""
    monkeypatch.delenv("LOTSE_PROXIES", raising=False)
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*" if address == "127.0.0.1" else "10.0.0.1")
    if proxies:
        monkeypatch.setenv("LOTSE_PROXIES", proxies)

    assert await who_called(cluster) == address
