"""compose.yaml on a Docker engine: it gets healthy, plays the main job, survives restarts and is scaled.

Skipped aloud where there is no engine; run it with `just deploy`.
"""

import json
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.demo.mailbox import MailCatcher
from deploy.local.demo.play import play
from tests.certificates import certificates_for

ROOT = Path(__file__).resolve().parents[2]
PORTS = {"registry": 18110, "events": 18111, "notify": 18112, "mailpit": 18125}
# Another range in each run: the engine takes the first port of one that it has not given from yet, and links name it.
FIRST_MATCHING_PORT = random.SystemRandom().randrange(20_000, 29_000, 4)
MATCHING_PORTS = (FIRST_MATCHING_PORT, FIRST_MATCHING_PORT + 3)
PROJECT = "lotsennetz-test"
TAKE_OVER_SECONDS = 10
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


def _environment() -> dict[str, str]:
    own = {f"LOTSE_{name.upper()}_PORT": str(port) for name, port in PORTS.items()}
    urls = {f"LOTSE_{name.upper()}_URL": f"http://127.0.0.1:{PORTS[name]}" for name in ("registry", "events", "notify")}
    return os.environ | own | urls | {
        "LOTSE_MATCHING_PORTS": f"{MATCHING_PORTS[0]}-{MATCHING_PORTS[1]}", "LOTSE_DEMONSTRATION": "true",
        "LOTSE_MATCHING_URL": f"http://127.0.0.1:{MATCHING_PORTS[0]}", "LOTSE_NETWORK": "compose",
        "LOTSE_SMTP_HOST": "mailpit", "LOTSE_SMTP_PORT": "1025", "LOTSE_SMTP_STARTTLS": "false",
    }


def _compose(
    *arguments: str, check: bool = True, said: str | None = None, more: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """said: what it reads from standard input; more: what the operator sets beside the rest."""
    return subprocess.run(["docker", "compose", "-p", PROJECT, "--profile", "demo", *arguments], cwd=ROOT, input=said,
                          env=_environment() | dict(more or {}), capture_output=True, text=True, check=check,
                          timeout=1200)


@pytest.fixture(scope="module")
def compose() -> Iterator[None]:
    """The whole file, up and healthy; taken down with its volumes afterwards."""
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.skip("NO DOCKER ENGINE: compose.yaml was not tried")
    _compose("down", "-v", "--remove-orphans", check=False)
    up = _compose("up", "-d", "--build", "--wait", "--wait-timeout", "240", check=False)
    assert up.returncode == 0, up.stderr[-3000:] + _compose("logs", "--tail", "40").stdout[-6000:]
    yield
    _compose("down", "-v", "--remove-orphans", check=False)


@pytest.fixture(scope="module")
def first_key(compose: None) -> str:
    """The first operator's key, printed once by a container that is gone afterwards."""
    return _compose("run", "--rm", "--no-deps", "registry", "first_key").stdout.strip().splitlines()[-1]


def _ready(port: int) -> dict[str, Any]:
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=2)
        told: dict[str, Any] = answer.json()
        return told | {"ready": answer.is_success}
    except httpx.HTTPError:
        return {"ready": False}


def _until_ready(port: int, seconds: float) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while not (state := _ready(port))["ready"] and time.monotonic() < deadline:
        time.sleep(0.2)
    assert state["ready"], state
    return state


async def test_the_main_job_passes_against_compose(first_key: str) -> None:
    """All eight steps through the published HTTP ports, mails read in the catcher."""
    urls = {name: f"http://127.0.0.1:{port}" for name, port in PORTS.items() if name != "mailpit"}
    urls["matching"] = f"http://{_compose('port', 'matching', '8000').stdout.strip()}"
    told: list[str] = []

    played = await play(urls, first_key, MailCatcher(f"http://127.0.0.1:{PORTS['mailpit']}"), told.append)

    assert played.failed is None, "\n".join([*told[-12:], str(played.failed)])


def test_no_secret_is_seen_from_outside(compose: None) -> None:
    """Neither `inspect` nor the environment of a container shows a password or key."""
    ids = _compose("ps", "-aq").stdout.split()
    shown = json.loads(subprocess.run(["docker", "inspect", *ids], capture_output=True, text=True, check=True).stdout)
    secret = _compose("exec", "-T", "registry", "cat", "/run/secrets/own/database_password").stdout.strip()

    assert secret
    assert secret not in json.dumps(shown)


def test_an_image_holds_its_service_and_the_spine_only(compose: None) -> None:
    """No other service, no tests, no deployment files."""
    listed = _compose("exec", "-T", "notify", "sh", "-c", "ls /app /app/services").stdout.split()

    assert sorted({*listed} - {"/app:", "/app/services:"}) == ["libs", "notify", "services"]


def test_restarting_any_container_loses_nothing(first_key: str) -> None:
    """Every container is killed and started again; what was there is there."""
    before = httpx.get(f"http://127.0.0.1:{PORTS['registry']}/v1/offers", timeout=10).json()
    for name in ("nats", "postgres", "registry", "events", "notify", "matching"):
        _compose("kill", "-s", "KILL", name)
        _compose("up", "-d", "--wait", "--no-build", name)
    for name in ("registry", "events", "notify"):
        _until_ready(PORTS[name], 60)

    assert httpx.get(f"http://127.0.0.1:{PORTS['registry']}/v1/offers", timeout=10).json() == before


