"""Whether what a run found still holds: what has changed since it looked at the pool, and what nobody knows of that."""

from datetime import timedelta
from uuid import UUID

import pytest

from libs.common.callers import Role
from services.matching.profiles.rules import AccompanyingIn
from services.matching.runs.rows import HOME_WITHIN
from tests.harness import new_idempotency_key
from tests.matching.field import SLOTS, Field, Json, rules
from tests.matching.test_runs_together_http import USUAL

pytestmark = pytest.mark.slow

UNCHANGED = {"changed": False, "households_new": 0, "households_gone": 0, "households_changed": 0, "units_new": 0,
             "units_gone": 0, "units_changed": 0, "units_places": 0, "pairs_barred": 0, "weights_changed": False,
             "rules_changed": False}


async def since(field: Field, run: Json) -> Json:
    """What has changed since a run."""
    found: Json = await field.get(f"/runs/{run['id']}/changed_since")
    assert found.pop("run_id") == run["id"]
    return found


async def proposal_of(field: Field, run: Json) -> Json:
    """The only proposal of a run."""
    (found,) = (await field.get(f"/proposals?run_id={run['id']}"))["items"]
    proposal: Json = found
    return proposal


async def test_a_place_that_is_free_again_is_a_change(field: Field) -> None:
    """The mentor's only place was taken, so nobody was found; then that tandem ends: a new run would find the pair."""
    tandem = await field.tandem()
    await field.waiting_household()
    run = await field.run(simulate=True)
    before = await since(field, run)
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved", "rematch": False})
    after = await since(field, run)

    assert (run["possible_pairs"], before) == (0, UNCHANGED)
    assert after == UNCHANGED | {"changed": True, "units_places": 1, "pairs_barred": 1}


async def test_a_place_that_was_given_without_the_run_is_a_change(field: Field) -> None:
    """Somebody was proposed to the mentor by hand: that place is another's by now."""
    mentor, household = await field.ready_mentor(), await field.waiting_household()
    run = await field.run(simulate=True)
    await field.proposed(household, mentor=mentor)

    assert await since(field, run) == UNCHANGED | {"changed": True, "units_places": 1, "households_gone": 1}


async def test_an_answer_of_no_is_a_change(field: Field) -> None:
    """The run's own pair came to nothing: the household waits again, and the two are barred for the next run."""
    await field.ready_mentor()
    await field.waiting_household()
    run = await field.run()
    proposal = await proposal_of(field, run)
    await field.act(f"/proposals/{proposal['id']}/approve", {})
    await field.act(f"/proposals/{proposal['id']}/invite")
    invited = await since(field, run)
    await field.act(f"/proposals/{proposal['id']}/answers", {"side": "mentors", "accepted": False, "reason": "no_time"})
    after = await since(field, run)

    assert invited == UNCHANGED
    assert after == UNCHANGED | {"changed": True, "households_changed": 1, "pairs_barred": 1}


async def begun(field: Field, run: Json) -> Json:
    """A tandem that the run's only proposal becomes; whoever it brings together is no other by any of its steps."""
    address = f"/proposals/{(await proposal_of(field, run))['id']}"
    await field.act(f"{address}/approve", {})
    await field.act(f"{address}/invite")
    for side in ("mentors", "household"):
        await field.act(f"{address}/answers", {"side": side, "accepted": True})
        assert await since(field, run) == UNCHANGED
    await field.act(f"{address}/first_meeting", {"on": str(field.day)})
    return await field.create("/tandems", {"proposal_id": address.rpartition("/")[2], "kind": "everyday"})


@pytest.mark.parametrize("capacity", [1, 2])
async def test_what_the_run_brought_about_is_no_change(field: Field, capacity: int) -> None:
    """Its proposal becomes a tandem: the household is accompanied and the mentor active, whether or not places stay."""
    await field.ready_mentor(capacity=capacity)
    await field.waiting_household()
    run = await field.run()
    tandem = await begun(field, run)
    running = await since(field, run)
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})

    assert running == UNCHANGED
    assert (await since(field, run))["pairs_barred"] == 1
    assert (await since(field, run))["households_changed"] == 1


