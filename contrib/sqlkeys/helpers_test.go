package sqlkeys_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/gmhmac/hmacsign/contrib/sqlkeys"
	"github.com/gmhmac/hmacsign/contrib/sqlkeys/sqltest"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// patience is how long a test waits for what should come soon.
const patience = 30 * time.Second

// open opens a database that closes with the test.
func open(t testing.TB, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

func execute(t testing.TB, db *sql.DB, query string, args ...any) {
	t.Helper()
	_, err := db.Exec(query, args...)
	require.NoError(t, err)
}

func schemaOf(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("schema", name+".sql"))
	require.NoError(t, err)
	return string(text)
}

// sqlite is a database in a file, with the schema.
func sqlite(t testing.TB) *sql.DB {
	t.Helper()
	db := open(t, "sqlite", "file:"+filepath.Join(t.TempDir(), "keys.db")+"?_pragma=busy_timeout(5000)&_pragma=synchronous(off)")
	execute(t, db, schemaOf(t, "sqlite"))
	return db
}

func postgres(t testing.TB) (*sqltest.Server, *sql.DB) {
	t.Helper()
	server := sqltest.Postgres(t)
	db := open(t, "pgx", server.DSN())
	execute(t, db, schemaOf(t, "postgres"))
	return server, db
}

// onEach runs a test on an empty database of each kind, with the schema.
func onEach(t *testing.T, test func(t *testing.T, db *sql.DB)) {
	t.Run("sqlite", func(t *testing.T) { test(t, sqlite(t)) })
	t.Run("postgres", func(t *testing.T) { _, db := postgres(t); test(t, db) })
}

// reports keeps what a store reports.
type reports chan error

func (r reports) option() sqlkeys.Option { return sqlkeys.WithReport(func(err error) { r <- err }) }

// next is the next report.
func (r reports) next(t testing.TB) error {
	t.Helper()
	select {
	case err := <-r:
		return err
	case <-time.After(patience):
		t.Fatal("no report")
		return nil
	}
}

// openStore polls every 10 ms, so that tests are quick.
func openStore(t testing.TB, db *sql.DB, opts ...sqlkeys.Option) *sqlkeys.Store {
	t.Helper()
	s, err := sqlkeys.Open(context.Background(), db, append([]sqlkeys.Option{sqlkeys.WithInterval(10 * time.Millisecond)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func key(t testing.TB, s *sqlkeys.Store, id string) *hmacsign.Key {
	t.Helper()
	k, err := s.Key(context.Background(), id)
	require.NoError(t, err, id)
	return k
}

func errOf(s *sqlkeys.Store, id string) error {
	_, err := s.Key(context.Background(), id)
	return err
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}
