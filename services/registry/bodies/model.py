"""A body: a committee, council or authority that answers for a region, and whom to write to there."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from libs.common.columns import code, moment, personal, plain
from services.registry.tables import Table


class BodyKind(StrEnum):
    """What kind of body it is."""

    COMMITTEE = "committee"
    COUNCIL = "council"
    STEERING_GROUP = "steering_group"
    AUTHORITY = "authority"


class Body(Table, table=True):
    """Who answers observations from a region; contact_ref is the person who takes them."""

    name: str = plain()
    sort_key: str = plain(index=True)
    kind: BodyKind = code(BodyKind)
    region: str | None = plain(None, index=True)
    contact_ref: UUID | None = personal(None)
    contact_set_at: datetime | None = moment(None)
