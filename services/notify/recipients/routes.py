"""The HTTP door of recipients: each person's own preferences, by the link in every mail."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from libs.common.codes.languages import language_name
from libs.common.codes.types import LanguageTag
from libs.common.db import OpenTransaction
from libs.common.links import Holding, by_link
from libs.common.pages import page, wants_page
from libs.common.phrases import phrases
from services.notify.deliveries.queries import last_language
from services.notify.recipients.model import MOST_LANGUAGES, Recipient
from services.notify.recipients.queries import recipient_of, recipient_to_change
from services.notify.templates.model import LANGUAGES

router = APIRouter(prefix="/recipients", tags=["recipients"])
PreferencesOf = Annotated[Holding, by_link("preferences")]
Hour = Annotated[int | None, Query(ge=0, le=23, description="An hour of the day in Germany.", examples=[21])]
NIGHT = (21, 7)
PHRASES = "services/notify/phrases.toml"
# A browser gets a page, a program the answer itself.
PAGE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {"schema": {"type": "string"}}}}}


class PreferencesOut(BaseModel):
    """What the person has said; without languages the order holds that was given to whoever met them first."""

    person_ref: UUID
    languages: list[LanguageTag]
    quiet_from: int | None
    quiet_until: int | None
    opted_out_at: datetime | None

    @classmethod
    def of(cls, recipient: Recipient) -> "PreferencesOut":
        """The answer's form of preferences."""
        return cls.model_validate(recipient, from_attributes=True)


@router.get("/preferences/{token}", response_model=PreferencesOut, responses=PAGE)
async def show_preferences(token: str, holding: PreferencesOf, request: Request) -> PreferencesOut | Response:
    """The person sees their languages, quiet hours and whether they get mails; opening it changes nothing."""
    person_ref = holding.link.person_ref
    recipient = await recipient_of(holding.transaction, person_ref) or Recipient(person_ref=person_ref)
    if not wants_page(request):
        return PreferencesOut.of(recipient)
    languages = await _languages(holding.transaction, recipient)
    return _page(recipient, languages, "preferences_show", _buttons(token, recipient))


@router.post("/preferences/{token}/languages", response_model=PreferencesOut, responses=PAGE)
async def choose_languages(
    token: str, holding: PreferencesOf, request: Request,  # noqa: ARG001 - the token is read by the link
    language: Annotated[list[LanguageTag], Query(
        min_length=1, max_length=MOST_LANGUAGES, description="In the order of preference.", examples=[["ar", "de"]])],
) -> PreferencesOut | Response:
    """The person says in which languages to be written to, the dearest first."""
    recipient = await recipient_to_change(holding.transaction, holding.link.person_ref)
    recipient.prefer(language)
    return await _done(holding.transaction, recipient, request, "preferences_language")


@router.post("/preferences/{token}/quiet", response_model=PreferencesOut, responses=PAGE)
async def choose_quiet_hours(
    token: str, holding: PreferencesOf, request: Request,  # noqa: ARG001 - the token is read by the link
    from_hour: Hour = None, until_hour: Hour = None,
) -> PreferencesOut | Response:
    """The person says between which hours nothing is to be sent; without hours mails come at any time."""
    recipient = await recipient_to_change(holding.transaction, holding.link.person_ref)
    recipient.keep_quiet(from_hour, until_hour)
    return await _done(holding.transaction, recipient, request, "preferences_quiet")


@router.post("/preferences/{token}/opt_out", response_model=PreferencesOut, responses=PAGE)
async def opt_out(
    token: str, holding: PreferencesOf, request: Request,  # noqa: ARG001 - the token is read by the link
) -> PreferencesOut | Response:
    """The person wants no mails any more, of no kind."""
    recipient = await recipient_to_change(holding.transaction, holding.link.person_ref)
    recipient.opt_out(holding.transaction.clock.now())
    return await _done(holding.transaction, recipient, request, "preferences_opted_out")


@router.post("/preferences/{token}/opt_in", response_model=PreferencesOut, responses=PAGE)
async def opt_in(
    token: str, holding: PreferencesOf, request: Request,  # noqa: ARG001 - the token is read by the link
) -> PreferencesOut | Response:
    """The person wants mails again."""
    recipient = await recipient_to_change(holding.transaction, holding.link.person_ref)
    recipient.opt_in()
    return await _done(holding.transaction, recipient, request, "preferences_opted_in")


async def _done(
    transaction: OpenTransaction, recipient: Recipient, request: Request, said: str,
) -> PreferencesOut | Response:
    await transaction.flush()
    if not wants_page(request):
        return PreferencesOut.of(recipient)
    return _page(recipient, await _languages(transaction, recipient), said)


async def _languages(transaction: OpenTransaction, recipient: Recipient) -> list[str]:
    """The languages of the page: those chosen, else the one the person was written to in."""
    return recipient.languages or [await last_language(transaction, recipient.person_ref) or "de"]


def _page(
    recipient: Recipient, languages: Sequence[str], said: str, buttons: Sequence[tuple[str, str]] = (),
) -> Response:
    title = phrases(PHRASES).say("preferences_title", languages)
    now = "preferences_now_off" if recipient.opted_out_at else "preferences_now_on"
    return page(language=title.language, title=title.text, buttons=[
        (_label(label, title.language), action) for label, action in buttons],
        paragraphs=[phrases(PHRASES).say(key, [title.language]).text for key in (said, now)])


def _label(label: str, language: str) -> str:
    """What a button is called: a language by its own name, anything else by its phrase."""
    return language_name(label, label) if label in LANGUAGES else phrases(PHRASES).say(label, [language]).text


def _buttons(token: str, recipient: Recipient) -> list[tuple[str, str]]:
    """Each language first in the order, quiet nights or not, all mails or none; actions relative to the page."""
    chosen = []
    for first in LANGUAGES:
        order = list(dict.fromkeys([first, *recipient.languages]))[:MOST_LANGUAGES]
        chosen.append((first, f"{token}/languages?{'&'.join(f'language={tag}' for tag in order)}"))
    quiet = (("button_any_hour", f"{token}/quiet") if recipient.quiet_from is not None
             else ("button_quiet_nights", f"{token}/quiet?from_hour={NIGHT[0]}&until_hour={NIGHT[1]}"))
    mails = ("button_opt_in", f"{token}/opt_in") if recipient.opted_out_at else ("button_opt_out", f"{token}/opt_out")
    return [*chosen, quiet, mails]
