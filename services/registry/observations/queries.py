"""Reads about observations."""

from uuid import UUID

from libs.common.codes.regions import region as region_of
from libs.common.db import OpenTransaction
from libs.common.facts.question import Words
from libs.common.refusals import NotFound
from services.registry.bodies.queries import known_body
from services.registry.observations.model import Observation


async def about_observation(transaction: OpenTransaction, observation_id: UUID) -> Words:
    """What a notification says about an observation: what was noticed where, the body, and its answer."""
    observation = await transaction.get(Observation, observation_id)
    if observation is None:
        raise NotFound("not-found", "There is no such {noun}.", noun="observation")
    body = (await known_body(transaction, observation.body_id)).name if observation.body_id else ""
    return Words(values={
        "kind": observation.kind.value, "region": region_of(observation.region).name, "body": body,
        "description": observation.description, "answer": observation.answer or "",
    })
