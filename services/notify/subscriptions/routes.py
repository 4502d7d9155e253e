"""The HTTP door of subscriptions: ask for news, confirm by link, end by link or by the mail program's button."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, EmailStr, Field

from libs.common.bodies import Body
from libs.common.codes.lists import FieldOfAction
from libs.common.codes.regions import region as region_of
from libs.common.codes.types import Ags, LanguageTag
from libs.common.db import get_or_refuse
from libs.common.dependencies import Creation, Transaction
from libs.common.due import cancel, schedule
from libs.common.facts.notify import ConsentGiven, ConsentWithdrawn
from libs.common.links import Holding, by_link
from libs.common.outbox import announce
from libs.common.pages import page, wants_page
from libs.common.persons import PersonDetails, meet
from libs.common.phrases import phrases
from services.notify.recipients.model import PURPOSE, Consent
from services.notify.recipients.queries import consents_of, recipient_to_change
from services.notify.subscriptions.model import TO_CONFIRM, Subscription, SubscriptionState
from services.notify.subscriptions.queries import forget_unless_needed, others_of

router = APIRouter(prefix="/subscriptions", tags=["subscriptions"])
ConfirmOf = Annotated[Holding, by_link("subscription-confirm")]
EndOf = Annotated[Holding, by_link("unsubscribe")]
PHRASES = "services/notify/phrases.toml"
# A browser gets a page, a program the answer itself.
PAGE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {"schema": {"type": "string"}}}}}


class SubscriptionIn(Body):
    """A wish to hear of new offers and events: where to write, of which region, in which fields, in which languages."""

    email: EmailStr = Field(max_length=200, examples=["fatima@example.org"])
    region: Ags = Field(examples=["15087"])
    fields: list[FieldOfAction] = Field(default=[], max_length=10, description="Empty: all.")
    languages: list[LanguageTag] = Field(
        min_length=1, max_length=5, examples=[["ar", "de"]],
        description="Those you understand; news in these are told, in the first of them if we have it.")


class SubscriptionOut(BaseModel):
    """A subscription; pending until the holder of the address has confirmed it. Where it goes to is not told."""

    id: UUID
    state: SubscriptionState
    region: Ags
    fields: list[FieldOfAction]
    languages: list[LanguageTag]
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None

    @classmethod
    def of(cls, subscription: Subscription) -> "SubscriptionOut":
        """The answer's form of a subscription."""
        return cls.model_validate(subscription, from_attributes=True)


@router.post("", status_code=201)
async def subscribe(body: SubscriptionIn, transaction: Transaction, once: Creation) -> SubscriptionOut:
    """Anyone asks for news; a mail with a link goes to the address, and only who opens it there can confirm.

    The answer is the same whether the address is known or not. Unconfirmed, it is forgotten after seven days.
    """
    region_of(body.region)
    fields: dict[str, Any] = body.model_dump(mode="json", exclude={"email"})
    if once.repeated:
        return SubscriptionOut(id=once.id, state=SubscriptionState.PENDING, **fields)
    person_ref = await meet(transaction, PersonDetails(name="", email=body.email))
    now = transaction.clock.now()
    subscription = Subscription(id=once.id, person_ref=person_ref, created_at=now, **fields)
    transaction.add(subscription)
    await transaction.flush()
    await schedule(transaction, "subscription_confirmation", subscription.id, now)
    await schedule(transaction, "subscription_unconfirmed", subscription.id, now + TO_CONFIRM)
    return SubscriptionOut.of(subscription)


@router.get("/confirm/{token}", response_model=SubscriptionOut, responses=PAGE)
async def show_confirmation(token: str, holding: ConfirmOf, request: Request) -> SubscriptionOut | Response:
    """The holder of the address reads what they agree to; opening it changes nothing."""
    subscription = await get_or_refuse(holding.transaction, Subscription, holding.link.about)
    return _answer(subscription, request, "consent_text", subscription.languages, [("button_confirm", token)])


@router.post("/confirm/{token}", response_model=SubscriptionOut, responses=PAGE)
async def confirm_subscription(
    token: str, holding: ConfirmOf, request: Request,  # noqa: ARG001 - the token is read by the link
) -> SubscriptionOut | Response:
    """The holder of the address agrees: from now on news are sent. Doing it twice changes nothing."""
    transaction = holding.transaction
    subscription = await get_or_refuse(transaction, Subscription, holding.link.about, lock=True)
    now, person_ref = transaction.clock.now(), subscription.person_ref
    if subscription.confirm(now):
        await cancel(transaction, "subscription_unconfirmed", subscription.id)
        read_in = phrases(PHRASES).say("consent_text", subscription.languages, region="").language
        transaction.add(Consent(person_ref=person_ref, purpose=PURPOSE, text_version=subscription.text_version,
                                language=read_in, given_at=now))
        (await recipient_to_change(transaction, person_ref)).opt_in()
        announce(transaction, ConsentGiven(
            person_ref=person_ref, purpose=PURPOSE, text_version=subscription.text_version), region=subscription.region)
        await transaction.flush()
    return _answer(subscription, request, "confirmed", subscription.languages)


@router.get("/unsubscribe/{token}", response_model=SubscriptionOut, responses=PAGE)
async def show_unsubscribe(token: str, holding: EndOf, request: Request) -> SubscriptionOut | Response:
    """The subscriber sees what the button ends; opening it changes nothing."""
    subscription = await get_or_refuse(holding.transaction, Subscription, holding.link.about)
    ended = subscription.state is SubscriptionState.ENDED
    buttons = [] if ended else [("button_unsubscribe", token)]
    return _answer(subscription, request, "unsubscribed" if ended else "unsubscribe", subscription.languages, buttons)


@router.post("/unsubscribe/{token}", response_model=SubscriptionOut, responses=PAGE)
async def unsubscribe(
    token: str, holding: EndOf, request: Request,  # noqa: ARG001 - the token is read by the link
) -> SubscriptionOut | Response:
    """The subscriber ends it, by the page's button or in one click by the mail program (RFC 8058); twice is as once."""
    transaction = holding.transaction
    subscription = await get_or_refuse(transaction, Subscription, holding.link.about, lock=True)
    languages = list(subscription.languages)
    if subscription.end(transaction.clock.now()):
        await cancel(transaction, "subscription_unconfirmed", subscription.id)
        await _withdraw(holding, subscription)
        await transaction.flush()
        await forget_unless_needed(transaction, subscription)
    return _answer(subscription, request, "unsubscribed", languages)


async def _withdraw(holding: Holding, subscription: Subscription) -> None:
    """With the last active subscription ends the consent."""
    transaction, person_ref = holding.transaction, subscription.person_ref
    if any(other.state is SubscriptionState.ACTIVE for other in await others_of(transaction, subscription)):
        return
    consents = await consents_of(transaction, person_ref)
    for consent in consents:
        consent.withdrawn_at = transaction.clock.now()
    if consents:
        announce(transaction, ConsentWithdrawn(person_ref=person_ref, purpose=PURPOSE), region=subscription.region)


def _answer(
    subscription: Subscription, request: Request, said: str, languages: Sequence[str],
    buttons: Sequence[tuple[str, str]] = (),
) -> SubscriptionOut | Response:
    if not wants_page(request):
        return SubscriptionOut.of(subscription)
    words, name = phrases(PHRASES), region_of(subscription.region).name
    title = words.say(f"{said}_title", languages)
    return page(language=title.language, title=title.text,
                paragraphs=[words.say(said, [title.language], region=name).text],
                buttons=[(words.say(label, [title.language]).text, action) for label, action in buttons])
