"""Tandems and meetings that matching has reach their project's figures in the registry, whenever it was named."""

from datetime import timedelta
from typing import Any

import pytest

from libs.common.callers import Role
from services.registry.indicators.reactions import rebuild
from tests.harness import Network
from tests.matching.field import REGION, Field, Json, rules
from tests.registry.steps import a_project, an_indicator, id_of, ok, step

pytestmark = pytest.mark.slow

FIGURES: list[dict[str, Any]] = [
    {"metric": "records", "filter": {"facts": ["tandem_started"]}},
    {"metric": "records", "filter": {"facts": ["tandem_completed"]}},
    {"metric": "meeting_minutes", "filter": {"facts": ["meeting"]}}]


class Funders:
    """Two projects of one year each, the second beginning today, and their figures."""

    def __init__(self, network: Network, field: Field) -> None:
        """Nothing is planned yet."""
        self.network, self.field = network, field
        self.projects: list[str] = []
        self.addresses: list[list[str]] = []
        self.coordinator: dict[str, str] = {}

    async def plan(self) -> None:
        """Open both, with their indicators."""
        for first, last in ((-365, -1), (0, 364)):
            term: dict[str, Any] = {"starts": str(self.field.day + timedelta(days=first)),
                                    "ends": str(self.field.day + timedelta(days=last))}
            project, self.coordinator, _ = await a_project(self.network, **term)
            self.projects.append(project)
            self.addresses.append([
                await an_indicator(self.network, project, self.coordinator, **one) for one in FIGURES])
        await self.network.settled()

    async def figures(self) -> list[list[int]]:
        """Of either project: tandems begun, completed, minutes of meetings."""
        await self.network.settled()
        registry = self.network["registry"].client
        return [[ok(await registry.get(one, headers=self.coordinator))["actual"] for one in each]
                for each in self.addresses]

    async def tandem(self) -> Json:
        """It began 40 days ago and met then, on the last day of the former term and on the first of the next."""
        proposal, day = await self.field.accepted(), self.field.day
        await self.field.act(f"/proposals/{proposal['id']}/first_meeting", {"on": str(day)})
        tandem = await self.field.create("/tandems", {
            "proposal_id": proposal["id"], "kind": "everyday", "started_on": str(day - timedelta(days=40))})
        for back, minutes in ((40, 60), (1, 30), (0, 15)):
            await self.field.create("/meetings", {"tandem_id": tandem["id"], "side": "mentors", "minutes": minutes,
                                                  "on": str(day - timedelta(days=back))})
        return tandem

    async def complete(self, tandem: Json) -> None:
        """Both go on after the trial, and it comes to its good end today."""
        for side in ("mentors", "household"):
            await self.field.act(f"/tandems/{tandem['id']}/consents", {"side": side})
        await self.field.create("/closings", {"tandem_id": tandem["id"], "held_on": str(self.field.day)})

    async def name(self, tandem: Json, which: int | None) -> None:
        """The tandem counts for this one of them."""
        project = None if which is None else str(id_of(self.projects[which]))
        await self.field.act(f"/tandems/{tandem['id']}", {"planned_until": "2099-01-01", "project_id": project},
                             method="PUT")


async def test_what_tandems_did_reaches_the_project_in_whose_term_it_lies(network: Network) -> None:
    """Entered late, named later, changed and taken away by mistake, completed; counted anew it is the same."""
    await network.start("registry", "matching")
    field = Field(network, network["matching"].client, await network.key(Role.COORDINATOR, region=REGION))
    await network.tell("matching", rules(field.programme))
    funders = Funders(network, field)
    await funders.plan()
    tandem, nothing = await funders.tandem(), [0, 0, 0]
    assert await funders.figures() == [nothing, nothing]
    for named, figures in ((0, [[1, 0, 90], nothing]), (1, [[1, 0, 90], [0, 0, 15]]), (None, [nothing, nothing]),
                           (0, [[1, 0, 90], nothing])):
        await funders.name(tandem, named)
        assert await funders.figures() == figures
    ok(await step(network, f"{funders.projects[0]}/close", funders.coordinator))
    await network.settled()
    await funders.name(tandem, None)
    await funders.name(tandem, 1)
    await funders.complete(tandem)
    known = await funders.figures()
    assert known == [[1, 0, 90], [0, 1, 15]]
    rows = await network.rows("registry", "SELECT * FROM counted_fact ORDER BY id")
    await network.start("events")
    async with network["registry"].running.database.transaction() as transaction:
        await rebuild(transaction)

    assert await network.rows("registry", "SELECT * FROM counted_fact ORDER BY id") == rows
    assert await funders.figures() == known
