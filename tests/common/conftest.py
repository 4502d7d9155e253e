"""What tests of the spine share: a database, the command `lotse`, and a proxy between the services and the bus."""

import gc
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from deploy.local.cli import main
from libs.common.db import Database
from tests.common.stage import Lotse, a_database, make_scratch
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


@pytest.fixture
def lotse(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lotse:
    """Run the command in this process; exit code, what it showed, what it said."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["lotse", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        shown, said = capsys.readouterr()
        return int(ended.value.code or 0), shown, said

    return run
