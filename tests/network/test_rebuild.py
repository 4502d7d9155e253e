"""Copies made anew: what has been heard long ago is copied, and neither announced, sent nor done a second time."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.common.callers import Role
from libs.common.facts.events import (
    AttendanceCorrected,
    EventRescheduled,
    RegistrationCancelled,
    RegistrationConfirmed,
)
from libs.common.facts.fact import Fact
from libs.common.facts.notify import ConsentWithdrawn
from libs.common.facts.registry import (
    ErasureRequested,
    OfferPaused,
    OfferPublished,
    OfferResumed,
    OfferWithdrawn,
)
from libs.common.outbox import announce
from libs.common.rebuild import rebuild
from tests.common.stage import on_stage
from tests.harness import Network, in_days
from tests.matching.field import REGION, Field, Json, rules, sponsorship

pytestmark = pytest.mark.slow

GROUP = "SELECT state, ready_at FROM mentor_group"
CHECKLIST = "SELECT demand, subject, needed, there, standing, fulfilled_at FROM prerequisite ORDER BY id"
TRAININGS = "SELECT id, person_ref, training_code, attended_on, counts FROM attended_training ORDER BY id"
RULES = "SELECT programme_id, valid_from, min_members, trial_days FROM rule_set ORDER BY programme_id"
KEYS = "SELECT person_ref, destroyed_at FROM person_key ORDER BY person_ref"
DELIVERIES = "SELECT cause, person_ref, template FROM delivery ORDER BY id"
# How a mail of before fares meanwhile is no matter here.
TOLD = "SELECT subject, about FROM outbox WHERE subject NOT LIKE 'notify.delivery.%' ORDER BY id"
DUE = "SELECT kind, about, due_at FROM due ORDER BY kind, about"


async def say(network: Network, *facts: Fact) -> None:
    """Let those on stage announce these facts, and the services that run hear them."""
    for fact in facts:
        async with network[fact.speaker()].running.database.transaction() as transaction:
            announce(transaction, fact)
    await network.settled()


async def a_field(network: Network, mails: Path, *, programme: Callable[..., Fact] = sponsorship) -> Field:
    """Matching and notify, in earnest; the other two only say what they are told to."""
    for name in ("registry", "events"):
        await on_stage(network, name)
    await network.start("matching")
    await network.start("notify", mail_folder=mails)
    field = Field(network, network["matching"].client, await network.key(Role.COORDINATOR, region=REGION))
    await say(network, rules(field.programme), programme(field.sponsorship))
    return field


async def prepared(field: Field) -> tuple[Json, list[Any]]:
    """A group of four in preparation, of whom two have attended the training, and has a home; and the attendances."""
    group = await field.create("/mentor_groups", field.group_body())
    members = await field.get(f"/members?mentor_group_id={group['id']}")
    trained = [field.attended(member["person_ref"]) for member in members[:2]]
    await say(field.network, *trained)
    await field.act(f"/mentor_groups/{group['id']}/housing", field.housing(), method="PUT")
    return await field.act(f"/mentor_groups/{group['id']}/prepare"), trained


async def stand(network: Network) -> dict[str, Any]:
    """All that must be the same afterwards, in matching and in notify."""
    await network.settled()
    queries = [("matching", query) for query in (GROUP, CHECKLIST, TRAININGS, RULES, KEYS, TOLD, DUE)]
    queries += [("notify", query) for query in (DELIVERIES, TOLD, KEYS)]
    return {f"{service}: {query}": [tuple(row) for row in await network.rows(service, query)]
            for service, query in queries}


async def made_anew(network: Network, *services: str) -> None:
    """Let these services make their copies anew."""
    for service in services:
        await rebuild(network[service].running.database)
    await network.settled()


async def test_rules_that_held_once_are_not_applied_again(network: Network, tmp_path: Path) -> None:
    """A rule set was corrected from four members to five: a group of four is not called ready in between."""
    field = await a_field(network, tmp_path)
    await say(network, sponsorship(field.sponsorship, min_members=5))
    group, _ = await prepared(field)
    before = await stand(network)
    assert group["state"] == "in_preparation"

    await made_anew(network, "matching")

    assert await stand(network) == before


async def test_a_training_that_was_struck_out_is_not_counted_again(network: Network, tmp_path: Path) -> None:
    """The group that was ready by it is not called ready, nor its training done, and not expired, a second time."""
    field = await a_field(network, tmp_path)
    _, (first, _) = await prepared(field)
    struck = AttendanceCorrected(attendance_id=first.attendance_id, event_id=uuid4(), region=REGION, counts=False,
                                 person_ref=first.person_ref, training_code="basic")
    await say(network, struck)
    before = await stand(network)
    told = [row[0] for row in before[f"matching: {TOLD}"]]
    assert (told.count("matching.mentor_group.ready.v1"), told.count("matching.prerequisite.expired.v1")) == (1, 1)

    await made_anew(network, "matching")

    assert await stand(network) == before


async def test_what_a_wrong_copy_has_done_is_put_right_and_told(network: Network, tmp_path: Path) -> None:
    """A group was ready by rules, and by a training, that nobody told of: it is no longer, and hears it once."""
    field = await a_field(network, tmp_path, programme=lambda one: sponsorship(one, min_members=5))
    group, (first, second) = await prepared(field)
    right = await stand(network)
    await network.rows("matching", "UPDATE rule_set SET min_members = 4 WHERE min_members = 5")
    await network.rows("matching", "INSERT INTO rule_set SELECT (jsonb_populate_record(r, jsonb_build_object("
                       "'id', gen_random_uuid(), 'valid_from', '2020-01-01'))).* FROM rule_set r")
    await network.rows("matching", "INSERT INTO attended_training SELECT (jsonb_populate_record(a, jsonb_build_object("
                       "'id', gen_random_uuid(), 'training_code', 'advanced'))).* FROM attended_training a")
    await field.act(f"/mentor_groups/{group['id']}/housing", field.housing(), method="PUT")
    wrong = await stand(network)
    assert wrong[f"matching: {GROUP}"][0][0] == "ready"

    await made_anew(network, "matching")
    mended = await stand(network)
    await made_anew(network, "matching")

    assert await stand(network) == mended
    for query in (GROUP, TRAININGS, RULES):
        assert mended[f"matching: {query}"] == right[f"matching: {query}"]
    told = mended[f"matching: {TOLD}"][len(wrong[f"matching: {TOLD}"]):]
    assert [subject for subject, _ in told] == ["matching.prerequisite.expired.v1"]
    assert {row["id"] for row in await network.rows("matching", "SELECT id FROM attended_training")} == {
        first.attendance_id, second.attendance_id}


async def test_an_erasure_is_neither_told_nor_done_a_second_time(network: Network, tmp_path: Path) -> None:
    """Events, matching and notify told that the persons are erased, once; and the keys stay destroyed since then."""
    await on_stage(network, "registry")
    await network.start("events", "matching")
    await network.start("notify", mail_folder=tmp_path)
    field = Field(network, network["matching"].client, await network.key(Role.COORDINATOR, region=REGION))
    await say(network, sponsorship(field.sponsorship))
    group = await field.create("/mentor_groups", field.group_body())
    (member, *_) = await field.get(f"/members?mentor_group_id={group['id']}")
    await say(network, ErasureRequested(erasure_id=uuid4(), person_refs=(UUID(member["person_ref"]),)))
    before = await stand(network)
    assert sum(ended is not None for _, ended in before[f"matching: {KEYS}"]) == 1

    await made_anew(network, "events", "matching", "notify")

    assert await stand(network) == before
    told = [str(row["subject"]) for service in ("events", "matching", "notify")
            for row in await network.rows(service, TOLD)]
    assert [subject for subject in told if "erased" in subject] == [
        f"{service}.person.erased.v1" for service in ("events", "matching", "notify")]


async def test_a_consent_that_was_withdrawn_once_does_not_end_what_came_later(network: Network) -> None:
    """Whoever withdrew and has come back since keeps what they have: only copies are made anew."""
    for name in ("registry", "events", "notify"):
        await on_stage(network, name)
    await network.start("matching")
    field = Field(network, network["matching"].client, await network.key(Role.COORDINATOR, region=REGION))
    await say(network, rules(field.programme))
    mentor = await field.ready_mentor()
    # Said before there was anything to end.
    other = uuid4()
    await network.rows("matching", "UPDATE mentor SET person_ref = $1", other)
    await say(network, ConsentWithdrawn(person_ref=UUID(mentor["person_ref"]), purpose="matching"))
    await network.rows("matching", "UPDATE mentor SET person_ref = $1 WHERE person_ref = $2",
                       UUID(mentor["person_ref"]), other)

    await made_anew(network, "matching")

    assert [row["state"] for row in await network.rows("matching", "SELECT state FROM mentor")] == ["ready"]


async def test_which_offers_are_to_be_had_is_known_again(network: Network) -> None:
    """Published, paused, resumed and withdrawn as they were told; what nobody told of goes, and no referral changes."""
    for name in ("registry", "events", "notify"):
        await on_stage(network, name)
    await network.start("matching")
    field = Field(network, network["matching"].client, await network.key(Role.COORDINATOR, region=REGION))
    there, paused, gone = ({"offer_id": uuid4(), "partner_id": uuid4(), "field": "language", "region": REGION}
                           for _ in range(3))
    await say(network, *(OfferPublished(**one) for one in (there, paused, gone)))
    case = (await field.counselled())["counselling_case_id"]
    referral = await field.create("/referrals", {"counselling_case_id": case, "offer_id": str(gone["offer_id"])})
    await say(network, OfferPaused(**there), OfferResumed(**there), OfferPaused(**paused), OfferWithdrawn(**gone))
    known = "SELECT id, offered_by, available FROM known_offer ORDER BY id"
    before = await network.rows("matching", known)
    assert {row["id"]: row["available"] for row in before} == {
        there["offer_id"]: True, paused["offer_id"]: False, gone["offer_id"]: False}
    await network.rows("matching", "UPDATE known_offer SET available = true")
    await network.rows("matching", "INSERT INTO known_offer SELECT (jsonb_populate_record(o, jsonb_build_object("
                       "'id', gen_random_uuid()))).* FROM known_offer o")

    await made_anew(network, "matching")

    assert await network.rows("matching", known) == before
    # Nobody told of the key that was put there by hand: it is gone with the copies, too.
    field.coordinator = await network.key(Role.COORDINATOR, region=REGION)
    assert await field.get(f"/referrals/{referral['id']}") == referral


async def test_nobody_is_written_to_a_second_time(network: Network, tmp_path: Path) -> None:
    """Notify knows again who is registered; nobody hears anything anew, not even where the note of a mail is gone."""
    await a_field(network, tmp_path)
    event, start = uuid4(), in_days(9)
    stays, leaves, late = ({"registration_id": uuid4(), "event_id": event, "person_ref": uuid4(), "region": REGION}
                           for _ in range(3))
    moved = EventRescheduled(event_id=event, kind="training", region=REGION, starts=start,
                             ends=start + timedelta(hours=2))
    await say(network, RegistrationConfirmed(**stays), RegistrationConfirmed(**leaves), moved,
              RegistrationCancelled(**leaves, by_organiser=False), RegistrationConfirmed(**late))
    known = "SELECT registration_id, event_id, person_ref FROM known_registration ORDER BY registration_id"
    before = await network.rows("notify", known)
    deliveries = await network.rows("notify", DELIVERIES)
    assert (len(before), len(deliveries)) == (2, 6)
    await network.rows("notify", "DELETE FROM delivery WHERE template = 'event_rescheduled'")
    await network.rows("notify", "INSERT INTO known_registration (id, version, registration_id, event_id, person_ref,"
                       " region) VALUES (gen_random_uuid(), 1, gen_random_uuid(), $1, gen_random_uuid(), '15')", event)

    await made_anew(network, "notify")

    assert await network.rows("notify", known) == before
    left = [row for row in deliveries if row["template"] != "event_rescheduled"]
    assert await network.rows("notify", DELIVERIES) == left
    assert await network.rows("notify", TOLD) == []
