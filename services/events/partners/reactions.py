"""What events does when a partner is verified, suspended or leaves: it notes whether the partner may organise."""

from libs.common.db import OpenTransaction
from libs.common.facts.registry import PartnerFact, PartnerLeft, PartnerSuspended, PartnerVerified
from libs.common.reactions import keeps_copy
from services.events.partners.model import KnownPartner, Standing

STANDING: dict[type[PartnerFact], Standing] = {
    PartnerVerified: Standing.VERIFIED, PartnerSuspended: Standing.SUSPENDED, PartnerLeft: Standing.LEFT}


@keeps_copy(PartnerVerified, PartnerSuspended, PartnerLeft)
async def know_partner(transaction: OpenTransaction, fact: PartnerFact) -> None:
    """From now on the partner may organise events, or may not. Events it has published stay as they are."""
    partner = await transaction.get(KnownPartner, fact.partner_id)
    if partner is None:
        partner = KnownPartner(id=fact.partner_id, standing=STANDING[type(fact)])
        transaction.add(partner)
    partner.standing, partner.region = STANDING[type(fact)], fact.region
    await transaction.flush()
