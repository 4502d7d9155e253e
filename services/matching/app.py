"""The only place where the parts of matching are put together."""

from fastapi import FastAPI

from libs.common.service import build
from services.matching.permissions import PERMISSIONS
from services.matching.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """The app of matching, ready to serve; nothing is connected before its lifespan begins."""
    settings = settings or Settings()
    return build(
        "matching", settings, title="Lotsennetz: Matching", description="Matching: mentors, mentor groups and households, and what brings them together.",
        routers=[], reactions=[], permissions=PERMISSIONS,
    )
