"""Certificates of a group's members: what the checklist makes of them, and how nothing more is kept than may be."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from dateutil.relativedelta import relativedelta

from libs.common.facts.notify import ConsentWithdrawn
from libs.common.facts.registry import ErasureRequested
from services.matching.links.queries import OWN_DATA
from tests.harness import new_idempotency_key
from tests.matching.field import LONG_AGO, Field, Json, rules

pytestmark = pytest.mark.slow

COLUMNS = ("record_seen_on", "record_certificate_date", "record_relevant_entry", "record_next_due")


async def a_group(field: Field, required: int = 2) -> Json:
    """A group in preparation, of a programme that asks for two members and for this many certificates."""
    programme = uuid4()
    await field.network.tell("matching", rules(programme, min_members=2, required_records=required))
    group = await field.create("/mentor_groups", field.group_body(members=2, programme_id=str(programme)))
    return await field.act(f"/mentor_groups/{group['id']}/prepare")


async def members(field: Field, group: Json) -> list[Json]:
    """Who belongs to the group or did, in the order they joined."""
    found: list[Json] = await field.get(f"/members?mentor_group_id={group['id']}")
    return found


def record(field: Field, *, seen: Any = timedelta(0), dated: Any = None, entry: bool = False) -> Json:
    """A certificate seen so long before or after today."""
    seen_on = field.day + seen
    return {"seen_on": str(seen_on), "relevant_entry": entry,
            "certificate_date": str(seen_on if dated is None else field.day + dated)}


async def seen(field: Field, group: Json) -> list[Json]:
    """All members of a group have shown theirs."""
    for one in await members(field, group):
        await field.act(f"/members/{one['id']}/record", record(field))
    return await members(field, group)


async def read(field: Field, group: Json) -> Json:
    """The group as it is."""
    found: Json = await field.get(f"/mentor_groups/{group['id']}")
    return found


async def line(field: Field, group: Json) -> Json:
    """The line of its checklist that asks for certificates."""
    lines = await field.get(f"/prerequisites?mentor_group_id={group['id']}")
    return next(one for one in lines if one["rule"] == "record_seen")


async def tandem_of(field: Field, group: Json) -> Json:
    """A tandem of the group."""
    return await field.tandem(group=group, programme_id=group["programme_id"])


async def noted(field: Field, member: Json) -> list[Any]:
    """What the database knows of a member's certificate, and what falls due about it."""
    row = (await field.network.rows(
        "matching", f"SELECT {', '.join(COLUMNS)} FROM mentor_group_member WHERE id = $1",
        UUID(member["id"])))[0]
    due = await field.network.rows("matching", "SELECT kind FROM due WHERE about = $1", UUID(member["id"]))
    return [value for value in row if value is not None] + [one["kind"] for one in due]


async def test_a_group_is_ready_once_enough_certificates_were_seen(field: Field) -> None:
    """Each is noted for a member, who is the evidence; nothing else of the paper is kept, and no name travels."""
    group = await a_group(field)
    assert (group["state"], (await line(field, group))["standing"]) == ("in_preparation", "open")
    first, second = await members(field, group)
    answer = await field.act(f"/members/{first['id']}/record", record(field))
    assert [answer[name] for name in COLUMNS] == [
        str(field.day), str(field.day), False, str(field.day + relativedelta(years=5))]
    assert answer["version"] > first["version"]
    assert ((await line(field, group))["there"], (await read(field, group))["state"]) == (1, "in_preparation")
    await field.act(f"/members/{second['id']}/record", record(field))
    fulfilled = await line(field, group)

    assert (fulfilled["standing"], fulfilled["needed"]) == ("fulfilled", 2)
    assert fulfilled["evidence"] == sorted(f"person/{one['person_ref']}" for one in (first, second))
    assert (await read(field, group))["state"] == "ready"
    told = await field.told(group["id"])
    assert [one["subject"] for one in told][-2:] == ["prerequisite.fulfilled", "mentor_group.ready"]
    assert second["person_ref"] not in str(told)


async def test_a_group_that_none_are_asked_of_has_no_such_line(field: Field) -> None:
    """As before; what is noted all the same changes nothing about it."""
    group = await a_group(field, required=0)
    assert group["state"] == "ready"
    await seen(field, group)

    assert (await read(field, group))["version"] == group["version"]
    assert "record_seen" not in str(await field.get(f"/prerequisites?mentor_group_id={group['id']}"))


async def test_a_certificate_that_cannot_be_is_refused(field: Field) -> None:
    """Seen tomorrow, too old, dated after it was seen, of somebody who has left; nothing is noted."""
    group = await a_group(field)
    first, second = await members(field, group)
    address = f"/members/{first['id']}/record"
    day = timedelta(days=1)
    assert await field.refused(address, record(field, seen=day)) == (422, "day-in-future")
    assert await field.refused(address, record(field, dated=-100 * day)) == (409, "record-too-old")
    assert await field.refused(address, record(field, seen=-5 * day, dated=-4 * day)) == (422, "record-after-seen")
    stale = await field.send("POST", address, record(field), etag='"99"')
    assert (stale.status_code, stale.json()["slug"]) == (412, "stale")
    await field.act(f"/members/{second['id']}/leave")
    assert await field.refused(f"/members/{second['id']}/record", record(field)) == (409, "member-left")

    assert await noted(field, first) + await noted(field, second) == []


