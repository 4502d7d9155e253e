"""A registry that answers only for count secrets, on the real bus and as the registry's own user."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
from nats.aio.msg import Msg

from tests.harness import Network


@asynccontextmanager
async def count_secrets(network: Network, secret: str | None) -> AsyncIterator[list[str]]:
    """Answer every question for a project's secret with this one; yields the projects that were asked for."""
    connection = await nats.connect(
        network.cluster.nats_url, user=network.cluster.nats_user("registry"),
        password=network.cluster.nats_password("registry"), inbox_prefix=b"_INBOX_registry")
    asked: list[str] = []

    async def answer(message: Msg) -> None:
        asked.append(json.loads(message.data)["project_id"])
        await message.respond(json.dumps({"answer": {"secret": secret}}).encode())

    try:
        await connection.subscribe("ask.registry.count_secret.v1", cb=answer)
        await connection.flush()
        yield asked
    finally:
        await connection.close()
