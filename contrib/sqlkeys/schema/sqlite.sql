-- The tables that package sqlkeys asks unless it is told other queries, for
-- SQLite 3.38 and later. Run it once: sqlite3 keys.db <sqlite.sql

PRAGMA journal_mode = WAL; -- readers and writers do not wait for each other

BEGIN;

CREATE TABLE hmacsign_keys (
    -- What the headers of requests can carry; compared byte by byte.
    id TEXT NOT NULL PRIMARY KEY CHECK (typeof(id) = 'text' AND length(id) BETWEEN 1 AND 256),
    -- The secret's bytes, or what WithDecrypt makes a secret of.
    secret BLOB NOT NULL CHECK (typeof(secret) IN ('blob', 'text') AND length(secret) BETWEEN 1 AND 65536),
    -- During a rotation: the secret before, still accepted.
    previous_secret BLOB CHECK (previous_secret IS NULL OR typeof(previous_secret) IN ('blob', 'text') AND length(previous_secret) BETWEEN 1 AND 65536),
    -- JSON arrays of names; NULL allows all.
    schemes TEXT CHECK (json_array_length(schemes) > 0),
    algorithms TEXT CHECK (json_array_length(algorithms) > 0),
    scopes TEXT CHECK (json_array_length(scopes) > 0)
);

-- One row, whose number is another after each change of the keys. It starts with
-- the time, so that it does not come again where the tables are made anew.
CREATE TABLE hmacsign_revision (
    one INTEGER PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    revision INTEGER NOT NULL
);
INSERT INTO hmacsign_revision (revision) VALUES (unixepoch() * 1000000);

CREATE TRIGGER hmacsign_keys_inserted AFTER INSERT ON hmacsign_keys BEGIN
    UPDATE hmacsign_revision SET revision = revision + 1;
END;
CREATE TRIGGER hmacsign_keys_updated AFTER UPDATE ON hmacsign_keys BEGIN
    UPDATE hmacsign_revision SET revision = revision + 1;
END;
CREATE TRIGGER hmacsign_keys_deleted AFTER DELETE ON hmacsign_keys BEGIN
    UPDATE hmacsign_revision SET revision = revision + 1;
END;

COMMIT;
