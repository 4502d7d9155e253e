"""Mentors, groups and households move to another district: what goes along, what stays, and who may say so."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from libs.common.callers import Role
from libs.common.facts.registry import ErasureRequested
from services.matching.links.queries import OWN_DATA
from tests.matching.field import PARTNER, REGION, Field, Headers, Json

pytestmark = pytest.mark.slow

COLUMNS = Path(__file__).resolve().parents[1] / "contract" / "columns" / "matching.txt"
THERE = "15084"
TO = {"region": THERE, "postcode": "06618"}
# Whose rows go along with who moves, and whose stay; services/matching/moves/reactions.py says why.
ALONG = {"mentor", "mentor_group", "household", "mentor_group_member", "prerequisite", "household_change", "consent",
         "decision", "person"}
STAYING = {"proposal", "tandem", "meeting", "checkin", "closing", "concern", "attended_training", "run", "run_pair",
           "run_pool", "unserved", "counselling_case", "counselling_spell", "counselling_contact", "counselling_status",
           "referral"}
OF_NOBODY = {"known_offer"}
OF_GROUP = "WHERE mentor_group_id = $1"
OF_MEMBERS = "WHERE person_ref IN (SELECT person_ref FROM mentor_group_member WHERE mentor_group_id = $1)"


@pytest_asyncio.fixture
async def both(field: Field) -> Headers:
    """Who coordinates the whole Land."""
    return await field.network.key(Role.COORDINATOR, region="15")


@pytest_asyncio.fixture
async def there(field: Field) -> Headers:
    """Who coordinates the district that somebody moves to, and no other."""
    return await field.network.key(Role.COORDINATOR, region=THERE)


def test_of_every_table_with_a_region_it_is_decided_whether_it_goes_along() -> None:
    """Who adds one decides it, too."""
    columns = [line.split()[1] for line in COLUMNS.read_text(encoding="utf-8").splitlines()]
    there = {column.removesuffix(".region") for column in columns if column.endswith(".region")}

    assert there == (ALONG | STAYING | OF_NOBODY) - {"person"}


async def regions(field: Field, table: str, which: str, of: str) -> set[str | None]:
    """The regions of the rows that belong to a thing."""
    rows = await field.network.rows("matching", f"SELECT region FROM {table} {which}", UUID(of))
    return {row["region"] for row in rows}


async def status(field: Field, path: str, headers: Headers) -> int:
    """What somebody is answered who reads this."""
    return (await field.send("GET", path, headers=headers)).status_code


async def test_a_household_goes_on_waiting_in_the_other_district(
    field: Field, both: Headers, there: Headers,
) -> None:
    """Since the same day, with what it consented to and how large it was; only who is there sees and proposes it."""
    await field.ready_mentor()
    household = await field.waiting_household()
    address, ref = f"/households/{household['id']}", household["person_ref"]
    moved = await field.act(f"{address}/move", TO, headers=both)
    assert (moved["region"], moved["postcode"], moved["state"]) == (THERE, "06618", "waiting")
    assert (moved["waiting_since"], moved["consented_on"]) == (household["waiting_since"], household["consented_on"])
    paths = (address, f"{address}/contact", f"{address}/changes", f"/consents?person_ref={ref}",
             f"/options?household_id={household['id']}")
    assert [await status(field, path, there) for path in paths] == [200] * len(paths)
    assert [await status(field, path, field.coordinator) for path in paths] == [404] * len(paths)
    consents = (await field.get(f"/consents?person_ref={ref}", headers=there))["items"]
    assert ({one["purpose"] for one in consents}, {one["region"] for one in consents}) == (
        {"matching", "checkins", "learnings", "authority"}, {THERE})
    assert len((await field.get(f"{address}/changes", headers=there))["items"]) == 1
    assert (await field.act(f"/consents/{consents[-1]['id']}/withdraw", headers=there))["withdrawn_on"]
    assert (await field.run())["households"] == 0
    mine = await field.network.key(Role.COORDINATOR, region="15")
    mentor = await field.ready_mentor()
    await field.act(f"/mentors/{mentor['id']}/move", TO, headers=mine)
    field.coordinator, before = there, field.coordinator
    run = await field.run(region=THERE)
    (proposal,) = (await field.get("/proposals"))["items"]
    field.coordinator = before

    assert (run["households"], run["proposed"], proposal["region"]) == (1, 1, THERE)


async def test_a_group_takes_members_checklist_and_evidence_along(field: Field, both: Headers, there: Headers) -> None:
    """It stays ready, also when the checklist is looked at anew; a waiver holds, and an erased member stays blank."""
    group = await field.ready_group(members=5, partner_id=str(PARTNER))
    address = f"/mentor_groups/{group['id']}"
    erased = (await field.get(f"/members?mentor_group_id={group['id']}"))[-1]["person_ref"]
    await field.network.tell("matching", ErasureRequested(
        erasure_id=uuid4(), person_refs=(UUID(erased),), region=REGION))
    moved = await field.act(f"{address}/move", TO, headers=both)
    assert (moved["region"], moved["state"], moved["partner_id"]) == (THERE, "ready", str(PARTNER))
    assert (moved["housing"], moved["ready_at"]) == (group["housing"], group["ready_at"])
    for table, which in (("mentor_group_member", OF_GROUP), ("prerequisite", OF_GROUP), ("consent", OF_MEMBERS)):
        assert await regions(field, table, which, group["id"]) == {THERE}, table
    assert await regions(field, "person", OF_MEMBERS, group["id"]) == {THERE, None}
    again = await field.act(f"{address}/housing", field.housing(rooms=4), method="PUT", headers=there)
    assert again["state"] == "ready"
    members = await field.get(f"/members?mentor_group_id={group['id']}", headers=there)
    assert [one["name"] for one in members][:2] == ["Person0 Gruppe", "Person1 Gruppe"]
    path = await field.link(OWN_DATA, members[0]["id"], members[0]["person_ref"])
    assert (await field.client.get(path)).json()["contact"]["name"] == "Person0 Gruppe"
    paths = (address, f"/members?mentor_group_id={group['id']}", f"/prerequisites?mentor_group_id={group['id']}")

    assert [await status(field, path, there) for path in paths] == [200] * 3
    assert [await status(field, path, field.coordinator) for path in paths] == [404] * 3


@pytest.mark.parametrize(("noun", "name"), [("mentor", "Mira"), ("household", "Samira")])
async def test_what_happened_stays_in_the_district_where_it_happened(
    field: Field, both: Headers, there: Headers, noun: str, name: str,
) -> None:
    """Who saw to a tandem still holds its closing talk, and learns of no name; who is new has the moved one alone."""
    tandem = await field.active()
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
    address = f"/{noun}s/{tandem[f'{noun}_id']}"
    before = await field.get(address)
    moved = await field.act(f"{address}/move", {"region": THERE}, headers=both)
    assert moved == before | {"region": THERE, "postcode": None, "version": before["version"] + 1}
    paths = [f"/tandems/{tandem['id']}", f"/proposals/{tandem['proposal_id']}"]
    assert [await status(field, path, field.coordinator) for path in paths] == [200, 200]
    assert [await status(field, path, there) for path in paths] == [404, 404]
    body = {"tandem_id": tandem["id"], "held_on": str(field.day), "goals_reached": ["school"]}
    learning = {"text": f"{name} hat oft angerufen."}
    refused = await field.send("POST", "/closings", body | {"learning": learning}, headers=field.coordinator | {
        "Idempotency-Key": uuid4().hex})
    assert refused.json()["slug"] == "learning-names-someone"
    closing = await field.create("/closings", body | {"learning": {"text": "Feste Treffen haben geholfen."}})
    assert (await field.act(f"/closings/{closing['id']}/approve"))["learning_state"] == "approved"

    assert await status(field, f"{address}/contact", there) == 200
    assert await status(field, f"{address}/contact", field.coordinator) == 404


async def test_who_is_counselled_is_known_where_the_case_is(field: Field, both: Headers, there: Headers) -> None:
    """A case stays with the partner who counsels; who reads it reads whose it is, the new district does not."""
    household = await field.waiting_household(partner_id=str(PARTNER))
    ref = (await field.get(f"/households/{household['id']}"))["person_ref"]
    case = {name: value for name, value in field.case_body().items() if name != "person"} | {"person_ref": ref}
    address = f"/counselling_cases/{(await field.counselled(case=case))['counselling_case_id']}"
    await field.act(f"/households/{household['id']}/move", TO, headers=both)
    assert (await field.get(f"{address}/person"))["name"] == "Samira Demo"
    assert (await field.get(f"{address}/own_data"))["contact"]["name"] == "Samira Demo"

    assert [await status(field, f"{address}{path}", there) for path in ("", "/person", "/own_data")] == [404] * 3


async def test_only_who_works_for_both_districts_moves_somebody(field: Field, both: Headers, there: Headers) -> None:
    """Who has the former one alone is told why, who has the new one alone finds nobody; a partner goes along."""
    mentor, group = await field.ready_mentor(), await field.ready_group()
    household = await field.waiting_household(partner_id=str(PARTNER))
    for address in (f"/mentors/{mentor['id']}", f"/mentor_groups/{group['id']}", f"/households/{household['id']}"):
        assert await field.refused(f"{address}/move", TO) == (403, "outside-own-region")
        assert await field.refused(f"{address}/move", TO, headers=there) == (404, "not-found")
        assert await field.refused(f"{address}/move", {"region": "15999"}, headers=both) == (422, "unknown-region")
        assert (await field.get(address))["region"] == REGION
    counsellor = await field.network.key(Role.COUNSELLOR, partner_id=PARTNER)
    moved = await field.act(f"/households/{household['id']}/move", TO, headers=counsellor)

    assert (moved["region"], moved["partner_id"]) == (THERE, str(PARTNER))
    assert (await field.get(f"/households/{household['id']}/contact", headers=counsellor))["name"] == "Samira Demo"


@pytest.mark.parametrize("kind", ["mentor", "group"])
async def test_nobody_moves_while_they_are_bound(field: Field, both: Headers, kind: str) -> None:
    """By an invitation, a first meeting or a tandem, on either side; once that has ended they may."""
    given: Json = {"group": await field.ready_group()} if kind == "group" else {}
    invited = await field.invited(**given)
    noun = "mentor_groups" if kind == "group" else "mentors"
    unit = invited["mentor_group_id"] or invited["mentor_id"]
    addresses = (f"/{noun}/{unit}/move", f"/households/{invited['household_id']}/move")

    async def refused() -> set[tuple[int, str]]:
        return {await field.refused(address, TO, headers=both) for address in addresses}

    assert await refused() == {(409, "invitation-open")}
    for side in ("mentors", "household"):
        await field.act(f"/proposals/{invited['id']}/answers", {"side": side, "accepted": True})
    assert await refused() == {(409, "first-meeting-agreed")}
    await field.act(f"/proposals/{invited['id']}/first_meeting", {"on": str(field.day)})
    tandem = await field.create("/tandems", {"proposal_id": invited["id"], "kind": "everyday"})
    assert await refused() == {(409, "tandems-running")}
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})

    assert [(await field.act(address, TO, headers=both))["region"] for address in addresses] == [THERE, THERE]


async def test_a_proposal_that_nobody_was_invited_to_is_let_go(field: Field, both: Headers) -> None:
    """The other side is free, and the household waits as long as before."""
    mentor, household = await field.ready_mentor(), await field.waiting_household()
    for address in (f"/households/{household['id']}", f"/mentors/{mentor['id']}"):
        proposal = await field.proposed(await field.get(f"/households/{household['id']}", headers=both), mentor=mentor)
        await field.act(f"{address}/move", TO, headers=both)
        let_go = await field.get(f"/proposals/{proposal['id']}", headers=both)
        assert (let_go["state"], let_go["dismissed_reason"]) == ("dismissed", "no_longer_available")
        found = await field.act(f"/households/{household['id']}/move", {"region": REGION}, headers=both)

        assert (found["state"], found["waiting_since"]) == ("waiting", household["waiting_since"])


async def test_who_has_left_or_ended_does_not_move(field: Field, both: Headers) -> None:
    """What is kept of them stays where they were."""
    mentor, group, household = await field.ready_mentor(), await field.ready_group(), await field.waiting_household()
    await field.act(f"/mentors/{mentor['id']}/leave")
    await field.act(f"/mentor_groups/{group['id']}/withdraw", {"reason": "Umzug"})
    await field.act(f"/households/{household['id']}/close", {"reason": "moved"})

    assert [await field.refused(f"{address}/move", TO, headers=both) for address in (
        f"/mentors/{mentor['id']}", f"/mentor_groups/{group['id']}", f"/households/{household['id']}")] == [
            (409, "mentor-state"), (409, "group-ended"), (409, "household-closed")]


async def test_who_pauses_or_is_held_back_stays_so(field: Field, both: Headers) -> None:
    """A move is no way round either."""
    group, household = await field.ready_group(), await field.waiting_household()
    await field.act(f"/mentor_groups/{group['id']}/hold_back", {"why": "Es ist etwas zu klären."})
    await field.act(f"/households/{household['id']}/pause")
    held = await field.act(f"/mentor_groups/{group['id']}/move", TO, headers=both)
    away = await field.act(f"/households/{household['id']}/move", TO, headers=both)

    assert (held["held_back_on"], away["paused_on"]) == (str(field.day), str(field.day))


async def test_options_and_runs_follow_a_move(field: Field, both: Headers) -> None:
    """The live pool knows where they are now, and a run that looked at them before leaves them out."""
    mentor, household = await field.ready_mentor(), await field.waiting_household()
    options = f"/options?household_id={household['id']}"
    assert [one["unit_id"] for one in (await field.get(options))["options"]] == [mentor["id"]]
    run_id, pool, found = await field.found_by_a_run()
    await field.act(f"/mentors/{mentor['id']}/move", {"region": "15090", "postcode": "39576"}, headers=both)
    assert (await field.get(options, headers=both))["options"] == []
    ended = await field.taken_over(run_id, pool, found)
    (unserved,) = (await field.get(f"/runs/{run_id}/unserved"))["items"]

    assert (ended["proposed"], unserved["removed"]) == (0, {"changed_meanwhile": 1})
    assert (await field.get(f"/runs/{run_id}/changed_since"))["units_gone"] == 1


async def test_a_move_and_an_invitation_or_a_consent_at_once(field: Field, both: Headers) -> None:
    """Who is invited has not moved, who has moved is not invited; a consent is where the person is."""
    for _ in range(3):
        mentor, household = await field.ready_mentor(), await field.waiting_household(besides=[])
        proposal = await field.proposed(household, mentor=mentor)
        await field.act(f"/proposals/{proposal['id']}/approve", {})
        moved, invited = await _at_once(
            field.attempt(f"/households/{household['id']}/move", TO, headers=both),
            field.attempt(f"/proposals/{proposal['id']}/invite"))
        state = (await field.get(f"/proposals/{proposal['id']}"))["state"]
        assert (moved.status_code == 200, invited.status_code == 200, state) in {
            (True, False, "dismissed"), (False, True, "invited")}

        mentor = await field.ready_mentor(consented_besides=[])
        body = {"person_ref": mentor["person_ref"], "purpose": "checkins", "given_on": str(field.day)}
        await _at_once(field.attempt(f"/mentors/{mentor['id']}/move", TO, headers=both), field.send(
            "POST", "/consents", body, headers=both | {"Idempotency-Key": uuid4().hex}))
        assert await regions(field, "consent", "WHERE person_ref = $1", mentor["person_ref"]) == {THERE}


async def _at_once(*doing: Any) -> list[Any]:
    return await asyncio.wait_for(asyncio.gather(*doing), 20)
