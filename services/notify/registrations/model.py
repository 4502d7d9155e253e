"""A known registration: that a person hopes to come to an event, so that they hear when its time changes."""

from uuid import UUID

from libs.common.columns import personal, plain
from services.notify.tables import Table


class KnownRegistration(Table, table=True):
    """The copy of a registration that is alive; gone once it has ended, or the event is over."""

    __tablename__ = "known_registration"

    registration_id: UUID = plain(unique=True)
    event_id: UUID = plain(index=True)
    person_ref: UUID = personal(index=True)
    region: str = plain()
