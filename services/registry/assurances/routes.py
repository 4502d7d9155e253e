"""The page behind the link in a mail: one click confirms that an offer still holds."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel

from libs.common.codes.languages import fallback_chain
from libs.common.db import OpenTransaction
from libs.common.links import Holding, by_link
from libs.common.pages import page, wants_page
from libs.common.persons import languages_of
from libs.common.phrases import phrases
from libs.common.refusals import NotFound
from services.registry.assurances.rules import PURPOSE
from services.registry.offers.model import OUT, Offer, OfferState
from services.registry.offers.reactions import assure
from services.registry.partners.queries import contact_refs

router = APIRouter(prefix="/assurances", tags=["assurances"])
PHRASES = phrases("services/registry/phrases.toml")
Asked = Annotated[Holding, by_link(PURPOSE)]
TEXT = {"schema": {"type": "string"}}
PAGE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": TEXT}, "description": "A page in the reader's language."}}


class AssuranceOut(BaseModel):
    """The offer as it was confirmed, and until when it is fresh now."""

    offer_id: UUID
    state: OfferState
    assured_on: datetime
    assurance_due: datetime


@router.get("/{token}", response_class=HTMLResponse, responses=PAGE)
async def show_assurance(token: str, holding: Asked) -> HTMLResponse:
    """Ask the partner's contact whether the offer still holds. Opening this changes nothing; the button confirms it."""
    offer = await _offer(holding)
    if offer.state not in OUT:
        return await _said(holding.transaction, holding.link.person_ref, offer, "assurance-ended")
    return await _said(holding.transaction, holding.link.person_ref, offer, "assurance-asked", button=token)


@router.post("/{token}", response_model=AssuranceOut)
async def assure_by_link(token: str, holding: Asked, request: Request) -> Response:  # noqa: ARG001 - in the path
    """The partner's contact confirms that the offer still holds; it is fresh for another 90 days."""
    offer, transaction = await _offer(holding, lock=True), holding.transaction
    if offer.state not in OUT and wants_page(request):
        return await _said(transaction, holding.link.person_ref, offer, "assurance-ended", status=409)
    await assure(transaction, offer)
    if wants_page(request):
        return await _said(transaction, holding.link.person_ref, offer, "assurance-done")
    shown = AssuranceOut(offer_id=offer.id, **offer.model_dump(include={"state", "assured_on", "assurance_due"}))
    return JSONResponse(shown.model_dump(mode="json"))


async def _offer(holding: Holding, *, lock: bool = False) -> Offer:
    """The offer that the link is about, as long as its holder speaks for the partner."""
    offer = await holding.transaction.get(Offer, holding.link.about, with_for_update=lock or None)
    if offer is None or holding.link.person_ref not in await contact_refs(holding.transaction, offer.partner_id):
        raise NotFound(
            "link-not-valid", "This link is not complete or not valid; open it again from the mail it came in.")
    return offer


async def _said(
    transaction: OpenTransaction, person_ref: UUID, offer: Offer, key: str, *, button: str = "", status: int = 200,
) -> HTMLResponse:
    languages = await languages_of(transaction, person_ref)
    chain = [*fallback_chain(languages), *offer.translations]
    offered = next(offer.translations[tag]["title"] for tag in chain if tag in offer.translations)
    title, text = (PHRASES.say(f"{key}-{part}", languages, offer=offered) for part in ("title", "text"))
    buttons = [(PHRASES.say("assurance-button", languages).text, button)] if button else []
    return page(language=title.language, title=title.text, paragraphs=[text.text], buttons=buttons, status=status)
