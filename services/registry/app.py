"""The only place where the parts of registry are put together."""

from fastapi import FastAPI

from libs.common.service import build
from services.registry.access_keys import routes as access_keys
from services.registry.assurances import reactions as assurance_reactions
from services.registry.assurances import routes as assurances
from services.registry.bodies import routes as bodies
from services.registry.consultations import routes as consultations
from services.registry.erasures import reactions as erasure_reactions
from services.registry.erasures import routes as erasures
from services.registry.grants import routes as grants
from services.registry.indicators import reactions as indicator_reactions
from services.registry.indicators import routes as indicators
from services.registry.learnings import reactions as learning_reactions
from services.registry.learnings import routes as learnings
from services.registry.observations import routes as observations
from services.registry.offers import reactions as offer_reactions
from services.registry.offers import routes as offers
from services.registry.partners import reactions as partner_reactions
from services.registry.partners import routes as partners
from services.registry.permissions import PERMISSIONS
from services.registry.programmes import routes as programmes
from services.registry.projects import reactions as project_reactions
from services.registry.projects import routes as projects
from services.registry.referrals import reactions as referral_reactions
from services.registry.settings import Settings

NOUNS = (
    access_keys, grants, partners, offers, assurances, programmes, projects, indicators, consultations, bodies,
    observations, learnings, erasures,
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The app of registry, ready to serve; nothing is connected before its lifespan begins."""
    settings = settings or Settings()
    return build(
        "registry", settings, title="Lotsennetz: Network registry",
        description="Registry: who belongs to the network and what they offer.",
        routers=[noun.router for noun in NOUNS],
        reactions=[partner_reactions, offer_reactions, assurance_reactions, project_reactions, indicator_reactions,
                   referral_reactions, learning_reactions, erasure_reactions],
        permissions=PERMISSIONS,
    )
