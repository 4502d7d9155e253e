"""Groups and households pause: nobody proposes them to anybody, and they come back where they were."""

import asyncio
from typing import Any

import pytest

from services.matching.links.queries import OWN_DATA
from tests.matching.field import Field, Json

pytestmark = pytest.mark.slow

BROWSER = {"Accept": "text/html"}


async def sponsored(field: Field, **given: Any) -> Json:
    """A household that waits for a group."""
    return await field.waiting_household(programme_id=str(field.sponsorship), **given)


async def units(field: Field, household: Json) -> list[str]:
    """The options of a household right now."""
    found = await field.get(f"/options?household_id={household['id']}")
    return [one["unit_id"] for one in found["options"]]


async def test_a_group_that_pauses_is_proposed_to_nobody(field: Field) -> None:
    """In no run, whose reasons say so, not among the options, nor by hand; back it is ready at once."""
    group, household = await field.ready_group(), await sponsored(field)
    assert await units(field, household) == [group["id"]]
    away = await field.act(f"/mentor_groups/{group['id']}/pause")
    assert (away["state"], away["paused_on"]) == ("ready", str(field.day))
    assert await units(field, household) == []
    run = await field.run(field.sponsorship)
    (unserved,) = (await field.get(f"/runs/{run['id']}/unserved"))["items"]
    assert (run["proposed"], unserved["removed"]) == (0, {"paused": 1})
    choice = {"household_id": household["id"], "unit_id": group["id"], "reason": "known_to_fit"}
    answer = await field.send("POST", "/options/propose", choice, headers=field.coordinator | {
        "Idempotency-Key": "a-group-that-pauses"})
    assert (answer.status_code, answer.json()["slug"]) == (409, "pair-not-possible")
    assert [one["id"] for one in (await field.get("/mentor_groups?paused=true"))["items"]] == [group["id"]]
    back = await field.act(f"/mentor_groups/{group['id']}/resume")
    assert (back["state"], back["paused_on"]) == ("ready", None)
    assert (await field.get("/mentor_groups?paused=true"))["items"] == []

    assert await units(field, household) == [group["id"]]
    assert (await field.run(field.sponsorship))["proposed"] == 1


async def test_a_household_that_pauses_is_proposed_to_nobody(field: Field) -> None:
    """Nobody looks for it, and it has waited as long as before when it is back."""
    mentor, household = await field.ready_mentor(), await field.waiting_household()
    address = f"/households/{household['id']}"
    away = await field.act(f"{address}/pause")
    assert (away["state"], away["paused_on"]) == ("waiting", str(field.day))
    run = await field.run()
    assert (run["households"], run["proposed"]) == (0, 0)
    assert (await field.send("GET", f"/options?household_id={household['id']}")).json()["slug"] == "paused"
    choice = {"household_id": household["id"], "unit_id": mentor["id"], "reason": "known_to_fit"}
    answer = await field.send("POST", "/options/propose", choice, headers=field.coordinator | {
        "Idempotency-Key": "a-household-that-pauses"})
    assert (answer.status_code, answer.json()["slug"]) == (409, "paused")
    assert [one["id"] for one in (await field.get("/households?paused=true"))["items"]] == [household["id"]]
    await field.network.move(days=20)
    back = await field.act(f"{address}/resume")
    assert (back["state"], back["paused_on"], back["waiting_since"]) == ("waiting", None, household["waiting_since"])
    assert await field.refused(f"{address}/resume") == (409, "not-paused")

    assert await units(field, household) == [mentor["id"]]
    assert (await field.run())["proposed"] == 1


