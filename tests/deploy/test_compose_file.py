"""What compose.yaml promises an operations team, read from the file itself."""

import base64
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from libs.common.facts import SERVICES
from libs.common.settings import CommonSettings

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


#: What an operator does not set, and why.
FIXED = {
    "database_url": "made by the first start", "master_key": "made by the first start",
    "installation_secret": "made by the first start", "nats_password": "made by the first start",
    "smtp_password": "written into the secrets by the operator", "compose_version": "is the file's own",
    "host": "is inside of the container", "port": "is inside of the container",
    "mail_folder": "is the volume", "nats_monitor_url": "is the container beside it",
}
#: What a service is not told, and why.
UNTOLD = {
    "nats_user": "called as the service", "owner_database_url": "told to the job that migrates",
    "provisioner_password": "told to the job that provisions",
}
#: What is another thing in containers than on one machine, as it is without the operator's word.
ELSEWHERE = {"proxies", "nats_url", "public_url", *FIXED}
VARIABLE = re.compile(r"^\$\{LOTSE_(?P<name>[A-Z_]+):-(?P<default>[^}]*)\}$")


def passed(service: str) -> dict[str, str]:
    """What compose tells a service by the names of its settings."""
    return {name.removeprefix("LOTSE_").removesuffix("_FILE").lower(): str(value)
            for name, value in CONTAINERS[service]["environment"].items()}


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_of_a_service_can_be_set_by_the_operator(service: str) -> None:
    """As the variable of its name (each service's public address by a name of its own), or it is said why not."""
    told = passed(service)
    own_names = {f"{service.upper()}_URL": "PUBLIC_URL"}

    assert told.keys() == settings_of(service).model_fields.keys() - UNTOLD.keys()
    for name, value in told.items():
        variable = VARIABLE.match(value)
        if name in FIXED:
            assert variable is None, name
        else:
            assert variable, name
            assert own_names.get(variable["name"], variable["name"]) == name.upper()


@pytest.mark.parametrize("service", SERVICES)
def test_what_nobody_sets_is_as_the_page_says(
    service: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:
    """What compose passes then is read by the service, and is each setting's default."""
    secret, url = tmp_path / "secret", tmp_path / "url"
    secret.write_text(base64.b64encode(bytes(32)).decode())
    url.write_text("postgresql://role:password@postgres:5432/database")
    for name, value in CONTAINERS[service]["environment"].items():
        variable, file = VARIABLE.match(str(value)), url if name.endswith("_URL_FILE") else secret
        monkeypatch.setenv(name, str(file) if name.endswith("_FILE") else variable["default"] if variable else value)

    kind = settings_of(service)
    read = kind()

    differing = {name for name, field in kind.model_fields.items() if getattr(read, name) != field.default}
    assert differing <= ELSEWHERE


def settings_of(service: str) -> type[CommonSettings]:
    """The class of a service's settings."""
    kind: type[CommonSettings] = import_module(f"services.{service}.settings").Settings
    return kind
