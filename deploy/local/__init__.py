"""Everything on one machine without Docker: PostgreSQL and nats-server from wheels, and the `lotse` command."""
