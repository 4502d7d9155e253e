#!/bin/sh
# Takes a backup of deploy/backup.sh back; run it beside compose.yaml.
#   deploy/restore.sh FOLDER SERVICE…     these services' databases as they were then; the others go on meanwhile
#   deploy/restore.sh FOLDER all          everything, secrets too: a new machine, on which nothing was started yet
# Afterwards the services tell each other what they missed. Whose key was destroyed in a database that is still here
# stays erased in all that is restored; erasures that a registry which is still here knows are done again everywhere.
# Who that is stands in the schema `restoring` of the database `postgres` until all is done: ids only, and only the
# superuser gets in. So whatever interrupts a restore, the next one knows it, from another folder too.
set -eu
umask 077
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

said="nothing has been changed."
rows=$(mktemp)
trap 'code=$?; rm -f "$rows"; [ $code -eq 0 ] || echo "The restore has not ended: $said" >&2' EXIT
trap 'exit 130' INT
trap 'exit 143' HUP TERM

# keep SERVICE TABLE PLACE QUERY: what the query says of the service's table goes to restoring.PLACE. Only a database or
# table that does not exist says nothing; whatever else fails ends the script, before anything has been dropped.
keep() {
    there=$(psql -At -d postgres -c "SELECT count(*) FROM pg_database WHERE datname = '$1'")
    [ "$there" = 0 ] || there=$(psql -At -d "$1" -c "SELECT count(to_regclass('$2'))")
    [ "$there" != 0 ] || return 0
    psql -d "$1" -c "COPY ($4) TO STDOUT" >"$rows"
    psql -d postgres -c "COPY restoring.$3 FROM STDIN" <"$rows"
}

# Every erasure that the restored registry does not know is asked for once more, at once.
ask_again() {
    psql -d postgres -c "COPY (SELECT DISTINCT ON (id) * FROM restoring.erasure ORDER BY id) TO STDOUT" >"$rows"
    psql -d registry -1 -c "CREATE TEMP TABLE asked
        (id uuid, region text, person_refs uuid[], requested_by text, requested_at timestamptz)" \
        -c "COPY asked FROM STDIN" \
        -c "WITH again AS (INSERT INTO erasure
            (id, version, region, state, person_refs, requested_by, requested_at, reminders)
            SELECT id, 1, region, 'requested', person_refs, requested_by, requested_at, 0 FROM asked
            ON CONFLICT (id) DO NOTHING RETURNING id)
            INSERT INTO due (kind, about, due_at, attempts, raised)
            SELECT 'erasure', id, now(), 0, '' FROM again" <"$rows"
}

docker compose up -d --wait postgres
psql -d postgres -c "SET client_min_messages = warning; CREATE SCHEMA IF NOT EXISTS restoring;
    CREATE TABLE IF NOT EXISTS restoring.begun (service text PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS restoring.erased (person_ref uuid);
    CREATE TABLE IF NOT EXISTS restoring.erasure
        (id uuid, region text, person_refs uuid[], requested_by text, requested_at timestamptz)"
begun=$(psql -At -d postgres -c "SELECT service FROM restoring.begun")
for begun in $begun; do
    case " $* " in
        *" $begun "*) ;;
        *) echo "A restore of $begun was interrupted: name it, too." >&2; exit 64 ;;
    esac
done
# Stopped first: what a service does between the two is known, too.
docker compose stop "$@"
said="the databases are as they were; \`docker compose up -d --wait\` starts the services again."
for service in registry events matching notify; do
    keep "$service" person_key erased "SELECT person_ref FROM person_key WHERE destroyed_at IS NOT NULL"
done
keep registry erasure erasure "SELECT id, region, person_refs, requested_by, requested_at FROM erasure"

said="do it again before anything is started; until then people who were erased may be readable in: $*."
for service in "$@"; do
    psql -d postgres -c "INSERT INTO restoring.begun VALUES ('$service') ON CONFLICT DO NOTHING"
    psql -d postgres -c "DROP DATABASE IF EXISTS $service WITH (FORCE)"
    psql -d postgres -v service="$service" -v secrets=/run/secrets -f /etc/lotsennetz/service.sql
    docker compose exec -T postgres pg_restore -U postgres -d "$service" --exit-on-error --single-transaction \
        <"$folder/$service.dump"
    psql -d postgres -c "COPY (SELECT DISTINCT person_ref FROM restoring.erased) TO STDOUT" >"$rows"
    psql -d "$service" -1 -c "CREATE TEMP TABLE erased (person_ref uuid PRIMARY KEY)" -c "COPY erased FROM STDIN" \
        -c "UPDATE person_key SET wrapped = NULL, destroyed_at = coalesce(destroyed_at, now())
            FROM erased WHERE person_key.person_ref = erased.person_ref" <"$rows"
    [ "$service" != registry ] || ask_again
    psql -d postgres -c "DELETE FROM restoring.begun WHERE service = '$service'"
    echo "$service is as it was"
done
psql -d postgres -c "SET client_min_messages = warning; DROP SCHEMA restoring CASCADE"
said="the databases are as they were in the backup; \`docker compose up -d --wait\` starts the services."
docker compose up -d --wait
