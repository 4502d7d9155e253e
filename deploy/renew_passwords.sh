#!/bin/sh
# New passwords for databases and bus of a compose installation, after one has leaked; run it beside compose.yaml.
# The services stand still for about a minute. Master keys and the installation secret stay as they are.
set -eu
docker compose stop registry events matching notify
docker compose run --rm -T --no-deps --entrypoint sh secrets -ec '
    for service in registry events matching notify; do
        cd "/secrets/$service" && rm -f database_password database_url nats_password
        cd "/secrets/$service-owner" && rm -f owner_password owner_database_url
        rm -f "/secrets/postgres/${service}_password" "/secrets/postgres/${service}_owner_password"
    done
    rm -f /secrets/provision/provisioner_password /secrets/provision/ops_password /secrets/nats/passwords.conf
    exec sh /config/secrets.sh'
docker compose exec -T -e POSTGRES_USER=postgres postgres sh /docker-entrypoint-initdb.d/10-lotsennetz.sh
docker compose restart nats
docker compose up -d --wait
echo "The passwords are new."