def test_a_backup_is_taken_back_and_who_was_erased_stays_so(first_key: str, tmp_path: Path) -> None:
    """The registry as it was an hour ago, while the others went on: offers are there, an erased person is not."""
    offers = httpx.get(f"http://127.0.0.1:{PORTS['registry']}/v1/offers", timeout=10).json()
    erased = _sql("registry", "INSERT INTO person_key (person_ref, wrapped) VALUES (gen_random_uuid(), '\\x01')"
                  " RETURNING person_ref")
    _script("backup.sh", str(tmp_path))
    _sql("registry", f"UPDATE person_key SET wrapped = NULL, destroyed_at = now() WHERE person_ref = '{erased}'")
    asked = _sql("registry", "INSERT INTO erasure (id, version, state, person_refs, requested_by, requested_at,"
                 f" reminders) VALUES (gen_random_uuid(), 1, 'completed', '{{{erased}}}', 'x', now(), 0) RETURNING id")
    _sql("registry", "DELETE FROM offer")

    _script("restore.sh", str(tmp_path), "registry")

    _until_ready(PORTS["registry"], 60)
    assert httpx.get(f"http://127.0.0.1:{PORTS['registry']}/v1/offers", timeout=10).json() == offers
    assert _sql("registry", f"SELECT count(*) FROM person_key WHERE person_ref = '{erased}' AND wrapped IS NULL") == "1"
    assert _sql("registry", f"SELECT count(*) FROM erasure WHERE id = '{asked}'") == "1"
    assert {path.name for path in tmp_path.iterdir()} == {
        "registry.dump", "events.dump", "matching.dump", "notify.dump", "secrets.tar"}


def test_passwords_are_renewed(first_key: str) -> None:
    """The old ones hold no longer, the services do their work with the new ones, and nothing else has changed."""
    offers = httpx.get(f"http://127.0.0.1:{PORTS['registry']}/v1/offers", timeout=10).json()
    secret = "cat /run/secrets/own/database_password /run/secrets/own/master_key"
    before = _compose("exec", "-T", "registry", "sh", "-c", secret).stdout.split()

    _script("renew_passwords.sh")

    after = _compose("exec", "-T", "registry", "sh", "-c", secret).stdout.split()
    assert (before[0] != after[0], before[1] == after[1]) == (True, True)
    for name in ("registry", "events", "notify"):
        _until_ready(PORTS[name], 60)
    assert httpx.get(f"http://127.0.0.1:{PORTS['registry']}/v1/offers", timeout=10).json() == offers


def _script(name: str, *arguments: str) -> None:
    done = subprocess.run([f"deploy/{name}", *arguments], cwd=ROOT, capture_output=True, text=True, check=False,
                          env=_environment() | {"COMPOSE_PROJECT_NAME": PROJECT, "COMPOSE_PROFILES": "demo"})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]


def _sql(service: str, statement: str) -> str:
    """What the statement answers first, as superuser in the service's database."""
    said = _compose("exec", "-T", "postgres", "psql", "-XqAt", "-U", "postgres", "-d", service, "-c", statement)
    return (said.stdout.strip().splitlines() or [""])[0]


def test_a_second_matching_takes_over_when_the_leader_is_killed(compose: None) -> None:
    """One leads; killed, the other leads within ten seconds, and both had served HTTP."""
    _compose("up", "-d", "--wait", "--no-build", "--scale", "matching=2", "matching")
    ids = _compose("ps", "-q", "matching").stdout.split()
    ports = {one: int(subprocess.run(["docker", "port", one, "8000"], capture_output=True, text=True, check=True)
                      .stdout.split(":")[-1]) for one in ids}
    states = {one: _until_ready(port, 60) for one, port in ports.items()}
    leaders = [one for one, state in states.items() if state["leading"]]
    assert len(leaders) == 1

    subprocess.run(["docker", "kill", leaders[0]], capture_output=True, check=True)
    other = next(one for one in ids if one != leaders[0])
    deadline = time.monotonic() + TAKE_OVER_SECONDS
    while not _ready(ports[other]).get("leading") and time.monotonic() < deadline:
        time.sleep(0.2)

    assert _ready(ports[other])["leading"] is True


def test_the_mail_servers_password_is_written_into_the_secrets(compose: None) -> None:
    """By the command that docs/operations.md gives: notify alone reads it, and no environment holds it."""
    _compose("run", "--rm", "-T", "--no-deps", "--entrypoint", "sh", "secrets", "-c",
             "cat >/secrets/notify/smtp_password", said="a mail password\n")

    read = _compose("exec", "-T", "notify", "python", "-c",
                    "from services.notify.settings import Settings; print(Settings().smtp_password.get_secret_value())")
    mode = _compose("exec", "-T", "notify", "stat", "-c", "%a", "/run/secrets/own/smtp_password")
    assert (read.stdout.strip(), mode.stdout.strip()) == ("a mail password", "400")


def test_the_bus_speaks_tls_with_the_operators_certificates(compose: None, tmp_path: Path) -> None:
    """Three settings and a folder; every service is ready, and whoever comes without TLS is not served."""
    for name, text in certificates_for("nats").items():
        (tmp_path / name).write_text(text, "utf-8")
        (tmp_path / name).chmod(0o400)
    more = {"LOTSE_NATS_TLS_FOLDER": str(tmp_path), "LOTSE_NATS_URL": "tls://nats:4222",
            "LOTSE_NATS_CA": "/run/secrets/own/nats_ca.crt"}

    _compose("down", more=more)
    up = _compose("up", "-d", "--no-build", "--wait", "--wait-timeout", "240", check=False, more=more)

    assert up.returncode == 0, up.stderr[-3000:] + _compose("logs", "--tail", "40").stdout[-6000:]
    assert all(_until_ready(PORTS[name], 60)["ready"] for name in ("registry", "events", "notify"))
    first = ("import socket; s = socket.create_connection(('nats', 4222), 5); s.settimeout(2)\n"
             "try: print(s.recv(4))\nexcept OSError: print('not a word')")
    assert _compose("exec", "-T", "notify", "python", "-c", first).stdout.strip() == "not a word"
