"""An offer of the registry, as far as matching knows it: whether somebody may be referred to it, and whose it is."""

from uuid import UUID

from libs.common.codes.lists import FieldOfAction
from libs.common.columns import code, plain
from services.matching.tables import Table


class KnownOffer(Table, table=True):
    """The copy of an offer, as the registry told it. available: it is published, and neither paused nor at its end."""

    __tablename__ = "known_offer"

    offered_by: UUID = plain()
    field: FieldOfAction = code(FieldOfAction)
    region: str = plain()
    available: bool = plain(default=True)
