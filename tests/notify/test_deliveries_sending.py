"""What becomes of a fact: one mail to each person, in their own language, or a reason why not."""

from pathlib import Path
from uuid import uuid4

from libs.common.envelope import Heard, envelope_headers
from libs.common.facts.registry import ErasureRequested
from tests.harness import Network, Service
from tests.notify.post import (
    Owner,
    all_in,
    changes_requested,
    confirmed,
    deliveries,
    mails_in,
    rescheduled,
    sent_count,
    told,
    until,
)


async def test_a_fact_reaches_each_person_in_their_own_language(
    network: Network, notify: Service, registry: Owner, folder: Path,
) -> None:
    """Contacts of one partner who read German, Ukrainian and Arabic get the same news, each in theirs."""
    persons = [registry.person("de"), registry.person("uk"), registry.person("ar-SY", "en")]

    await network.tell("notify", changes_requested(*persons))

    rows = await all_in(network, "sent", count=3)
    assert {row["language"] for row in rows} == {"de", "uk", "ar"}
    by_language = {mail["Content-Language"]: mail for mail in mails_in(folder)}
    assert by_language["de"]["Subject"] == "Bitte noch etwas ändern: Begleitung zum Jobcenter"
    assert "Супровід до центру зайнятості" in by_language["uk"]["Subject"]
    assert 'dir="rtl"' in by_language["ar"].html
    assert [body["language"] for body in await told(network, "notify.delivery.sent.v1")] != []
    assert sent_count(notify, "sent") == 3


async def test_the_same_fact_heard_twice_brings_one_mail(
    network: Network, notify: Service, registry: Owner, folder: Path,
) -> None:
    """Redelivery passes the inbox by its number, and the database by its unique constraint."""
    fact = changes_requested(registry.person("de"))
    heard = Heard("registry", 1, uuid4(), fact.subject, fact.about(), envelope_headers(
        network="test", subject=fact.subject, fact_id=uuid4(), about=fact.about(), correlation="c",
        at=notify.running.database.clock.now(), actor_role="system", region="15087"), fact.model_dump_json().encode())
    await notify.running.inbox.take("registry", [heard, heard])
    await all_in(network, "sent")

    await notify.running.inbox.take("registry", [heard])
    async with notify.running.database.transaction() as transaction:
        await notify.running.inbox.react(transaction, heard)

    await all_in(network, "sent")
    assert len(mails_in(folder)) == 1


async def test_an_owner_who_is_away_is_asked_again_and_no_try_is_lost(
    network: Network, notify: Service, registry: Owner, events: Owner, folder: Path,
) -> None:
    """The delivery waits while the registry is away, others go out, and it goes out once the registry is back."""
    await registry.go()
    await network.tell("notify", changes_requested(registry.person("de")))
    await network.tell("notify", confirmed(events.person("de")))

    async def others_are_sent() -> bool:
        return [row["state"] for row in await deliveries(network)] == ["queued", "sent"]

    await until(others_are_sent)
    await registry.come()

    rows = await all_in(network, "sent", count=2)
    assert [row["attempts"] for row in rows] == [0, 0]
    assert len(mails_in(folder)) == 2


async def test_who_has_no_address_is_not_written_to(
    network: Network, notify: Service, registry: Owner, folder: Path,
) -> None:
    """Without an address, with an unusable one, or unknown to the owner: suppressed, with the reason told."""
    refs = [registry.person("de", email=None), registry.person("de", email="nobody at all"), uuid4()]
    await network.tell("notify", changes_requested(*refs))

    rows = await all_in(network, "suppressed", count=3)

    assert {row["reason"] for row in rows} == {"no_address"}
    facts = await told(network, "notify.delivery.suppressed.v1")
    assert {body["reason"] for body in facts} == {"no_address"}
    assert {body["person_ref"] for body in facts} == set(map(str, refs))
    assert mails_in(folder) == []


async def test_a_thing_that_is_gone_is_not_told(network: Network, notify: Service, registry: Owner) -> None:
    """The owner does not know the thing any more: nothing is sent."""
    registry.refuses = "not-found"
    await network.tell("notify", changes_requested(registry.person("de")))

    (row,) = await all_in(network, "suppressed")

    assert row["reason"] == "nothing_to_tell"


