"""The only place where the parts of notify are put together."""

from functools import partial

from fastapi import FastAPI

from libs.common.service import build
from services.notify.deliveries import reactions as delivery_reactions
from services.notify.deliveries import routes as deliveries
from services.notify.deliveries.sender import sender
from services.notify.permissions import PERMISSIONS
from services.notify.recipients import reactions as recipient_reactions
from services.notify.recipients import routes as recipients
from services.notify.registrations import reactions as registration_reactions
from services.notify.settings import Settings
from services.notify.subscriptions import reactions as subscription_reactions
from services.notify.subscriptions import routes as subscriptions
from services.notify.tables import COPIES
from services.notify.templates import routes as templates


def create_app(settings: Settings | None = None) -> FastAPI:
    """The app of notify, ready to serve; nothing is connected before its lifespan begins."""
    settings = settings or Settings()
    return build(
        "notify", settings, title="Lotsennetz: Notifications",
        description="Notify: everyone is told in their own language.",
        routers=[subscriptions.router, recipients.router, templates.router, deliveries.router],
        reactions=[delivery_reactions, subscription_reactions, registration_reactions, recipient_reactions],
        permissions=PERMISSIONS,
        copies=COPIES,
        works=[partial(sender, settings=settings)],
    )
