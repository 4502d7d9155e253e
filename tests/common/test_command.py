"""The command of a service's image when a person made a mistake: one sentence, a documented code, never a traceback."""

import logging
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from deploy.local.cluster import Cluster
from deploy.local.exits import CannotGoOn, Exit
from deploy.local.looking import durability
from deploy.local.one_service import serve_one
from deploy.local.service_settings import settings_for

ROOT = Path(__file__).parents[2]
SECRET = "wrong-secret"
NOWHERE = "postgresql://nobody:wrong-secret@127.0.0.1:9/nothing"
PROVISION = """
import runpy, sys
from libs.common import provision
provision.WAIT_SECONDS, sys.argv = 1, ["registry", "provision"]
runpy.run_module("services.registry", run_name="__main__")
"""
Command = Callable[..., tuple[int, str]]


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """The command sets up logs of its own; the tests' stay."""
    root = logging.getLogger()
    handlers, level, processors = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**processors)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> pytest.MonkeyPatch:
    """An environment in which the settings of the registry are whole."""
    for name, value in {
        "DATABASE_URL": cluster.database_url("registry"), "OWNER_DATABASE_URL": cluster.owner_database_url("registry"),
        "NATS_URL": cluster.nats_url, "NATS_USER": cluster.nats_user("provisioner"),
        "MASTER_KEY": cluster.master_key("registry"), "INSTALLATION_SECRET": cluster.installation_secret,
        "NETWORK": "test", "DEMONSTRATION": "1",
    }.items():
        monkeypatch.setenv(f"LOTSE_{name}", value)
    return monkeypatch


@pytest.fixture
def command(
    told: pytest.MonkeyPatch, logs_as_before: None, capsys: pytest.CaptureFixture[str],
) -> Command:
    """`python -m services.registry <verb>` with some of the settings other; its code and what it said."""

    def run(verb: str, **settings: str) -> tuple[int, str]:
        for name, value in settings.items():
            told.setenv(f"LOTSE_{name}", value)
        told.setattr(sys, "argv", ["services.registry", verb])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module("services.registry", run_name="__main__")
        return int(ended.value.code or 0), "".join(capsys.readouterr())

    return run


def refused_url(cluster: Cluster) -> str:
    """The database with a password that is not that of its role."""
    role, _, place = cluster.database_url("registry").rpartition("@")
    return f"{role.rpartition(':')[0]}:{SECRET}@{place}"


@pytest.mark.parametrize(("verb", "setting"), [
    ("migrate", "OWNER_DATABASE_URL"), ("rebuild", "DATABASE_URL"), ("first_key", "DATABASE_URL"),
    ("serve", "DATABASE_URL"),
])
def test_a_wrong_password_of_the_database_is_a_sentence(
    command: Command, cluster: Cluster, verb: str, setting: str,
) -> None:
    """Exit code 69, and the name of the setting that is to be looked at."""
    code, said = command(verb, **{setting: refused_url(cluster)})

    assert (code, "password authentication failed" in said, f"LOTSE_{setting}" in said) == (69, True, True)
    assert "Traceback" not in said
    assert SECRET not in said


@pytest.mark.parametrize("verb", ["migrate", "rebuild", "first_key", "serve"])
def test_a_database_that_is_away_is_a_sentence(command: Command, verb: str) -> None:
    """Exit code 69, and where it was looked for is a setting's name."""
    code, said = command(verb, DATABASE_URL=NOWHERE, OWNER_DATABASE_URL=NOWHERE)

    assert (code, "DATABASE_URL" in said, "Traceback" in said, SECRET in said) == (69, True, False, False)


def test_lotse_serve_says_the_same(
    told: pytest.MonkeyPatch, logs_as_before: None, capsys: pytest.CaptureFixture[str],
) -> None:
    """With a database that is away: 69 and where to look, before anything is served."""
    told.setenv("LOTSE_DATABASE_URL", NOWHERE)
    with pytest.raises(SystemExit) as ended:
        serve_one("registry")

    said = "".join(capsys.readouterr())
    assert (ended.value.code, "LOTSE_DATABASE_URL" in said, "Traceback" in said, SECRET in said) == (
        69, True, False, False)


