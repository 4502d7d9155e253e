"""A user of the bus as a test is one: connects as a service, the provisioner or ops, and looks into streams."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import nats
from nats.aio.client import Client
from nats.errors import Error
from nats.js.api import StreamInfo

from deploy.local.cluster import Cluster


async def ignore(_raised: Exception) -> None:
    """What nats-py tells of refused subjects: the test looks at what arrives instead."""


@asynccontextmanager
async def connected(cluster: Cluster, user: str) -> AsyncIterator[Client]:
    """A connection of this user (`registry` … `notify`, `provisioner`, `ops`)."""
    client = await nats.connect(
        cluster.nats_url,
        user=cluster.nats_user(user),
        password=cluster.nats_password(user),
        allow_reconnect=False,
        inbox_prefix=f"_INBOX_{user}".encode(),
        error_cb=ignore,
    )
    try:
        yield client
    finally:
        with suppress(Error):
            await client.close()


async def stream_info(cluster: Cluster, stream: str) -> StreamInfo:
    """What ops sees of a stream."""
    async with connected(cluster, "ops") as client:
        return await client.jetstream().stream_info(stream)


async def in_stream(cluster: Cluster, stream: str) -> list[dict[str, str]]:
    """The headers of all that stands in a stream, in its order."""
    async with connected(cluster, "ops") as client:
        jetstream = client.jetstream()
        state = (await jetstream.stream_info(stream)).state
        found = []
        for sequence in range(max(state.first_seq, 1), state.last_seq + 1):
            try:
                found.append((await jetstream.get_msg(stream, sequence)).headers or {})
            except nats.js.errors.NotFoundError:
                continue
        return found


async def purge(cluster: Cluster, stream: str, subject: str | None = None) -> None:
    """Take everything, or what stands under one subject, out of a stream."""
    async with connected(cluster, "provisioner") as client:
        await client.jetstream().purge_stream(stream, subject=subject)
