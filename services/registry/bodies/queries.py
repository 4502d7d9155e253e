"""Reads about bodies."""

from uuid import UUID

from libs.common.db import OpenTransaction
from libs.common.refusals import NotFound
from services.registry.bodies.model import Body


async def known_body(transaction: OpenTransaction, body_id: UUID) -> Body:
    """A body of the network, whoever entered it; NotFound when there is none."""
    found = await transaction.get(Body, body_id)
    if found is None:
        raise NotFound("not-found", "There is no such {noun}.", field="body_id", noun="body")
    return found
