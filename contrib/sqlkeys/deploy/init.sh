#!/bin/sh
# Makes the tables and the two users, once, when the database is made. The image's
# entry point runs it.
set -eu
dir=${HMACSIGN_DIR:-/hmacsign}
passwords=${HMACSIGN_PASSWORDS:-/run/secrets}
export HMACSIGN_READER HMACSIGN_ADMIN
HMACSIGN_READER=$(cat "$passwords/reader")
HMACSIGN_ADMIN=$(cat "$passwords/admin")
psql -1 -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -f "$dir/schema/postgres.sql" -f "$dir/deploy/roles.sql"
