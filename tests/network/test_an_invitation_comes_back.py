"""An invitation that comes back: notify is told so, and matching shows which side waits for it in vain."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from libs.common.callers import Role
from tests.harness import Network
from tests.matching.field import REGION, Field, rules
from tests.notify.post import until

pytestmark = pytest.mark.slow


async def test_a_mail_that_came_back_is_shown_at_its_proposal(network: Network, tmp_path: Path) -> None:
    """Operations note the household's as returned; the coordinator sees it among those to be telephoned."""
    await network.start("matching")
    await network.start("notify", mail_folder=tmp_path, mail_retry_seconds=0.05)
    field = Field(network, network["matching"].client, await network.key(Role.COORDINATOR, region=REGION))
    await network.tell("matching", rules(field.programme))
    proposal = await field.invited()
    _, household = await field.refs(proposal)
    sent: list[Any] = []

    async def is_sent() -> bool:
        sent[:] = await network.rows(
            "notify", "SELECT id, version FROM delivery WHERE template = 'proposal_invited' AND state = 'sent'"
            " AND person_ref = $1", UUID(household))
        return bool(sent)

    async def is_shown() -> bool:
        listed = (await field.get("/proposals?not_reached=true"))["items"]
        return [one["id"] for one in listed] == [proposal["id"]]

    assert await until(is_sent)
    headers = await network.key(Role.OPS) | {"If-Match": f'"{sent[0]["version"]}"'}
    returned = await network["notify"].client.post(
        f"/v1/deliveries/{sent[0]['id']}/outcome", json={"outcome": "bounced"}, headers=headers)
    assert returned.status_code == 200
    assert await until(is_shown)
    shown = await field.get(f"/proposals/{proposal['id']}")

    assert (shown["mentors_not_reached_since"], shown["household_not_reached_since"] is not None) == (None, True)
