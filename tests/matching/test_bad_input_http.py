"""Bad input of every kind gets its refusal, never a 500, and changes nothing; and no door is open to the wrong role."""

import base64
import itertools
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from libs.common.callers import Role, Scope
from services.matching.households.model import Household
from services.matching.links.queries import ANSWER, CHECKIN, CONCERN, CONSENT, MEETINGS
from services.matching.permissions import PERMISSIONS
from services.matching.profiles.queries import inside
from tests.matching.field import REGION, Field, Json

NASTY: tuple[Any, ...] = (
    None, [], "text", 7, {"unknown": 1}, {"region": "\u0661\u0665"}, {"tandem_id": "x" * 10_000},
    {"learning": {"text": "\x00"}}, {"on": "9999-12-31"}, {"reason": "\ud800"}, {"side": ["mentors"]},
    {"label": "\u202eevil", "members": [{}] * 500},
    {"seen_on": "0001-01-01", "certificate_date": "0001-01-01", "relevant_entry": False},
    {"given_on": "-1", "text_version": 1e308})
TEXTS = ("\x00", "a\x00b", "\ud800", "\u202eabc", "x" * 100_000, "", "   ")
ROLES = (Role.NETWORK_ADMIN, Role.COORDINATOR, Role.PARTNER_EDITOR, Role.COUNSELLOR, Role.NEUTRAL_CONTACT,
         Role.FUNDER_READER, Role.OPS, Role.AUDITOR)


def operations(field: Field) -> Iterator[tuple[str, str, str]]:
    """Method, path with ids and tokens filled in, and name of every operation of matching's own."""
    document: Json = field.network["matching"].app.openapi()
    token = base64.urlsafe_b64encode(bytes(56)).decode()[:75]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if operation["operationId"] in PERMISSIONS:
                filled = "/".join(str(uuid4()) if part.endswith("_id}") else token if part == "{token}" else part
                                  for part in path.split("/"))
                yield method.upper(), filled.removeprefix("/v1"), operation["operationId"]


@pytest.mark.slow
async def test_no_body_breaks_any_door(field: Field) -> None:
    """Every operation with some of the nasty bodies in turn, as a caller who may: a refusal below 500 each time."""
    keys = {role: await field.network.key(role, region=REGION if role is not Role.NETWORK_ADMIN else None)
            for role in (Role.COORDINATOR, Role.NEUTRAL_CONTACT, Role.NETWORK_ADMIN)}
    asked, bodies = 0, itertools.cycle(NASTY)
    for method, path, name in operations(field):
        headers = next((keys[role] for role in keys if role in PERMISSIONS[name]), {})
        for body in itertools.islice(bodies, 3 if method != "GET" else 1):
            sent = {**headers, "If-Match": '"1"', "Content-Type": "application/json"}
            content = json.dumps(body) if method != "GET" else None
            answer = await field.client.request(method, f"/v1{path}", content=content, headers=sent)
            assert answer.status_code < 500, (name, body, answer.text)
            asked += 1
    assert asked > 150


async def test_no_text_breaks_what_people_write(field: Field) -> None:
    """Names, labels, notes and reasons with controls, surrogates, turned directions, or far too long."""
    group = await field.create("/mentor_groups", field.group_body())
    for nasty in TEXTS:
        bodies: list[tuple[str, Json]] = [
            ("/mentors", field.mentor_body(contact={"name": nasty})),
            ("/mentors", field.mentor_body(contact={"name": "A", "email": f"{nasty}@example.org"})),
            ("/mentors", field.mentor_body(contact={"name": "A", "phone": nasty})),
            ("/mentors", field.mentor_body(interests=[nasty])),
            ("/mentors", field.mentor_body(languages={nasty: "A1"})),
            ("/households", field.household_body(note=nasty)), ("/mentor_groups", field.group_body(label=nasty)),
            ("/members", {"mentor_group_id": group["id"], "contact": {"name": nasty}, "consented_on": "2024-01-08"})]
        for path, body in bodies:
            sent = field.coordinator | {"Content-Type": "application/json"}
            answer = await field.client.post(f"/v1{path}", content=json.dumps(body), headers=sent)
            assert (answer.status_code, answer.json()["slug"]) == (422, "invalid-request"), (path, nasty[:9])


