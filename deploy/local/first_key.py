"""The first key of a new network, shown once to whoever starts it."""

from deploy.local.network import Network
from deploy.local.operating import database_of
from deploy.local.showing import out
from services.registry.access_keys.queries import first_operator


async def show_first_key(network: Network) -> None:
    """Print the key with network_admin and ops when no grant has been given yet; it is kept nowhere."""
    async with database_of(network.cluster, "registry") as database:
        key = await first_operator(database)
    if key:
        out.print(f"The first key (network_admin, ops). It is shown this once; keep it safe:\n\n    {key}\n")
