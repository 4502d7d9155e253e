"""Who may do what, in full: every operation with every role in its own and a foreign scope, as the tables say it.

Whom the table leaves out asks about the things of a small world, which stay as they are; whom it lets in changes rows
that are made for that one request, by the recipes of fuzz_recipes.py.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi.routing import APIRoute

from deploy.local.cluster import Cluster
from libs.common.auth import key_hash
from libs.common.callers import Grant, Role
from libs.common.facts import SERVICES
from tests.contract.apps import app_of
from tests.harness import Network
from tests.network import fuzz_recipes, fuzz_world
from tests.network.doors import OPENED_BY, Request, described, every_operation, reads, request_of, table_of, things_of
from tests.network.world import ELSEWHERE, HERE, Thing, World, a_world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
Operation = tuple[str, str]
# Requests at the same time: fewer than a service's connections.
AT_ONCE = 5
OPERATIONS = pytest.mark.parametrize("operation", list(every_operation()), ids="-".join)
READING, CHANGING = [pytest.mark.parametrize("operation", [
    one for one in every_operation() if reads(*one) is reading], ids="-".join) for reading in (True, False)]
# As the documents describe them.
DESCRIBED = {(one.service, one.name): one for one in fuzz_world.operations()}
# Whoever sees an event may register somebody for it.
SEEING_IS_ENOUGH = {"register_party", "register_known_person"}
# A partner tells what it notices wherever it notices it.
ANYWHERE = {"submit_observation"}
# An operation about several things needs new rows like each of them; all others need what their recipe makes.
LIKE: dict[str, fuzz_recipes.Recipe] = {
    "event": fuzz_recipes.of("event", "draft"), "public_event": fuzz_recipes.of("event"),
    "network_event": lambda rows: rows.event(visibility="network")}
# Who may, and yet finds a rule of the field against it, whatever the rows: the slug that says so.
RULED_OUT = {
    # Nobody can come to what is not announced: whoever sees a draft, its own, is told so.
    ("register_party", "event"): "registration-not-open", ("register_known_person", "event"): "registration-not-open",
}
# What changes not the row itself but rows that belong to it, and what the answer then shows of these.
BELONGING = {"publish_series": '"state":"open"', "cancel_series": '"state":"cancelled"'}
# Outside the API, or open to all: health, metrics, and the descriptions of the API itself.
WITHOUT_CALLER = {"live", "ready", "metrics", "show_docs", "show_asyncapi"}


@dataclass(frozen=True)
class Acting:
    """In which roles, and by which grants, the permission table lets a caller act in an operation."""

    roles: frozenset[Role]
    grants: tuple[Grant, ...] = ()

    def owns(self, thing: Thing) -> bool:
        """Whether the thing lies inside one of the grants; said here anew, not asked of the services' own Scope."""
        return any(lies_in(grant, thing) for grant in self.grants)

    def sees(self, thing: Thing) -> bool:
        """Whether the thing is shown: it is open to one of these roles, or the own."""
        return (thing.open and not self.roles <= thing.hidden_from) or self.owns(thing)


def lies_in(grant: Grant, thing: Thing) -> bool:
    """Whether a thing is in a grant's region, of its partner, or in its project; a grant of none holds everywhere."""
    if grant.region is None and grant.partner_id is None and grant.project_id is None:
        return True
    there = grant.region is not None and (thing.region or "").startswith(grant.region)
    return there or (grant.partner_id is not None and grant.partner_id == thing.partner_id) or (
        grant.project_id is not None and grant.project_id == thing.project_id)


@dataclass(frozen=True)
class Caller:
    """Who sends a request: headers, and the grants behind them; none when they prove nothing, or nothing is sent."""

    name: str
    headers: dict[str, str]
    grants: tuple[Grant, ...] = ()
    proves: bool = True

    def acting(self, roles: frozenset[Role]) -> Acting | int:
        """What the permission table makes of this caller in an operation of these roles, or its refusal's status."""
        if not self.proves:
            return 401
        fitting = tuple(grant for grant in self.grants if grant.role in roles)
        if fitting:
            return Acting(frozenset(grant.role for grant in fitting), fitting)
        if Role.PUBLIC in roles:
            return Acting(frozenset({Role.PUBLIC}))
        if self.headers:
            return 403
        return Acting(frozenset({Role.LINK}), (Grant(Role.LINK),)) if Role.LINK in roles else 401


@dataclass(frozen=True)
class Cell:
    """One field of the matrix: who asks what about which thing.

    refused: with which status; 200 is a list that does not show the thing; nothing: it is let in. inside: the thing
    is the caller's own.
    """

    caller: Caller
    about: str
    request: Request
    refused: tuple[int, ...]
    inside: bool


