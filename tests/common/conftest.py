"""What tests of the spine's faults share: a proxy between the services and the bus."""

import gc
from collections.abc import AsyncIterator

import pytest_asyncio

from tests.harness import Network
from tests.proxy import Proxy


@pytest_asyncio.fixture
async def proxy(network: Network) -> AsyncIterator[Proxy]:
    """What stands between the services and the bus; it goes after they have ended."""
    async with Proxy(network.cluster.nats_port) as one:
        yield one
        one.refusing = one.silent = False
        while network.services:
            await network.services.pop().stop()
    gc.collect()
