"""Preferences by the link in every mail: languages, quiet hours, no mails at all."""

from datetime import timedelta
from pathlib import Path

import pytest

from libs.common.facts.registry import ErasureRequested
from tests.harness import Network, Service
from tests.notify.post import Mail, Owner, all_in, changes_requested, deliveries, mails_in, until

BROWSER = {"Accept": "text/html"}


@pytest.fixture
async def mail(network: Network, notify: Service, registry: Owner, folder: Path) -> Mail:
    """A mail that a person got in German."""
    await network.tell("notify", changes_requested(registry.person("de")))
    await all_in(network, "sent")
    return mails_in(folder)[0]


async def told_again(network: Network, registry: Owner, *states: str) -> str:
    """Tell the same person once more; returns the reason or the language of that delivery."""
    await network.tell("notify", changes_requested(*registry.persons))
    row = (await all_in(network, *states, count=2))[-1]
    return str(row["reason"] or row["language"])


async def test_a_person_chooses_the_order_of_languages(
    network: Network, notify: Service, registry: Owner, mail: Mail,
) -> None:
    """What the person says here counts more than what the owner knows."""
    chosen = await notify.client.post(mail.link("/preferences/") + "/languages?language=uk&language=de")

    assert chosen.json()["languages"] == ["uk", "de"]
    assert await told_again(network, registry, "sent") == "uk"


async def test_who_opted_out_gets_nothing_until_opting_in(
    network: Network, notify: Service, registry: Owner, mail: Mail,
) -> None:
    """Opting out suppresses every mail, with the reason; it can be taken back by the same link."""
    link = mail.link("/preferences/")
    await notify.client.post(f"{link}/opt_out")
    reason = await told_again(network, registry, "sent", "suppressed")
    await notify.client.post(f"{link}/opt_in")
    await network.tell("notify", changes_requested(*registry.persons))

    assert reason == "opted_out"
    rows = await all_in(network, "sent", "suppressed", count=3)
    assert [row["state"] for row in rows] == ["sent", "suppressed", "sent"]


async def test_quiet_hours_delay_a_mail(
    network: Network, notify: Service, registry: Owner, mail: Mail, folder: Path,
) -> None:
    """Nothing is sent between the hours that the person chose; it goes out when they are over."""
    from services.notify.recipients.rules import BERLIN

    hour = notify.running.database.clock.now().astimezone(BERLIN).hour
    quiet = f"/quiet?from_hour={hour}&until_hour={(hour + 3) % 24}"
    await notify.client.post(mail.link("/preferences/") + quiet)
    await network.tell("notify", changes_requested(*registry.persons))

    async def delayed() -> bool:
        return [bool(row["delayed_until"]) for row in await deliveries(network)] == [False, True]

    await until(delayed)
    assert len(mails_in(folder)) == 1
    await network.move(timedelta(hours=4))

    await all_in(network, "sent", count=2)


async def test_opening_the_link_changes_nothing(network: Network, notify: Service, registry: Owner, mail: Mail) -> None:
    """The page is in the language of the mail, and each of its buttons leads somewhere."""
    link = mail.link("/preferences/")
    shown = await notify.client.get(link, headers=BROWSER)
    rows = await network.rows("notify", "SELECT * FROM recipient")

    actions = [part.split('"', 1)[0].replace("&amp;", "&") for part in shown.text.split('formaction="')[1:]]
    answers = [await notify.client.post(f"{link.rsplit('/', 1)[0]}/{action}", headers=BROWSER) for action in actions]

    assert rows == []
    assert '<html lang="de"' in shown.text
    assert len(actions) == 6
    assert {answer.status_code for answer in answers} == {200}


async def test_what_makes_no_sense_is_refused(notify: Service, network: Network, mail: Mail) -> None:
    """No language, none that there is, too many, half of the hours: nothing is kept."""
    many = "&".join(f"language=d{letter}" for letter in "abcdef")
    for wrong in ("languages", "languages?language=not+a+tag", f"languages?{many}", "quiet?from_hour=21",
                  "quiet?from_hour=24&until_hour=7", "quiet?from_hour=7&until_hour=7"):
        answer = await notify.client.post(f"{mail.link('/preferences/')}/{wrong}")
        assert answer.status_code == 422, answer.text

    assert all(row["languages"] == [] for row in await network.rows("notify", "SELECT * FROM recipient"))


async def test_an_erased_persons_link_leads_nowhere(
    network: Network, notify: Service, registry: Owner, mail: Mail,
) -> None:
    """What was erased cannot be brought back by an old link."""
    from uuid import uuid4

    await network.tell("notify", ErasureRequested(erasure_id=uuid4(), person_refs=tuple(registry.persons)))

    answer = await notify.client.post(f"{mail.link('/preferences/')}/opt_in")

    assert (answer.status_code, answer.json()["slug"]) == (404, "person-erased")
    assert len(await deliveries(network)) == 1
