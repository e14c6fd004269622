package gateway

import (
	"database/sql"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/contrib/sqlkeys/sqltest"
)

// A key that is revoked in the database is refused by both gateways soon after.
func TestKeyRevokedInSQL(t *testing.T) {
	server := sqltest.Postgres(t)
	db, err := sql.Open("pgx", server.DSN())
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	schema, err := os.ReadFile("../sqlkeys/schema/postgres.sql")
	require.NoError(t, err)
	_, err = db.Exec(string(schema))
	require.NoError(t, err)
	_, err = db.Exec("INSERT INTO hmacsign_keys (id, secret) VALUES ('test-key', $1), ('another-key', $1)", []byte(testSecret))
	require.NoError(t, err)

	u := newUpstream(t)
	config := configOf(t, u.URL, fmt.Sprintf("sql: {driver: postgres, dsn: {file: %q}}", writeFile(t, "dsn", server.DSN())), "off: true")
	one, other := start(t, config), start(t, config)
	took := refusedAfter(t, func() {
		_, err := db.Exec("DELETE FROM hmacsign_keys WHERE id = 'test-key'")
		require.NoError(t, err)
	}, one, other)
	t.Logf("both gateways refuse %v after the key was revoked in the database", took)
	_, metrics := get(t, one.admin+"/metrics")
	require.Contains(t, metrics, "hmacsign_keys 1\n")
	require.Contains(t, metrics, "hmacsign_keys_checked_timestamp_seconds")
	require.NotContains(t, one.log.String(), server.DSN())
}