async def test_a_relevant_entry_is_not_kept_and_takes_the_group_back(field: Field) -> None:
    """Not even by who writes past the service; what was seen before no longer counts, and nothing falls due."""
    group = await a_group(field)
    first, _ = await seen(field, group)
    await field.act(f"/members/{first['id']}/record", record(field, entry=True))

    assert await noted(field, first) == []
    missed = await line(field, group)
    assert (missed["standing"], missed["there"], first["person_ref"] in str(missed)) == ("expired", 1, False)
    assert (await read(field, group))["state"] == "in_preparation"
    with pytest.raises(asyncpg.CheckViolationError):
        await field.network.rows("matching", "UPDATE mentor_group_member SET record_relevant_entry = true")


async def test_after_five_years_it_has_to_be_seen_again(field: Field) -> None:
    """The day comes by itself: the group falls back, its proposal is dismissed; seen again it is ready."""
    group = await a_group(field)
    first, second = await members(field, group)
    await field.act(f"/members/{first['id']}/record", record(field))
    almost = record(field, seen=timedelta(days=1) - relativedelta(years=5))
    await field.act(f"/members/{second['id']}/record", almost)
    assert (await read(field, group))["state"] == "ready"
    household = await field.waiting_household(programme_id=group["programme_id"])
    proposal = await field.proposed(household, group=group)
    await field.network.move(days=2)
    assert ((await read(field, group))["state"], (await line(field, group))["standing"]) == (
        "in_preparation", "expired")
    assert (await field.get(f"/proposals/{proposal['id']}"))["state"] == "dismissed"
    assert "member_record_due" not in await noted(field, second)
    await field.act(f"/members/{second['id']}/record", record(field))

    assert (await read(field, group))["state"] == "ready"


async def test_the_coordinator_does_without_it(field: Field) -> None:
    """As without every other line; taken back, it is missed again."""
    group = await a_group(field)
    address = f"/prerequisites/{(await line(field, group))['id']}"
    await field.act(f"{address}/waive", {"why": "Die Gruppe begleitet keine Kinder."})
    assert (await read(field, group))["state"] == "ready"
    await field.act(f"{address}/demand")

    assert (await read(field, group))["state"] == "in_preparation"


async def test_who_accompanied_nobody_leaves_nothing_of_it(field: Field) -> None:
    """At once: of who leaves a group without a household, and of all when such a group withdraws or is rejected."""
    for verb in ("withdraw", "reject"):
        group = await a_group(field)
        first, second = await seen(field, group)
        await field.act(f"/members/{first['id']}/leave")
        assert await noted(field, first) == []
        assert len(await noted(field, second)) == 5
        await field.act(f"/mentor_groups/{group['id']}/{verb}", {"reason": "Umzug"})

        assert await noted(field, second) == []
        assert (await line(field, group))["evidence"] == []


async def test_who_leaves_a_group_that_accompanies_is_forgotten_after_three_months(field: Field) -> None:
    """Until then it stands, though not on the checklist; who stays is still known."""
    group = await a_group(field)
    first, second = await seen(field, group)
    await tandem_of(field, group)
    await field.act(f"/members/{first['id']}/leave")
    await field.network.move(days=80)
    assert len(await noted(field, first)) == 6
    await field.network.move(days=13)

    assert await noted(field, first) == []
    assert (await line(field, group))["evidence"] == [f"person/{second['person_ref']}"]
    assert len(await noted(field, second)) == 5
    erased = await field.network.rows("matching", "SELECT about FROM audit WHERE action = 'erase' AND person_ref = $1",
                                      UUID(first["person_ref"]))
    assert [one["about"] for one in erased] == [f"mentor_group/{group['id']}"]


async def test_three_months_after_a_completed_tandem_nothing_is_known(field: Field) -> None:
    """Of any member, though nobody has left."""
    group = await a_group(field)
    both = await seen(field, group)
    tandem = await tandem_of(field, group)
    await field.network.move(timedelta(minutes=1), days=28)
    for side in ("mentors", "household"):
        await field.act(f"/tandems/{tandem['id']}/consents", {"side": side})
    await field.create("/closings", {"tandem_id": tandem["id"], "held_on": str(field.day)})
    assert ((await read(field, group))["state"], len(await noted(field, both[0]))) == ("completed", 6)
    await field.network.move(days=93)

    assert [await noted(field, one) for one in both] == [[], []]
    assert (await line(field, group))["evidence"] == []


