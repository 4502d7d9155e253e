"""Bodies over the limit, over a real socket: refused with 413 before they are read, let alone kept."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvicorn

from libs.common.http import BODY_BYTES
from tests.common.stage import on_stage
from tests.common.things import PERMISSIONS, router
from tests.harness import Network

HEAD = "POST /v1/things HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
SIXTY_MEGABYTES = 60 * 1024 * 1024


@pytest.fixture
async def port(network: Network) -> AsyncIterator[int]:
    """Where a service with things listens."""
    one = await on_stage(network, "registry", router=router, permissions=PERMISSIONS)
    server = uvicorn.Server(uvicorn.Config(one.app, port=0, lifespan="off", log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def exchange(port: int, head: str, chunks: list[bytes]) -> tuple[bytes, int]:
    """Send the head and then the chunks until the server has answered; the answer, and how many bytes were sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = 0
    try:
        writer.write(head.encode() + b"\r\n")
        answered = asyncio.create_task(reader.read(4096))
        for chunk in chunks:
            await asyncio.wait([answered], timeout=0.005)
            if answered.done():
                break
            writer.write(chunk)
            await writer.drain()
            sent += len(chunk)
        return await asyncio.wait_for(answered, 5), sent
    finally:
        writer.transport.abort()


def chunked(size: int) -> bytes:
    """One chunk of the size as HTTP sends it."""
    return f"{size:x}\r\n".encode() + b"x" * size + b"\r\n"


async def test_an_announced_body_that_is_too_large_is_not_read(network: Network, port: int) -> None:
    """The answer comes before a single byte of the 60 MB."""
    answer, sent = await exchange(port, f"{HEAD}Content-Length: {SIXTY_MEGABYTES}\r\n", [])

    assert b" 413 " in answer.split(b"\r\n", 1)[0]
    assert b"body-too-large" in answer
    assert sent == 0
    assert await network.rows("registry", "SELECT 1 FROM scratch.thing") == []


async def test_a_body_in_chunks_is_cut_off_at_the_limit(port: int) -> None:
    """Nobody announced how long it is: the answer comes soon after the limit, not after 60 MB."""
    answer, sent = await exchange(port, f"{HEAD}Transfer-Encoding: chunked\r\n", [chunked(16_384)] * 3840)

    assert b" 413 " in answer.split(b"\r\n", 1)[0]
    assert sent < 16 * BODY_BYTES


@pytest.mark.parametrize("sent", ["length", "chunks"])
async def test_a_body_up_to_the_limit_is_taken(port: int, sent: str) -> None:
    """Blanks are no reason to refuse it."""
    body = b'{"name": "a"' + b" " * (BODY_BYTES - 13) + b"}"
    head, chunks = (f"{HEAD}Content-Length: {len(body)}\r\n", [body])
    if sent == "chunks":
        head, chunks = (
            f"{HEAD}Transfer-Encoding: chunked\r\n",
            [f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"],
        )

    answer, _ = await exchange(port, head, chunks)

    assert b" 201 " in answer.split(b"\r\n", 1)[0]


async def test_a_body_that_ends_too_early_does_nothing(network: Network, port: int) -> None:
    """The client has gone in the middle of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{HEAD}Content-Length: 100\r\n\r\n".encode() + b'{"name": "a"}')
    await writer.drain()
    writer.close()
    await reader.read()
    await asyncio.sleep(0.1)

    assert await network.rows("registry", "SELECT 1 FROM scratch.thing") == []
