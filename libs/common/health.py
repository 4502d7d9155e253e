"""Health: whether a service lives, whether it is ready, and what operations watch."""

import asyncio
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import text

from libs.common.metrics import CONTENT_TYPE, Metrics

router = APIRouter(include_in_schema=False)

LAGS = text("""
SELECT (SELECT count(*) FROM outbox WHERE number IS NULL)
       + (SELECT coalesce(max(number), 0) FROM outbox) - (SELECT published FROM relay) AS outbox_lag,
       (SELECT count(*) FROM waiting WHERE parked_at IS NULL) AS waiting,
       (SELECT count(*) FROM waiting WHERE parked_at IS NOT NULL)
       + (SELECT count(*) FROM due WHERE parked_at IS NOT NULL) AS parked,
       (SELECT refills FROM relay) AS refills
""")


@router.get("/health/live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@router.get("/health/ready")
async def ready(request: Request, response: Response) -> dict[str, Any]:
    """Database and bus answer, and every durable is there; 503 with the reasons otherwise."""
    state: dict[str, Any] = await request.app.state.running.condition()
    response.status_code = 200 if not state["reasons"] else 503
    return state


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus' exposition."""
    running = request.app.state.running
    await running.measure()
    collected: Metrics = request.app.state.metrics
    return Response(collected.text(), media_type=CONTENT_TYPE)


@dataclass
class Condition:
    """What readiness and metrics are read from."""

    running: Any

    async def lags(self) -> dict[str, int]:
        """Rows not yet on the stream, facts that wait, parked things, refills; empty when the database is away."""
        try:
            async with asyncio.timeout(3), self.running.database.engine.connect() as connection:
                row = (await connection.execute(LAGS)).one()
        except Exception:  # noqa: BLE001 - whatever it is: not ready
            return {}
        return dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented way
