"""What the image of registry runs: python -m services.registry serve|migrate|provision|rebuild|audit|first_key."""

import sys

from libs.common.auditing import auditing
from libs.common.command import run
from libs.common.rebuild import rebuilding
from libs.common.service import own_database
from services.registry.access_keys.queries import first_operator
from services.registry.app import create_app
from services.registry.settings import Settings


async def first_key(settings: Settings) -> None:
    """Print the key with network_admin and ops of a network in which no grant has been given yet; once."""
    database = own_database(settings, pool=1)
    try:
        key = await first_operator(database)
    finally:
        await database.close()
    if key is None:
        raise RuntimeError("this network has its operators already; its first key was shown once")
    sys.stdout.write(f"{key}\n")


if __name__ == "__main__":
    run("registry", Settings, create_app, rebuild=rebuilding("registry"), audit=auditing("registry"),
        first_key=first_key)
