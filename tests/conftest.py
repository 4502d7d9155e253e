"""Real servers for every test: PostgreSQL and NATS start once; each worker has its own databases and bus account."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from deploy.local.cluster import Cluster
from deploy.local.databases import copy_database
from deploy.local.servers import Wanted
from deploy.local.shared import once, shared_servers, state_for_tests
from libs.common.facts import SERVICES
from libs.common.migrate import migrate
from libs.common.provision import provision
from libs.common.service import look_for_cycles_seldom
from tests.containers import container_servers
from tests.harness import Network, service_settings

MOST_WORKERS = 8
# The suite shares two cores with two servers: how long drawing an example takes says nothing about the code.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")
# As services do: a tenth of the time.
look_for_cycles_seldom()


def _worker() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which servers the tests run on."""
    parser.addoption("--backend", choices=["wheels", "containers"], default="wheels", help=(
        "the servers from wheels (the default), or containers of the images that compose.yaml names"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first, so that no worker is left alone with one of them in the end."""
    items.sort(key=lambda item: "tests/network/" not in item.nodeid)


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The servers of this test run; this worker's account on the bus."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"pid{os.getpid()}")
    if request.config.getoption("backend") == "containers":
        with container_servers(state_for_tests(f"{run}-containers{_worker()}"), MOST_WORKERS) as own:
            yield own.of_account(_worker())
        return
    with shared_servers(state_for_tests(run), Wanted(accounts=MOST_WORKERS, fsync=False)) as shared:
        yield shared.of_account(_worker())


@pytest_asyncio.fixture(scope="session")
async def databases(cluster: Cluster) -> dict[str, str]:
    """This worker's databases by service: copies of templates that were migrated once per run."""
    with once(cluster, "migrated") as first:
        if first:
            for service in SERVICES:
                await migrate(service, service_settings(cluster, service, database=service))
    with once(cluster, f"copied-{_worker()}") as first:
        names = {service: f"{service}_{_worker()}" for service in SERVICES}
        if first:
            for service, name in names.items():
                await copy_database(cluster, service, name)
    await provision(cluster.nats_url, cluster.nats_user("provisioner"), cluster.nats_password("provisioner"))
    return names


@pytest_asyncio.fixture
async def network(cluster: Cluster, databases: dict[str, str]) -> AsyncIterator[Network]:
    """A network without anything in it; a test starts the services it needs. Emptied afterwards."""
    one = Network(cluster, databases)
    yield one
    await one.end()
