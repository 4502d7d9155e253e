#!/bin/sh
# What cannot be made again of a compose installation: a dump of each service's database, and the secrets.
#   deploy/backup.sh FOLDER     while everything runs; run it beside compose.yaml
# Move secrets.tar elsewhere: who has an old dump *and* the keys reads persons who have been erased since.
set -eu
umask 077
folder=${1:?which folder the backup goes to}
mkdir -p "$folder"

# into FILE COMMAND…: beside and renamed, so that a half dump is not taken for a whole one.
into() {
    file=$folder/$1
    shift
    "$@" >"$file.new"
    mv "$file.new" "$file"
    echo "$file: $(wc -c <"$file") bytes"
}

for service in registry events matching notify; do
    into "$service.dump" docker compose exec -T postgres pg_dump -U postgres -Fc "$service"
done
into secrets.tar docker compose run --rm -T --no-deps --entrypoint tar secrets -C / -cf - secrets
