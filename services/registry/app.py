"""The only place where the parts of registry are put together."""

from fastapi import FastAPI

from libs.common.service import build
from services.registry.access_keys import routes as access_keys
from services.registry.grants import routes as grants
from services.registry.offers import reactions as offer_reactions
from services.registry.offers import routes as offers
from services.registry.partners import routes as partners
from services.registry.permissions import PERMISSIONS
from services.registry.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """The app of registry, ready to serve; nothing is connected before its lifespan begins."""
    settings = settings or Settings()
    return build(
        "registry", settings, title="Lotsennetz: Network registry", description="Registry: who belongs to the network and what they offer.",
        routers=[access_keys.router, grants.router, partners.router, offers.router],
        reactions=[offer_reactions], permissions=PERMISSIONS,
    )