async def test_no_query_breaks_a_list(field: Field) -> None:
    """Unknown states, ids that are none, limits beyond the page, cursors that are not ours."""
    lists = ("/mentors", "/mentor_groups", "/households", "/runs", "/proposals", "/tandems", "/checkins", "/closings")
    cursors = [base64.urlsafe_b64encode(json.dumps(parts).encode()).decode() for parts in (
        [], [["u", str(uuid4())]] * 3, [["t", "yesterday"]], [["x", 1]], {"a": 1}, [["v"]], None)]
    queries = ["state=flying", "programme_id=x", "limit=0", "limit=101", "limit=x", "region=%00", "cursor=%00",
               *(f"cursor={cursor}" for cursor in cursors)]
    for path in lists:
        for query in queries:
            answer = await field.send("GET", f"{path}?{query}")
            assert answer.status_code in {200, 422}, (path, query, answer.text)
            assert answer.status_code == 422 or query.split("=")[0] not in {"limit", "cursor"}, (path, query)


async def test_a_form_posts_without_a_body(field: Field) -> None:
    """As a browser's button does: an empty form is taken wherever a link leads, and answered with a page."""
    tandem = await field.tandem()
    mentor, _ = await field.refs(tandem)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
    path = await field.link(CONCERN, tandem["id"], mentor)
    page = await field.client.post(path, headers=headers)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for purpose, verb in ((CONSENT, "/give"), (CONSENT, "/refuse"), (MEETINGS, "?on=0001-01-01&minutes=5"),
                          (MEETINGS, "?on=9999-12-31&minutes=5")):
        answer = await field.client.post(f"{await field.link(purpose, tandem['id'], mentor)}{verb}", headers=headers)
        assert answer.status_code in {200, 409, 422}, (purpose.name, verb, answer.text)
        assert answer.headers["content-type"].startswith("text/html")
    for purpose in (ANSWER, CHECKIN):
        answer = await field.client.post(f"{await field.link(purpose, tandem['id'], mentor)}", headers=headers)
        assert answer.status_code in {404, 405}


async def test_each_operation_is_for_its_roles_alone(field: Field) -> None:
    """Every operation with every role that the table leaves out: not allowed, whatever else is wrong with it."""
    keys = {role: await field.network.key(role) for role in ROLES}
    for method, path, name in operations(field):
        for role, headers in keys.items():
            if role not in PERMISSIONS[name]:
                answer = await field.send(method, path, {}, headers=headers)
                expected = {403, 404, 422} if Role.LINK in PERMISSIONS[name] else {403}
                assert answer.status_code in expected, (name, role)
        if Role.LINK not in PERMISSIONS[name]:
            assert (await field.send(method, path, {}, headers={})).status_code == 401, name


async def test_before_the_second_wall_the_doors_ask_for_their_own_only(field: Field) -> None:
    """The lists' own condition shows no more than the scope, even where row-level security would show everything."""
    partner = uuid4()
    household = await field.create("/households", field.household_body(partner_id=str(partner)))
    scopes = ((Scope(everything=True), True), (Scope(regions=("15087",)), True), (Scope(regions=("15",)), True),
              (Scope(regions=("15084",)), False), (Scope(partners=frozenset({partner})), True),
              (Scope(partners=frozenset({uuid4()})), False), (Scope(), False))
    async with field.network["matching"].running.database.transaction() as transaction:
        for scope, is_seen in scopes:
            seen = set(await transaction.scalars(select(Household.id).where(inside(Household, scope))))
            assert (UUID(household["id"]) in seen) is is_seen, scope
