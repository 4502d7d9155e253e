"""Registrations through the HTTP door: open and by approval, the public and known persons, names and who reads them."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from libs.common.callers import PUBLIC, Caller, Role, Scope
from tests.events.stage import AS_JSON, Stage, a_party
from tests.harness import new_idempotency_key


async def test_a_party_registers_and_is_confirmed(stage: Stage) -> None:
    """The public gets its state and a link to cancel; no name comes back, and none stands in the database."""
    address = await stage.published(childcare={"places": 2, "age_bands": ["0-5"]})
    told = await stage.register(address, 2, ["0-5"], childcare=True, home_region="15088", sector="civil_society")

    assert (told["state"], told["seats"], told["childcare"], told["place"]) == ("confirmed", 3, 1, 1)
    assert told["cancel_link"].startswith("http://events.test/v1/links/cancel_registration/")
    assert not {"name", "email", "phone"} & told.keys()
    assert await stage.told() == ["event.published", "registration.confirmed"]
    (row,) = await stage.network.rows("events", "SELECT details FROM person")
    assert b"Amira" not in row["details"]


async def test_everyone_sees_how_much_room_there_is(stage: Stage) -> None:
    """Seats and childcare places taken, parties waiting, full: computed, and shown to the public."""
    address = await stage.published(capacity=3, childcare={"places": 1})
    await stage.register(address, 1, ["0-5"], childcare=True)
    await stage.register(address, 2)
    shown = (await stage.client.get(address)).json()

    assert [shown[name] for name in ("seats_taken", "childcare_taken", "parties_waiting", "full")] == [2, 1, 1, False]


async def test_a_party_that_arrives_waits_behind_those_who_wait(stage: Stage) -> None:
    """A family waits for childcare though seats are free; who comes later waits behind it."""
    address = await stage.published(childcare={"places": 1})
    for children in ([], ["0-5"], ["6-13"], []):
        await stage.register(address, 1, children, childcare=bool(children))

    assert await stage.states(address) == ["confirmed", "confirmed", "waitlisted", "waitlisted"]
    assert (await stage.told())[1:] == ["registration.confirmed"] * 2 + ["registration.waitlisted"] * 2


async def test_gaps_are_filled_when_the_organiser_says_so(stage: Stage) -> None:
    """With fill_gaps a smaller party that needs no childcare gets its seats at once."""
    address = await stage.published(childcare={"places": 1}, fill_gaps=True)
    for children in (["0-5"], ["6-13"], []):
        await stage.register(address, 1, children, childcare=bool(children))

    assert await stage.states(address) == ["confirmed", "waitlisted", "confirmed"]


async def test_an_event_by_approval_lets_in_whom_the_organiser_accepts(stage: Stage) -> None:
    """Received and pending, then confirmed while there is room, waiting behind, or declined."""
    address = await stage.published(registration_mode="approval", capacity=2)
    asked = [await stage.register(address, adults) for adults in (2, 1, 1)]
    verbs = ["approve", "approve", "decline"]
    answers = [await stage.act(f"/v1/registrations/{one['id']}/{verb}", headers=stage.editor)
               for one, verb in zip(asked, verbs, strict=True)]

    assert {one["state"] for one in asked} == {"pending"}
    assert [answer.json()["state"] for answer in answers] == ["confirmed", "waitlisted", "declined"]
    assert (await stage.told())[1:] == ["registration.received"] * 3 + [
        "registration.confirmed", "registration.waitlisted", "registration.declined"]
    again = await stage.act(f"/v1/registrations/{asked[2]['id']}/approve")
    assert (again.status_code, again.json()["slug"]) == (409, "registration-state")


async def test_the_organiser_reads_names_and_needs_and_that_is_audited(stage: Stage) -> None:
    """Coordinator of the region and editor of the partner; each person read is one entry of the audit."""
    address = await stage.published()
    await stage.register(address, needs={"accessibility": "Rampe statt Treppe", "interpretation": "ar"})
    before = len(await stage.network.rows("events", "SELECT 1 FROM audit WHERE action = 'read'"))

    lists = [(await stage.client.get(f"{address}/participants", headers=headers)).json()["items"]
             for headers in (stage.coordinator, stage.editor)]

    assert [items[0]["name"] for items in lists] == ["Amira Beispiel"] * 2
    assert (lists[0][0]["accessibility"], lists[0][0]["interpretation"]) == ("Rampe statt Treppe", "ar")
    assert len(await stage.network.rows("events", "SELECT 1 FROM audit WHERE action = 'read'")) == before + 2


async def test_nobody_else_reads_names(stage: Stage) -> None:
    """Another region, another partner, a counsellor of the same partner, funder, ops, auditor, the public."""
    address = await stage.published()
    told = await stage.register(address)
    key, partner_id = stage.network.key, stage.partner_id
    strangers = [await key(Role.COORDINATOR, region="05158"), await key(Role.PARTNER_EDITOR, partner_id=uuid4())]
    others = [await key(Role.COUNSELLOR, partner_id=partner_id), await key(Role.FUNDER_READER, project_id=uuid4()),
              await key(Role.OPS), await key(Role.AUDITOR), await key(Role.NETWORK_ADMIN)]

    for headers in strangers:
        assert (await stage.client.get(f"{address}/participants", headers=headers)).status_code == 404
        answer = await stage.client.get(f"/v1/registrations/{told['id']}", headers=headers)
        assert (answer.status_code, answer.json()["slug"]) == (404, "not-found")
    for headers in others:
        assert (await stage.client.get(f"{address}/participants", headers=headers)).status_code == 403
    assert (await stage.client.get(f"{address}/participants")).status_code == 401
    assert (await stage.client.get(f"/v1/registrations/{told['id']}")).status_code == 401


async def test_row_level_security_stands_behind_the_queries(stage: Stage) -> None:
    """A public transaction sees no registration and no attendance at all, an editor those of the own partner."""
    address = await stage.published()
    await stage.register(address)
    database = stage.network["events"].running.database
    seen = {}
    for name, partner in (("own", stage.partner_id), ("other", uuid4())):
        seen[name] = Caller(name, Role.PARTNER_EDITOR, Scope(partners=frozenset({partner})))
    counts = {}
    for name, caller in (seen | {"public": PUBLIC}).items():
        async with database.transaction(caller) as transaction:
            counts[name] = await transaction.scalar(text("SELECT count(*) FROM registration"))

    assert counts == {"own": 1, "other": 0, "public": 0}


async def test_a_counsellor_registers_a_known_person_without_name(stage: Stage) -> None:
    """Events keeps the person_ref, no person; the counsellor reads and cancels what they made, others do not."""
    address = await stage.published(visibility="network")
    counsellor = await stage.network.key(Role.COUNSELLOR, partner_id=uuid4())
    other = await stage.network.key(Role.COUNSELLOR, partner_id=uuid4())
    person_ref = str(uuid4())
    body = {"person_ref": person_ref, "language": "uk", "needs": {"accessibility": "Rollstuhl"}}

    answer = await stage.client.post(f"{address}/registrations/known", json=body, headers=counsellor)
    twice = await stage.client.post(f"{address}/registrations/known", json=body, headers=counsellor)
    mine = f"/v1/registrations/{answer.json()['id']}"

    assert (answer.status_code, answer.json()["state"], answer.json()["known_elsewhere"]) == (201, "confirmed", True)
    assert (twice.status_code, twice.json()["slug"]) == (409, "registered-already")
    assert await stage.network.rows("events", "SELECT 1 FROM person") == []
    listed = (await stage.client.get(f"{address}/participants", headers=stage.editor)).json()["items"]
    assert (listed[0]["name"], listed[0]["accessibility"]) == (None, "Rollstuhl")
    assert (await stage.client.get(mine, headers=other)).status_code == 404
    etag = (await stage.client.get(mine, headers=counsellor)).headers["etag"]
    assert (await stage.act(f"{mine}/cancel", etag, headers=counsellor)).json()["state"] == "cancelled"


async def test_who_registers_others_outside_the_own_scope_can_add_but_not_read(stage: Stage) -> None:
    """A counsellor and a coordinator from elsewhere register someone by name; only the organiser reads it."""
    address = await stage.published(visibility="network")
    elsewhere = [await stage.network.key(Role.COUNSELLOR, partner_id=uuid4()),
                 await stage.network.key(Role.COORDINATOR, region="05158")]
    for headers in elsewhere:
        answer = await stage.client.post(f"{address}/registrations", json=a_party(), headers=headers)
        assert (answer.status_code, answer.json()["state"], answer.json()["cancel_link"]) == (201, "confirmed", None)
    listed = (await stage.client.get(f"{address}/participants", headers=stage.editor)).json()["items"]

    assert [one["name"] for one in listed] == ["Amira Beispiel"] * 2
    assert (await stage.client.get(f"{address}/participants", headers=elsewhere[1])).status_code == 404


async def test_who_registers_known_persons_has_the_role_for_it(stage: Stage) -> None:
    """The public and a partner's editor do not; a coordinator does."""
    address, body = await stage.published(), {"person_ref": str(uuid4())}
    answers = [await stage.client.post(f"{address}/registrations/known", json=body, headers=headers)
               for headers in ({}, stage.editor, stage.coordinator)]

    assert [answer.status_code for answer in answers] == [401, 403, 201]


