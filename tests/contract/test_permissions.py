"""Who may call what: the permission table of each service is a text file that a reviewer reads in the diff."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path

import pytest

from libs.common import operations
from libs.common.callers import Role
from tests.contract import files
from tests.contract.apps import SERVICES, app_of, operations_of

TABLES = files.HERE / "permissions"


def table(places: Mapping[str, tuple[str, str]], permissions: Mapping[str, Iterable[Role]]) -> str:
    """One line per operation, by path: method, path, operation, and the roles that may call it."""
    rows = sorted(
        (path, method, name, ", ".join(sorted(permissions.get(name, ())))) for name, (method, path) in places.items())
    rows += [("(no route)", "", name, ", ".join(sorted(permissions[name])))
             for name in sorted(permissions.keys() - places.keys())]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines = [f"{method:<{widths[1]}}  {path:<{widths[0]}}  {name:<{widths[2]}}  {roles or '(nobody)'}".rstrip()
             for path, method, name, roles in rows]
    return "\n".join(lines) + "\n"


def table_of(service: str) -> str:
    """The table of a service as it runs: its own permissions and those of the operations that all four have."""
    own = import_module(f"services.{service}.permissions").PERMISSIONS
    places = {name: (method, path) for name, (method, path, _) in operations_of(app_of(service)).items()}
    return table(places, {**own, **operations.PERMISSIONS})


@pytest.mark.parametrize("service", SERVICES)
def test_who_may_call_what_is_as_the_file_says(service: str) -> None:
    """A changed permission is a changed file."""
    assert files.differs(TABLES / f"{service}.txt", table_of(service)) == ""


def test_every_table_is_of_a_service() -> None:
    """No table is left of what is gone."""
    assert files.left_over(TABLES, {f"{service}.txt" for service in SERVICES}) == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_has_its_roles_and_every_role_list_its_route(service: str) -> None:
    """Nothing can be called by nobody, and nothing is permitted that is not there."""
    assert "(no route)" not in table_of(service)
    assert "(nobody)" not in table_of(service)


def test_planted_changes_are_found(tmp_path: Path) -> None:
    """A role more, a route that nobody may call, and a permission without a route show in the table."""
    places = {"publish_offer": ("POST", "/v1/offers/{offer_id}/publish")}
    ours = table(places, {"publish_offer": {Role.COORDINATOR}})
    place = tmp_path / "registry.txt"
    files.differs(place, ours, write=True)

    assert ours == "POST  /v1/offers/{offer_id}/publish  publish_offer  coordinator\n"
    wider = table(places, {"publish_offer": {Role.COORDINATOR, Role.PUBLIC}})
    assert "not what the code says" in files.differs(place, wider, write=False)
    assert "(nobody)" in table(places, {})
    assert "(no route)" in table({}, {"publish_offer": {Role.COORDINATOR}})
