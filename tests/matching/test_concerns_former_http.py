"""Who spoke for a household before turns to the neutral contact by themselves; nobody else learns what they said."""

import asyncio
from uuid import UUID, uuid4

import pytest
from cryptography.exceptions import InvalidTag

from libs.common.privacy import unseal
from services.matching.concerns.model import SEALED_TEXT
from services.matching.households.model import Household, Note
from services.matching.households.reactions import contact_replaced
from services.matching.households.rules import ReplacingIn
from services.matching.links.queries import CONCERN, OWN_DATA
from services.matching.profiles.queries import locked
from tests.matching.field import Field, Json
from tests.matching.test_concerns_found_http import another, replaced
from tests.matching.test_concerns_http import WORDS, neutral
from tests.matching.test_household_contacts_http import YUSUF
from tests.matching.test_own_data_of_members_http import sides_of, ways_to_neutral
from tests.matching.test_persons_facts import erased
from tests.matching.test_self_service_http import BROWSER

pytestmark = pytest.mark.slow


async def own(field: Field, tandem: Json, person_ref: str) -> str:
    """The link to own data of who speaks, or spoke, for a tandem's household."""
    return await field.link(OWN_DATA, tandem["household_id"], person_ref)


async def test_a_former_contact_writes_to_the_neutral_contact_from_their_page(field: Field) -> None:
    """Sealed with their own key, read by the neutral contact as theirs and by themselves, and not by the new contact.

    Nor does the new contact's own way to the neutral contact tell them that something waits.
    """
    tandem, former, now = await replaced(field)
    (way,) = await ways_to_neutral(field, await own(field, tandem, former))
    assert (await field.client.get(way, headers=BROWSER)).status_code == 200
    raised = await field.client.post(way, json={"text": WORDS})
    concern = await field.get(f"/concerns/{raised.json()['concern_id']}", headers=await neutral(field))
    assert (concern["person_ref"], concern["side"], concern["text"], concern["name"]) == (
        former, "household", WORDS, "Samira Demo")
    (row,) = await field.network.rows("matching", "SELECT text FROM concern WHERE id = $1", UUID(concern["id"]))
    async with field.network["matching"].running.database.transaction() as transaction:
        assert await unseal(transaction, UUID(former), SEALED_TEXT, row["text"], Note) == Note(text=WORDS)
        with pytest.raises(InvalidTag):
            await unseal(transaction, UUID(now), SEALED_TEXT, row["text"], Note)
    for ref, concerns in ((former, [WORDS]), (now, [])):
        path = await own(field, tandem, ref)
        read = (await field.client.get(f"{path}/data.json")).json()
        assert [one["text"] for one in read["noted"]["concerns"]] == concerns
        assert (WORDS in (await field.client.get(path, headers=BROWSER)).text) == (ref == former)
    (theirs,) = await ways_to_neutral(field, await own(field, tandem, now))
    page = await field.client.get(theirs, headers=BROWSER)
    assert (page.status_code, WORDS in page.text) == (200, False)
    waiting = await field.client.post(way, json={"text": "Noch etwas"})
    assert (waiting.status_code, waiting.json()["slug"]) == (409, "concern-waiting")
    assert (await field.client.post(theirs, json={"text": "Eine Frage"})).status_code == 200

    assert await sides_of(field, tandem) == [(former, "household"), (now, "household")]


async def test_it_leads_to_what_began_in_their_time(field: Field) -> None:
    """Also after its end; not to what the household began later, which is the new contact's alone."""
    tandem, former, now = await replaced(field)
    later = await another(field, tandem)
    (way,) = await ways_to_neutral(field, await own(field, tandem, former))
    assert (await field.client.post(way, json={"text": WORDS})).status_code == 200
    beyond = await field.link(CONCERN, later["id"], former)
    for answer in (await field.client.get(beyond), await field.client.post(beyond, json={"text": WORDS})):
        assert (answer.status_code, answer.json()["slug"]) == (404, "link-not-valid")
    (way,) = await ways_to_neutral(field, await own(field, tandem, now))
    assert (await field.client.post(way)).status_code == 200

    assert (await sides_of(field, tandem), await sides_of(field, later)) == (
        [(former, "household")], [(now, "household")])


async def test_nobody_else_is_heard(field: Field) -> None:
    """Neither a former contact of another household, nor a stranger, nor who was erased."""
    tandem, former, _ = await replaced(field)
    _, elsewhere, _ = await replaced(field)
    await erased(field, former)
    for ref in (elsewhere, str(uuid4()), former):
        answer = await field.client.post(await field.link(CONCERN, tandem["id"], ref), json={"text": WORDS})
        assert (answer.status_code, answer.json()["slug"]) == (404, "link-not-valid"), ref

    assert await sides_of(field, tandem) == []


async def test_who_is_replaced_while_they_write_is_heard_as_themselves(field: Field) -> None:
    """Whatever comes first: the concern is theirs, and the new contact reads nothing of it."""
    tandem = await field.tandem()
    household, (_, samira) = tandem["household_id"], await field.refs(tandem)
    way = await field.link(CONCERN, tandem["id"], samira)
    async with field.network["matching"].running.database.transaction() as transaction:
        row = await locked(transaction, Household, UUID(household))
        await contact_replaced(transaction, row, ReplacingIn.model_validate(YUSUF))
        await transaction.flush()
        writing = asyncio.create_task(field.client.post(way, json={"text": WORDS}))
        await asyncio.wait({writing}, timeout=0.3)
    assert (await writing).status_code == 200
    again = await field.client.post(way, json={"text": WORDS})
    assert (again.status_code, again.json()["slug"]) == (409, "concern-waiting")

    assert await sides_of(field, tandem) == [(samira, "household")]
