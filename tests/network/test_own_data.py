"""Who takes part is sent the link to their own data, in their language, and changes them by it."""

from email.utils import parseaddr
from pathlib import Path

import pytest
import pytest_asyncio

from libs.common.callers import Role
from libs.common.facts.registry import ErasureRequested
from tests.harness import Network
from tests.matching.field import REGION, Field, Json, a_person, rules
from tests.notify.post import Mail, mails_in, until

pytestmark = pytest.mark.slow

BROWSER = {"Accept": "text/html"}


@pytest_asyncio.fixture
async def field(network: Network, tmp_path: Path) -> Field:
    """Matching and notify, and a programme."""
    await network.start("matching")
    await network.start("notify", mail_folder=tmp_path, mail_retry_seconds=0.05)
    found = Field(network, network["matching"].client, await network.key(Role.COORDINATOR, region=REGION))
    await network.tell("matching", rules(found.programme))
    return found


async def mails_to(folder: Path, address: str, count: int) -> list[Mail]:
    """The mails to an address, once all that is on its way has come."""
    async def there() -> bool:
        return len([one for one in mails_in(folder) if parseaddr(one["To"])[1] == address]) >= count

    await until(there)
    return [one for one in mails_in(folder) if parseaddr(one["To"])[1] == address]


async def opened(field: Field, mail: Mail) -> Json:
    """What the link of a mail leads to, for a program."""
    path = mail.link("/v1/self_service/").removeprefix("http://matching.test")
    answer = await field.client.get(path)
    assert answer.status_code == 200, answer.text
    return {"path": path, **answer.json()}


async def test_who_is_approved_or_waits_gets_one_mail_with_a_link_that_works(field: Field, tmp_path: Path) -> None:
    """In Ukrainian and Arabic; by the link times are changed, and the next page and the coordinator see it."""
    mentor = await field.ready_mentor(contact=a_person("Olena Beispiel", written_in=["uk"]))
    household = await field.waiting_household()
    (to_mentor,), (to_household,) = (
        await mails_to(tmp_path, "olena@example.org", 1), await mails_to(tmp_path, "samira@example.org", 1))
    assert [one["Content-Language"] for one in (to_mentor, to_household)] == ["uk", "ar"]
    own = await opened(field, to_mentor)
    assert (own["kind"], own["contact"]["name"], own["state"]) == ("mentor", "Olena Beispiel", "ready")
    assert (await opened(field, to_household))["id"] == household["id"]
    page = await field.client.get(own["path"], headers=BROWSER)
    assert 'lang="uk"' in page.text
    await field.client.post(f"{own['path']}/availability", json={"slots": ["sun_evening"]})
    assert (await field.get(f"/mentors/{mentor['id']}"))["slots"] == ["sun_evening"]
    await field.client.post(f"{own['path']}/contact", json={
        "name": "Olena Neu", "email": "neu@example.org", "written_in": ["de"]})
    (again,) = await mails_to(tmp_path, "neu@example.org", 1)

    assert (again["To"], again["Content-Language"]) == ("Olena Neu <neu@example.org>", "de")
    assert (await field.client.get(own["path"])).json()["slug"] == "own-link-outdated"
    assert (await opened(field, again))["contact"]["name"] == "Olena Neu"
    await field.network.settled()
    assert len(mails_in(tmp_path)) == 3


async def test_who_was_erased_meanwhile_gets_no_mail_and_no_page(field: Field, tmp_path: Path) -> None:
    """The link of an earlier mail holds no longer; what is asked for afterwards is refused."""
    mentor = await field.ready_mentor()
    (mail,) = await mails_to(tmp_path, "mira@example.org", 1)
    own = await opened(field, mail)
    await field.network.tell("matching", ErasureRequested(
        erasure_id=mentor["id"], person_refs=(mentor["person_ref"],)))
    gone = await field.client.get(own["path"], headers=BROWSER)
    assert (gone.status_code, "Dieser Link gilt nicht mehr" in gone.text) == (404, True)
    assert "Mira" not in gone.text

    assert await field.refused(f"/mentors/{mentor['id']}/own_data_link") == (404, "person-erased")
    await field.network.settled()
    assert len(mails_in(tmp_path)) == 1


async def test_who_has_no_mail_address_is_not_written_to(field: Field) -> None:
    """Approved all the same; the delivery is suppressed, and says why."""
    await field.ready_mentor(contact={"name": "Ohne Adresse"})

    async def is_suppressed() -> bool:
        rows = await field.network.rows("notify", "SELECT template, state, reason FROM delivery")
        return [tuple(row) for row in rows] == [("own_data_offered", "suppressed", "no_address")]

    assert await until(is_suppressed)
