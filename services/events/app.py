"""The only place where the parts of events are put together."""

from fastapi import FastAPI

from libs.common.service import build
from services.events.permissions import PERMISSIONS
from services.events.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """The app of events, ready to serve; nothing is connected before its lifespan begins."""
    settings = settings or Settings()
    return build(
        "events", settings, title="Lotsennetz: Events", description="Events: what people attend.",
        routers=[], reactions=[], permissions=PERMISSIONS,
    )
