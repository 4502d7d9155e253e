"""What counsellors enter in matching counts for the project of their partner in the registry, until it is struck."""

from datetime import timedelta
from typing import Any

import pytest

from libs.common.callers import Role
from tests.harness import Network
from tests.matching.field import REGION, Field
from tests.registry.steps import a_project, an_indicator, ok

pytestmark = pytest.mark.slow


async def test_what_counsellors_enter_reaches_their_partners_figures(network: Network) -> None:
    """A contact with its case, corrected, closed, and struck at last; another partner's never."""
    await network.start("registry", "matching")
    field = Field(network, network["matching"].client, await network.key(Role.COORDINATOR, region=REGION))
    term: dict[str, Any] = {"starts": str(field.day - timedelta(days=70)), "ends": str(field.day + timedelta(days=70))}
    project, coordinator, carrier = await a_project(network, **term)
    wanted: list[dict[str, Any]] = [{"metric": "records", "filter": {"facts": [f"counselling_{kind}"]}}
                                    for kind in ("contact", "case_opened", "case_closed")]
    wanted.append({"metric": "counselling_minutes", "filter": {"facts": ["counselling_contact"]}})
    addresses = [await an_indicator(network, project, coordinator, **fields) for fields in wanted]

    async def figures() -> list[int]:
        await network.settled()
        registry = network["registry"].client
        return [ok(await registry.get(one, headers=coordinator))["actual"] for one in addresses]

    contact = await field.counselled(case=field.case_body(partner_id=str(carrier)))
    await field.counselled()
    assert await figures() == [1, 1, 0, 45]
    address, case = f"/counselling_contacts/{contact['id']}", f"/counselling_cases/{contact['counselling_case_id']}"
    await field.act(address, {"minutes": 90, "topics": ["health"]}, method="PUT")
    await field.act(f"{case}/close", {"result": "granted"})
    assert await figures() == [1, 1, 1, 90]
    await field.act(f"{address}/strike", {"reason": "not_held"})
    await field.act(f"{case}/reopen")

    assert await figures() == [0, 1, 0, 0]


async def test_a_closing_that_is_put_right_counts_where_it_was(network: Network) -> None:
    """Before the project's term it does not; in it once, however often it is corrected; withdrawn it never was."""
    await network.start("registry", "matching")
    field = Field(network, network["matching"].client, await network.key(Role.COORDINATOR, region=REGION))
    term: dict[str, Any] = {"starts": str(field.day - timedelta(days=70)), "ends": str(field.day + timedelta(days=70))}
    project, coordinator, carrier = await a_project(network, **term)
    closings = await an_indicator(network, project, coordinator, metric="records",
                                  filter={"facts": ["counselling_case_closed"]})

    async def counted() -> Any:
        await network.settled()
        return ok(await network["registry"].client.get(closings, headers=coordinator))["actual"]

    contact = await field.counselled(
        case=field.case_body(partner_id=str(carrier)), held_on=str(field.day - timedelta(days=300)))
    case = f"/counselling_cases/{contact['counselling_case_id']}"
    await field.act(f"{case}/close", {"result": "granted", "closed_on": str(field.day - timedelta(days=200))})
    counts = [await counted()]
    for days in (0, 200, 40, 10):
        day = str(field.day - timedelta(days=days))
        await field.act(f"{case}/closing", {"closed_on": day}, method="PUT")
        counts.append(await counted())
    await field.act(f"{case}/closing/withdraw", {"reason": "entered_by_mistake"})
    counts.append(await counted())
    await field.act(f"{case}/close", {"result": "granted"})

    assert [*counts, await counted()] == [0, 1, 0, 1, 1, 0, 1]