async def test_the_public_registers_for_public_events_only(stage: Stage) -> None:
    """An event of the network, and one by invitation, are not there for it."""
    for visibility in ("network", "invite"):
        address = await stage.published(visibility=visibility)
        answer = await stage.client.post(f"{address}/registrations", json=a_party())
        assert (answer.status_code, answer.json()["slug"]) == (404, "not-found")
        told = await stage.client.post(f"{address}/registrations", json=a_party(), headers=stage.editor)
        assert (told.status_code, told.json()["cancel_link"]) == (201, None)


async def test_registering_outside_the_window_is_refused(stage: Stage) -> None:
    """Closed, drop-in, cancelled, draft: each with its reason, and nobody is kept."""
    closed, drop_in = await stage.published(), await stage.published(registration_mode="none")
    cancelled, draft = await stage.published(), f"/v1/events/{(await stage.draft()).json()['id']}"
    await stage.act(f"{closed}/close")
    await stage.act(f"{cancelled}/cancel", reason="krank")
    slugs = [(await stage.client.post(f"{address}/registrations", json=a_party())).json()["slug"]
             for address in (closed, drop_in, cancelled, draft)]

    assert slugs == ["registration-not-open", "no-registration", "registration-not-open", "not-found"]
    assert await stage.network.rows("events", "SELECT 1 FROM person") == []


