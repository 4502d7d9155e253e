"""What tests of the spine share: a database, and a proxy between the services and the bus."""

import gc
from collections.abc import AsyncIterator

import pytest_asyncio

from libs.common.db import Database
from tests.common.stage import a_database, make_scratch
from tests.harness import Network
from tests.proxy import Proxy


@pytest_asyncio.fixture
async def database(network: Network) -> AsyncIterator[Database]:
    """The database of a service that does not run."""
    await make_scratch(network, "matching")
    one = a_database(network, "matching")
    yield one
    await one.close()


@pytest_asyncio.fixture
async def proxy(network: Network) -> AsyncIterator[Proxy]:
    """What stands between the services and the bus; it goes after they have ended."""
    async with Proxy(network.cluster.nats_port) as one:
        yield one
        one.refusing = one.silent = False
        while network.services:
            await network.services.pop().stop()
    gc.collect()
