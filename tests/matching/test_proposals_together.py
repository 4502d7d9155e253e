"""One place is never given twice, whoever asks at the same moment; two instances, fifty at a time."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from libs.common.persons import PersonDetails, meet
from services.matching.households.model import Household, HouseholdState
from services.matching.links.queries import ANSWER
from services.matching.profiles.rules import mask_of
from services.matching.proposals.model import Proposal, ProposalState
from services.matching.runs.model import Run
from tests.matching.field import LANGUAGES, REGION, SLOTS, Field, Json

CROWD = 50
TAKEN = ("SELECT (SELECT count(*) FROM proposal WHERE mentor_id = $1 AND state IN"
         " ('invited', 'accepted_one', 'accepted_both', 'first_meeting'))"
         " + (SELECT count(*) FROM tandem WHERE mentor_id = $1 AND state IN ('trial', 'active', 'paused'))")


async def crowd(field: Field, mentor: Json, **state: Any) -> list[UUID]:
    """Fifty proposals of one mentor in this state, each with another household, as runs would have left them."""
    proposals = []
    async with field.network["matching"].running.database.transaction() as transaction:
        now, run = transaction.clock.now(), uuid4()
        transaction.add(Run(id=run, region=REGION, programme_id=field.programme, started_by="test", started_at=now))
        await transaction.flush()
        for number in range(CROWD):
            ref = await meet(transaction, PersonDetails(name=f"Haushalt {number}"), region=REGION)
            household = Household(
                region=REGION, programme_id=field.programme, person_ref=ref, registered_by="test", waiting_since=now,
                state=HouseholdState.PROPOSED, consented_on=field.day, languages=LANGUAGES, slots=mask_of(SLOTS),
                members=[{"age_band": "27-44", "gender": "f"}])
            transaction.add(household)
            await transaction.flush()
            proposal = Proposal(
                run_id=run, region=REGION, programme_id=field.programme, household_id=household.id,
                mentor_id=UUID(mentor["id"]), score=700, expires_at=now + timedelta(days=7), **state)
            transaction.add(proposal)
            proposals.append(proposal.id)
    return proposals


def outcomes(answers: list[httpx.Response]) -> Counter[tuple[int, str]]:
    """How often which status and slug came."""
    return Counter((one.status_code, one.json().get("slug", "")) for one in answers)


async def test_fifty_at_once_for_one_place(field: Field) -> None:
    """Fifty invitations: one goes out. Fifty acceptances by one link: one counts. Exactly one tandem comes of it."""
    other = await field.network.instance("matching")
    clients = [field.client, other.client]
    mentor = await field.ready_mentor(capacity=1)
    proposals = await crowd(field, mentor, state=ProposalState.APPROVED)

    def invite(number: int, proposal: UUID) -> Any:
        headers = field.coordinator | {"If-Match": '"1"'}
        return clients[number % 2].post(f"/v1/proposals/{proposal}/invite", headers=headers)

    random.shuffle(proposals)
    invited = await asyncio.gather(*(invite(number, one) for number, one in enumerate(proposals)))
    assert outcomes(list(invited)) == {(200, ""): 1, (409, "slot-taken"): CROWD - 1}
    (winner,) = [one.json() for one in invited if one.status_code == 200]
    assert (await field.network.rows("matching", TAKEN, UUID(mentor["id"])))[0][0] == 1

    for person in await field.refs(winner):
        path = await field.link(ANSWER, winner["id"], person)
        accepted = await asyncio.gather(*(clients[number % 2].post(f"{path}/accept") for number in range(CROWD)))
        assert outcomes(list(accepted)) == {(200, ""): 1, (409, "invitation-answered"): CROWD - 1}
    await field.act(f"/proposals/{winner['id']}/first_meeting", {"on": str(field.day)})
    begun = await asyncio.gather(*(clients[number % 2].post(
        "/v1/tandems", json={"proposal_id": winner["id"], "kind": "everyday"}, headers=field.coordinator)
        for number in range(10)))
    assert outcomes(list(begun)) == {(201, ""): 1, (409, "proposal-state"): 9}
    assert (await field.network.rows("matching", "SELECT count(*) FROM tandem"))[0][0] == 1
    field.network.services.remove(other)
    await other.stop()


async def test_even_too_many_invitations_make_one_tandem(field: Field, matching: Field) -> None:
    """Should invitations ever go out beyond the capacity, the promised places are counted again at each acceptance."""
    field.client = matching.network["matching"].client
    mentor = await field.ready_mentor(capacity=CROWD)
    proposals = await crowd(field, mentor, state=ProposalState.ACCEPTED_ONE, household_accepted_at=datetime.now(UTC))
    await field.network.rows("matching", "UPDATE mentor SET capacity = 1 WHERE id = $1", UUID(mentor["id"]))
    paths = [await field.link(ANSWER, str(one), mentor["person_ref"]) for one in proposals]
    answers = await asyncio.gather(*(field.client.post(f"{path}/accept") for path in paths))

    assert outcomes(list(answers)) == {(200, ""): 1, (409, "slot-taken"): CROWD - 1}
    refused = next(one for one in answers if one.status_code == 409)
    assert "taken by now" in refused.json()["detail"]


async def test_accepting_declining_and_expiring_at_once_has_one_outcome(field: Field, matching: Field) -> None:
    """Both sides answer at the same moment in every way: the state is one of those that an order leads to."""
    field.client = matching.network["matching"].client
    mentor = await field.ready_mentor(capacity=20)
    for _ in range(6):
        proposal = await field.invited(mentor=mentor)
        one, other = [await field.link(ANSWER, proposal["id"], person) for person in await field.refs(proposal)]
        answers = await asyncio.gather(
            field.client.post(f"{one}/accept"), field.client.post(f"{other}/accept"),
            field.client.post(f"{other}/decline?reason=no_time"), field.client.post(f"{one}/accept"))
        assert {answer.status_code for answer in answers} <= {200, 409}
        found = await field.get(f"/proposals/{proposal['id']}")
        household = await field.get(f"/households/{proposal['household_id']}")
        assert (found["state"], household["state"]) == ("declined", "waiting")


async def test_two_who_approve_parts_of_a_run_wait_for_each_other_one_way(field: Field) -> None:
    """Each has some of the same two mentors, in another order: both approve theirs."""
    first, second = [await field.ready_mentor() for _ in range(2)]
    crowds = [await crowd(field, mentor, state=ProposalState.PROPOSED) for mentor in (first, second, first)]
    everything = [one for crowd_of in crowds for one in crowd_of]
    (run, *_), *_ = await field.network.rows("matching", "SELECT run_id FROM proposal WHERE id = $1", everything[0])
    await field.network.rows("matching", "UPDATE proposal SET run_id = $1 WHERE id = ANY($2)", run, everything)
    await field.network.rows("matching", "UPDATE mentor SET capacity = 150 WHERE id = ANY($1)",
                             [UUID(mentor["id"]) for mentor in (first, second)])
    parts = [crowds[0] + crowds[1][: CROWD // 2], crowds[1][CROWD // 2 :] + crowds[2]]
    answers = await asyncio.gather(*(field.send(
        "POST", f"/runs/{run}/approve", {"proposal_ids": [str(one) for one in part]}) for part in parts))

    assert [answer.status_code for answer in answers] == [200, 200], [answer.text for answer in answers]
    assert await field.network.rows(
        "matching", "SELECT 1 FROM proposal WHERE state <> 'approved' AND id = ANY($1)", everything) == []
