"""The link in a mail by which a partner confirms an offer with one click."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from libs.common.facts.question import Addressee
from libs.common.facts.registry import RegistryAddresseeAsked
from libs.common.links import Link
from services.registry.assurances.rules import PURPOSE
from services.registry.partners.reactions import reach
from tests.harness import Network
from tests.registry.steps import a_published_offer, id_of, ok, refusal, step, told

BROWSER = {"Accept": "text/html,application/xhtml+xml"}


async def contact_of(network: Network) -> UUID:
    """The person who speaks for the only partner."""
    (row,) = await network.rows("registry", "SELECT person_ref FROM partner_contact")
    return UUID(str(row["person_ref"]))


async def addressee(network: Network, about: str, template: str) -> Addressee:
    """What the registry answers when notify is to write to that person."""
    async with network["registry"].running.database.transaction() as transaction:
        question = RegistryAddresseeAsked(person_ref=await contact_of(network), about=about, template=template)
        return await reach(transaction, question)


async def link_to(network: Network, address: str, template: str = "offer_staled") -> str:
    """The path of the link in the mail about the offer at this address."""
    found = await addressee(network, f"offer/{id_of(address)}", template)
    return found.links["assure"].removeprefix("http://registry.test")


async def test_the_mail_about_staleness_holds_a_link_that_confirms(network: Network, registry: Any) -> None:
    """Opening it changes nothing; its button makes the offer fresh for 90 days, as a click again does."""
    address, editor, _ = await a_published_offer(network)
    await network.move(timedelta(days=91))
    path = await link_to(network, address)

    asked = await registry.get(path, headers=BROWSER)
    assert (asked.status_code, asked.headers["content-language"]) == (200, "de")
    assert "Begleitung zum Jobcenter" in asked.text
    assert f'formaction="{path.rsplit("/", 1)[1]}"' in asked.text
    assert ok(await registry.get(address))["stale"] is True

    done = await registry.post(path, headers=BROWSER)
    assert (done.status_code, "Vielen Dank" in done.text) == (200, True)
    assert ok(await registry.get(address, headers=editor))["state"] == "published"
    assert ok(await registry.post(path))["state"] == "published"
    assert (await told(network))[-2:] == ["registry.offer.assured.v1"] * 2


async def test_two_clicks_at_once_both_count_and_do_no_harm(network: Network, registry: Any) -> None:
    """Two windows, one offer: it is fresh, and due once."""
    address, _, _ = await a_published_offer(network)
    path = await link_to(network, address)

    answers = await asyncio.gather(*(registry.post(path) for _ in range(4)))

    assert [answer.status_code for answer in answers] == [200] * 4
    due = await network.rows("registry", "SELECT kind FROM due WHERE kind = 'offer_assurance'")
    assert len(due) == 1


async def test_only_what_asks_for_it_holds_the_link(network: Network, registry: Any) -> None:
    """Other mails about an offer have nothing to click."""
    address, _, _ = await a_published_offer(network)

    about, templates = f"offer/{id_of(address)}", ("offer_assurance_due", "offer_staled", "offer_published", "other")

    assert ["assure" in (await addressee(network, about, one)).links for one in templates] == [True, True, False, False]
    found = await addressee(network, about, "offer_published")
    assert (found.name, found.email, found.languages) == ("Mira Beispiel", "mira@kupferkreis.example.org", ("de",))
    assert found.texts["title"] == {"de": "Begleitung zum Jobcenter"}


async def test_an_offer_that_is_not_out_has_nothing_to_confirm(network: Network, registry: Any) -> None:
    """The page says so, in the language of who opened it; a program is refused."""
    address, editor, _ = await a_published_offer(network)
    path = await link_to(network, address)
    ok(await step(network, f"{address}/withdraw", editor))

    shown, sent = await registry.get(path), await registry.post(path, headers=BROWSER)

    assert ("nichts zu bestätigen" in shown.text, "<button" in shown.text) == (True, False)
    assert (sent.status_code, "nichts zu bestätigen" in sent.text) == (409, True)
    assert refusal(await registry.post(path)) == (409, "offer-state")


async def test_whoever_no_longer_speaks_for_the_partner_confirms_nothing(network: Network, registry: Any) -> None:
    """A link is as good as its holder's place; one for another purpose, forged or expired is none."""
    address, _, _ = await a_published_offer(network)
    links = network["registry"].running.database.links
    someone = await contact_of(network)
    paths = {
        "stranger": links.token(Link(PURPOSE, id_of(address), uuid4()), valid=timedelta(days=1)),
        "purpose": links.token(Link("other", id_of(address), someone), valid=timedelta(days=1)),
        "offer": links.token(Link(PURPOSE, uuid4(), someone), valid=timedelta(days=1)),
        "expired": links.token(Link(PURPOSE, id_of(address), someone), valid=timedelta(days=-1)),
    }

    answers = {why: refusal(await registry.post(f"/v1/assurances/{token}")) for why, token in paths.items()}

    assert answers == {"stranger": (404, "link-not-valid"), "purpose": (404, "link-not-valid"),
                       "offer": (404, "link-not-valid"), "expired": (404, "link-expired")}
    assert "registry.offer.assured.v1" not in await told(network)
