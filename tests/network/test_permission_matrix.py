"""Who may do what, in full: every operation with every role in its own and a foreign scope, as the tables say it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi.routing import APIRoute

from deploy.local.cluster import Cluster
from libs.common.auth import key_hash
from libs.common.callers import Grant, Role, Scope
from libs.common.facts import SERVICES
from tests.contract.apps import app_of, operations_of
from tests.harness import Network
from tests.network.doors import OPENED_BY, Request, every_operation, request_of, table_of, things_of
from tests.network.world import ELSEWHERE, HERE, Thing, World, a_world

pytestmark = pytest.mark.timeout(120)
Operation = tuple[str, str]
OPERATIONS = pytest.mark.parametrize("operation", list(every_operation()), ids="-".join)
# Whoever sees an event may register somebody for it.
SEEING_IS_ENOUGH = {"register_party", "register_known_person"}
# A partner tells what it notices wherever it notices it.
ANYWHERE = {"submit_observation"}
# Outside the API, or open to all: health, metrics, and the descriptions of the API itself.
WITHOUT_CALLER = {"live", "ready", "metrics", "show_docs", "show_asyncapi"}


@dataclass(frozen=True)
class Caller:
    """Who sends a request: headers, and the grant behind them; no grant when they prove nothing, or nothing is sent."""

    name: str
    headers: dict[str, str]
    grant: Grant | None = None
    proves: bool = True

    def acting(self, roles: frozenset[Role]) -> tuple[Role, Scope] | int:
        """Role and scope that the permission table gives this caller in an operation, or the status of its refusal."""
        if not self.proves:
            return 401
        if self.grant and self.grant.role in roles:
            return self.grant.role, Scope.of([self.grant])
        if Role.PUBLIC in roles:
            return Role.PUBLIC, Scope()
        if self.headers:
            return 403
        return (Role.LINK, Scope(everything=True)) if Role.LINK in roles else 401


@dataclass(frozen=True)
class Matrix:
    """The small world and all who call."""

    world: World
    callers: list[Caller]
    connections: dict[str, asyncpg.Connection]

    async def send(self, service: str, request: Request, caller: Caller) -> httpx.Response:
        """Send as the caller; If-Match is the version that the thing has just now."""
        headers = dict(caller.headers)
        if request.version_of:
            table, row_id = request.version_of
            version = await self.connections[service].fetchval(
                f'SELECT version FROM "{table}" WHERE id = $1', UUID(row_id))
            headers["If-Match"] = f'"{version}"'
        client = self.world.network[service].client
        return await client.request(
            request.method, request.path, params=request.query, json=request.body, headers=headers)

    async def rows(self, service: str) -> dict[str, str]:
        """A digest of every table of a service that a request could change."""
        connection = self.connections[service]
        names = [row["relname"] for row in await connection.fetch(
            "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE relkind = 'r' AND nspname = 'public' AND relname <> ALL($1::text[])", ["audit", "audit_link"])]
        digests = " UNION ALL ".join(
            f"SELECT '{name}', md5(string_agg(t::text, '|' ORDER BY t::text)) FROM \"{name}\" t" for name in names)
        return {row[0]: row[1] for row in await connection.fetch(digests)}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def matrix(
    cluster: Cluster, databases: dict[str, str], tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Matrix]:
    """All four services, seeded, with everyone who calls; once for all tests here."""
    network = Network(cluster, databases)
    connections = {service: await asyncpg.connect(cluster.superuser_url(databases[service])) for service in SERVICES}
    try:
        world = await a_world(network, tmp_path_factory.mktemp("mails"))
        yield Matrix(world, await everyone(world), connections)
    finally:
        for connection in connections.values():
            await connection.close()
        await network.end()


async def everyone(world: World) -> list[Caller]:
    """Each role in the own scope and in a foreign one where it has a scope, and who brings no grant or no valid key."""
    partner, project = world.partner_id, world.project_id
    grants = {
        "network admin": Grant(Role.NETWORK_ADMIN), "operations": Grant(Role.OPS), "auditor": Grant(Role.AUDITOR),
        "coordinator here": Grant(Role.COORDINATOR, region=HERE),
        "coordinator next door": Grant(Role.COORDINATOR, region=ELSEWHERE),
        "neutral contact here": Grant(Role.NEUTRAL_CONTACT, region=HERE),
        "neutral contact next door": Grant(Role.NEUTRAL_CONTACT, region=ELSEWHERE),
        "editor of the partner": Grant(Role.PARTNER_EDITOR, partner_id=partner),
        "editor of another": Grant(Role.PARTNER_EDITOR, partner_id=uuid4()),
        "counsellor of the partner": Grant(Role.COUNSELLOR, partner_id=partner),
        "counsellor of another": Grant(Role.COUNSELLOR, partner_id=uuid4()),
        "reader of the project": Grant(Role.FUNDER_READER, project_id=project),
        "reader of another": Grant(Role.FUNDER_READER, project_id=uuid4()),
    }
    callers = [Caller(name, await world.network.key(
        one.role, region=one.region, partner_id=one.partner_id, project_id=one.project_id), one)
        for name, one in grants.items()]
    expired, withdrawn = [await world.network.key(Role.NETWORK_ADMIN) for _ in range(2)]
    await _at_key(world, expired, "UPDATE known_key SET expires_at = now() - interval '1 second' WHERE hash = $1")
    await _at_key(world, withdrawn, "UPDATE known_grant SET withdrawn_at = now() WHERE principal = ("
                                    "SELECT principal FROM known_key WHERE hash = $1)")
    unknown = {"Authorization": f"Bearer net_{uuid4().hex}_{uuid4().hex}{uuid4().hex}"}
    return [*callers, Caller("public", {}), Caller("without grant", withdrawn),
            Caller("expired key", expired, proves=False), Caller("unknown key", unknown, proves=False)]


async def _at_key(world: World, headers: dict[str, str], change: str) -> None:
    for service in SERVICES:
        await world.network.rows(service, change, key_hash(headers["Authorization"].removeprefix("Bearer ")))


def sees(thing: Thing, role: Role, scope: Scope) -> bool:
    """Whether who acts in this role and scope is shown the thing."""
    return (thing.open and role not in thing.hidden_from) or scope.covers(thing)


def refusals(matrix: Matrix, operation: Operation, about: str, caller: Caller) -> tuple[int, ...]:
    """With which status the caller is refused; 200: a list that does not show the thing; nothing: it is let in."""
    service, name = operation
    acting = caller.acting(table_of(service)[name])
    if isinstance(acting, int):
        return (acting,)
    role, scope = acting
    method, path, _ = operations_of(app_of(service))[name]
    if not about:
        new = Thing("", partner_id=matrix.world.partner_id)
        return () if role in {Role.PUBLIC, Role.LINK} or name in ANYWHERE or scope.covers(new) else (403, 404)
    thing = matrix.world.things[about]
    if sees(thing, role, scope) if method == "GET" or name in SEEING_IS_ENOUGH else scope.covers(thing):
        return ()
    is_list = "{" not in path and request_of(matrix.world, service, name, about).query.keys() <= {"limit"}
    return (200,) if is_list else (404,)


def cells(matrix: Matrix, operation: Operation) -> list[tuple[Caller, str, Request, tuple[int, ...]]]:
    """Who asks, about what, by which request, and what the tables say of it."""
    service, name = operation
    found = []
    for about in things_of(service, name) or ("",):
        token = matrix.world.token(OPENED_BY[name]) if name in OPENED_BY else ""
        request = request_of(matrix.world, service, name, about, token)
        found += [(one, about, request, refusals(matrix, operation, about, one)) for one in matrix.callers]
    return found


def test_every_route_is_in_the_matrix() -> None:
    """Each route of the apps has its line in a permission table, and what has none asks nobody who they are."""
    for service in SERVICES:
        app = app_of(service)
        routes = [route for included in app.routes for route in getattr(
            getattr(included, "original_router", None), "routes", [included]) if isinstance(route, APIRoute)]
        assert {route.name for route in routes} == {*table_of(service), *WITHOUT_CALLER}, service
        assert set(operations_of(app)) == set(table_of(service)), service


@OPERATIONS
async def test_whom_the_table_leaves_out_is_refused_and_changes_nothing(matrix: Matrix, operation: Operation) -> None:
    """A role outside the table, a foreign scope, no key or none that holds: refused, or shown nothing of it."""
    service, name = operation
    before = await matrix.rows(service)
    for caller, about, request, refused in cells(matrix, operation):
        if not refused:
            continue
        answer = await matrix.send(service, request, caller)
        case = (name, caller.name, about, answer.status_code, answer.text[:300])
        assert answer.status_code in refused, case
        assert not about or matrix.world.things[about].mark not in answer.text, case
    assert await matrix.rows(service) == before


@asynccontextmanager
async def without_row_security(matrix: Matrix) -> AsyncIterator[None]:
    """Take the second wall away for a while."""
    walls = [(service, row["relname"]) for service in SERVICES for row in await matrix.connections[service].fetch(
        "SELECT relname FROM pg_class WHERE relrowsecurity")]
    try:
        for service, table in walls:
            await matrix.connections[service].execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY')
        yield
    finally:
        for service, table in walls:
            await matrix.connections[service].execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')


async def test_the_doors_hold_without_row_level_security(matrix: Matrix) -> None:
    """It is the second wall: with it taken away a foreign scope is shown and may change no more than before."""
    let_through = []
    async with without_row_security(matrix):
        for operation in every_operation():
            for caller, about, request, refused in cells(matrix, operation):
                if not {200, 404} & {*refused}:
                    continue
                answer = await matrix.send(operation[0], request, caller)
                shown = about and matrix.world.things[about].mark in answer.text
                if answer.status_code not in refused or shown:
                    let_through.append((operation[1], caller.name, about, answer.status_code))
    assert let_through == []


@pytest.mark.parametrize("name", list(OPENED_BY))
async def test_a_link_opens_only_what_it_was_signed_for(matrix: Matrix, name: str) -> None:
    """One of another purpose, an expired one and one that was altered find nothing, and change nothing."""
    purpose = OPENED_BY[name]
    service = matrix.world.links[purpose][0]
    good, before = matrix.world.token(purpose), await matrix.rows(service)
    altered = ("A" if good[0] != "A" else "B") + good[1:]
    for token in (matrix.world.token(purpose, signed_as="another"), altered,
                  matrix.world.token(purpose, valid=timedelta(seconds=-5))):
        answer = await matrix.send(service, request_of(matrix.world, service, name, token=token), Caller("public", {}))
        assert answer.status_code == 404, (name, answer.text)
    assert await matrix.rows(service) == before


@OPERATIONS
async def test_whom_the_table_lets_in_gets_it(matrix: Matrix, operation: Operation) -> None:
    """Reading shows the very thing; changing is done, or refused by a rule of the field and not by who asks."""
    service, name = operation
    for caller, about, request, refused in cells(matrix, operation):
        if refused:
            continue
        answer = await matrix.send(service, request, caller)
        case = (name, caller.name, about, answer.status_code, answer.text[:600])
        if request.method == "GET":
            assert answer.status_code == 200, case
            assert not about or matrix.world.things[about].mark in answer.text, case
        elif not answer.is_success:
            assert answer.status_code in {409, 422}, case
            assert answer.json()["slug"] not in {"invalid-request", "if-match-unreadable"}, case
