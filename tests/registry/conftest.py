"""The registry alone, on the real servers."""

from typing import Any

import pytest_asyncio

from tests.harness import Network


@pytest_asyncio.fixture
async def registry(network: Network) -> Any:
    """The registry's HTTP door; nobody else runs."""
    return (await network.start("registry")).client
