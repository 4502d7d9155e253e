"""Alembic's entry: one for all services; the connection and the service come from libs/common/migrate.py."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=False)
context.run_migrations()
