#!/bin/sh
# Makes what is missing of an installation's secrets: random, mode 0400, each where only its reader sees it.
# Run as root by compose before anything else; /secrets/<reader> is one volume per reader. May be run again.
set -eu
umask 077
services="registry events matching notify"
service_user=10001
postgres_user=${POSTGRES_UID:-999}
nats_user=10002

random() { head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n'; }
key() { head -c 32 /dev/urandom | base64 | tr -d '\n'; }

# keep FILE OWNER VALUE: write it unless it is there; beside and renamed, so that no half secret stays.
keep() {
    [ -s "$1" ] && return 0
    printf '%s\n' "$3" >"$1.new"
    chown "$2" "$1.new"
    chmod 0400 "$1.new"
    mv "$1.new" "$1"
}
value() { cat "$1"; }

# put FILE PLACE OWNER MODE: a copy, new with each start; beside and renamed, so that nobody reads half of it.
put() {
    cp "$1" "$2.new"
    chown "$3" "$2.new"
    chmod "$4" "$2.new"
    mv "$2.new" "$2"
}

mkdir -p /secrets/postgres /secrets/nats /secrets/provision
keep /secrets/postgres/postgres_password "$postgres_user" "$(random)"
keep /secrets/provision/provisioner_password "$service_user" "$(random)"
keep /secrets/provision/installation_secret "$service_user" "$(key)"
keep /secrets/provision/ops_password "$service_user" "$(random)"
passwords=""
for service in $services; do
    own=/secrets/$service
    owner=/secrets/$service-owner
    mkdir -p "$own" "$owner"
    keep "$own/master_key" "$service_user" "$(key)"
    keep "$own/installation_secret" "$service_user" "$(value /secrets/provision/installation_secret)"
    keep "$own/nats_password" "$service_user" "$(random)"
    keep "$own/database_password" "$service_user" "$(random)"
    keep "$owner/owner_password" "$service_user" "$(random)"
    keep "$own/database_url" "$service_user" \
        "postgresql://$service:$(value "$own/database_password")@postgres:5432/$service"
    keep "$owner/owner_database_url" "$service_user" \
        "postgresql://${service}_owner:$(value "$owner/owner_password")@postgres:5432/$service"
    keep "/secrets/postgres/${service}_password" "$postgres_user" "$(value "$own/database_password")"
    keep "/secrets/postgres/${service}_owner_password" "$postgres_user" "$(value "$owner/owner_password")"
    passwords="${passwords}${service}_password: \"$(value "$own/nats_password")\"
"
done
passwords="${passwords}provisioner_password: \"$(value /secrets/provision/provisioner_password)\"
ops_password: \"$(value /secrets/provision/ops_password)\""
keep /secrets/nats/passwords.conf "$nats_user" "$passwords"
# Empty until the operator writes it: docs/operations.md, "Mail".
[ -e /secrets/notify/smtp_password ] || put /dev/null /secrets/notify/smtp_password "$service_user" 0400
# Not secret, and new with each version; nats-server includes files only from beside its own.
for file in server.conf tls.conf accounts.conf; do
    put "/config/nats/$file" "/secrets/nats/$file" "$nats_user" 0444
done
# The operator's certificates, which only root may be able to read where they come from.
if [ -s /config/tls/server.crt ]; then
    put /config/tls/server.crt /secrets/nats/server.crt "$nats_user" 0444
    put /config/tls/server.key /secrets/nats/server.key "$nats_user" 0400
    put /config/nats/tls_on.conf /secrets/nats/tls.conf "$nats_user" 0444
    for service in $services; do
        put /config/tls/ca.crt "/secrets/$service/nats_ca.crt" "$service_user" 0444
    done
fi
for reader in $services; do
    chown "$service_user" "/secrets/$reader" "/secrets/$reader-owner"
done
chown "$service_user" /secrets/provision
chown "$postgres_user" /secrets/postgres
chown "$nats_user" /secrets/nats /data/nats
chown "$service_user" /data/mail
