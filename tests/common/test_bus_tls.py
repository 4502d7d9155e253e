"""TLS to the bus: nobody in between can talk a service out of it, or be taken for the bus."""

import asyncio
import os
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.local.cluster import Cluster
from deploy.local.nats_server import NatsServer
from deploy.local.ports import free_port
from deploy.local.programs import programs_for
from deploy.local.shared import state_for_tests
from deploy.local.unprivileged import Runner, runner_for
from deploy.nats.permissions import accounts_conf, bus_users
from libs.common.bus import Bus, tls_to_bus
from libs.common.facts import ASKS, HEARS, SERVICES
from libs.common.provision import provision
from libs.common.settings import CommonSettings
from tests.certificates import certificates_for
from tests.harness import service_settings

TLS_ON = Path(__file__).resolve().parents[2] / "deploy" / "nats" / "tls_on.conf"
PASSWORDS = {user: f"{user}-password" for user in bus_users(SERVICES)}
SECONDS = 15


def _write_certificates(server: NatsServer, runner: Runner) -> None:
    """What the operator brings, and tls_on.conf with where it lies here."""
    told = TLS_ON.read_text("utf-8").replace("/etc/lotse/", f"{server.folder}/")
    for name, text in (certificates_for("localhost") | {"tls.conf": told}).items():
        runner.write(server.folder / name, text)


@pytest.fixture(scope="module")
def guarded() -> Iterator[NatsServer]:
    """A bus whose operator has brought certificates for `localhost`."""
    state = state_for_tests(f"bus-tls-{os.getpid()}")
    state.mkdir(mode=0o711)
    runner = runner_for(state)
    monitoring = free_port(0, "monitoring")
    server = NatsServer(state, programs_for(runner, state).nats, runner, free_port(0, "nats-server"), monitoring)
    server.prepare(accounts_conf(HEARS, ASKS), PASSWORDS)
    _write_certificates(server, runner)
    server.start()
    try:
        server.child.wait_until(lambda: _healthy(monitoring))
        yield server
    finally:
        server.stop()
        shutil.rmtree(state)


def _healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=1).is_success
    except httpx.HTTPError:
        return False


def told(cluster: Cluster, server: NatsServer, **more: object) -> CommonSettings:
    """The settings of notify on the guarded bus."""
    return service_settings(cluster, "notify", database="notify", nats_user="notify", **{
        "nats_url": f"tls://localhost:{server.port}", "nats_password": PASSWORDS["notify"],
        "nats_ca": server.folder / "ca.crt"} | more)


async def test_streams_are_made_and_services_connect_through_tls(cluster: Cluster, guarded: NatsServer) -> None:
    """`provision` and the services trust the certificates that they are told."""
    settings = told(cluster, guarded)

    tls = tls_to_bus(settings)
    assert tls is not None
    tls.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python 3.13 has it by itself

    made = await provision(settings.nats_url, "provisioner", PASSWORDS["provisioner"], tls=tls)
    bus = Bus("notify", settings)
    await bus.connect()

    assert "stream notify made" in made
    assert (await bus.jetstream.stream_info("notify")).config.name == "notify"
    await bus.close()


async def test_a_bus_of_another_authority_is_not_trusted(cluster: Cluster, guarded: NatsServer) -> None:
    """Without the operator's certificates only those of the system count."""
    settings = told(cluster, guarded, nats_ca=None)

    with pytest.raises(ssl.SSLCertVerificationError):
        await provision(settings.nats_url, "provisioner", PASSWORDS["provisioner"], tls=tls_to_bus(settings))


async def test_who_wants_tls_tells_no_password_without_it(cluster: Cluster, guarded: NatsServer) -> None:
    """A server that says it has no TLS hears nothing but the beginning of a handshake."""
    heard = asyncio.Queue[bytes]()

    async def pretend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.15.1","max_payload":1048576}\r\n')
        heard.put_nowait(await reader.read(4096))
        writer.close()

    async with await asyncio.start_server(pretend, "127.0.0.1", 0) as pretender:
        port = pretender.sockets[0].getsockname()[1]
        settings = told(cluster, guarded, nats_url=f"tls://localhost:{port}")
        with pytest.raises((OSError, TimeoutError)):
            await provision(settings.nats_url, "provisioner", "a password", tls=tls_to_bus(settings))

    said = await asyncio.wait_for(heard.get(), SECONDS)
    assert (said[:1], b"password" in said) == (b"\x16", False)
