"""A long random walk through the real doors and database: no place is given twice, and the states stay together."""

import random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.matching.proposals.model import OPEN, PENDING
from services.matching.proposals.reactions import end_invitation
from services.matching.tandems.model import RUNNING
from tests.matching.field import Field, Json

STEPS, HOUSEHOLDS = 120, 5
LIVE, TAKEN, RUNS = ({state.value for state in states} for states in (OPEN | PENDING, OPEN, RUNNING))
# What takes a proposal one step further; the walk mostly does this, so that it gets somewhere.
NEXT = {"proposed": "approve", "approved": "invite", "invited": "yes", "accepted_one": "yes", "accepted_both": "meet",
        "first_meeting": "begin", "tandem": "end"}
WORDS = (*["next"] * 20, "approve", "dismiss", "invite", "yes", "no", "meet", "begin", "end", "expire")
SEEN = text("""
SELECT (SELECT json_object_agg(id, json_build_object('state', state, 'capacity', capacity)) FROM mentor
        WHERE programme_id = :programme) AS mentors,
       (SELECT json_object_agg(id, state) FROM mentor_group WHERE programme_id = :programme) AS groups,
       (SELECT json_object_agg(id, state) FROM household WHERE programme_id = :programme) AS households,
       (SELECT json_agg(json_build_object('id', id, 'state', state, 'household', household_id, 'unit',
                        coalesce(mentor_id, mentor_group_id)) ORDER BY id) FROM proposal
        WHERE programme_id = :programme) AS proposals,
       (SELECT json_agg(json_build_object('id', id, 'state', state, 'household', household_id, 'unit',
                        coalesce(mentor_id, mentor_group_id)) ORDER BY id) FROM tandem
        WHERE programme_id = :programme) AS tandems
""")


class Walk:
    """Two mentors and a group, five households, and what comes to a coordinator's mind."""

    def __init__(self, field: Field, chance: random.Random) -> None:
        """begin() fills it."""
        self.field, self.chance, self.done = field, chance, 0

    async def begin(self) -> None:
        """Everyone is ready, or waits."""
        self.mentors = [await self.field.ready_mentor(capacity=capacity) for capacity in (1, 2)]
        group = await self.field.create("/mentor_groups", self.field.group_body(
            1, programme_id=str(self.field.programme)))
        self.group = await self.field.act(f"/mentor_groups/{group['id']}/prepare")
        self.waiting = [await self.field.waiting_household() for _ in range(HOUSEHOLDS)]

    async def seen(self) -> Json:
        """Everything there is, as it stands."""
        async with self.field.network["matching"].running.database.transaction() as transaction:
            row = (await transaction.execute(SEEN, {"programme": self.field.programme})).mappings().one()
        return {name: value or [] for name, value in row.items()}

    async def ask(self, path: str, body: Json | None = None, method: str = "POST") -> None:
        """Ask for it: it is done, or refused for a reason of the field, and nothing else."""
        answer = await self.field.attempt(path, body, method=method)
        self.done += answer.status_code == 200
        assert answer.status_code in {200, 409, 422}, answer.text

    async def step(self, seen: Json) -> None:
        """One thing that comes to mind."""
        kind = self.chance.choices(("propose", "decide", "mentor"), (3, 10, 1))[0]
        if kind == "propose":
            await self.propose(seen)
        elif kind == "mentor":
            address = f"/mentors/{self.chance.choice(self.mentors)['id']}"
            verb = self.chance.choice(("/pause", "/resume", "/resume", ""))
            body = None if verb else self.field.mentor_fields(capacity=1)
            await self.ask(f"{address}{verb}", body, "POST" if verb else "PUT")
        elif seen["proposals"]:
            further = [one for one in seen["proposals"] if one["state"] in NEXT]
            proposal = self.chance.choice(further or seen["proposals"])
            word = self.chance.choice(WORDS)
            await self.decide(proposal, NEXT.get(proposal["state"], "yes") if word == "next" else word, seen)

    async def propose(self, seen: Json) -> None:
        """What a run would: who waits to who is not paused."""
        household, mentor = self.chance.choice(self.waiting), self.chance.choice([*self.mentors, None])
        if seen["households"][household["id"]] != "waiting":
            return
        if mentor is None:
            await self.field.proposed(household, group=self.group)
        elif seen["mentors"][mentor["id"]]["state"] != "paused":
            await self.field.proposed(household, mentor=mentor)

    async def decide(self, proposal: Json, word: str, seen: Json) -> None:
        """Do this with the proposal, whether it fits or not."""
        address, side = f"/proposals/{proposal['id']}", self.chance.choice(("mentors", "household"))
        said = {"side": side, "accepted": word == "yes"}
        bodies: dict[str, tuple[str, Json | None]] = {
            "approve": (f"{address}/approve", {}), "dismiss": (f"{address}/dismiss", {"reason": "conflict"}),
            "invite": (f"{address}/invite", None), "yes": (f"{address}/answers", said),
            "no": (f"{address}/answers", said), "meet": (f"{address}/first_meeting", {"on": str(self.field.day)})}
        if word in bodies:
            await self.ask(*bodies[word])
        elif word == "begin":
            answer = await self.field.send("POST", "/tandems", {"proposal_id": proposal["id"], "kind": "everyday"})
            assert answer.status_code in {201, 409}, answer.text
        elif word == "expire":
            async with self.field.network["matching"].running.database.transaction() as transaction:
                await end_invitation(transaction, UUID(proposal["id"]))
        else:
            for tandem in seen["tandems"][-1:]:
                await self.ask(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})


def misfits(seen: Json) -> list[str]:
    """What does not fit: (a) capacities, (b) one live proposal per household, (d) pauses, and states that disagree."""
    live = [one for one in seen["proposals"] if one["state"] in LIVE]
    running = [one for one in seen["tandems"] if one["state"] in RUNS]
    held = [one["unit"] for one in (*live, *running) if one["state"] in TAKEN | RUNS]
    firm = [one["unit"] for one in live if one["state"] in {"accepted_both", "first_meeting"}]
    found = [f"mentor {one}: {there}" for one, there in seen["mentors"].items()
             if held.count(one) > there["capacity"]
             or (there["state"] == "paused" and one in [each["unit"] for each in live])]
    expected = {"waiting": (0, 0), "proposed": (1, 0), "in_tandem": (0, 1)}
    for household, state in seen["households"].items():
        counted = tuple([one["household"] for one in some].count(household) for some in (live, running))
        found += [f"household {state}: {counted}"] if counted != expected[state] else []
    for group, state in seen["groups"].items():
        together = group in [one["unit"] for one in running]
        fits = (group in firm, together) == (state == "matched", state == "accompanying")
        found += [f"group {state}"] if not fits or held.count(group) > 1 else []
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
async def test_no_place_is_given_twice_on_a_long_walk(field: Field, seed: int) -> None:
    """Proposals, answers, meetings, endings, pauses and expiries in any order; refused or done, never half."""
    walk = Walk(field, random.Random(seed))
    await walk.begin()
    seen = await walk.seen()
    for step in range(STEPS):
        await walk.step(seen)
        seen = await walk.seen()
        assert misfits(seen) == [], (seed, step)
    reached: set[Any] = {one["state"] for one in seen["proposals"]}

    assert walk.done > STEPS / 5
    assert len(seen["tandems"]) > 0, reached
