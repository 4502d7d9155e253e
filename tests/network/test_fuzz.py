"""Every operation of the four services, with credentials."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from deploy.local.cluster import Cluster
from tests.harness import Network
from tests.network.fuzz_recipes import request_of
from tests.network.fuzz_world import Operation, World, operations, set_up

EACH = pytest.mark.parametrize(
    "operation", operations(), ids=[f"{one.service}-{one.name}" for one in operations()])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(cluster: Cluster, databases: dict[str, str]) -> AsyncIterator[World]:
    """The four services with a row of every kind, emptied after the module."""
    network = Network(cluster, databases)
    made = await set_up(network)
    yield made
    await made.end()
    await network.end()


@EACH
async def test_each_operation_does_what_its_example_asks(world: World, operation: Operation) -> None:
    """2xx."""
    request = await request_of(world, operation)
    answer = await world.send(request)
    assert answer.is_success, (request.body, answer.text)
