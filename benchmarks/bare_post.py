"""The bare limit of one POST: FastAPI and asyncpg, the same rows and an outbox row in one transaction, nothing else."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class GrantIn(BaseModel):
    """The same body as the registry's."""

    principal: UUID
    role: str
    region: str | None = None


class GrantOut(GrantIn):
    """The same answer."""

    id: UUID
    given_at: datetime


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.pool = await asyncpg.create_pool(os.environ["LOTSE_DATABASE_URL"], min_size=5, max_size=10)
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=_lifespan)


@app.get("/health/live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@app.post("/v1/grants", status_code=201)
async def give_grant(body: GrantIn) -> GrantOut:
    """Insert the three rows that the registry inserts."""
    grant = GrantOut(id=uuid4(), given_at=datetime.now(UTC), **body.model_dump())
    async with app.state.pool.acquire() as connection, connection.transaction():
        await connection.execute("INSERT INTO bare.grants VALUES ($1, $2, $3, $4, $5)",
                                 grant.id, grant.principal, grant.role, grant.region, grant.given_at)
        await connection.execute("INSERT INTO bare.known_grants VALUES ($1, $2, $3, $4)",
                                 grant.id, grant.principal, grant.role, grant.region)
        await connection.execute("INSERT INTO bare.outbox (fact_id, subject, headers, body) VALUES ($1, $2, $3, $4)",
                                 uuid4(), "registry.grant.given.v1", json.dumps({"ce-id": str(grant.id)}),
                                 grant.model_dump_json())
    return grant


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["LOTSE_PORT"]), log_config=None, access_log=False)