@dataclass(frozen=True)
class Matrix:
    """The small world and all who call."""

    world: World
    callers: list[Caller]
    connections: dict[str, asyncpg.Connection]
    makers: fuzz_world.World

    async def send(self, service: str, request: Request, caller: Caller) -> httpx.Response:
        """Send as the caller; If-Match is the version that the thing has just now."""
        return await self._send(service, request, caller, await self._version(service, request))

    async def send_all(self, service: str, cells: Sequence[Cell]) -> list[tuple[Cell, httpx.Response]]:
        """What each of these gets that changes nothing; some at the same time."""
        versions = {cell.request: await self._version(service, cell.request) for cell in cells}
        few = asyncio.Semaphore(AT_ONCE)

        async def one(cell: Cell) -> tuple[Cell, httpx.Response]:
            async with few:
                return cell, await self._send(service, cell.request, cell.caller, versions[cell.request])

        return await asyncio.gather(*map(one, cells))

    async def _version(self, service: str, request: Request) -> dict[str, str]:
        if not request.version_of:
            return {}
        table, row_id = request.version_of
        version = await self.connections[service].fetchval(
            f'SELECT version FROM "{table}" WHERE id = $1', UUID(row_id))
        return {"If-Match": f'"{version}"'}

    async def _send(
        self, service: str, request: Request, caller: Caller, headers: dict[str, str],
    ) -> httpx.Response:
        client = self.world.network[service].client
        return await client.request(
            request.method, request.path, params=request.query, json=request.body, headers=caller.headers | headers)

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
        makers = await fuzz_world.in_network(network, str(world.partner_id))
        yield Matrix(world, await everyone(world), connections, makers)
        await makers.end()
    finally:
        for connection in connections.values():
            await connection.close()
        await network.end()


async def everyone(world: World) -> list[Caller]:
    """Each role in the own scope and in a foreign one where it has a scope, some in two, and who brings none."""
    partner, project = world.partner_id, world.project_id
    here = {one.role: one for one in (
        Grant(Role.COORDINATOR, region=HERE), Grant(Role.NEUTRAL_CONTACT, region=HERE),
        Grant(Role.PARTNER_EDITOR, partner_id=partner), Grant(Role.COUNSELLOR, partner_id=partner),
        Grant(Role.FUNDER_READER, project_id=project))}
    away = {role: Grant(role, one.region and ELSEWHERE, one.partner_id and uuid4(), one.project_id and uuid4())
            for role, one in here.items()}
    unscoped = [(Grant(role),) for role in (Role.NETWORK_ADMIN, Role.OPS, Role.AUDITOR)]
    two = [(here[Role.COORDINATOR], away[Role.NEUTRAL_CONTACT]), (away[Role.COORDINATOR], here[Role.PARTNER_EDITOR])]
    known = [Caller(_named(grants, here), await _key(world, *grants), grants) for grants in (
        *unscoped, *((one,) for one in here.values()), *((one,) for one in away.values()), *two)]
    expired, withdrawn = [await _key(world, Grant(Role.NETWORK_ADMIN)) for _ in range(2)]
    await _at_key(world, expired, "UPDATE known_key SET expires_at = now() - interval '1 second' WHERE hash = $1")
    await _at_key(world, withdrawn, "UPDATE known_grant SET withdrawn_at = now() WHERE principal = ("
                                    "SELECT principal FROM known_key WHERE hash = $1)")
    unknown = {"Authorization": f"Bearer net_{uuid4().hex}_{uuid4().hex}{uuid4().hex}"}
    return [*known, Caller("public", {}), Caller("without grant", withdrawn),
            Caller("expired key", expired, proves=False), Caller("unknown key", unknown, proves=False)]


def _named(grants: tuple[Grant, ...], here: dict[Role, Grant]) -> str:
    places = {True: " here", False: " elsewhere"}
    return ", ".join(f"{one.role.value}{places[here[one.role] == one] if one.role in here else ''}" for one in grants)


async def _key(world: World, first: Grant, *more: Grant) -> dict[str, str]:
    headers = await world.network.key(
        first.role, region=first.region, partner_id=first.partner_id, project_id=first.project_id)
    for grant in more:
        await _at_key(
            world, headers, "INSERT INTO known_grant (grant_id, principal, role, region, partner_id, project_id)"
            " SELECT $2, principal, $3, $4, $5, $6 FROM known_key WHERE hash = $1",
            uuid4(), grant.role.value, grant.region, grant.partner_id, grant.project_id)
    return headers


async def _at_key(world: World, headers: dict[str, str], change: str, *values: object) -> None:
    for service in SERVICES:
        await world.network.rows(
            service, change, key_hash(headers["Authorization"].removeprefix("Bearer ")), *values)


