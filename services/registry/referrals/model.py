"""A referral as the registry knows it: to which offer, from whose counsellors, since when."""

from datetime import date, datetime
from uuid import UUID

from libs.common.columns import plain
from services.registry.offers.model import Offer
from services.registry.tables import Table

# The end of the id is random.
REFERENCE_SIGNS = 8


class ReceivedReferral(Table, table=True):
    """That somebody was sent on to an offer, so that its partner can be told; id is the referral's.

    partner_id is who offers it, region the offer's; referred_by is whose counsellors sent them on, if that was told.
    holds_place: it was accepted and took a place of the offer's capacity, which it has not given back.
    """

    __tablename__ = "received_referral"

    offer_id: UUID = plain(index=True, foreign_key="offer.id")
    partner_id: UUID = plain(index=True)
    region: str = plain()
    referred_by: UUID | None = plain(None)
    sent_on: date = plain()
    holds_place: bool = plain(default=False)

    @property
    def reference(self) -> str:
        """What the partners who refer and who offer it call it among themselves; it names nobody."""
        return str(self.id)[-REFERENCE_SIGNS:]

    def take_place(self, offer: Offer, now: datetime) -> bool:
        """They are taken: a place of the offer is free no longer; returns False where it has none for them."""
        taken = not self.holds_place and offer.take_place(now)
        self.holds_place = self.holds_place or taken
        return taken

    def give_back_place(self, offer: Offer, now: datetime) -> bool:
        """They go there no more: the place that they took is free again; returns False when nothing changes."""
        held, self.holds_place = self.holds_place, False
        return held and offer.give_back_place(now)