async def test_an_owner_that_cannot_answer_is_asked_again_until_the_tries_are_over(
    network: Network, notify: Service, registry: Owner,
) -> None:
    """A fault of the owner's burns tries, so that it does not stay unnoticed for ever."""
    registry.refuses = "could-not-answer"
    await network.tell("notify", changes_requested(registry.person("de")))

    (row,) = await all_in(network, "failed")
    assert row["reason"] == "owner_refused"
    registry.refuses = ""

    (row,) = await all_in(network, "sent")
    assert 1 <= row["attempts"] < 8


async def test_a_missing_variable_is_a_reported_gap_and_never_an_empty_mail(
    network: Network, notify: Service, registry: Owner, folder: Path,
) -> None:
    """Without a title the delivery is dead, the gap is listed, and an operator lets it go once it is mended."""
    from libs.common.callers import Role

    ops = await network.key(Role.OPS)
    registry.words["texts"] = {"title": {"de": "  "}}
    await network.tell("notify", changes_requested(registry.person("de")))
    (row,) = await all_in(network, "dead")
    gaps = (await notify.client.get("/v1/templates/gaps", headers=ops)).json()

    registry.words["texts"] = {"title": {"de": "Lesekreis"}}
    address = f"/v1/deliveries/{row['id']}"
    tag = (await notify.client.get(address, headers=ops)).headers["etag"]
    retried = await notify.client.post(f"{address}/retry", headers=ops | {"If-Match": tag})

    assert (row["reason"], row["missing"]) == ("missing_variable", "title")
    assert gaps == [{"template": "offer_changes_requested", "language": "", "kind": "missing_variable", "name": "title",
                     "deliveries": 1}]
    assert retried.status_code == 200, retried.text
    await all_in(network, "sent")
    assert "Lesekreis" in mails_in(folder)[0]["Subject"]


async def test_who_registered_hears_of_another_time(network: Network, notify: Service, events: Owner) -> None:
    """A changed time reaches those who still hope to come, and asks events about the event."""
    from libs.common.facts.events import RegistrationCancelled

    stays, leaves, registration = events.person("de"), events.person("de"), uuid4()
    await network.tell(
        "notify", confirmed(stays), confirmed(leaves, registration=registration),
        RegistrationCancelled(registration_id=registration, event_id=confirmed(leaves).event_id, person_ref=leaves,
                              region="15087"))
    await all_in(network, "sent", count=3)

    await network.tell("notify", rescheduled())

    rows = await all_in(network, "sent", count=4)
    assert [row["person_ref"] for row in rows if row["template"] == "event_rescheduled"] == [stays]
    assert events.asked[-1]["about"] == f"event/{rescheduled().event_id}"


async def test_an_erased_person_is_forgotten_here_too(
    network: Network, notify: Service, registry: Owner, folder: Path,
) -> None:
    """What was queued is suppressed, what lies in the folder is destroyed, and late facts reach nobody."""
    person_ref = registry.person("uk")
    await network.tell("notify", changes_requested(person_ref))
    await all_in(network, "sent")
    await registry.go()
    await network.tell("notify", changes_requested(person_ref))
    erasure_id = uuid4()

    await network.tell("notify", ErasureRequested(erasure_id=erasure_id, person_refs=(person_ref,)))
    await network.tell("notify", changes_requested(person_ref))

    rows = await all_in(network, "sent", "suppressed", count=3)
    assert [row["reason"] for row in rows] == [None, "erased", "erased"]
    assert {row["language"] for row in rows} == {None}
    assert len(await told(network, "notify.person.erased.v1")) == 1

    async def folder_is_empty() -> bool:
        return not mails_in(folder)

    await until(folder_is_empty)


async def test_an_operators_decision_holds_against_the_sender(
    network: Network, notify: Service, registry: Owner,
) -> None:
    """A delivery that an operator suppresses while it waits is not sent; one that was sent cannot be suppressed."""
    from libs.common.callers import Role

    ops = await network.key(Role.OPS)
    await registry.go()
    await network.tell("notify", changes_requested(registry.person("de")))
    (row,) = await deliveries(network)
    address = f"/v1/deliveries/{row['id']}"
    tag = (await notify.client.get(address, headers=ops)).headers["etag"]

    done = await notify.client.post(f"{address}/suppress", headers=ops | {"If-Match": tag})
    again = await notify.client.post(f"{address}/suppress", headers=ops | {"If-Match": done.headers["etag"]})

    assert (done.json()["state"], done.json()["reason"]) == ("suppressed", "by_operator")
    assert (again.status_code, again.json()["slug"]) == (409, "delivery-state")
    assert [body["reason"] for body in await told(network, "notify.delivery.suppressed.v1")] == ["by_operator"]
