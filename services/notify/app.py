"""The only place where the parts of notify are put together."""

from fastapi import FastAPI

from libs.common.service import build
from services.notify.permissions import PERMISSIONS
from services.notify.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """The app of notify, ready to serve; nothing is connected before its lifespan begins."""
    settings = settings or Settings()
    return build(
        "notify", settings, title="Lotsennetz: Notifications", description="Notify: everyone is told in their own language.",
        routers=[], reactions=[], permissions=PERMISSIONS,
    )
