-- The tables that package sqlkeys asks unless it is told other queries, for MySQL
-- 8.0.16 and MariaDB 10.6 and later. Run it once: mysql DATABASE <mysql.sql
-- TRUNCATE runs no trigger: use DELETE, and give nobody the right to drop.

CREATE TABLE hmacsign_keys (
    -- What the headers of requests can carry; compared byte by byte.
    id VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY CHECK (id <> ''),
    -- The secret's bytes, or what WithDecrypt makes a secret of.
    secret BLOB NOT NULL CHECK (length(secret) > 0),
    -- During a rotation: the secret before, still accepted.
    previous_secret BLOB NULL CHECK (length(previous_secret) > 0),
    -- JSON arrays of names; NULL allows all.
    schemes TEXT NULL CHECK (json_valid(schemes) AND json_type(schemes) = 'ARRAY' AND json_length(schemes) > 0),
    algorithms TEXT NULL CHECK (json_valid(algorithms) AND json_type(algorithms) = 'ARRAY' AND json_length(algorithms) > 0),
    scopes TEXT NULL CHECK (json_valid(scopes) AND json_type(scopes) = 'ARRAY' AND json_length(scopes) > 0)
) ENGINE = InnoDB;

-- One row, whose number is another after each change of the keys. It starts with
-- the time, so that it does not come again where the tables are made anew.
CREATE TABLE hmacsign_revision (
    one TINYINT NOT NULL PRIMARY KEY CHECK (one = 1),
    revision BIGINT NOT NULL
) ENGINE = InnoDB;
INSERT INTO hmacsign_revision (one, revision) VALUES (1, unix_timestamp() * 1000000);

CREATE TRIGGER hmacsign_keys_inserted AFTER INSERT ON hmacsign_keys
    FOR EACH ROW UPDATE hmacsign_revision SET revision = revision + 1;
CREATE TRIGGER hmacsign_keys_updated AFTER UPDATE ON hmacsign_keys
    FOR EACH ROW UPDATE hmacsign_revision SET revision = revision + 1;
CREATE TRIGGER hmacsign_keys_deleted AFTER DELETE ON hmacsign_keys
    FOR EACH ROW UPDATE hmacsign_revision SET revision = revision + 1;
