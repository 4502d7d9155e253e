"""The links that mentors and households get, one purpose each, and the pages and forms that answer them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar, overload
from uuid import UUID

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ValidationError

from libs.common.db import OpenTransaction
from libs.common.links import Holding, Link, Links
from libs.common.pages import Field, Section, page, wants_page
from libs.common.persons import languages_of
from libs.common.phrases import Said, phrases
from libs.common.refusals import Refused
from services.matching.links.rules import MARK, Form, at_fault, first, is_ours, refuse_foreign

FILE = "services/matching/phrases.toml"
Answer = TypeVar("Answer", bound=BaseModel)
Given = TypeVar("Given", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a link is for. The id it carries is a proposal's, a tandem's or a check-in's, or of who somebody is."""

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
    links: Sequence[tuple[str, str]] = (), *, sections: Sequence[Section] = (), sent: "Sent | None" = None,
) -> HTMLResponse:
    """The page that a link opens; buttons are a phrase's key and where they post to, relative to the page.

    So are links, which lead somewhere. sections: the page's forms; sent: what was sent by one of them.
    """
    languages = await languages_of(holding.transaction, holding.link.person_ref)
    title = say(f"{key}_title", languages)
    labels, leads = ([(say(label, languages).text, address) for label, address in some] for some in (buttons, links))
    sent = sent or Sent()
    return page(language=title.language, title=title.text, paragraphs=paragraphs, buttons=labels, links=leads,
                sections=sections, said=say(sent.said, languages).text if sent.said else "", status=sent.status)


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


@dataclass(frozen=True)
class Sent:
    """What was sent by a form of a page, which of its fields are at fault, and what is said about it."""

    form: Form = field(default_factory=dict)
    wrong: frozenset[str] = frozenset()
    said: str = ""
    status: int = 200

    def section(
        self, which: str, fields: Sequence[Field], buttons: Sequence[tuple[str, str]], languages: Sequence[str],
        heading: str = "",
    ) -> Section:
        """The form of this name; where it is the one that was sent, with what was entered and what is wrong of it.

        Heading and buttons' labels are phrases' keys.
        """
        ours = is_ours(self.form, which)
        filled = [replace(one, values=self.form.get(one.name, []), wrong=one.name in self.wrong) if ours else one
                  for one in fields]
        wrong = ", ".join(one.label for one in filled if one.wrong)
        return Section(say(heading, languages).text if heading else "",
                       [say("own_wrong", languages, fields=wrong).text] if wrong else [],
                       fields=[Field(MARK, "", [which], kind="hidden"), *filled],
                       buttons=[(say(label, languages).text, address) for label, address in buttons])


@overload
def given(body: Given | Form, which: str, kind: type[Given]) -> Given: ...
@overload
def given(body: Given | Form | None, which: str, kind: type[Given]) -> Given | None: ...
def given(body: Given | Form | None, which: str, kind: type[Given]) -> Given | None:
    """What a program sent, or what the page's own form of this name says; ValidationError where it does not hold."""
    if not isinstance(body, dict):
        return body
    refuse_foreign(body, which)
    return kind.model_validate({name: first(body, name) for name in kind.model_fields})


async def came_back(
    request: Request, holding: Holding, body: Any, raised: Refused | ValidationError,
    again: Callable[[Sent], Awaitable[Response]],
) -> Response:
    """A form that did not hold: the page once more, with all that was entered; a program gets the refusal."""
    if isinstance(raised, ValidationError) and not wants_page(request):
        faults = [{**one, "loc": ("body", *one["loc"])} for one in raised.errors()]
        raise RequestValidationError(faults) from raised
    form = body if isinstance(body, dict) and wants_page(request) else None
    if isinstance(raised, Refused) and form is None:
        return await turned_down(request, holding, raised)
    await undone(holding.transaction)
    sent = (Sent(form or {}, frozenset({raised.field} if raised.field else ()), said_of(raised), raised.status)
            if isinstance(raised, Refused)
            else Sent(form or {}, at_fault(raised.errors()), "own_not_saved", 422))
    try:
        return await again(sent)
    except Refused as refused:
        return await turned_down(request, holding, refused)
