"""Consultations: agreed on, held and counted, cancelled; who was advised stays between them and their advisor."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from libs.common.callers import Role
from tests.harness import Network, new_idempotency_key
from tests.registry.steps import Headers, a_project, a_verified_partner, id_of, matching, ok, refusal, step, told

TODAY = datetime.now(UTC).date()
HELD = {"held_on": TODAY.isoformat(), "minutes": 60, "topics": ["founding_a_group"], "note": "Omar kommt mit."}
SUBJECT = {"kind": "person", "name": "Lena Beispiel", "email": "lena@example.org"}


async def open_project(network: Network) -> tuple[str, Headers, UUID]:
    """A project whose term is this year."""
    starts, ends = TODAY - timedelta(days=9), TODAY + timedelta(days=300)
    return await a_project(network, starts=starts.isoformat(), ends=ends.isoformat())


async def planned(network: Network, headers: Headers, **fields: Any) -> str:
    """The address of a consultation that was agreed on."""
    body = {"region": "15087", "planned_for": TODAY.isoformat(), "subject": SUBJECT} | fields
    answer = await network["registry"].client.post("/v1/consultations", json=body, headers=headers)
    return f"/v1/consultations/{ok(answer)['id']}"


async def test_the_note_is_between_advisor_and_advised(network: Network, registry: Any) -> None:
    """Sealed with the person's own key, read only one by one, each reading noted; lists and facts hold no name."""
    partner, editor, _ = await a_verified_partner(network)
    address = await planned(network, editor, partner_id=partner["id"])
    ok(await step(network, f"{address}/hold", editor, HELD))

    read = ok(await registry.get(address, headers=editor))
    (listed,) = ok(await registry.get("/v1/consultations", headers=editor))["items"]

    assert (read["name"], read["email"], read["note"], read["state"]) == (
        "Lena Beispiel", "lena@example.org", "Omar kommt mit.", "held")
    assert "name" not in listed
    for table in ("consultation", "outbox", "person", "counted_fact", "audit"):
        text = " ".join(str(dict(row)) for row in await network.rows("registry", f"SELECT * FROM {table}"))
        assert not any(word in text for word in ("Lena", "lena@", "Omar"))
    about = f"consultation/{id_of(address)}"
    audit = await network.rows("registry", "SELECT action FROM audit WHERE about = $1", about)
    assert "read" in [row["action"] for row in audit]


async def test_one_address_is_one_subject_in_a_project_and_another_elsewhere(network: Network, registry: Any) -> None:
    """However it is written; two projects cannot be laid on top of each other."""
    one, coordinator, _ = await open_project(network)
    other, _, _ = await open_project(network)
    subjects = [(one, "lena@example.org"), (one, " LENA@example.org"), (other, "lena@example.org")]
    for project, email in subjects:
        who = SUBJECT | {"email": email}
        address = await planned(network, coordinator, project_id=str(id_of(project)), subject=who)
        ok(await step(network, f"{address}/hold", coordinator, HELD))

    keys = [row["subject_key"] for row in await network.rows(
        "registry", "SELECT subject_key FROM counted_fact ORDER BY id")]
    assert keys[0] == keys[1] != keys[2]
    assert await told(network, "registry.consultation.%") == ["registry.consultation.recorded.v1"] * 3


async def test_without_an_address_a_key_is_drawn_and_the_figure_says_so(network: Network, registry: Any) -> None:
    """Nobody is asked for an address only to be counted."""
    project, coordinator, _ = await open_project(network)
    for _ in range(2):
        address = await planned(network, coordinator, project_id=str(id_of(project)), subject={"kind": "group"})
        ok(await step(network, f"{address}/hold", coordinator, HELD))

    rows = await network.rows("registry", "SELECT subject_key, random_key FROM counted_fact")

    assert len({row["subject_key"] for row in rows}) == 2
    assert all(row["random_key"] for row in rows)