async def test_a_further_tandem_hides_no_change_of_the_mentor(field: Field) -> None:
    """Who was active before the run is no other by its tandem: a single change afterwards is one of theirs."""
    mentor = await field.ready_mentor(capacity=2)
    await field.tandem(mentor=mentor)
    await field.waiting_household()
    run = await field.run()
    await begun(field, run)
    running = await since(field, run)
    languages = {"de": "B1", "ar": "C2", "uk": "C2"}
    await field.act(f"/mentors/{mentor['id']}", field.mentor_fields(capacity=2, languages=languages), method="PUT")

    assert running == UNCHANGED
    assert await since(field, run) == UNCHANGED | {"changed": True, "units_changed": 1}


async def test_a_change_of_who_became_active_by_the_run_is_one(field: Field) -> None:
    """The first tandem counts for one version; what the mentor says afterwards for one more."""
    mentor = await field.ready_mentor()
    await field.waiting_household()
    run = await field.run()
    await begun(field, run)
    await field.act(f"/mentors/{mentor['id']}", field.mentor_fields(slots=SLOTS[:2]), method="PUT")

    assert await since(field, run) == UNCHANGED | {"changed": True, "units_changed": 1}


async def test_a_group_that_accompanies_by_the_run_is_no_change_until_it_says_something_else(field: Field) -> None:
    """It is matched and accompanies, as the run wanted; whom it takes in afterwards nobody has looked at."""
    group = await field.ready_group()
    await field.waiting_household(programme_id=str(field.sponsorship))
    run = await field.run(field.sponsorship)
    await begun(field, run)
    running = await since(field, run)
    fields = {name: value for name, value in field.group_body(largest=5).items() if name in AccompanyingIn.model_fields}
    await field.act(f"/mentor_groups/{group['id']}", fields | {"label": "Gruppe Kupferkreis"}, method="PUT")

    assert running == UNCHANGED
    assert await since(field, run) == UNCHANGED | {"changed": True, "units_changed": 1}


async def test_who_says_something_else_is_a_change_although_proposed(field: Field) -> None:
    """The run's pair still fits and stands; but with what the two say by now another run may find something else."""
    mentor, household = await field.ready_mentor(), await field.waiting_household()
    run = await field.run()
    proposal = await proposal_of(field, run)
    languages = {"de": "B1", "ar": "C2", "uk": "C2"}
    await field.act(f"/mentors/{mentor['id']}", field.mentor_fields(languages=languages), method="PUT")
    of_mentor = await since(field, run)
    await field.act(f"/proposals/{proposal['id']}/approve", {})
    await field.act(f"/proposals/{proposal['id']}/invite")
    await field.act(f"/households/{household['id']}", field.household_fields(wishes=["school"]), method="PUT")

    assert of_mentor == UNCHANGED | {"changed": True, "units_changed": 1}
    assert await since(field, run) == of_mentor | {"households_changed": 1}


async def test_a_groups_own_household_is_no_change_and_another_one_is(field: Field) -> None:
    """A group has one place: what the run gave it counts as free for it, what somebody else gave it does not."""
    group = await field.ready_group()
    own = await field.waiting_household(programme_id=str(field.sponsorship))
    run = await field.run(field.sponsorship)
    proposal = await proposal_of(field, run)
    simulated = await field.run(field.sponsorship, simulate=True)
    held = await since(field, run), await since(field, simulated)
    await field.act(f"/proposals/{proposal['id']}/dismiss", {"reason": "conflict"})

    assert (proposal["mentor_group_id"], proposal["household_id"]) == (group["id"], own["id"])
    assert held == (UNCHANGED, UNCHANGED)
    assert await since(field, simulated) == UNCHANGED | {
        "changed": True, "households_new": 1, "units_places": 1, "pairs_barred": 1}


async def test_other_weights_are_a_change_but_for_those_that_were_only_tried(field: Field) -> None:
    """A new version for the programme: the run computed with the one before; tried weights stay what they were."""
    run, tried = await field.run(simulate=True), await field.run(simulate=True, weights=USUAL)
    admin = await field.network.key(Role.NETWORK_ADMIN) | new_idempotency_key()
    await field.create("/weights", USUAL | {"programme_id": str(field.programme), "reason": "Versuch"}, headers=admin)

    assert await since(field, run) == UNCHANGED | {"changed": True, "weights_changed": True}
    assert await since(field, tried) == UNCHANGED


