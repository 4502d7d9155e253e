"""Write the next migration of a service from the difference between its tables and a freshly migrated database.

python -m deploy.local.new_migration SERVICE NUMBER "what changes"  (LOTSE_OWNER_DATABASE_URL names the database)
"""

import asyncio
import importlib
import os
import re
import sys
from pathlib import Path
from typing import Any

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from libs.common.db import sqlalchemy_url
from libs.common.tables import SPINE

ROOT = Path(__file__).resolve().parents[2]
# A code list may grow without a change to the table; SQLModel's and SQLAlchemy's own names need no import.
PLAINER = (
    (r"sa\.Enum\([^)]*length=40\)", "sa.String(40)"),
    (r"sqlmodel\.sql\.sqltypes\.AutoString\(\)", "sa.Text()"),
    (r"ARRAY\((\w+)\(\)\)", r"ARRAY(sa.\1())"),
    (r"(, )?astext_type=Text\(\)", ""),
    (r"\n *# ### [^\n]*###", ""),
)
HEAD = '''"""{message}"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "{service}_{number}"
down_revision = {before}
branch_labels = {label}
depends_on = {depends}


def upgrade() -> None:
    """Go forward; rows are put behind row-level security."""
    {body}
'''


def metadata_of(service: str) -> Any:
    """All tables that a service's database should have."""
    importlib.import_module(f"services.{service}.app")
    return [SPINE, importlib.import_module(f"services.{service}.tables").Table.metadata]


def difference(connection: Connection, service: str) -> Any:
    """What Alembic would change in the database to bring it to the service's tables."""
    wanted = metadata_of(service)
    context = MigrationContext.configure(connection, opts={"target_metadata": wanted, "compare_type": True})
    return produce_migrations(context, wanted)


async def write(service: str, number: str, message: str) -> Path:
    """Write the file and return its path; row-level security of new tables is added by hand."""
    engine = create_async_engine(sqlalchemy_url(os.environ["LOTSE_OWNER_DATABASE_URL"]))
    async with engine.connect() as connection:
        script = await connection.run_sync(difference, service)
    await engine.dispose()
    body = render_python_code(script.upgrade_ops, alembic_module_prefix="op.", sqlalchemy_module_prefix="sa.")
    for found, plain in PLAINER:
        body = re.sub(found, plain, body)
    first = number == "0001"
    text = HEAD.format(
        message=message, service=service, number=number, body=body,
        before="None" if first else repr(f"{service}_{int(number) - 1:04}"),
        label=repr((service,)) if first else "None",
        depends=repr("spine_0001") if first else "None")
    path = ROOT / "services" / service / "migrations" / "versions" / f"{service}_{number}.py"
    path.write_text(text, encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.stdout.write(f"{asyncio.run(write(*sys.argv[1:4]))}\n")
