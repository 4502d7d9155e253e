"""What compose.yaml promises an operations team, read from the file itself."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from libs.common.facts import SERVICES

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
THIRD_PARTY = {name: one for name, one in CONTAINERS.items() if "build" not in one}


@pytest.mark.parametrize("name", CONTAINERS)
def test_no_container_has_more_rights_than_it_needs(name: str) -> None:
    """Every capability dropped, no new privileges, a read-only file system, a limit on memory."""
    container = CONTAINERS[name]

    assert container["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in container["security_opt"]
    assert container["read_only"] is True
    assert container["mem_limit"]


@pytest.mark.parametrize("name", CONTAINERS)
def test_no_secret_stands_in_the_environment(name: str) -> None:
    """Passwords and keys come from files; the environment names only the files."""
    for setting in CONTAINERS[name].get("environment", {}):
        secret = any(word in setting for word in ("PASSWORD", "KEY", "SECRET", "DATABASE_URL"))
        assert not secret or setting.endswith("_FILE"), f"{name}: {setting}"


@pytest.mark.parametrize("name", THIRD_PARTY)
def test_third_party_images_are_pinned(name: str) -> None:
    """A tag that names a version; never `latest`, never none."""
    tag = THIRD_PARTY[name]["image"].partition(":")[2]

    assert any(sign.isdigit() for sign in tag)
    assert tag.count(".") >= 1


def test_only_http_ports_are_published_and_only_on_loopback() -> None:
    """The bus and the databases are reached from inside alone."""
    published = {name: one["ports"] for name, one in CONTAINERS.items() if one.get("ports")}

    assert set(published) == {*SERVICES, "mailpit"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_the_bus_accounts_are_those_of_the_facts() -> None:
    """deploy/nats/accounts.conf is made from who hears and asks whom; a stale one would cut a service off."""
    made = subprocess.run([sys.executable, "-m", "deploy.nats.permissions"], cwd=ROOT,
                          capture_output=True, text=True, check=True)

    assert (ROOT / "deploy/nats/accounts.conf").read_text(encoding="utf-8") == made.stdout


def test_each_service_is_told_the_version_of_the_compose_file() -> None:
    """An outdated compose file is noticed at the start, not by what is missing later."""
    for service in SERVICES:
        assert CONTAINERS[service]["environment"]["LOTSE_COMPOSE_VERSION"].isdigit()