async def test_what_nobody_was_invited_to_is_let_go_and_an_invitation_holds_the_pause_back(field: Field) -> None:
    """As when a mentor pauses, on either side; the other side is free, the household waits as long as before."""
    group, household = await field.ready_group(), await sponsored(field)
    for address in (f"/mentor_groups/{group['id']}", f"/households/{household['id']}"):
        proposal = await field.proposed(household, group=group)
        await field.act(f"/proposals/{proposal['id']}/approve", {})
        await field.act(f"{address}/pause")
        let_go = await field.get(f"/proposals/{proposal['id']}")
        assert (let_go["state"], let_go["dismissed_reason"]) == ("dismissed", "no_longer_available")
        found = await field.get(f"/households/{household['id']}")
        assert (found["state"], found["waiting_since"]) == ("waiting", household["waiting_since"])
        assert await field.refused(f"{address}/pause") == (409, "paused")
        await field.act(f"{address}/resume")
    invited = await field.invited(group=group)
    both = (f"/mentor_groups/{group['id']}", f"/households/{invited['household_id']}")
    assert [await field.refused(f"{one}/pause") for one in both] == [(409, "invitation-open")] * 2
    for side in ("mentors", "household"):
        await field.act(f"/proposals/{invited['id']}/answers", {"side": side, "accepted": True})

    assert [await field.refused(f"{one}/pause") for one in both] == [(409, "first-meeting-agreed")] * 2


async def test_a_tandem_goes_on_in_a_pause_and_nobody_new_comes_after_it(field: Field) -> None:
    """What runs is no obstacle; ended early, the household waits, and still pauses until it says so."""
    tandem = await field.active(group=await field.ready_group())
    group, household = f"/mentor_groups/{tandem['mentor_group_id']}", f"/households/{tandem['household_id']}"
    for address in (group, household):
        await field.act(f"{address}/pause")
    assert (await field.get(f"/tandems/{tandem['id']}"))["obstacles"] == []
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "conflict"})
    ended = [await field.get(address) for address in (group, household)]
    assert [(one["state"], one["paused_on"]) for one in ended] == [
        ("ready", str(field.day)), ("waiting", str(field.day))]
    other = await sponsored(field)

    assert (await field.run(field.sponsorship))["households"] == 1
    assert await units(field, other) == []


async def test_a_run_that_began_before_leaves_out_who_pauses_meanwhile(field: Field) -> None:
    """Either side has changed for it, and what it looked at no longer stands."""
    await field.ready_mentor(capacity=2)
    household = await field.waiting_household()
    run_id, pool, found = await field.found_by_a_run()
    await field.act(f"/households/{household['id']}/pause")
    ended = await field.taken_over(run_id, pool, found)
    (unserved,) = (await field.get(f"/runs/{run_id}/unserved"))["items"]
    assert (ended["proposed"], unserved["removed"]) == (0, {"changed_meanwhile": 1})
    since = await field.get(f"/runs/{run_id}/changed_since")

    assert (since["changed"], since["households_gone"]) == (True, 1)


async def test_a_pause_and_an_invitation_at_once_are_never_both(field: Field) -> None:
    """Whoever comes second is refused, and nobody waits for the other for ever."""
    for noun in ("mentor_groups", "households"):
        for _ in range(3):
            group, household = await field.ready_group(), await sponsored(field)
            proposal = await field.proposed(household, group=group)
            await field.act(f"/proposals/{proposal['id']}/approve", {})
            address = f"/{noun}/{(group if noun == 'mentor_groups' else household)['id']}"
            paused, invited = await asyncio.wait_for(asyncio.gather(
                field.attempt(f"{address}/pause"), field.attempt(f"/proposals/{proposal['id']}/invite")), 20)
            state = (await field.get(f"/proposals/{proposal['id']}"))["state"]

            assert (paused.status_code == 200) == ((await field.get(address))["paused_on"] is not None)
            assert (paused.status_code == 200, invited.status_code == 200, state) in {
                (True, False, "dismissed"), (False, True, "invited")}


