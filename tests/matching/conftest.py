"""A running matching service for each module of tests, and in it a programme of its own for each test."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest_asyncio

from deploy.local.cluster import Cluster
from libs.common.callers import Role
from tests.harness import Network
from tests.matching.field import REGION, Field, rules, sponsorship


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def matching(cluster: Cluster, databases: dict[str, str]) -> AsyncIterator[Field]:
    """Matching alone, with a coordinator of one district; emptied after the module."""
    network = Network(cluster, databases)
    service = await network.start("matching")
    yield Field(network, service.client, await network.key(Role.COORDINATOR, region=REGION))
    await network.end()


@pytest_asyncio.fixture
async def field(matching: Field) -> Field:
    """The same with two programmes that nobody else is in: tandems, and community sponsorship with its checklist."""
    own = Field(matching.network, matching.client, matching.coordinator, programme=uuid4(), sponsorship=uuid4())
    await own.network.tell("matching", rules(own.programme), sponsorship(own.sponsorship))
    return own
