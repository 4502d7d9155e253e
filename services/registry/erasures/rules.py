"""The receipt of an erasure: one text over the parts of all services, the same whenever it is written again."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime

from services.registry.erasures.model import Erasure, ErasurePart


def receipt_of(erasure: Erasure, parts: Iterable[ErasurePart], *, network: str, now: datetime) -> str:
    """The receipt as canonical JSON: how many persons, and when each service erased which of its stores."""
    done = [{"service": part.service, "stores": sorted(part.stores), "erased_at": _utc(part.erased_at)}
            for part in sorted(parts, key=lambda part: part.service)]
    return json.dumps({
        "erasure_id": str(erasure.id), "network": network, "persons": len(erasure.person_refs),
        "requested_at": _utc(erasure.requested_at), "completed_at": _utc(now), "parts": done,
    }, sort_keys=True, separators=(",", ":"))


def hash_of(receipt: str) -> str:
    """The SHA-256 of a receipt, as it is told."""
    return hashlib.sha256(receipt.encode()).hexdigest()


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
