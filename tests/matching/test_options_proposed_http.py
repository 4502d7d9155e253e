"""Options of a household that has a proposal or a tandem already: that place is held, and not what is missing."""

import pytest

from tests.harness import new_idempotency_key
from tests.matching.field import Field, Json


async def options(field: Field, household: Json) -> Json:
    """The household's options."""
    found: Json = await field.get(f"/options?household_id={household['id']}")
    return found


@pytest.mark.parametrize("state", ["proposed", "approved", "invited"])
async def test_the_place_that_is_held_for_a_household_is_not_missing(field: Field, state: str) -> None:
    """The mentor's only place: the proposal is named, while for others it is the place that is missing."""
    mentor, household, other = [await field.ready_mentor(), await field.waiting_household(),
                                await field.waiting_household()]
    before = await options(field, household)
    proposal = await field.proposed(household, mentor=mentor)
    for verb in {"proposed": (), "approved": ("approve",), "invited": ("approve", "invite")}[state]:
        await field.act(f"/proposals/{proposal['id']}/{verb}", {} if verb == "approve" else None)
    own, others = await options(field, household), await options(field, other)

    assert (before["proposal_id"], before["advice"]) == (None, "only_option")
    assert (own["proposal_id"], own["advice"], own["options"], own["missing"]) == (
        proposal["id"], "already_proposed", [], {})
    assert own["said"]["de"].startswith("Für diesen Haushalt gibt es schon einen Vorschlag.")
    assert own["said"]["en"].startswith("There is a proposal for this household already.")
    assert (others["proposal_id"], others["advice"]) == (None, "nobody")
    assert any("Platz" in sentence for sentence in others["missing"]["de"])


async def test_nobody_else_is_advised_while_there_is_a_proposal_and_all_are_afterwards(field: Field) -> None:
    """Another mentor stands among the options, but cannot be proposed before the first comes to nothing."""
    mentor, other = await field.ready_mentor(), await field.ready_mentor()
    household = await field.waiting_household()
    proposal = await field.proposed(household, mentor=mentor)
    meanwhile = await options(field, household)
    await field.act(f"/proposals/{proposal['id']}/dismiss", {"reason": "postponed"})
    after = await options(field, household)

    assert [one["unit_id"] for one in meanwhile["options"]] == [other["id"]]
    assert (meanwhile["advice"], meanwhile["proposal_id"]) == ("already_proposed", proposal["id"])
    assert (after["advice"], after["proposal_id"], after["possible"]) == ("propose", None, 2)


@pytest.mark.parametrize("state", ["trial", "active", "paused"])
async def test_who_is_accompanied_is_told_so_and_not_that_a_place_is_missing(field: Field, state: str) -> None:
    """The mentor's only place is taken by their own tandem, which is named; to propose somebody is refused."""
    tandem = await (field.tandem() if state == "trial" else field.active())
    if state == "paused":
        await field.act(f"/tandems/{tandem['id']}/pause")
    household = await field.get(f"/households/{tandem['household_id']}")
    own, others = await options(field, household), await options(field, await field.waiting_household())
    choice = {"household_id": household["id"], "unit_id": (await field.ready_mentor())["id"], "reason": "known_to_fit"}
    refused = await field.send("POST", "/options/propose", choice, headers=field.coordinator | new_idempotency_key())

    assert (own["advice"], own["tandem_id"], own["proposal_id"], own["options"], own["missing"]) == (
        "already_accompanied", tandem["id"], None, [], {})
    assert own["said"]["de"].startswith("Dieser Haushalt wird schon in einem Tandem begleitet.")
    assert own["said"]["en"].startswith("This household is accompanied in a tandem already.")
    assert (others["advice"], others["tandem_id"]) == ("nobody", None)
    assert any("Platz" in sentence for sentence in others["missing"]["de"])
    assert (refused.status_code, refused.json()["slug"]) == (409, "household-state")


async def test_whom_a_household_has_is_not_among_its_options_though_they_have_a_place_left(field: Field) -> None:
    """Neither while they are proposed nor while they accompany it; somebody else is, and is advised once it waits."""
    household = await field.waiting_household()
    mentor, other = await field.ready_mentor(capacity=2), await field.ready_mentor()
    proposal = await field.proposed(household, mentor=mentor)
    proposed = await options(field, household)
    await field.act(f"/proposals/{proposal['id']}/approve", {})
    await field.act(f"/proposals/{proposal['id']}/invite")
    for side in ("mentors", "household"):
        await field.act(f"/proposals/{proposal['id']}/answers", {"side": side, "accepted": True})
    await field.act(f"/proposals/{proposal['id']}/first_meeting", {"on": str(field.day)})
    tandem = await field.create("/tandems", {"proposal_id": proposal["id"], "kind": "everyday"})
    accompanied = await options(field, household)
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "household_wish"})
    after = await options(field, household)

    for found in (proposed, accompanied):
        assert ([one["unit_id"] for one in found["options"]], found["possible"]) == ([other["id"]], 1)
    assert accompanied["advice"] == "already_accompanied"
    assert after["advice"] in {"propose", "only_option"}
    assert after["tandem_id"] is None


async def test_for_whom_nobody_is_looked_for_is_refused_whether_accompanied_or_not(field: Field) -> None:
    """In a pause, and after the end."""
    household, tandem = await field.waiting_household(), await field.tandem()
    refused = []
    for of in (household["id"], tandem["household_id"]):
        await field.act(f"/households/{of}/pause")
        refused.append(await field.send("GET", f"/options?household_id={of}"))
    await field.act(f"/households/{household['id']}/close", {"reason": "moved"})
    refused.append(await field.send("GET", f"/options?household_id={household['id']}"))

    assert [(one.status_code, one.json()["slug"]) for one in refused] == [
        (409, "paused"), (409, "paused"), (409, "household-closed")]
