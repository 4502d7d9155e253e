"""Consents that are taken back while something goes on, or are heard of late: the later word counts."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from libs.common.envelope import Heard, envelope_headers
from libs.common.facts.notify import ConsentWithdrawn
from services.matching.consents.model import Purpose
from services.matching.consents.reactions import consent_withdrawn
from tests.matching.field import Field
from tests.matching.test_consents_http import LEARNING, agreed, consents


@pytest.mark.parametrize("side", [0, 1])
async def test_no_learning_is_written_while_the_consent_is_being_taken_back(field: Field, side: int) -> None:
    """Of either side: who writes waits for whoever withdraws, and is refused; no draft stays."""
    tandem = await field.active()
    ref = UUID((await field.refs(tandem))[side])
    closing = await field.create("/closings", {"tandem_id": tandem["id"], "held_on": str(field.day)})
    address = f"/closings/{closing['id']}"
    async with field.network["matching"].running.database.transaction() as transaction:
        await consent_withdrawn(transaction, ref, Purpose.LEARNINGS)
        writing = asyncio.create_task(field.refused(f"{address}/learning", LEARNING, method="PUT"))
        assert await asyncio.wait({writing}, timeout=0.3) == (set(), {writing})

    assert await writing == (409, "purpose-without-consent")
    assert (await field.get(address))["learning_state"] == "none"


async def test_a_withdrawal_that_is_heard_late_leaves_what_was_given_since(field: Field) -> None:
    """It takes back what was noted before it was said; also what was carried over, of which nobody knows when."""
    household = await field.waiting_household()
    ref = UUID(household["person_ref"])
    said = datetime.now(UTC)
    await asyncio.sleep(0.01)
    given = await agreed(field, str(ref), "checkins")
    await heard_late(field, ConsentWithdrawn(person_ref=ref, purpose="checkins"), said)
    assert (await consents(field, str(ref)))["checkins"]["id"] == given["id"]
    await heard_late(field, ConsentWithdrawn(person_ref=ref, purpose="learnings"), said)
    assert set(await consents(field, str(ref))) == {"matching", "checkins", "authority"}
    async with field.network["matching"].running.database.transaction() as transaction:
        await transaction.execute(text("UPDATE consent SET id = :new WHERE id = :id"),
                                  {"new": UUID("ffffffff-ffff-4fff-bfff-ffffffffffff"), "id": UUID(given["id"])})
    await heard_late(field, ConsentWithdrawn(person_ref=ref, purpose="checkins"), said)

    assert set(await consents(field, str(ref))) == {"matching", "authority"}


async def heard_late(field: Field, fact: ConsentWithdrawn, said: datetime) -> None:
    """Matching hears a fact that notify told at that time."""
    heard = Heard("notify", 1, uuid4(), fact.subject, fact.about(), envelope_headers(
        network="test", subject=fact.subject, fact_id=uuid4(), about=fact.about(), correlation=uuid4().hex, at=said,
        actor_role="system"), fact.model_dump_json().encode())
    running = field.network["matching"].running
    async with running.database.transaction() as transaction:
        await running.inbox.react(transaction, heard)
