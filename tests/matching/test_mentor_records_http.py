"""What is known of a mentor's criminal-record certificate: how long, who looks for it, and what an entry does."""

from uuid import UUID

import pytest

from libs.common.facts.notify import ConsentWithdrawn
from services.matching.links.queries import OWN_DATA
from tests.matching.field import Field
from tests.matching.test_persons_facts import erased

pytestmark = pytest.mark.slow


async def due_about(field: Field, mentor_id: str) -> list[str]:
    """The kinds of work that will fall due about a mentor."""
    rows = await field.network.rows("matching", "SELECT kind FROM due WHERE about = $1", UUID(mentor_id))
    return sorted(row["kind"] for row in rows)


async def taken_back(field: Field, mentor_id: str, way: str) -> None:
    """The mentor takes the consent to be matched back, in one of the ways there are."""
    person_ref = (await field.get(f"/mentors/{mentor_id}"))["person_ref"]
    if way == "coordinator":
        held = await field.get(f"/consents?person_ref={person_ref}&purpose=matching&holding=true")
        await field.act(f"/consents/{held['items'][0]['id']}/withdraw")
    elif way == "own link":
        path = await field.link(OWN_DATA, mentor_id, person_ref)
        assert (await field.client.post(f"{path}/withdraw_consent")).status_code == 200
    else:
        await field.network.tell("matching", ConsentWithdrawn(
            person_ref=UUID(person_ref), purpose="matching", text_version=1))


@pytest.mark.parametrize("way", ["coordinator", "own link", "link of notify"])
async def test_who_takes_the_consent_back_is_forgotten_as_who_leaves(field: Field, way: str) -> None:
    """Three months after they accompanied somebody nothing is known of the certificate, whoever they told."""
    tandem = await field.tandem()
    address = f"/mentors/{tandem['mentor_id']}"
    assert await due_about(field, tandem["mentor_id"]) == ["record_due"]
    await taken_back(field, tandem["mentor_id"], way)
    left = await field.get(address)
    assert (left["state"], left["record_seen_on"] is not None) == ("left", True)
    assert await due_about(field, tandem["mentor_id"]) == ["record_deletion"]
    await field.network.move(days=93)
    after = await field.get(address)

    assert [value for name, value in after.items() if name.startswith("record_")] == [None] * 4
    assert await due_about(field, tandem["mentor_id"]) == []


async def test_what_is_said_later_keeps_nothing_longer(field: Field) -> None:
    """The three months are counted from the day on which the mentor left."""
    tandem = await field.tandem()
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
    await field.act(f"/mentors/{tandem['mentor_id']}/leave")
    await field.network.move(days=80)
    await taken_back(field, tandem["mentor_id"], "coordinator")
    await field.network.move(days=13)

    assert (await field.get(f"/mentors/{tandem['mentor_id']}"))["record_seen_on"] is None


async def test_of_who_never_accompanied_or_was_erased_nothing_is_kept(field: Field) -> None:
    """At once, so that nothing falls due either."""
    ready, tandem = await field.ready_mentor(), await field.tandem()
    await taken_back(field, ready["id"], "coordinator")
    mentor, _ = await field.refs(tandem)
    await taken_back(field, tandem["mentor_id"], "coordinator")
    await erased(field, mentor)

    for mentor_id in (ready["id"], tandem["mentor_id"]):
        assert (await field.get(f"/mentors/{mentor_id}"))["record_seen_on"] is None
        assert await due_about(field, mentor_id) == []