async def test_a_party_that_could_never_be_served_is_refused(stage: Stage) -> None:
    """Too many persons, no childcare at all, children too old for it, and no way to tell the public."""
    address = await stage.published(capacity=3, childcare={"places": 1, "age_bands": ["0-5"]})
    without = await stage.published()
    nameless = a_party() | {"person": {"name": "Amira Beispiel"}}
    asked: list[tuple[str, dict[str, Any], str]] = [
        (address, a_party(4), "party-too-large"), (without, a_party(1, ["0-5"], childcare=True), "no-childcare"),
        (address, a_party(1, ["6-13"], childcare=True), "childcare-age"),
        (address, a_party(1, ["0-5", "0-5"], childcare=True), "childcare-too-small"),
        (address, nameless, "contact-missing"), (address, a_party(home_region="99999"), "unknown-region")]

    for place, body, slug in asked:
        assert (await stage.client.post(f"{place}/registrations", json=body)).json()["slug"] == slug
    assert await stage.states(address) == []


async def test_the_same_post_twice_registers_one_party(stage: Stage) -> None:
    """A repeated Idempotency-Key answers the same; with another body, or at another event, it is refused."""
    address, other = await stage.published(), await stage.published()
    headers, body = new_idempotency_key(), a_party()
    first, second = [await stage.client.post(f"{address}/registrations", json=body, headers=headers) for _ in range(2)]
    changed = await stage.client.post(f"{address}/registrations", json=a_party(), headers=headers)
    elsewhere = await stage.client.post(f"{other}/registrations", json=body, headers=headers)
    inside = [await stage.client.post(f"{place}/registrations", json=body, headers=headers | stage.editor)
              for place in (address, other)]

    assert first.json()["id"] == second.json()["id"]
    assert [changed.json()["slug"], elsewhere.json()["slug"]] == ["idempotency-key-reused"] * 2
    assert [answer.json().get("slug") for answer in inside] == [None, "idempotency-key-reused"]
    assert await stage.states(address) == ["confirmed"] * 2