async def test_a_household_pauses_by_its_link(field: Field) -> None:
    """The page has the button for it, says that there is a pause, and has the one to come back."""
    household = await field.waiting_household(contact={"name": "Samira Demo", "email": "samira@example.org"})
    found = await field.get(f"/households/{household['id']}")
    path = await field.link(OWN_DATA, household["id"], found["person_ref"])
    page = (await field.client.get(path, headers=BROWSER)).text
    assert ("/pause" in page, "/resume" in page, "In Pause seit" in page) == (True, False, False)
    assert (await field.client.post(f"{path}/pause")).json() == {"state": "paused", "takes_part": True}
    page = (await field.client.get(path, headers=BROWSER)).text
    assert ("/pause" in page, "/resume" in page, "Wir sind wieder da" in page, "In Pause seit" in page) == (
        False, True, True, True)
    told = (await field.client.get(path)).json()
    assert (told["state"], told["may"], told["stored"]["paused_on"]) == ("paused", "resume", str(field.day))
    assert (await field.client.post(f"{path}/resume")).json()["state"] == "waiting"
    assert (await field.client.post(f"{path}/resume")).json()["slug"] == "not-paused"
    noted = await field.network.rows(
        "matching", "SELECT role FROM audit WHERE about = $1 AND action = 'change' ORDER BY id DESC LIMIT 2",
        f"household/{household['id']}")

    assert [row["role"] for row in noted] == ["link", "link"]


async def test_a_group_pauses_by_the_link_of_a_main_contact_alone(field: Field) -> None:
    """No other member has the button, nor may they; without a main contact everybody speaks for the group."""
    group = await field.ready_group()
    members = await field.get(f"/members?mentor_group_id={group['id']}")
    main, other = [await field.link(OWN_DATA, one["id"], one["person_ref"]) for one in members[:2]]
    assert (await field.client.post(f"{other}/pause")).json()["slug"] == "only-main-contacts-pause"
    pages = [(await field.client.get(path, headers=BROWSER)).text for path in (main, other)]
    assert ["Unsere Gruppe macht eine Pause" in page for page in pages] == [True, False]
    assert (await field.client.post(f"{main}/pause")).status_code == 200
    assert (await field.get(f"/mentor_groups/{group['id']}"))["paused_on"] == str(field.day)
    noted = await field.network.rows(
        "matching", "SELECT role FROM audit WHERE about = $1 ORDER BY id DESC LIMIT 1", f"mentor_group/{group['id']}")
    assert [row["role"] for row in noted] == ["link"]
    assert (await field.client.post(f"{other}/resume")).json()["slug"] == "only-main-contacts-pause"
    page = await field.client.post(f"{main}/resume", headers=BROWSER)
    assert "Schön, dass Sie wieder da sind." in page.text
    await field.act(f"/members/{members[0]['id']}/leave")

    assert (await field.client.post(f"{other}/pause")).status_code == 200


async def held_back_unit(field: Field, noun: str) -> tuple[str, str]:
    """The address of a mentor or group that is held back, and the link of who speaks for it."""
    unit = await (field.ready_mentor() if noun == "mentors" else field.ready_group())
    holder = unit if noun == "mentors" else (await field.get(f"/members?mentor_group_id={unit['id']}"))[0]
    await field.act(f"/{noun}/{unit['id']}/hold_back", {"why": "Es ist etwas zu klären."})
    return f"/{noun}/{unit['id']}", await field.link(OWN_DATA, holder["id"], holder["person_ref"])


