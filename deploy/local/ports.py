"""Ports of this machine: fixed ones that must be free, or any that is."""

import contextlib
import errno
import random
import socket

from deploy.local.exits import CannotGoOn, Exit

HOST = "127.0.0.1"
# All below the range from which the system gives out ports for outgoing connections (32768 on Linux): one of
# those, even a client's that tries to reconnect to the very port, would take it while a server is restarted.
POSTGRES_PORT = 15432
NATS_PORT = 14222
MONITORING_PORT = 18222
FIRST_SERVICE_PORT = 8010
_FREE_PORTS = range(20_000, 32_768)
_TRIES = 100


def bound(host: str, port: int, whose: str) -> socket.socket:
    """A socket that holds this port (0: a free one); refused when it is taken, naming `whose` it should have been."""
    holding = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        holding.bind((host, port))
    except OSError as problem:
        holding.close()
        if problem.errno == errno.EADDRINUSE:
            sentence = f"Port {port} on {host}, which {whose} needs, is taken by another program."
            advice = "End that program, or choose another port (`lotse up --help`)."
        else:
            sentence = f"{whose} cannot listen on {host} port {port}: {problem.strerror}."
            advice = "Choose another address or port (`lotse up --help`)."
        raise CannotGoOn(sentence, advice, Exit.UNAVAILABLE) from problem
    return holding


def url_of(holding: socket.socket) -> str:
    """The address under which this machine reaches what listens on the socket."""
    host, port = holding.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        host = HOST
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def free_port(port: int, whose: str) -> int:
    """This port once it is known to be free, or any free one for 0; nobody holds it when this returns."""
    for _ in range(0 if port else _TRIES):
        candidate = random.choice(_FREE_PORTS)  # noqa: S311 - not a secret
        with contextlib.suppress(CannotGoOn), bound(HOST, candidate, whose):
            return candidate
    with bound(HOST, port, whose) as holding:
        return int(holding.getsockname()[1])