async def test_without_a_project_it_is_told_and_counts_nowhere(network: Network, registry: Any) -> None:
    """Advice is given without funding, too."""
    coordinator = await network.key(Role.COORDINATOR, region="15087")
    address = await planned(network, coordinator)
    ok(await step(network, f"{address}/hold", coordinator, HELD))

    assert await told(network) == ["registry.consultation.recorded.v1"]
    assert await network.rows("registry", "SELECT id FROM counted_fact") == []


async def test_held_once_or_cancelled_once(network: Network, registry: Any) -> None:
    """Two advisors at the same moment record it once; what is over is over."""
    project, coordinator, _ = await open_project(network)
    address = await planned(network, coordinator, project_id=str(id_of(project)))
    headers = coordinator | matching(await registry.get(address, headers=coordinator))

    answers = await asyncio.gather(*(registry.post(f"{address}/hold", json=HELD, headers=headers) for _ in range(3)))

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    assert len(await network.rows("registry", "SELECT id FROM counted_fact")) == 1
    assert refusal(await step(network, f"{address}/cancel", coordinator)) == (409, "consultation-state")
    other = await planned(network, coordinator)
    ok(await step(network, f"{other}/cancel", coordinator))
    assert refusal(await step(network, f"{other}/hold", coordinator, HELD)) == (409, "consultation-state")


CANNOT_HAVE_BEEN: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"held_on": (TODAY + timedelta(days=2)).isoformat()}, (422, "held-in-future")),
    ({"minutes": 0}, (422, "invalid-request")), ({"topics": []}, (422, "invalid-request")),
]


async def test_what_cannot_have_been_is_refused(network: Network, registry: Any) -> None:
    """A talk of tomorrow, of no minutes, about nothing."""
    coordinator = await network.key(Role.COORDINATOR, region="15087")
    address = await planned(network, coordinator)

    for fields, expected in CANNOT_HAVE_BEEN:
        assert refusal(await step(network, f"{address}/hold", coordinator, HELD | fields)) == expected, fields
    assert await told(network) == []


async def test_nothing_counts_for_a_project_that_is_closed(network: Network, registry: Any) -> None:
    """Neither agreed on nor held: its secret is gone."""
    project, coordinator, _ = await open_project(network)
    address = await planned(network, coordinator, project_id=str(id_of(project)))
    ok(await step(network, f"{project}/close", coordinator))

    late = await step(network, f"{address}/hold", coordinator, HELD)
    again = await registry.post("/v1/consultations", headers=coordinator, json={
        "region": "15087", "planned_for": TODAY.isoformat(), "subject": SUBJECT, "project_id": str(id_of(project))})

    assert [refusal(late), refusal(again)] == [(409, "project-state")] * 2


async def test_each_advises_where_they_may(network: Network, registry: Any) -> None:
    """A coordinator in the own region, an editor for the own partner; others find nothing. A repetition plans once."""
    partner, editor, coordinator = await a_verified_partner(network)
    elsewhere = await network.key(Role.COORDINATOR, region="15088")
    headers = editor | new_idempotency_key()
    mine, again = [await planned(network, headers, partner_id=partner["id"]) for _ in range(2)]
    assert mine == again
    body = {"region": "15087", "planned_for": TODAY.isoformat(), "subject": SUBJECT}
    refused = [await registry.post("/v1/consultations", json=body, headers=elsewhere),
               await registry.post("/v1/consultations", json=body, headers=editor),
               await registry.post("/v1/consultations", json=body | {"partner_id": str(uuid4())}, headers=coordinator)]

    assert [answer.status_code for answer in refused] == [403, 403, 404]
    assert [(await registry.get(mine, headers=who)).status_code for who in (coordinator, elsewhere)] == [200, 404]
    assert len(ok(await registry.get("/v1/consultations", headers=coordinator))["items"]) == 1
    assert ok(await registry.get("/v1/consultations", headers=elsewhere))["items"] == []
