-- The tables that package sqlkeys asks unless it is told other queries, for
-- PostgreSQL 12 and later. Run it once, in one transaction, as the tables' owner:
--   psql -1 -v ON_ERROR_STOP=1 -f postgres.sql
-- Who changes keys and who reads them needs no more than deploy/roles.sql gives.

CREATE TABLE hmacsign_keys (
    -- What the headers of requests can carry; compared byte by byte.
    id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^[!#-+./0-:<-\[\]-~-]+$' AND length(id) <= 256),
    -- The secret's bytes, or what WithDecrypt makes a secret of.
    secret bytea NOT NULL CHECK (octet_length(secret) BETWEEN 1 AND 65536),
    -- During a rotation: the secret before, still accepted.
    previous_secret bytea CHECK (octet_length(previous_secret) BETWEEN 1 AND 65536),
    -- JSON arrays of names; NULL allows all.
    schemes text CHECK (jsonb_array_length(schemes::jsonb) > 0),
    algorithms text CHECK (jsonb_array_length(algorithms::jsonb) > 0),
    scopes text CHECK (jsonb_array_length(scopes::jsonb) > 0)
);

-- One row, whose number is another after each change of the keys. It starts with
-- the time, so that it does not come again where the tables are made anew.
CREATE TABLE hmacsign_revision (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    revision bigint NOT NULL
);
INSERT INTO hmacsign_revision (revision) VALUES ((extract(epoch FROM clock_timestamp()) * 1000000)::bigint);

-- It runs with its owner's rights, so who changes keys needs none on the revision.
-- All changes wait for each other here: keep transactions that change keys short.
CREATE FUNCTION hmacsign_next_revision() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed bigint;
BEGIN
    EXECUTE format('UPDATE %I.hmacsign_revision SET revision = revision + 1', TG_TABLE_SCHEMA);
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed <> 1 THEN
        RAISE EXCEPTION 'hmacsign_revision has no row: insert one, or no store sees the change';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER hmacsign_keys_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON hmacsign_keys
    FOR EACH STATEMENT EXECUTE FUNCTION hmacsign_next_revision();
-- Also where a session sets session_replication_role.
ALTER TABLE hmacsign_keys ENABLE ALWAYS TRIGGER hmacsign_keys_changed;
