"""What happens to the network between a service and its servers: connections are cut, or nothing comes through."""

import asyncio

from tests.chaos.instances import Instance
from tests.chaos.world import World

SILENT_SECONDS = (3.0, 8.0)


async def cut_from_bus(world: World, service: str = "") -> str:
    """F7: every connection of a service to the bus ends."""
    one = _some(world, service)
    one.bus.cut()
    return one.service


async def cut_from_database(world: World, service: str = "") -> str:
    """F7: every connection of a service to PostgreSQL ends, in the middle of whatever it does there."""
    one = _some(world, service)
    one.database.cut()
    return one.service


async def silence_bus(world: World, service: str = "") -> str:
    """F7: a black hole: for seconds nothing comes through between a service and the bus, and nobody is told.

    When it is over, what was open ends: its bytes are missing on both sides.
    """
    one, seconds = _some(world, service), world.chance.uniform(*SILENT_SECONDS)
    one.bus.silent = True
    await asyncio.sleep(seconds)
    one.bus.silent = False
    one.bus.cut()
    return f"{one.service}, {seconds:.1f} s"


def _some(world: World, service: str) -> Instance:
    return world.instance(service or world.chance.choice(world.services))
