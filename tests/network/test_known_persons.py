"""Who is known to one service and registered with another is told in their own language, at their own address."""

from pathlib import Path
from uuid import uuid4

import pytest

from libs.common.callers import Role
from tests.events.stage import REGION, set_up
from tests.harness import Network
from tests.matching.field import Field, a_person, rules
from tests.notify.post import mails_in, until

pytestmark = pytest.mark.slow


async def test_a_mentor_registered_by_the_coordinator_gets_the_mail(network: Network, tmp_path: Path) -> None:
    """Events knows no address, matching knows no event: notify asks both, and the link is the registration's own."""
    await network.start("matching")
    await network.start("notify", mail_folder=tmp_path, mail_retry_seconds=0.05)
    stage = await set_up(network)
    field = Field(network, network["matching"].client, await network.key(Role.COORDINATOR, region=REGION))
    await network.tell("matching", rules(field.programme))
    mentor = await field.create("/mentors", field.mentor_body(contact=a_person("Olena Beispiel", written_in=["uk"])))
    address = await stage.published()

    answer = await stage.client.post(f"{address}/registrations/known", headers=stage.coordinator, json={
        "person_ref": mentor["person_ref"]})
    assert answer.status_code == 201, answer.text

    async def has_come() -> bool:
        return bool(mails_in(tmp_path))

    await until(has_come)
    (mail,) = mails_in(tmp_path)
    assert (mail["To"], mail["Content-Language"]) == ("Olena Beispiel <olena@example.org>", "uk")
    assert "/v1/links/cancel_registration/" in mail.text


async def test_whom_nobody_knows_is_not_written_to(network: Network, tmp_path: Path) -> None:
    """The coordinator named somebody whom matching does not know: suppressed, and the reason noted."""
    await network.start("matching")
    await network.start("notify", mail_folder=tmp_path, mail_retry_seconds=0.05)
    stage = await set_up(network)
    address = await stage.published()

    answer = await stage.client.post(f"{address}/registrations/known", headers=stage.coordinator, json={
        "person_ref": str(uuid4())})
    assert answer.status_code == 201, answer.text

    async def is_suppressed() -> bool:
        rows = await network.rows("notify", "SELECT state, reason FROM delivery")
        return [(row["state"], row["reason"]) for row in rows] == [("suppressed", "no_address")]

    await until(is_suppressed)
    assert mails_in(tmp_path) == []
