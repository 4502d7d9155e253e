#!/bin/sh
# Run once by the PostgreSQL image on an empty folder: a database and two roles for each service.
set -eu
for service in registry events matching notify; do
    psql -X -q -v ON_ERROR_STOP=1 --no-password --username "$POSTGRES_USER" --dbname postgres \
        -v service="$service" -v secrets="${LOTSE_SECRETS:-/run/secrets}" \
        -f "${LOTSE_SERVICE_SQL:-/etc/lotsennetz/service.sql}"
done
