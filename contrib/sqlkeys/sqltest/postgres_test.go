package sqltest_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/contrib/sqlkeys/sqltest"
)

// A server that is paused does not answer, one that was killed refuses, and both
// serve again afterwards, with what was written.
func TestPostgres(t *testing.T) {
	server := sqltest.Postgres(t)
	db, err := sql.Open("pgx", server.DSN())
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec("CREATE TABLE t AS SELECT 1 AS n")
	require.NoError(t, err)
	ask := func(limit time.Duration) error {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		var n int
		return db.QueryRowContext(ctx, "SELECT n FROM t").Scan(&n)
	}
	require.NoError(t, ask(time.Minute))
	server.Pause()
	require.ErrorIs(t, ask(200*time.Millisecond), context.DeadlineExceeded)
	server.Resume()
	require.NoError(t, ask(time.Minute))
	server.Kill()
	require.Error(t, ask(time.Minute))
	server.Start()
	require.NoError(t, ask(time.Minute))

	other, err := sql.Open("pgx", server.As("tester", "not the password"))
	require.NoError(t, err)
	defer other.Close()
	require.ErrorContains(t, other.Ping(), "28P01")
}