@pytest.mark.slow
@pytest.mark.parametrize(("url", "reason"), [
    ("", "Authorization Violation"), ("nats://127.0.0.1:9", "does not answer"),
])
def test_a_bus_that_refuses_or_is_away_is_a_sentence(
    told: pytest.MonkeyPatch, cluster: Cluster, url: str, reason: str,
) -> None:
    """Exit code 69, with the settings that say where it is and with which password."""
    told.setenv("LOTSE_NATS_URL", url or cluster.nats_url)
    told.setenv("LOTSE_PROVISIONER_PASSWORD", SECRET)
    # In a process of its own: nats-py leaves the connection that was refused open. It waits a second instead of five.
    ended = subprocess.run([sys.executable, "-c", PROVISION], cwd=ROOT, capture_output=True, text=True, check=False)
    code, said = ended.returncode, ended.stdout + ended.stderr

    assert (code, "LOTSE_NATS_URL" in said, "LOTSE_PROVISIONER_PASSWORD" in said, reason in said) == (
        69, True, True, True)
    assert "Traceback" not in said
    assert SECRET not in said


@pytest.mark.parametrize(("name", "value"), [
    ("DATABASE_URL", "wrong-secret"),
    ("DATABASE_URL", "postgresql://registry:p@127.0.0.1:wrong-secret/registry"),
    ("DATABASE_URL", "mysql://registry:wrong-secret@127.0.0.1/registry"),
    ("OWNER_DATABASE_URL", "wrong-secret"),
    ("MASTER_KEY_FILE", "/nowhere/at/all"),
    ("RATE_PER_MINUTE", "wrong-secret"),
    ("MASTER_KEY", "wrong-secret"),
    ("LOG_LEVEL", "wrong-secret"),
])
@pytest.mark.parametrize("image", [True, False])
def test_a_malformed_setting_is_named(
    command: Command, told: pytest.MonkeyPatch, name: str, value: str, image: bool,
) -> None:
    """Exit code 78, the setting's name and never its value: in the image's form and that of `lotse serve`."""
    told.setenv(f"LOTSE_{name}", value)
    if name.endswith("_FILE"):
        told.delenv(f"LOTSE_{name.removesuffix('_FILE')}")
    if image:
        code, said = command("serve")
    else:
        with pytest.raises(CannotGoOn) as stopped:
            serve_one("registry")
        code, said = stopped.value.code, stopped.value.advice

    assert (code, f"LOTSE_{name}" in said, "Traceback" in said, SECRET in said) == (78, True, False, False)


def test_a_setting_for_all_services_is_named_before_any_starts(told: pytest.MonkeyPatch, cluster: Cluster) -> None:
    """`lotse up` reads the environment as each service does."""
    told.setenv("LOTSE_RATE_PER_MINUTE", "abc")

    with pytest.raises(CannotGoOn) as stopped:
        settings_for("registry", cluster, network="test", url="http://127.0.0.1:8000")

    assert (stopped.value.code, "LOTSE_RATE_PER_MINUTE" in stopped.value.advice) == (Exit.UNSAFE, True)


async def test_doctor_says_that_it_was_given_no_database() -> None:
    """An address that leads nowhere in words, without repeating it: a password may stand in it."""
    for url, code in ((SECRET, Exit.UNSAFE), (NOWHERE, Exit.UNAVAILABLE)):
        with pytest.raises(CannotGoOn) as stopped:
            await durability([url], "")
        assert (stopped.value.code, SECRET in stopped.value.sentence + stopped.value.advice) == (code, False)


def test_a_wrong_word_says_what_there_is(command: Command) -> None:
    """Exit code 64, and the words that it knows."""
    code, said = command("gather")

    assert (code, "serve|migrate|provision|rebuild|audit|first_key" in said) == (64, True)