def cells(matrix: Matrix, operation: Operation) -> list[Cell]:
    """Who asks, about what, by which request, and what the permission table and the scopes say of it."""
    service, name = operation
    found = []
    for about in things_of(service, name) or ("",):
        token = matrix.world.token(OPENED_BY[name]) if name in OPENED_BY else ""
        request = request_of(matrix.world, service, name, about, token)
        thing = matrix.world.things.get(about)
        for caller in matrix.callers:
            acting = caller.acting(table_of(service)[name])
            if isinstance(acting, int):
                found.append(Cell(caller, about, request, (acting,), inside=False))
            elif thing is None:
                found.append(Cell(caller, about, request, begins(matrix, name, acting), inside=True))
            else:
                refused = touches(operation, request, acting, thing)
                found.append(Cell(caller, about, request, refused, acting.owns(thing)))
    return found


def begins(matrix: Matrix, name: str, acting: Acting) -> tuple[int, ...]:
    """How who begins something new in this region, for this partner, is refused; the public has no scope."""
    new = Thing("", partner_id=matrix.world.partner_id)
    free = name in ANYWHERE or acting.roles & {Role.PUBLIC, Role.LINK}
    return () if free or acting.owns(new) else (403, 404)


def touches(operation: Operation, request: Request, acting: Acting, thing: Thing) -> tuple[int, ...]:
    """How who asks about this thing is refused: to be read it must be shown, to be changed it must be the own."""
    service, name = operation
    seeing = request.method == "GET" or name in SEEING_IS_ENOUGH
    if acting.sees(thing) if seeing else acting.owns(thing):
        return ()
    _, path, _ = described(service)[name]
    return (404,) if "{" in path or request.query.keys() - {"limit"} else (200,)


def test_every_route_is_in_the_matrix() -> None:
    """Each route of the apps has its line in a permission table, and what has none asks nobody who they are."""
    for service in SERVICES:
        app = app_of(service)
        routes = [route for included in app.routes for route in getattr(
            getattr(included, "original_router", None), "routes", [included]) if isinstance(route, APIRoute)]
        assert {route.name for route in routes} == {*table_of(service), *WITHOUT_CALLER}, service
        assert set(described(service)) == set(table_of(service)), service


@OPERATIONS
async def test_whom_the_table_leaves_out_is_refused_and_changes_nothing(matrix: Matrix, operation: Operation) -> None:
    """A role outside the table, a foreign scope, no key or none that holds: refused, or shown nothing of it."""
    service, name = operation
    before = await matrix.rows(service)
    outside = [cell for cell in cells(matrix, operation) if cell.refused]
    for cell, answer in await matrix.send_all(service, outside):
        case = (name, cell.caller.name, cell.about, answer.status_code, answer.text[:300])
        assert answer.status_code in cell.refused, case
        assert not cell.about or matrix.world.things[cell.about].mark not in answer.text, case
    assert outside
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
            foreign = [cell for cell in cells(matrix, operation) if {200, 404} & {*cell.refused}]
            for cell, answer in await matrix.send_all(operation[0], foreign):
                shown = cell.about and matrix.world.things[cell.about].mark in answer.text
                if answer.status_code not in cell.refused or shown:
                    let_through.append((operation[1], cell.caller.name, cell.about, answer.status_code))
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


@READING
async def test_whom_the_table_lets_in_reads_it(matrix: Matrix, operation: Operation) -> None:
    """Reading shows the very thing."""
    service, name = operation
    shown = let_in(matrix, operation)
    for cell in shown:
        answer = await matrix.send(service, cell.request, cell.caller)
        case = (name, cell.caller.name, cell.about, answer.status_code, answer.text[:600])
        assert answer.status_code == 200, case
        assert is_shown(matrix.world.things.get(cell.about), answer, inside=cell.inside), case
    assert shown


def is_shown(thing: Thing | None, answer: httpx.Response, *, inside: bool) -> bool:
    """Whether the answer shows the thing, and of what only its owners may know neither less nor more."""
    if thing is None:
        return bool(answer.text)
    if thing.only_inside and answer.headers["content-type"] == "application/json":
        return thing.mark in answer.text and (thing.only_inside in answer.text) is inside
    return thing.mark in answer.text and (inside or thing.only_inside not in answer.text or not thing.only_inside)


def let_in(matrix: Matrix, operation: Operation) -> list[Cell]:
    """The fields of the matrix in which the operation is done."""
    return [cell for cell in cells(matrix, operation) if not cell.refused]


@CHANGING
async def test_whom_the_table_lets_in_changes_it(matrix: Matrix, operation: Operation) -> None:
    """Each of them really does it, to rows of the own scope that were made for this one request."""
    inside = let_in(matrix, operation)
    assert inside
    assert await not_done(matrix, operation, inside) == []


