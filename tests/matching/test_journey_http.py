"""From a ready mentor and a waiting household to a closed tandem, through the doors alone."""


from services.matching.links.queries import ANSWER, CONSENT
from tests.matching.field import Field


async def test_a_pair_becomes_a_tandem_and_comes_to_its_good_end(field: Field) -> None:
    """Run, approval, invitations, both acceptances, first meeting, trial, both consents, closing; each step is told."""
    await field.ready_mentor()
    household = await field.waiting_household()
    run = await field.run()
    (found,) = (await field.get(f"/proposals?run_id={run['id']}"))["items"]
    await field.act(f"/proposals/{found['id']}/approve", {})
    proposal = await field.act(f"/proposals/{found['id']}/invite")
    persons = await field.refs(proposal)
    for person in persons:
        answered = await field.client.post(f"{await field.link(ANSWER, proposal['id'], person)}/accept")
        assert answered.status_code == 200, answered.text
    await field.act(f"/proposals/{proposal['id']}/first_meeting", {"on": str(field.day)})
    tandem = await field.create("/tandems", {"proposal_id": proposal["id"], "kind": "everyday"})
    await field.network.move(days=29)
    for person in persons:
        answered = await field.client.post(f"{await field.link(CONSENT, tandem['id'], person)}/give")
        assert answered.status_code == 200, answered.text
    await field.create("/closings", {"tandem_id": tandem["id"], "held_on": str(field.day), "mentors_rating": 5})

    assert run["certified"]
    assert run["objective"] == run["bound"] > 1000
    assert (await field.get(f"/tandems/{tandem['id']}"))["state"] == "completed"
    assert (await field.get(f"/households/{household['id']}"))["state"] == "closed"
    assert await field.subjects(proposal["id"]) == [
        "proposal.created", "proposal.approved", "proposal.invited", "proposal.accepted", "proposal.accepted"]
    assert await field.subjects(tandem["id"]) == [
        "tandem.started", "checkin.due", "checkin.due", "tandem.trial_ended", "tandem.confirmed",
        "tandem.completed"]
