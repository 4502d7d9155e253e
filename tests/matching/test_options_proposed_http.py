"""Options of a household that has a proposal already: its place is held for it, and is not what is missing."""

import pytest

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
