"""What events does when it hears of erasures, and what it answers about persons and events when it is asked."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import nats

from libs.common.facts.registry import ErasureRequested, PartnerLeft, PartnerSuspended, PartnerVerified, ProjectOpened
from services.events.events.rules import BERLIN
from tests.events.stage import REGION, Stage, a_party
from tests.harness import new_idempotency_key

PERSON = {"name": "Olena Beispiel", "email": "Olena@Example.org", "phone": "0151 23456789", "languages": ["uk", "de"]}


async def ask(stage: Stage, asker: str, what: str, **question: Any) -> dict[str, Any]:
    """Ask events over the real bus as another service would; returns the answer, or what was refused."""
    cluster = stage.network.cluster
    connection = await nats.connect(
        cluster.nats_url, user=cluster.nats_user(asker), password=cluster.nats_password(asker),
        inbox_prefix=f"_INBOX_{asker}".encode())
    try:
        reply = await connection.request(f"ask.events.{what}.v1", json.dumps(question).encode(), timeout=5)
    finally:
        await connection.close()
    answer: dict[str, Any] = json.loads(reply.data)
    return answer


async def test_notify_gets_all_that_one_delivery_needs(stage: Stage) -> None:
    """Address, languages, texts, place, times with offset, and the links of the moment; audited."""
    address = await stage.published(capacity=1)
    first, waiting = await stage.register(address), await stage.register(address, person=PERSON)
    await stage.act(f"/v1/registrations/{first['id']}/cancel")
    answer = (await ask(stage, "notify", "addressee", person_ref=waiting["person_ref"],
                        about=f"registration/{waiting['id']}", template="seat_offered"))["answer"]

    event = await stage.read(address)
    assert (answer["name"], answer["email"]) == ("Olena Beispiel", "Olena@example.org")
    assert answer["languages"] == ["uk", "de"]
    assert answer["texts"]["title"]["ar"] == "مقهى اللغة"
    assert answer["values"] == {"region": "Mansfeld-Südharz", "venue": "Mehrgenerationenhaus", "postcode": "06526",
                                "persons": "1"}
    assert (answer["times"]["starts"], answer["times"]["ends"]) == (event["starts"], event["ends"])
    expires = datetime.fromisoformat(answer["times"]["expires"])
    assert expires.utcoffset() == expires.astimezone(BERLIN).utcoffset()
    assert set(answer["links"]) == {"cancel", "accept"}
    audited = await stage.network.rows("events", "SELECT about FROM audit WHERE action = 'read'")
    assert [row["about"] for row in audited] == ["template/seat_offered"]


async def test_one_may_be_asked_about_the_event_too(stage: Stage) -> None:
    """When an event is moved, who is registered is told about it as an event."""
    address = await stage.published()
    told = await stage.register(address, person=PERSON)
    answer = await ask(stage, "notify", "addressee", person_ref=told["person_ref"],
                       about=f"event/{told['event_id']}", template="event_rescheduled")

    assert answer["answer"]["email"] == "Olena@example.org"
    assert set(answer["answer"]["links"]) == {"cancel"}


async def test_nobody_is_reached_about_what_is_not_theirs(stage: Stage) -> None:
    """Another person's registration, another noun, and an id that is none."""
    mine, other = [await stage.register(await stage.published()) for _ in range(2)]
    abouts = [f"registration/{other['id']}", f"event/{other['event_id']}", f"tandem/{uuid4()}", "registration/1"]
    answers = [await ask(stage, "notify", "addressee", person_ref=mine["person_ref"], about=about, template="x")
               for about in abouts]

    assert [answer["refused"] for answer in answers] == ["not-found"] * 3 + ["could-not-answer"]


async def test_subscribers_are_told_words_about_an_event_without_anything_personal(stage: Stage) -> None:
    """Also why it was cancelled."""
    address = await stage.published()
    await stage.act(f"{address}/cancel", reason="Die Heizung ist ausgefallen.")
    about = address.removeprefix("/v1/").replace("events", "event")
    answer = (await ask(stage, "notify", "words", about=about))["answer"]

    assert answer["values"]["reason"] == "Die Heizung ist ausgefallen."
    assert answer["texts"]["description"]["de"] == "Deutsch sprechen bei Kaffee und Tee."
    assert answer.keys() == {"values", "texts", "times"}
    assert (await ask(stage, "notify", "words", about=f"offer/{uuid4()}"))["refused"] == "not-found"


async def test_persons_are_found_by_mail_and_telephone(stage: Stage) -> None:
    """However the address is written; each registration met a person of its own."""
    address = await stage.published()
    refs = {(await stage.register(address, person=PERSON))["person_ref"] for _ in range(2)}
    await stage.register(address)

    for written in ("olena@example.org", "+49 151 23456789"):
        answer = await ask(stage, "registry", "persons", address=written)
        assert set(answer["answer"]["person_refs"]) == refs
    assert (await ask(stage, "registry", "persons", address="nobody@example.org"))["answer"]["person_refs"] == []


async def test_an_erased_person_leaves_nothing_but_numbers(stage: Stage) -> None:
    """Keys, sealed details and codes go, also of one whom another service knows; how many places were held stays."""
    address = await stage.published()
    known = {"person_ref": str(uuid4()), "language": "fa", "needs": {"accessibility": "Rampe"}}
    mine = await stage.register(address, 2, ["0-5"], person=PERSON, home_region="15088", sector="science")
    theirs = (await stage.client.post(f"{address}/registrations/known", json=known, headers=stage.coordinator)).json()
    refs = [UUID(mine["person_ref"]), UUID(theirs["person_ref"])]
    await stage.network.tell("events", ErasureRequested(erasure_id=uuid4(), person_refs=(*refs, uuid4())))

    (person,) = await stage.network.rows("events", "SELECT * FROM person")
    assert {person["details"], person["email_index"], person["phone_index"]} == {None}
    keys = await stage.network.rows("events", "SELECT wrapped FROM person_key WHERE person_ref = ANY($1)", refs)
    assert [key["wrapped"] for key in keys] == [None, None]
    rows = await stage.network.rows("events", "SELECT * FROM registration ORDER BY place")
    for row in rows:
        assert (row["adults"], row["children"], row["note"], row["language"], row["interpretation"],
                row["home_region"], row["sector"]) == (0, [], None, None, None, None, None)
    assert [row["seats"] for row in rows] == [3, 1]