async def test_only_who_was_there_then_has_accompanied(field: Field) -> None:
    """A tandem that ended before somebody joined was not theirs: what was noted goes as soon as they leave."""
    group = await a_group(field)
    first, _ = await seen(field, group)
    tandem = await tandem_of(field, group)
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
    await field.network.move(days=1)
    newcomer = await field.create("/members", {
        "mentor_group_id": group["id"], "contact": {"name": "Vera Neu"}, "consented_on": LONG_AGO})
    await field.act(f"/members/{newcomer['id']}/record", record(field))
    for one in (newcomer, first):
        await field.act(f"/members/{one['id']}/leave")

    assert (await noted(field, newcomer), len(await noted(field, first))) == ([], 6)


@pytest.mark.parametrize("how", ["consent", "erasure"])
async def test_who_is_gone_for_good_leaves_nothing_of_it(field: Field, how: str) -> None:
    """At once, also while the group accompanies."""
    group = await a_group(field)
    first, second = await seen(field, group)
    await tandem_of(field, group)
    ref = UUID(first["person_ref"])
    fact = ConsentWithdrawn(person_ref=ref, purpose="matching") if how == "consent" else ErasureRequested(
        erasure_id=uuid4(), person_refs=(ref,))
    await field.network.tell("matching", fact)

    assert await noted(field, first) == []
    assert (await line(field, group))["evidence"] == [f"person/{second['person_ref']}"]


async def test_a_member_reads_what_is_noted(field: Field) -> None:
    """In their own data, in words and for a program; nothing of the others."""
    group = await a_group(field)
    first, _ = await seen(field, group)
    path = await field.link(OWN_DATA, first["id"], first["person_ref"])
    told = (await field.client.get(path)).json()
    page = (await field.client.get(path, headers={"Accept": "text/html"})).text

    assert [told["stored"][name] for name in COLUMNS] == [first[name] for name in COLUMNS]
    assert "Führungszeugnis gesehen am" in page


async def test_groups_are_listed_by_when_a_certificate_is_due(field: Field) -> None:
    """Also while they accompany, and whenever they do with too few; of who has left nothing is due."""
    group = await a_group(field)
    first, second = await seen(field, group)
    address = f"/mentor_groups?programme_id={group['programme_id']}&record_due_by="
    due = field.day + relativedelta(years=5)

    async def listed(day: Any) -> list[str]:
        return [one["id"] for one in (await field.get(f"{address}{day}"))["items"]]

    await tandem_of(field, group)
    assert (await listed(due - timedelta(days=1)), await listed(due)) == ([], [group["id"]])
    await field.act(f"/members/{first['id']}/leave")
    assert await listed(field.day) == [group["id"]]
    await field.act(f"/prerequisites/{(await line(field, group))['id']}/waive", {"why": "Eine reicht."})
    assert (await listed(due - timedelta(days=1)), await listed(due)) == ([], [group["id"]])
    await field.act(f"/members/{second['id']}/record", record(field, entry=True))

    assert await listed(due) == []


async def test_a_relevant_entry_counts_after_both_have_accepted(field: Field) -> None:
    """No tandem begins: the certificate is seen again, or the coordinator does without it and says why."""
    group = await a_group(field)
    first, _ = await seen(field, group)
    address = f"/proposals/{(await field.accepted(group=group, programme_id=group['programme_id']))['id']}"
    await field.act(f"/members/{first['id']}/record", record(field, entry=True))
    missed = await line(field, group)
    assert (missed["standing"], (await read(field, group))["state"]) == ("expired", "matched")
    assert [one["code"] for one in (await field.get(address))["obstacles"]] == ["not_vetted"]
    await field.act(f"{address}/first_meeting", {"on": str(field.day)})
    begin = {"proposal_id": address.rpartition("/")[2], "kind": "everyday"}
    refused = await field.send("POST", "/tandems", begin, headers=field.coordinator | new_idempotency_key())
    assert (refused.status_code, refused.json()["slug"]) == (409, "prerequisites-open")
    await field.act(f"/prerequisites/{missed['id']}/waive", {"why": "Die Gruppe begleitet keine Kinder."})

    assert (await field.get(address))["obstacles"] == []
    assert (await field.create("/tandems", begin))["obstacles"] == []


async def test_a_relevant_entry_is_told_of_a_tandem_that_runs(field: Field) -> None:
    """As of a single mentor's; it goes on, and the obstacle goes when enough certificates are seen again."""
    group = await a_group(field)
    first, _ = await seen(field, group)
    tandem = await tandem_of(field, group)
    await field.act(f"/members/{first['id']}/record", record(field, entry=True))
    found = await field.get(f"/tandems/{tandem['id']}")
    assert ([one["code"] for one in found["obstacles"]], found["state"]) == (["not_vetted"], "trial")
    assert tandem["id"] in [one["id"] for one in (await field.get("/tandems?with_obstacles=true"))["items"]]
    assert (await line(field, group))["standing"] == "expired"
    await field.act(f"/members/{first['id']}/record", record(field))

    assert (await field.get(f"/tandems/{tandem['id']}"))["obstacles"] == []
    assert (await line(field, group))["standing"] == "fulfilled"
    assert (await read(field, group))["state"] == "accompanying"