BAD_BODIES: list[Any] = [
    None, [], "x", {}, {"person": {}}, a_party(0), a_party(21), a_party(1, ["27-44"]), a_party(1, ["0-5"] * 21),
    a_party(unknown=1), a_party() | {"person": {"name": "A\x00", "email": "a@example.org"}},
    a_party() | {"person": {"name": "\ud800", "email": "a@example.org"}}, a_party(sector="clergy"),
    a_party() | {"person": {"name": "A", "email": "no mail"}}, a_party(home_region="1508"),
    a_party(needs={"interpretation": "no language at all"}), a_party(needs={"accessibility": "x" * 4001}),
]


async def test_bad_input_is_refused_and_changes_nothing(stage: Stage) -> None:
    """Wrong types, unknown codes, NUL and lone surrogates: 422, never 500; and what is no UUID is no event."""
    address = await stage.published()
    for body in BAD_BODIES:
        answer = await stage.client.post(f"{address}/registrations", content=json.dumps(body), headers=AS_JSON)
        assert (answer.status_code, answer.json()["slug"]) == (422, "invalid-request"), body
    paths = ["/v1/events/nothing/registrations", f"/v1/events/{uuid4()}/registrations", "/v1/events/%00/registrations"]
    codes = [(await stage.client.post(path, json=a_party())).status_code for path in paths]

    assert codes == [422, 404, 422]
    assert await stage.states(address) == []


async def test_cancelling_an_event_tells_everyone_who_hoped_to_come(stage: Stage) -> None:
    """Confirmed, waiting and pending parties are cancelled by the organiser; who had cancelled is left alone."""
    address = await stage.published(capacity=2)
    first = await stage.register(address)
    for _ in range(3):
        await stage.register(address)
    await stage.act(f"/v1/registrations/{first['id']}/cancel")
    await stage.act(f"{address}/cancel", reason="Die Heizung ist ausgefallen.")
    bodies = [json.loads(row["body"])["by_organiser"] for row in await stage.network.rows(
        "events", "SELECT body FROM outbox WHERE subject LIKE '%registration.cancelled%' ORDER BY id")]

    assert await stage.states(address) == ["cancelled"] * 4
    assert bodies == [False, True, True, True]
    assert (await stage.read(address))["seats_taken"] == 0
    due = await stage.network.rows("events", "SELECT kind FROM due WHERE about = $1", UUID(address.rsplit("/", 1)[1]))
    assert due == []


async def test_who_comes_is_settled_once_the_event_begins(stage: Stage) -> None:
    """Cancelling and approving are too late then."""
    address, asking = await stage.published(), await stage.published(registration_mode="approval")
    confirmed, pending = await stage.register(address), await stage.register(asking)
    await stage.network.move(timedelta(days=7, minutes=1))
    answers = [await stage.act(f"/v1/registrations/{confirmed['id']}/cancel"),
               await stage.act(f"/v1/registrations/{pending['id']}/approve")]

    assert [answer.json()["slug"] for answer in answers] == ["registration-too-late"] * 2