async def test_an_erasure_frees_the_place_to_come_and_keeps_the_certificate(stage: Stage) -> None:
    """The seat goes to who is next, whose attendance it was is forgotten, and the receipt names the stores."""
    running, ahead = await stage.published(), await stage.published(capacity=1, **later(stage))
    mine, coming = await stage.register(running), await stage.register(ahead)
    await stage.register(ahead)
    await stage.network.move(timedelta(days=7, minutes=1))
    (recorded,) = (await stage.client.post(
        f"{running}/attendance", json={"present": [{"registration_id": mine["id"]}]}, headers=stage.editor)).json()
    fact = ErasureRequested(erasure_id=uuid4(), person_refs=(UUID(mine["person_ref"]), UUID(coming["person_ref"])))
    await stage.network.tell("events", fact)

    assert (await stage.states(running), await stage.states(ahead)) == (["attended"], ["cancelled", "offered"])
    assert {row["person_ref"] for row in await stage.network.rows("events", "SELECT * FROM attendance")} == {None}
    certificate = await stage.client.get(f"/v1/attendance/certificates/{recorded['certificate']}")
    assert certificate.json()["valid"] is True
    (receipt,) = await stage.network.rows(
        "events", "SELECT body FROM outbox WHERE subject = 'events.person.erased.v1'")
    assert json.loads(receipt["body"]) == {
        "erasure_id": str(fact.erasure_id), "service": "events", "stores": ["person", "registration", "attendance"]}


def later(stage: Stage) -> dict[str, str]:
    """Times two weeks from now."""
    body = stage.event()
    return {name: (datetime.fromisoformat(body[name]) + timedelta(days=7)).isoformat() for name in ("starts", "ends")}


async def test_an_erased_person_does_not_come_back(stage: Stage) -> None:
    """The list shows no name; registering or walking in by the same reference is refused; erasing again is fine."""
    address = await stage.published()
    mine = await stage.register(address, person=PERSON)
    fact = ErasureRequested(erasure_id=uuid4(), person_refs=(UUID(mine["person_ref"]),))
    await stage.network.tell("events", fact)
    await stage.network.tell("events", fact)
    again = await stage.client.post(
        f"{address}/registrations/known", json={"person_ref": mine["person_ref"]}, headers=stage.coordinator)
    (listed,) = (await stage.client.get(f"{address}/participants", headers=stage.editor)).json()["items"]

    assert (listed["state"], listed["name"], listed["email"]) == ("cancelled", None, None)
    assert (again.status_code, again.json()["slug"]) == (404, "person-erased")
    assert (await ask(stage, "registry", "persons", address="olena@example.org"))["answer"]["person_refs"] == []


async def test_who_was_erased_elsewhere_is_not_entered_anew(stage: Stage) -> None:
    """Also of whom events has never heard before: whoever has an old list is refused, and no row leads to them."""
    running, gone = await stage.published(), str(uuid4())
    await stage.network.move(timedelta(days=7, minutes=1))
    await stage.network.tell("events", ErasureRequested(erasure_id=uuid4(), person_refs=(UUID(gone),)))
    ahead = await stage.published(**later(stage))
    for path in (f"{ahead}/registrations/known", f"{running}/attendance/walk_in/known"):
        headers = stage.coordinator | new_idempotency_key()
        answer = await stage.client.post(path, json={"person_ref": gone}, headers=headers)
        assert (answer.status_code, answer.json()["slug"]) == (404, "person-erased")

    for table in ("registration", "attendance"):
        assert await stage.network.rows("events", f"SELECT 1 FROM {table} WHERE person_ref = $1", UUID(gone)) == []


async def test_partners_and_projects_are_known_as_they_were_last_told(stage: Stage) -> None:
    """Suspended and verified again; a project told anew with another term."""
    project_id, partner = uuid4(), {"partner_id": stage.partner_id, "kind": "initiative", "region": REGION}
    project = ProjectOpened(project_id=project_id, starts="2026-01-01", ends="2026-12-31", regions=("15",))
    standings = []
    for fact in (PartnerSuspended(**partner), PartnerVerified(**partner), PartnerLeft(**partner)):
        await stage.network.tell("events", fact)
        standings += [row["standing"] for row in await stage.network.rows("events", "SELECT * FROM known_partner")]
    await stage.network.tell("events", project, project.model_copy(update={"regions": ("15087", "15088")}))
    (known,) = await stage.network.rows("events", "SELECT * FROM known_project")

    assert standings == ["suspended", "verified", "left"]
    assert (known["regions"], known["open"]) == (["15087", "15088"], True)


async def test_facts_and_logs_say_no_names(stage: Stage) -> None:
    """Whatever is announced about a party carries codes and opaque ids."""
    address = await stage.published()
    body = a_party() | {"person": PERSON, "needs": {"accessibility": "Rampe statt Treppe"}}
    await stage.client.post(f"{address}/registrations", json=body)
    rows = await stage.network.rows("events", "SELECT body FROM outbox")

    for row in rows:
        assert not any(text in row["body"] for text in ("Olena", "xample.org", "23456789", "Rampe"))
