"""A partner as events knows it: whether it may organise events, copied from what the registry told."""

from enum import StrEnum

from libs.common.columns import code, plain
from libs.common.refusals import Refused
from services.events.tables import Table


class Standing(StrEnum):
    """How a partner stands in the network."""

    VERIFIED = "verified"
    SUSPENDED = "suspended"
    LEFT = "left"


class KnownPartner(Table, table=True):
    """A copy of a partner's standing; its id is the partner's."""

    __tablename__ = "known_partner"

    region: str | None = plain(None)
    standing: Standing = code(Standing)


def refuse_unless_verified(partner: KnownPartner | None) -> None:
    """Only a partner that a coordinator has checked organises events; one not heard of yet is none."""
    if partner is None or partner.standing is not Standing.VERIFIED:
        raise Refused("organiser-not-verified", "Only a verified partner organises events.", field="partner_id")
