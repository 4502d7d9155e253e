"""The only place where the parts of events are put together."""

from fastapi import FastAPI

from libs.common.service import build
from services.events.attendance import reactions as attendance_reactions
from services.events.attendance import routes as attendance
from services.events.calendars import routes as calendars
from services.events.events import reactions as event_reactions
from services.events.events import routes as events
from services.events.links import routes as links
from services.events.partners import reactions as partner_reactions
from services.events.permissions import PERMISSIONS
from services.events.projects import reactions as project_reactions
from services.events.registrations import reactions as registration_reactions
from services.events.registrations import routes as registrations
from services.events.series import routes as series
from services.events.settings import Settings
from services.events.tables import COPIES


def create_app(settings: Settings | None = None) -> FastAPI:
    """The app of events, ready to serve; nothing is connected before its lifespan begins."""
    settings = settings or Settings()
    return build(
        "events", settings, title="Lotsennetz: Events",
        description="Events: what people attend.",
        # The calendar feed's address lies where an event's id would stand, so it comes first.
        routers=[calendars.router, events.router, series.router, links.router, registrations.router,
                 attendance.router],
        reactions=[partner_reactions, project_reactions, event_reactions, registration_reactions,
                   attendance_reactions],
        permissions=PERMISSIONS,
        copies=COPIES,
    )
