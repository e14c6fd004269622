-- The two users, each with the least rights. Their passwords come from the
-- environment, so that they are in no command line and not in the server's log.
\getenv reader HMACSIGN_READER
\getenv admin HMACSIGN_ADMIN
SET log_statement = 'none';
SET log_min_duration_statement = -1;

-- What gateways connect as: it reads the keys and their revision.
CREATE ROLE hmacsign_reader LOGIN PASSWORD :'reader' CONNECTION LIMIT 100;
ALTER ROLE hmacsign_reader SET default_transaction_read_only = on;
ALTER ROLE hmacsign_reader SET statement_timeout = '30s';
GRANT SELECT ON hmacsign_keys, hmacsign_revision TO hmacsign_reader;

-- What changes keys. The trigger changes the revision for it.
CREATE ROLE hmacsign_admin LOGIN PASSWORD :'admin';
GRANT SELECT, INSERT, UPDATE, DELETE ON hmacsign_keys TO hmacsign_admin;
