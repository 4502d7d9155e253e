"""A concern and an erasure at the same moment: it is refused, or the erasure takes its words along."""

import asyncio
from uuid import UUID, uuid4

import pytest

from libs.common.callers import EVERYTHING, Caller, Role
from libs.common.facts.registry import ErasureRequested
from services.matching.concerns.queries import heard
from services.matching.concerns.reactions import raised
from services.matching.links.queries import CONCERN
from services.matching.persons.reactions import erase_everything
from tests.harness import new_idempotency_key
from tests.matching.field import Field, Json
from tests.matching.test_concerns_alone_http import alone
from tests.matching.test_concerns_http import WORDS, neutral
from tests.matching.test_concerns_moved_http import of_tandem, spoken_for
from tests.matching.test_persons_facts import erased
from tests.matching.test_self_service_http import BROWSER

pytestmark = pytest.mark.slow

KINDS = ("mentor", "member", "household", "former")


async def somebody(field: Field, kind: str, *, in_tandem: bool) -> tuple[str, Json]:
    """What somebody may raise a concern about, and who they are."""
    if in_tandem:
        matter, who, _ = await of_tandem(field, kind)
    else:
        matter = who = await alone(field, "household" if kind == "former" else kind)
    if kind == "former":
        await spoken_for(field, who["id"])
    return matter["id"], who


async def concerns_of(field: Field, person_ref: str) -> list[bytes | None]:
    """What is kept of somebody's concerns."""
    rows = await field.network.rows("matching", "SELECT text FROM concern WHERE person_ref = $1", UUID(person_ref))
    return [row["text"] for row in rows]


@pytest.mark.parametrize("in_tandem", [True, False])
@pytest.mark.parametrize("kind", KINDS)
async def test_who_is_erased_while_they_write_is_not_heard(field: Field, kind: str, in_tandem: bool) -> None:
    """With words or without, as by any link of who is erased; nothing of it is kept."""
    about, who = await somebody(field, kind, in_tandem=in_tandem)
    way = await field.link(CONCERN, about, who["person_ref"])
    async with field.network["matching"].running.database.transaction() as transaction:
        await erase_everything(transaction, ErasureRequested(
            erasure_id=uuid4(), person_refs=(UUID(who["person_ref"]),)))
        await transaction.flush()
        writing = [asyncio.create_task(field.client.post(way, json=body)) for body in (None, {"text": WORDS})]
        await asyncio.wait(writing, timeout=0.3)
    answers = [await one for one in writing]
    assert [(each.status_code, each.json()["slug"]) for each in answers] == [(404, "link-not-valid")] * 2

    assert await concerns_of(field, who["person_ref"]) == []


@pytest.mark.parametrize("in_tandem", [True, False])
@pytest.mark.parametrize("kind", KINDS)
async def test_an_erasure_takes_along_what_is_written_meanwhile(field: Field, kind: str, in_tandem: bool) -> None:
    """As it does what was written before."""
    about, who = await somebody(field, kind, in_tandem=in_tandem)
    ref = UUID(who["person_ref"])
    link = Caller(f"link/{ref}", Role.LINK, EVERYTHING)
    async with field.network["matching"].running.database.transaction(link) as transaction:
        await raised(transaction, await heard(transaction, UUID(about), ref, lock=True), ref, WORDS)
        erasing = asyncio.create_task(erased(field, who["person_ref"]))
        await asyncio.wait({erasing}, timeout=0.3)
        assert not erasing.done()
    told = await erasing
    assert "concerns" in told["stores"]

    assert await concerns_of(field, who["person_ref"]) == [None]


async def test_who_is_erased_while_they_call_is_not_noted(field: Field) -> None:
    """What the neutral contact writes down meanwhile could be read by nobody."""
    one = await alone(field, "mentor")
    headers = await neutral(field) | new_idempotency_key()
    async with field.network["matching"].running.database.transaction() as transaction:
        await erase_everything(transaction, ErasureRequested(
            erasure_id=uuid4(), person_refs=(UUID(one["person_ref"]),)))
        await transaction.flush()
        noting = asyncio.create_task(field.send(
            "POST", "/concerns", {"own_id": one["id"], "text": WORDS}, headers=headers))
        await asyncio.wait({noting}, timeout=0.3)
    answer = await noting
    assert (answer.status_code, answer.json()["slug"]) == (404, "person-erased")

    assert await concerns_of(field, one["person_ref"]) == []


@pytest.mark.parametrize("kind", ["mentor", "household"])
async def test_an_erased_persons_link_to_a_tandem_holds_no_longer(field: Field, kind: str) -> None:
    """Neither its page nor its button, also without a word."""
    about, who = await somebody(field, kind, in_tandem=True)
    way = await field.link(CONCERN, about, who["person_ref"])
    await erased(field, who["person_ref"])
    page = await field.client.get(way, headers=BROWSER)
    answer = await field.client.post(way)
    assert (page.status_code, answer.status_code, answer.json()["slug"]) == (404, 404, "link-not-valid")

    assert await concerns_of(field, who["person_ref"]) == []
