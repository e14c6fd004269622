package gateway

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/contrib/sqlkeys/sqltest"
)

// A key that is revoked in the database is refused by both gateways soon after.
func TestKeyRevokedInSQL(t *testing.T) {
	db := sqltest.Postgres(t)
	u := newUpstream(t)
	dsn := writeFile(t, "dsn", db.DSN())
	config := configOf(t, u.URL, fmt.Sprintf("sql: {driver: postgres, dsn: {file: %q}}", dsn), "off: true")
	one, other := start(t, config), start(t, config)
	took := refusedAfter(t, func() {
		_ = db // delete
	}, one, other)
	t.Logf("both gateways refuse %v after the key was revoked in the database", took)
	require.NotContains(t, one.log.String(), db.DSN())
}
