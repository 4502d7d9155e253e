"""The outbox: what a transaction announces is committed with it, and the relay takes it to the bus."""

from uuid import UUID

from pydantic_core import to_json
from uuid_utils.compat import uuid7

from libs.common.db import OpenTransaction
from libs.common.envelope import envelope_headers
from libs.common.facts.fact import Fact
from libs.common.logs import current_correlation
from libs.common.traces import current_trace


def announce(
    transaction: OpenTransaction, fact: Fact, *, region: str | None = None, project: UUID | None = None,
) -> UUID:
    """Put the fact in the outbox, in this transaction; returns the fact's id.

    region (AGS) and project are told in the envelope; they default to the fact's own fields of that name.
    """
    fact_id: UUID = uuid7()
    about, own = fact.about(), vars(fact)
    headers = envelope_headers(
        network=transaction.network, subject=fact.subject, fact_id=fact_id, about=about,
        at=transaction.clock.now(), correlation=current_correlation(), actor_role=transaction.caller.role.value,
        region=region or own.get("region"), project=project or own.get("project_id"),
        trace=current_trace(),
    )
    transaction.to_announce.append((fact_id, fact.subject, about, to_json(headers).decode(), fact.model_dump_json()))
    return fact_id
