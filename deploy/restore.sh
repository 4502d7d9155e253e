#!/bin/sh
# Takes a backup of deploy/backup.sh back; run it beside compose.yaml.
#   deploy/restore.sh FOLDER SERVICE…     these services' databases as they were then; the others go on meanwhile
#   deploy/restore.sh FOLDER all          everything, secrets too: a new machine, on which nothing was started yet
# Afterwards the services tell each other what they missed. Whose key was destroyed in a database that is still here
# stays erased in all that is restored; erasures that a registry which is still here knows are done again everywhere.
set -eu
folder=${1:?which folder the backup is in}
shift
[ $# -gt 0 ] || { echo "which services: registry, events, matching, notify, or all" >&2; exit 64; }

if [ "$1" = all ]; then
    # Without the keys that the dumps were made with nothing personal in them can be read.
    docker compose run --rm -T --no-deps --entrypoint tar secrets -C / -xf - <"$folder/secrets.tar"
    set -- registry events matching notify
fi
for service in "$@"; do
    [ -s "$folder/$service.dump" ] || { echo "there is no $folder/$service.dump" >&2; exit 66; }
done
psql() { docker compose exec -T postgres psql -X -q -v ON_ERROR_STOP=1 -U postgres "$@"; }

docker compose up -d --wait postgres
erased=$(for service in registry events matching notify; do
    psql -At -d "$service" -c "SELECT person_ref FROM person_key WHERE destroyed_at IS NOT NULL" 2>/dev/null || true
done | sort -u | paste -s -d , -)
asked=$(psql -At -d registry -c "SELECT string_agg(format('(%L::uuid, 1, %L, %L, %L::uuid[], %L, %L::timestamptz, 0)',
    id, region, 'requested', person_refs, requested_by, requested_at), ',') FROM erasure" 2>/dev/null || true)
docker compose stop "$@"
for service in "$@"; do
    psql -d postgres -c "DROP DATABASE IF EXISTS $service WITH (FORCE)"
    psql -d postgres -v service="$service" -v secrets=/run/secrets -f /etc/lotsennetz/service.sql
    docker compose exec -T postgres pg_restore -U postgres -d "$service" --exit-on-error --single-transaction \
        <"$folder/$service.dump"
    psql -d "$service" -c "UPDATE person_key SET wrapped = NULL, destroyed_at = coalesce(destroyed_at, now())
        WHERE person_ref = ANY ('{$erased}')"
    if [ "$service" = registry ] && [ -n "$asked" ]; then
        psql -d registry -c "WITH again AS (INSERT INTO erasure
            (id, version, region, state, person_refs, requested_by, requested_at, reminders) VALUES $asked
            ON CONFLICT (id) DO NOTHING RETURNING id)
            INSERT INTO due (kind, about, due_at, attempts, raised) SELECT 'erasure', id, now(), 0, '' FROM again"
    fi
    echo "$service is as it was"
done
docker compose up -d --wait
