"""What the registry answers when others have to write to a contact: how to reach them, and what to say."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from libs.common.db import OpenTransaction
from libs.common.facts.question import Addressee, Words
from libs.common.facts.registry import RegistryAddresseeAsked, RegistryWordsAsked
from libs.common.links import Link
from libs.common.persons import addressee
from libs.common.reactions import answers
from libs.common.refusals import NotFound
from services.registry.assurances.rules import ASKING, PATH, PURPOSE, VALID
from services.registry.observations.queries import about_observation
from services.registry.offers.queries import about_offer
from services.registry.partners.queries import about_partner
from services.registry.referrals.queries import about_referral

ABOUT: dict[str, Callable[[OpenTransaction, UUID], Awaitable[Words]]] = {
    "offer": about_offer, "observation": about_observation, "partner": about_partner,
    "referral": about_referral,
}


@answers(RegistryWordsAsked)
async def say(transaction: OpenTransaction, question: RegistryWordsAsked) -> Words:
    """What to say about an offer, a referral to one, a partner or an observation; nothing personal."""
    return (await _words(transaction, question.about))[1]


@answers(RegistryAddresseeAsked)
async def reach(transaction: OpenTransaction, question: RegistryAddresseeAsked) -> Addressee:
    """How to reach a contact, and what to say to them, with the link by which an offer is confirmed. Audited."""
    about, words = await _words(transaction, question.about)
    links = {}
    if question.template in ASKING:
        link = Link(PURPOSE, about, question.person_ref)
        links["assure"] = transaction.links.url(PATH, link, valid=VALID)
    return await addressee(transaction, question.person_ref, words, template=question.template, links=links)


async def _words(transaction: OpenTransaction, about: str) -> tuple[UUID, Words]:
    noun, _, text = about.partition("/")
    try:
        thing = UUID(text)
    except ValueError:
        noun, thing = "", UUID(int=0)
    if noun not in ABOUT:
        raise NotFound("not-found", "There is no such {noun}.", noun=noun or "thing")
    return thing, await ABOUT[noun](transaction, thing)
