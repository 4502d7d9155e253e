"""The links that mentors and households get, one purpose each, and the pages that answer them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from libs.common.db import OpenTransaction
from libs.common.links import Holding, Link, Links
from libs.common.pages import page, wants_page
from libs.common.persons import languages_of
from libs.common.phrases import Said, phrases
from libs.common.refusals import Refused

FILE = "services/matching/phrases.toml"
Answer = TypeVar("Answer", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a link is for. The id it carries is a proposal's, a tandem's or a check-in's."""

    name: str
    path: str
    valid: timedelta

    def url(self, links: Links, about: UUID, person_ref: UUID, *, sent_to: int = 0) -> str:
        """The whole address for this person; `sent_to`: see Link."""
        return links.url(self.path, Link(self.name, about, person_ref, sent_to), valid=self.valid)


ANSWER = Purpose("answer-invitation", "/v1/proposals/invitations/{token}", timedelta(days=7))
CONSENT = Purpose("trial-consent", "/v1/tandems/consents/{token}", timedelta(days=30))
MEETINGS = Purpose("meetings", "/v1/meetings/{token}", timedelta(days=400))
CHECKIN = Purpose("check-in", "/v1/checkins/answers/{token}", timedelta(days=21))
# Shows and changes all there is: it holds for the address that it was sent to, so that a mail to a wrong one is called
# back by correcting it. Who still takes part is sent a new one when they ask.
OWN_DATA = Purpose("own-data", "/v1/self_service/{token}", timedelta(days=30))
CALENDAR = Purpose("checkin-calendar", "/v1/checkins/calendars/{token}", timedelta(days=400))
CONCERN = Purpose("concern", "/v1/concerns/raised/{token}", timedelta(days=400))


def say(key: str, languages: Sequence[str], **values: object) -> Said:
    """A phrase of matching in the first of these languages that it exists in."""
    return phrases(FILE).say(key, languages, **values)


async def asking_page(
    holding: Holding, key: str, paragraphs: Sequence[str], buttons: Sequence[tuple[str, str]],
    links: Sequence[tuple[str, str]] = (),
) -> HTMLResponse:
    """The page that a link opens; buttons are a phrase's key and where they post to, relative to the page.

    So are links, which lead somewhere.
    """
    languages = await languages_of(holding.transaction, holding.link.person_ref)
    title = say(f"{key}_title", languages)
    labels, leads = ([(say(label, languages).text, address) for label, address in some] for some in (buttons, links))
    return page(language=title.language, title=title.text, paragraphs=paragraphs, buttons=labels, links=leads)


async def done(request: Request, holding: Holding, key: str, answer: Answer) -> Answer | Response:
    """What a pressed button answers: a page for a browser, the answer itself for a program."""
    if not wants_page(request):
        return answer
    languages = await languages_of(holding.transaction, holding.link.person_ref)
    title = say("thanks", languages)
    return page(language=title.language, title=title.text, paragraphs=[say(key, languages).text])


async def turned_down(request: Request, holding: Holding, refused: Refused) -> Response:
    """A refusal as a page in the person's language; a program gets the problem document, as everywhere.

    Nothing of what the refused request had begun is kept.
    """
    languages = await languages_of(holding.transaction, holding.link.person_ref)
    await undone(holding.transaction)
    if not wants_page(request):
        raise refused
    title = say("sorry", languages)
    return page(language=title.language, title=title.text, paragraphs=[say(said_of(refused), languages).text],
                status=refused.status)


async def undone(transaction: OpenTransaction) -> None:
    """Nothing of what a refused request had begun is kept."""
    await transaction.rollback()
    transaction.to_announce.clear()
    transaction.after_commit.clear()


def said_of(refused: Refused) -> str:
    """The phrase that says a refusal to people; of what has none of its own a general one."""
    key = f"refused_{refused.slug}"
    return key if key in phrases(FILE).table else "refused"
