-- One service's database, its owner role (migrations) and its own role (the service, which owns
-- nothing). May be run again at any time; passwords are set to what the secret files say.
--
--   psql -X -v ON_ERROR_STOP=1 -v service=registry -v secrets=/run/secrets -f service.sql
--
-- <secrets>/<service>_owner_password and <secrets>/<service>_password hold the passwords.

\set owner :service _owner
\set owner_password_file :secrets / :owner _password
\set service_password_file :secrets / :service _password
\set owner_password `cat :'owner_password_file'`
\set service_password `cat :'service_password_file'`

-- A refused statement would stand in the log with its password.
SET log_min_error_statement = panic;
SET password_encryption = 'scram-sha-256';

SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY[:'owner', :'service']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec
ALTER ROLE :"owner" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'owner_password';
ALTER ROLE :"service" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT
    PASSWORD :'service_password';

SELECT format('CREATE DATABASE %I OWNER %I', :'service', :'owner')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'service')
\gexec
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"service" TO :"service";
-- Nobody's rooms are everybody's otherwise.
REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;

\connect :service
REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER SCHEMA public OWNER TO :"owner";
GRANT USAGE ON SCHEMA public TO :"service";
-- Append-only tables take UPDATE and DELETE away again, in the migration that makes them.
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"service";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO :"service";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public
    GRANT EXECUTE ON FUNCTIONS TO :"service";
-- A destroyed key has to leave the write-ahead log, too; the migrations give the right to rewrite its table.
GRANT EXECUTE ON FUNCTION pg_switch_wal(), pg_ls_waldir() TO :"service";
GRANT pg_checkpoint TO :"service" WITH INHERIT TRUE;
\connect postgres
