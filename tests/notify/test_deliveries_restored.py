"""What a notify that was restored from a backup sends again, as docs/operations.md says it."""

from pathlib import Path
from uuid import UUID, uuid4

from libs.common.envelope import Heard, envelope_headers
from tests.harness import Network, Service
from tests.notify.post import Owner, all_in, changes_requested, mails_in


def heard(notify: Service, number: int, person_ref: UUID) -> Heard:
    """A fact of the registry by which a person is written to."""
    fact, fact_id = changes_requested(person_ref), uuid4()
    headers = envelope_headers(
        network="test", subject=fact.subject, fact_id=fact_id, about=fact.about(), correlation=uuid4().hex,
        at=notify.running.database.clock.now(), actor_role="system", region="15087")
    return Heard("registry", number, fact_id, fact.subject, fact.about(), headers, fact.model_dump_json().encode())


async def restored_to(network: Network, notify: Service, number: int) -> None:
    """Take away what notify has done since it had heard this number, as a backup of that moment does."""
    await network.rows("notify", "DELETE FROM delivery WHERE cause IN (SELECT fact_id FROM inbox WHERE number > $1)",
                       number)
    await network.rows("notify", "DELETE FROM inbox WHERE number > $1", number)
    await network.rows("notify", "UPDATE heard SET number = $1 WHERE speaker = 'registry'", number)
    notify.running.inbox.forget_mark("registry")


async def test_what_was_sent_since_the_backup_is_sent_again(
    network: Network, notify: Service, registry: Owner, folder: Path,
) -> None:
    """The fact behind the backup brings a second mail with another Message-ID; the one before it brings none."""
    facts = [heard(notify, number, registry.person("de")) for number in (1, 2)]
    await notify.running.inbox.take("registry", facts)
    await all_in(network, "sent", count=2)

    await restored_to(network, notify, 1)
    await notify.running.inbox.take("registry", facts)

    await all_in(network, "sent", count=2)
    mails = mails_in(folder)
    assert len(mails) == len({mail["Message-ID"] for mail in mails}) == len(facts) + 1
