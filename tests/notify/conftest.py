"""What tests of notify start from: the service alone, its mail folder, and the owners who answer it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.local.cluster import Cluster
from tests.harness import Network, Service
from tests.notify.post import Owner


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where mails arrive."""
    return tmp_path / "mail"


@pytest_asyncio.fixture
async def notify(network: Network, folder: Path) -> Service:
    """Notify, with a mail folder."""
    return await network.start("notify", mail_folder=folder, mail_retry_seconds=0.05)


@pytest_asyncio.fixture
async def registry(cluster: Cluster) -> AsyncIterator[Owner]:
    """The registry, as far as it answers notify."""
    owner = await Owner(cluster, "registry").come()
    yield owner
    await owner.go()


@pytest_asyncio.fixture
async def events(cluster: Cluster) -> AsyncIterator[Owner]:
    """Events, as far as it answers notify."""
    owner = await Owner(cluster, "events", words={
        "values": {"venue": "Markt 1"}, "texts": {"title": {"de": "Sprachcafé"}},
        "times": {"starts": "2026-03-02T17:00:00+01:00", "expires": "2026-03-01T12:00:00+01:00"}}).come()
    yield owner
    await owner.go()
