"""What the tests of events start with."""

import pytest

from tests.events.stage import Stage, set_up
from tests.harness import Network


@pytest.fixture
async def stage(network: Network) -> Stage:
    """Events alone, with a verified partner, its editor and its region's coordinator."""
    return await set_up(network)
