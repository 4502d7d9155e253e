"""The only place where the parts of registry are put together."""

from fastapi import FastAPI

from libs.common.service import build
from services.registry.permissions import PERMISSIONS
from services.registry.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """The app of registry, ready to serve; nothing is connected before its lifespan begins."""
    settings = settings or Settings()
    return build(
        "registry", settings, title="Lotsennetz: Network registry", description="Registry: who belongs to the network and what they offer.",
        routers=[], reactions=[], permissions=PERMISSIONS,
    )