async def test_other_rules_are_a_change(field: Field) -> None:
    """From today on the programme asks for a home: the run computed without."""
    run = await field.run(simulate=True)
    await field.network.tell("matching", rules(field.programme, valid_from=field.day, rent_months=12))

    assert await since(field, run) == UNCHANGED | {"changed": True, "rules_changed": True}


async def test_a_certificate_that_ran_out_is_a_change(field: Field) -> None:
    """Nobody changed the mentor, and yet no run would propose them any more."""
    mentor = await field.ready_mentor()
    due = field.day + timedelta(days=10)
    await field.network.rows("matching", "UPDATE mentor SET record_next_due = $2 WHERE id = $1 RETURNING 1",
                             UUID(mentor["id"]), due)
    run = await field.run(simulate=True)
    await field.network.rows("matching", "UPDATE run SET today = $2 WHERE id = $1 RETURNING 1", UUID(run["id"]),
                             field.day - timedelta(days=1))
    assert await since(field, run) == UNCHANGED
    await field.network.rows("matching", "UPDATE mentor SET record_next_due = $2 WHERE id = $1 RETURNING 1",
                             UUID(mentor["id"]), field.day)

    assert await since(field, run) == UNCHANGED | {"changed": True, "units_changed": 1}


async def test_a_home_that_is_to_be_had_in_time_by_now_is_a_change(field: Field) -> None:
    """Nobody changed the group: when the run looked its home was free too late, and today it is free in time."""
    group = await field.ready_group()
    late = field.day + HOME_WITHIN + timedelta(days=1)
    await field.act(f"/mentor_groups/{group['id']}/housing", field.housing(available_from=str(late)), method="PUT")
    await field.waiting_household(programme_id=str(field.sponsorship))
    run = await field.run(field.sponsorship, simulate=True)
    before = await since(field, run)
    await field.network.rows("matching", "UPDATE run SET today = $2 WHERE id = $1 RETURNING 1", UUID(run["id"]),
                             field.day - timedelta(days=1))
    await field.network.rows("matching", "UPDATE mentor_group SET housing = jsonb_set(housing, '{available_from}',"
                             " to_jsonb($2::text)) WHERE id = $1", UUID(group["id"]), str(field.day + HOME_WITHIN))

    assert (run["possible_pairs"], before) == (0, UNCHANGED)
    assert await since(field, run) == UNCHANGED | {"changed": True, "units_changed": 1}


async def test_of_an_older_run_is_told_what_nobody_knows(field: Field) -> None:
    """It kept neither free places nor rules: that is said instead of "unchanged"; what it did keep is counted."""
    await field.ready_mentor()
    run = await field.run(simulate=True)
    await field.network.rows("matching", "UPDATE run_pool SET free = NULL, rules = NULL, read_at = NULL WHERE id = $1"
                             " RETURNING 1", UUID(run["id"]))
    unknown = UNCHANGED | {"changed": None, "units_places": None, "pairs_barred": None, "rules_changed": None}
    assert await since(field, run) == unknown
    await field.waiting_household()
    assert await since(field, run) == unknown | {"changed": True, "households_new": 1}
    await field.network.rows("matching", "DELETE FROM run_pool WHERE id = $1 RETURNING 1", UUID(run["id"]))

    assert await since(field, run) == dict.fromkeys(UNCHANGED) | {"weights_changed": False}


async def test_who_came_and_went_is_counted(field: Field) -> None:
    """Who came, who went, who is another by now; and who waits again since a proposal of the run was let go."""
    mentor, _ = await field.ready_mentor(), await field.waiting_household()
    left = await field.waiting_household(slots=["sun_morning"])
    run = await field.run()
    unchanged = await since(field, run)
    await field.waiting_household()
    await field.act(f"/households/{left['id']}/close", {"reason": "moved"})
    await field.act(f"/mentors/{mentor['id']}/pause")
    await field.ready_mentor()

    assert unchanged == UNCHANGED
    assert await since(field, run) == UNCHANGED | {
        "changed": True, "households_new": 1, "households_gone": 1, "households_changed": 1, "units_new": 1,
        "units_changed": 1}
