"""What operations see of a listener that is behind: in readiness, in the metrics and in `lotse status`."""

import asyncio
import io
from uuid import uuid4

import pytest
from rich.console import Console

from deploy.local.showing import condition
from libs.common.db import OpenTransaction
from libs.common.reactions import reacts_to
from tests.common.stage import ThingMoved, an_app, on_stage, tell_moves
from tests.harness import Network, Service


async def until_lag(service: Service, name: str, wanted: object) -> dict[str, object]:
    """What the service says of its readiness, once this lag is as wanted."""
    told: dict[str, object] = {}
    try:
        async with asyncio.timeout(10):
            while not told or told.get(name) != wanted:
                told = (await service.client.get("/health/ready")).json()
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"{name} never was {wanted}: {told}")
    return told


async def inbox_lags(service: Service) -> list[str]:
    """The lines of the metric."""
    lines = (await service.client.get("/metrics")).text.splitlines()
    return [line for line in lines if line.startswith("lotse_inbox_lag{")]


async def test_how_far_a_listener_is_behind_is_told_by_speaker(network: Network) -> None:
    """Three facts told and none heard; then they are. Only the instance that leads knows."""
    may_go_on = asyncio.Event()

    @reacts_to(ThingMoved)
    async def waits(_transaction: OpenTransaction, _fact: ThingMoved) -> None:
        await may_go_on.wait()

    speaker = await on_stage(network, "registry")
    await tell_moves(speaker, uuid4(), [1, 2, 3])
    await until_lag(speaker, "outbox_lag", 0)
    listener = await on_stage(network, "notify", waits)
    standing_by = await network.run("notify", an_app(network, "notify", waits))
    try:
        told = await until_lag(listener, "inbox_lag", {"registry": 3})
        assert await inbox_lags(listener) == ['lotse_inbox_lag{service="notify",speaker="registry"} 3.0']
        assert (await inbox_lags(standing_by), "inbox_lag" in await until_lag(standing_by, "leading", False)) == (
            [], False)
    finally:
        may_go_on.set()
    await until_lag(listener, "inbox_lag", {"registry": 0})
    assert await inbox_lags(listener) == ['lotse_inbox_lag{service="notify",speaker="registry"} 0.0']
    assert "inbox lag 3" in shown(told)


async def test_an_instance_that_leads_no_more_tells_no_old_lag(network: Network) -> None:
    """What it heard before says nothing of what the one that leads now has heard."""
    await on_stage(network, "registry")
    listener = await on_stage(network, "notify")
    await until_lag(listener, "inbox_lag", {"registry": 0})
    assert len(await inbox_lags(listener)) == 1

    listener.running.leader.leading = False

    assert await inbox_lags(listener) == []


def shown(health: dict[str, object]) -> str:
    """The row of `lotse status` for a service of this health."""
    run = {"services": {"notify": {"url": "http://127.0.0.1:1", "ready": True, "health": health}}, "servers": {}}
    console = Console(width=240, file=io.StringIO(), record=True)
    console.print(condition(run))
    return console.export_text()