async def not_done(matrix: Matrix, operation: Operation, inside: Sequence[Cell]) -> list[tuple[str, ...]]:
    """Who of those that are let in did not do it, about what, and what they got instead: status and answer."""
    failed: list[tuple[str, ...]] = []
    for cell in inside:
        request = await request_about_new_rows(matrix, operation, cell)
        answer = await matrix.makers.send(request)
        slug = RULED_OUT.get((operation[1], cell.about))
        if slug:
            expected = answer.status_code == 409 and answer.json()["slug"] == slug
        else:
            expected = answer.is_success and await is_done(matrix, request, answer)
        if not expected:
            failed.append((cell.caller.name, cell.about, str(answer.status_code), answer.text[:600]))
    return failed


async def request_about_new_rows(matrix: Matrix, operation: Operation, cell: Cell) -> fuzz_world.Request:
    """The request of the cell's caller, about new rows that lie where the cell's thing lies."""
    several = len(things_of(*operation)) > 1
    assert not several or cell.about in LIKE, f"{operation}: say in LIKE how a new row like {cell.about!r} is made"
    need = await LIKE[cell.about](matrix.makers) if several else None
    request = await fuzz_recipes.request_of(matrix.makers, DESCRIBED[operation], need)
    caller = await as_of_partner(matrix, cell.caller, request.path.get("partner_id"))
    return request.but(headers={"Authorization": caller.headers.get("Authorization")})


async def as_of_partner(matrix: Matrix, caller: Caller, partner_id: str | None) -> Caller:
    """The caller, or who is to this new partner what the caller is to the world's."""
    if partner_id is None or all(grant.partner_id != matrix.world.partner_id for grant in caller.grants):
        return caller
    grants = tuple(replace(grant, partner_id=UUID(partner_id)) if grant.partner_id == matrix.world.partner_id
                   else grant for grant in caller.grants)
    return Caller(caller.name, await _key(matrix.world, *grants), grants)


async def is_done(matrix: Matrix, request: fuzz_world.Request, answer: httpx.Response) -> bool:
    """Whether the row has another version than it had, or what belongs to it is shown in its new state."""
    if "If-Match" not in request.headers:
        return True
    if request.operation.name in BELONGING:
        return BELONGING[request.operation.name] in answer.text
    there = await matrix.makers.etag(request.operation.service, *next(iter(request.path.items())))
    return there != request.headers["If-Match"]


async def test_a_guard_that_is_too_narrow_is_seen(matrix: Matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the registry lets no partner editor pause an offer any more, though its table does."""
    pausing = ("registry", "pause_offer")
    inside = let_in(matrix, pausing)
    permissions = matrix.world.network["registry"].app.state.auth._permissions
    monkeypatch.setitem(permissions, "pause_offer", frozenset({Role.COORDINATOR}))
    assert [(who, status) for who, _, status, _ in await not_done(matrix, pausing, inside)] == [
        ("partner_editor here", "403"), ("coordinator elsewhere, partner_editor here", "404")]


@pytest.mark.parametrize(("operation", "recipe", "status"), [
    (("registry", "publish_offer"), fuzz_recipes.of("offer"), "409"),
    (("matching", "note_record"), lambda rows: fuzz_recipes.with_(
        fuzz_recipes.mentor(rows, "screen"), relevant_entry=True), "200"),
], ids=["a state that it does not begin with", "a change that changes nothing"])
async def test_a_request_that_does_nothing_is_seen(
    matrix: Matrix, monkeypatch: pytest.MonkeyPatch, operation: Operation, recipe: fuzz_recipes.Recipe, status: str,
) -> None:
    """Planted: a recipe for an offer that nobody has submitted; one by which nothing is noted."""
    inside = let_in(matrix, operation)
    monkeypatch.setitem(fuzz_recipes.RECIPES, operation[1], recipe)
    failed = await not_done(matrix, operation, inside)
    assert [(who, what) for who, _, what, _ in failed] == [(cell.caller.name, status) for cell in inside]


async def test_a_new_operation_without_a_recipe_is_seen(matrix: Matrix) -> None:
    """Planted: an operation that nobody has said anything about; what is said is about operations that there are."""
    new = replace(DESCRIBED["registry", "publish_offer"], name="praise_offer")
    with pytest.raises(AssertionError, match=r"praise_offer of registry \(POST .*\) has no recipe"):
        await fuzz_recipes.request_of(matrix.makers, new)
    names = {name for _, name in every_operation()}
    assert {*fuzz_recipes.RECIPES, *fuzz_recipes.SPINE, *BELONGING} <= names
    assert all(about in things_of(*one) for name, about in RULED_OUT for one in every_operation() if one[1] == name)
