"""Provisioning: the streams and durables of the bus, compared and brought up to date; run again at will."""

import asyncio
import ssl

import nats
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)

from libs.common.bus import tls_comes_first
from libs.common.facts import HEARS, SERVICES

# The stream that every service's leader writes to, to see whether the bus stores anything; nobody hears it.
PROBE = "probe"
WAIT_SECONDS = 5
WEEK_SECONDS = 7 * 24 * 3600
DEDUPE_SECONDS = 120
ACK_WAIT_SECONDS = 15
PENDING = 4096
# What is compared, since the server keeps what was made first and says nothing; the last cannot be changed in place.
OF_STREAM = (
    "subjects", "max_age", "duplicate_window", "discard", "max_msg_size", "allow_direct", "max_msgs", "max_bytes",
    "max_msgs_per_subject", "no_ack", "deny_delete", "deny_purge",
)
OF_DURABLE = (
    "ack_wait", "max_ack_pending", "max_waiting", "max_deliver", "filter_subject", "filter_subjects", "headers_only",
    "inactive_threshold",
)
FIXED = ("ack_policy", "deliver_policy", "replay_policy")


async def provision(
    nats_url: str, user: str, password: str, *, tls: ssl.SSLContext | None = None,
) -> list[str]:
    """Bring the streams and durables to what HEARS says; returns what was made or changed, in words.

    TimeoutError when the bus does not answer within some seconds: it is tried again and again until then.
    """
    async with asyncio.timeout(WAIT_SECONDS):
        connection = await nats.connect(
            nats_url, user=user, password=password, allow_reconnect=False, connect_timeout=5,
            inbox_prefix=b"_INBOX_provisioner", tls=tls, tls_handshake_first=tls_comes_first(nats_url),
            error_cb=_raised_anyway,
        )
    try:
        jetstream = connection.jetstream(timeout=10)
        changes: list[str] = []
        for service in SERVICES:
            changes += await _stream(jetstream, _facts_of(service))
        changes += await _stream(jetstream, _probes())
        for listener, speakers in HEARS.items():
            for speaker in speakers:
                changes += await _durable(jetstream, listener, speaker)
        return changes
    finally:
        await connection.close()


async def _raised_anyway(_raised: Exception) -> None:
    """Whoever provisions is told by what is raised; nats-py would log the same with a traceback."""


def _facts_of(service: str) -> StreamConfig:
    return StreamConfig(
        name=service, subjects=[f"{service}.>"], retention=RetentionPolicy.LIMITS, storage=StorageType.FILE,
        discard=DiscardPolicy.OLD, max_age=WEEK_SECONDS, duplicate_window=DEDUPE_SECONDS, max_msg_size=262_144,
        deny_delete=False, deny_purge=False, allow_direct=True, max_msgs=-1, max_bytes=-1, no_ack=False,
    )


def _probes() -> StreamConfig:
    return StreamConfig(
        name=PROBE, subjects=[f"{PROBE}.*"], retention=RetentionPolicy.LIMITS, storage=StorageType.FILE,
        discard=DiscardPolicy.OLD, max_age=WEEK_SECONDS, duplicate_window=DEDUPE_SECONDS, max_msg_size=32_768,
        max_msgs_per_subject=1, deny_delete=False, deny_purge=False, allow_direct=False, max_msgs=-1, max_bytes=-1,
        no_ack=False,
    )


async def _stream(jetstream: JetStreamContext, wanted: StreamConfig) -> list[str]:
    name = str(wanted.name)
    try:
        there = (await jetstream.stream_info(name)).config
    except nats.js.errors.NotFoundError:
        await jetstream.add_stream(wanted)
        return [f"stream {name} made"]
    if all(getattr(there, each) == getattr(wanted, each) for each in OF_STREAM):
        return []
    await jetstream.update_stream(wanted)
    return [f"stream {name} changed"]


async def _durable(jetstream: JetStreamContext, listener: str, speaker: str) -> list[str]:
    wanted = ConsumerConfig(
        durable_name=listener, deliver_policy=DeliverPolicy.ALL, ack_policy=AckPolicy.ALL, ack_wait=ACK_WAIT_SECONDS,
        max_ack_pending=PENDING, max_waiting=64, max_deliver=-1,
    )
    try:
        there = (await jetstream.consumer_info(speaker, listener)).config
    except nats.js.errors.NotFoundError:
        await jetstream.add_consumer(speaker, wanted)
        return [f"durable {listener} on {speaker} made"]
    if any(getattr(there, name) != getattr(wanted, name) for name in FIXED):
        # These cannot be changed in place. A new durable begins anew, and the inbox passes over what it knows.
        await jetstream.delete_consumer(speaker, listener)
        await jetstream.add_consumer(speaker, wanted)
        return [f"durable {listener} on {speaker} made anew"]
    if any((getattr(there, name) or None) != getattr(wanted, name) for name in OF_DURABLE):
        await jetstream.add_consumer(speaker, wanted)
        return [f"durable {listener} on {speaker} changed"]
    return []