@pytest.mark.parametrize("noun", ["mentors", "mentor_groups"])
async def test_who_is_held_back_ends_their_own_pause_and_nothing_else(field: Field, noun: str) -> None:
    """By the link they pause and come back; its answers say what goes on, and that this is not theirs to end."""
    address, path = await held_back_unit(field, noun)
    assert (await field.client.get(path)).json()["may"] == "pause"
    assert (await field.client.post(f"{path}/resume")).json()["slug"] == "held-back"
    assert (await field.client.post(f"{path}/pause")).status_code == 200
    assert (await field.client.post(f"{path}/pause")).status_code == 409
    both = await field.get(address)
    assert (both["paused_on"], both["held_back_on"]) == (str(field.day),) * 2
    assert (await field.client.get(path)).json()["may"] == "resume"
    said = (await field.client.post(f"{path}/resume", headers=BROWSER)).text
    assert ("Schön, dass Sie wieder da sind." in said, "die nur die Koordination beendet" in said) == (False, True)
    held = await field.get(address)
    assert (held["paused_on"], held["held_back_on"], held["held_back_why"]) == (
        None, str(field.day), "Es ist etwas zu klären.")
    assert (await field.client.post(f"{path}/resume")).json()["slug"] == "held-back"
    await field.waiting_household(programme_id=str(field.programme if noun == "mentors" else field.sponsorship))

    assert (await field.run(field.programme if noun == "mentors" else field.sponsorship))["proposed"] == 0


@pytest.mark.parametrize("noun", ["mentors", "mentor_groups"])
async def test_a_coordinator_ends_one_of_two_pauses(field: Field, noun: str) -> None:
    """Without a reason their own, and who is held back stays so; with one that, and their own goes on."""
    address, path = await held_back_unit(field, noun)
    assert await field.refused(f"{address}/resume") == (422, "reason-missing")
    await field.act(f"{address}/pause")
    away = await field.act(f"{address}/resume")
    assert (away["paused_on"], away["held_back_on"], away["resumed_by"]) == (None, str(field.day), None)
    assert await field.refused(f"{address}/resume") == (422, "reason-missing")
    await field.act(f"{address}/pause")
    talked = {"why": "Alle haben miteinander gesprochen."}
    back = await field.act(f"{address}/resume", talked)
    assert (back["paused_on"], back["held_back_on"], back["resumed_why"]) == (str(field.day), None, talked["why"])
    assert (await field.client.get(path)).json()["may"] == "resume"
    page = (await field.client.post(f"{path}/resume", headers=BROWSER)).text
    there = await field.get(address)

    assert "Schön, dass Sie wieder da sind." in page
    assert (there["state"], there["paused_on"], there["resumed_why"]) == ("ready", None, talked["why"])


@pytest.mark.parametrize("noun", ["mentors", "mentor_groups"])
async def test_both_pauses_ended_at_once_are_each_ended_once(field: Field, noun: str) -> None:
    """By the link and by a coordinator: whoever saw what was so before is told to read again, and ends nothing else."""
    for _ in range(3):
        address, path = await held_back_unit(field, noun)
        await field.act(f"{address}/pause")
        by_link, by_coordinator = await asyncio.wait_for(asyncio.gather(
            field.client.post(f"{path}/resume"),
            field.attempt(f"{address}/resume", {"why": "Alle haben miteinander gesprochen."})), 20)
        found = await field.get(address)

        assert (by_link.status_code, found["paused_on"]) == (200, None)
        assert (by_coordinator.status_code, found["held_back_on"]) in {(200, None), (412, str(field.day))}


async def test_what_has_ended_pauses_no_longer(field: Field) -> None:
    """Neither a household that is closed or takes its consent back, nor a group that withdraws; it may not begin to."""
    group, closed, withdrawn = await field.ready_group(), await sponsored(field), await sponsored(field)
    of = [f"/mentor_groups/{group['id']}", f"/households/{closed['id']}", f"/households/{withdrawn['id']}"]
    for address in of:
        await field.act(f"{address}/pause")
    await field.act(f"{of[0]}/withdraw", {"reason": "Umzug"})
    await field.act(f"{of[1]}/close", {"reason": "moved"})
    ref = (await field.get(of[2]))["person_ref"]
    path = await field.link(OWN_DATA, withdrawn["id"], ref)
    assert (await field.client.post(f"{path}/withdraw_consent")).status_code == 200
    assert [(await field.get(address))["paused_on"] for address in of] == [None] * 3

    assert [await field.refused(f"{address}/pause") for address in of] == [
        (409, "group-ended"), (409, "household-closed"), (409, "household-closed")]
