package sqlkeys_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/contrib/sqlkeys"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// A key is what its row says, with every column; ids are compared byte by byte.
func TestKeys(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		s := openStore(t, db)
		require.ErrorContains(t, s.Ready(context.Background()), "no keys")
		require.Zero(t, s.Len())
		execute(t, db, `INSERT INTO hmacsign_keys VALUES ('full', 'secret', 'before', '["tencent-app"]', '["hmac-sm3", "hmac-sha256"]', '["r/s"]')`)
		execute(t, db, `INSERT INTO hmacsign_keys (id, secret) VALUES ('app', 'lower'), ('APP', 'upper')`)
		eventually(t, "three keys", func() bool { return s.Len() == 3 })
		require.NoError(t, s.Ready(context.Background()))
		require.NoError(t, s.Err())
		require.WithinDuration(t, time.Now(), s.LoadedAt(), time.Minute)
		k := key(t, s, "full")
		require.Equal(t, "full", k.ID)
		require.Equal(t, "secret", k.Secret.Reveal())
		require.Equal(t, "before", k.Previous.Reveal())
		require.Equal(t, []string{"tencent-app"}, k.Schemes)
		require.Equal(t, []string{"hmac-sm3", "hmac-sha256"}, k.Algorithms)
		require.Equal(t, []string{"r/s"}, k.Scopes)
		require.Equal(t, "lower", key(t, s, "app").Secret.Reveal())
		require.Equal(t, "upper", key(t, s, "APP").Secret.Reveal())
		require.Empty(t, key(t, s, "app").Previous.Reveal())
		require.Nil(t, key(t, s, "app").Schemes)
		require.ErrorIs(t, errOf(s, "App"), hmacsign.ErrUnknownKey)
	})
}

// A rotation hands out a new key with both secrets, and then one with the new alone;
// other keys stay the same. A revoked key is unknown.
func TestRotateAndRevoke(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		execute(t, db, `INSERT INTO hmacsign_keys (id, secret) VALUES ('a', 'one'), ('b', 'b'), ('c', 'c')`)
		told := make(reports, 10)
		s := openStore(t, db, told.option())
		a, b := key(t, s, "a"), key(t, s, "b")
		execute(t, db, `UPDATE hmacsign_keys SET previous_secret = secret, secret = 'two' WHERE id = 'a'`)
		require.NoError(t, told.next(t))
		require.Equal(t, "two", key(t, s, "a").Secret.Reveal())
		require.Equal(t, "one", key(t, s, "a").Previous.Reveal())
		require.Equal(t, "one", a.Secret.Reveal(), "a key that was handed out does not change")
		execute(t, db, `UPDATE hmacsign_keys SET previous_secret = NULL WHERE id = 'a'`)
		require.NoError(t, told.next(t))
		require.Empty(t, key(t, s, "a").Previous.Reveal())
		execute(t, db, `DELETE FROM hmacsign_keys WHERE id = 'c'`)
		require.NoError(t, told.next(t))
		require.ErrorIs(t, errOf(s, "c"), hmacsign.ErrUnknownKey)
		require.Same(t, b, key(t, s, "b"))
		require.Equal(t, 2, s.Len())
		require.Empty(t, told)
	})
}

// A change that changes no row, and readings without a change, keep all keys and
// report nothing.
func TestSameKeys(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		execute(t, db, `INSERT INTO hmacsign_keys (id, secret) VALUES ('a', 'one')`)
		told := make(reports, 10)
		s := openStore(t, db, told.option(), sqlkeys.WithReload(time.Millisecond))
		a, loaded, checked := key(t, s, "a"), s.LoadedAt(), s.CheckedAt()
		execute(t, db, `UPDATE hmacsign_keys SET secret = secret`)
		eventually(t, "asked again", func() bool { return s.CheckedAt().Sub(checked) > 50*time.Millisecond })
		require.Same(t, a, key(t, s, "a"))
		require.Equal(t, loaded, s.LoadedAt())
		require.Empty(t, told)
	})
}

// A writer that gets around the triggers is noticed too, only later.
func TestRevisionForgotten(t *testing.T) {
	db := sqlite(t)
	execute(t, db, `INSERT INTO hmacsign_keys (id, secret) VALUES ('a', 'one')`)
	execute(t, db, `DROP TRIGGER hmacsign_keys_deleted`)
	s := openStore(t, db, sqlkeys.WithReload(100*time.Millisecond))
	execute(t, db, `DELETE FROM hmacsign_keys`)
	eventually(t, "revoked", func() bool { return errors.Is(errOf(s, "a"), hmacsign.ErrUnknownKey) })
}

// Every way to change keys that the schema knows changes the revision.
func TestTriggers(t *testing.T) {
	revision := func(t *testing.T, db *sql.DB) (n int64) {
		require.NoError(t, db.QueryRow(sqlkeys.RevisionQuery).Scan(&n))
		return n
	}
	changes := []string{
		`INSERT INTO hmacsign_keys (id, secret) VALUES ('a', 'one'), ('b', 'two')`,
		`UPDATE hmacsign_keys SET secret = 'three' WHERE id = 'a'`,
		`INSERT INTO hmacsign_keys (id, secret) VALUES ('a', 'four') ON CONFLICT (id) DO UPDATE SET secret = excluded.secret`,
		`UPDATE hmacsign_keys SET id = 'c' WHERE id = 'a'`,
		`DELETE FROM hmacsign_keys WHERE id = 'b'`,
		`DELETE FROM hmacsign_keys`,
	}
	check := func(t *testing.T, db *sql.DB, changes ...string) {
		for _, change := range changes {
			before := revision(t, db)
			execute(t, db, change)
			require.Greater(t, revision(t, db), before, change)
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		db := sqlite(t)
		check(t, db, changes...)
		check(t, db, `INSERT INTO hmacsign_keys (id, secret) VALUES ('a', 'one')`, `REPLACE INTO hmacsign_keys (id, secret) VALUES ('a', 'two')`)
	})
	t.Run("postgres", func(t *testing.T) {
		_, db := postgres(t)
		check(t, db, changes...)
		check(t, db, `INSERT INTO hmacsign_keys (id, secret) VALUES ('a', 'one')`, `TRUNCATE hmacsign_keys`,
			`SET session_replication_role = replica; INSERT INTO hmacsign_keys (id, secret) VALUES ('a', 'one'); RESET session_replication_role`)
		execute(t, db, `DELETE FROM hmacsign_revision`)
		_, err := db.Exec(`DELETE FROM hmacsign_keys`)
		require.ErrorContains(t, err, "hmacsign_revision has no row", "a change that no store would see")
	})
}

// The schema refuses what the store would.
func TestSchemaRefuses(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		insert := func(id, secret, previous, list any) error {
			_, err := db.Exec(`INSERT INTO hmacsign_keys VALUES ($1, $2, $3, $4, $4, NULL)`, id, secret, previous, list)
			return err
		}
		require.NoError(t, insert("a", []byte("x"), nil, nil))
		require.NoError(t, insert(strings.Repeat("b", 256), []byte("x"), []byte("y"), `["x"]`))
		for name, row := range map[string][4]any{
			"id NULL": {nil, []byte("x"), nil, nil}, "id empty": {"", []byte("x"), nil, nil}, "id too long": {strings.Repeat("b", 257), []byte("x"), nil, nil},
			"id there": {"a", []byte("x"), nil, nil}, "secret NULL": {"c", nil, nil, nil}, "secret empty": {"c", []byte{}, nil, nil},
			"previous empty": {"c", []byte("x"), []byte{}, nil}, "list empty": {"c", []byte("x"), nil, "[]"},
			"list an object": {"c", []byte("x"), nil, "{}"}, "list no JSON": {"c", []byte("x"), nil, "x"}, "list null": {"c", []byte("x"), nil, "null"},
		} {
			if name == "list null" && strings.HasSuffix(t.Name(), "sqlite") {
				continue // json_array_length gives 0
			}
			require.Error(t, insert(row[0], row[1], row[2], row[3]), name)
		}
	})
	_, db := postgres(t)
	for r := range 128 {
		id := "a" + string(rune(r))
		_, err := hmacsign.StaticKeys(&hmacsign.Key{ID: id, Secret: hmacsign.Secret("x")})
		_, refused := db.Exec(`INSERT INTO hmacsign_keys (id, secret) VALUES ($1, 'x')`, id)
		require.Equal(t, err == nil, refused == nil, "%q: %v, %v", id, err, refused)
	}
}

// The stale limit: keys serve while the database is away, then every request is an
// error that is not that of an unknown key, and serves again with the database.
func TestStaleLimit(t *testing.T) {
	var offset atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
	db := sqlite(t)
	execute(t, db, `INSERT INTO hmacsign_keys (id, secret) VALUES ('a', 'one')`)
	told := make(reports, 10)
	s := openStore(t, db, told.option(), sqlkeys.WithClock(clock), sqlkeys.WithStaleLimit(10*time.Minute))
	a := key(t, s, "a")
	execute(t, db, `ALTER TABLE hmacsign_revision RENAME TO away`)
	require.Error(t, told.next(t))
	require.Error(t, s.Err())
	offset.Store(int64(9 * time.Minute))
	require.Same(t, a, key(t, s, "a"))
	require.NoError(t, s.Ready(context.Background()))
	offset.Store(int64(11 * time.Minute))
	for _, id := range []string{"a", "unknown"} {
		require.ErrorContains(t, errOf(s, id), "stale limit")
		require.NotErrorIs(t, errOf(s, id), hmacsign.ErrUnknownKey)
	}
	require.ErrorContains(t, s.Ready(context.Background()), "stale limit")
	require.Equal(t, 1, s.Len())
	require.Empty(t, told, "reported once")
	execute(t, db, `ALTER TABLE away RENAME TO hmacsign_revision`)
	require.NoError(t, told.next(t))
	require.Same(t, a, key(t, s, "a"))
	require.NoError(t, s.Err())
}

// Close ends the goroutine and closes the keys, not the database.
func TestClose(t *testing.T) {
	db := sqlite(t)
	execute(t, db, `INSERT INTO hmacsign_keys (id, secret) VALUES ('a', 'one')`)
	s := openStore(t, db)
	polling := func() bool {
		stacks := make([]byte, 1<<20)
		return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "(*Store).follow(")
	}
	eventually(t, "polling", polling)
	require.NoError(t, s.Close())
	eventually(t, "ended", func() bool { return !polling() })
	require.ErrorContains(t, errOf(s, "a"), "closed")
	require.NotErrorIs(t, errOf(s, "a"), hmacsign.ErrUnknownKey)
	require.Error(t, s.Ready(context.Background()))
	require.NoError(t, s.Close(), "again")
	require.NoError(t, db.Ping())
	require.PanicsWithValue(t, "sqlkeys: a Store was used that Open did not make: a nil or a zero one", func() { new(sqlkeys.Store).Key(context.Background(), "a") })
}

// What Open refuses, and what makes it fail.
func TestOpenRefuses(t *testing.T) {
	db := sqlite(t)
	ctx := context.Background()
	for _, c := range []struct {
		want string
		opt  sqlkeys.Option
	}{
		{"WithInterval", sqlkeys.WithInterval(0)},
		{"WithTimeout", sqlkeys.WithTimeout(-1)},
		{"WithStaleLimit", sqlkeys.WithStaleLimit(time.Second)},
		{"WithQueries", sqlkeys.WithQueries("", sqlkeys.RevisionQuery)},
		{"the revision query: *sqlite.Error with code 1", sqlkeys.WithQueries(sqlkeys.KeysQuery, "SELECT hushhush FROM hushhush")},
		{"the keys query: *sqlite.Error with code 1", sqlkeys.WithQueries("hushhush 'hushhush", sqlkeys.RevisionQuery)},
		{"so named and in this order", sqlkeys.WithQueries("SELECT secret, id, previous_secret, schemes, algorithms, scopes FROM hmacsign_keys", sqlkeys.RevisionQuery)},
		{"that is not NULL", sqlkeys.WithQueries(sqlkeys.KeysQuery, "SELECT NULL")},
		{"one row with a value", sqlkeys.WithQueries(sqlkeys.KeysQuery, "SELECT 1 WHERE 0")},
		{"one row with a value", sqlkeys.WithQueries(sqlkeys.KeysQuery, "SELECT 1 UNION SELECT 2")},
		{"one column", sqlkeys.WithQueries(sqlkeys.KeysQuery, "SELECT 1, 2")},
	} {
		_, err := sqlkeys.Open(ctx, db, c.opt)
		require.ErrorContains(t, err, c.want)
		require.NotContains(t, err.Error(), "hushhush")
	}
	_, err := sqlkeys.Open(ctx, nil)
	require.ErrorContains(t, err, "nil")
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err = sqlkeys.Open(ended, db)
	require.ErrorIs(t, err, context.Canceled)
	s, err := sqlkeys.Open(ctx, db)
	require.NoError(t, err, "the honest one")
	require.NoError(t, s.Close())
}

// A snapshot is one state of the database: keys that change together in one
// transaction are never seen apart, nor with keys missing, by many readers.
func TestConsistent(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		const keys, changes = 20, 200
		change := func(n int) {
			tx, err := db.Begin()
			require.NoError(t, err)
			defer tx.Rollback()
			for i := range keys {
				_, err := tx.Exec(`INSERT INTO hmacsign_keys (id, secret) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET secret = excluded.secret`, fmt.Sprint("k", i), []byte(fmt.Sprint("s", n)))
				require.NoError(t, err)
			}
			require.NoError(t, tx.Commit())
		}
		change(0)
		var store atomic.Pointer[sqlkeys.Store]
		var sets atomic.Int64
		var closed atomic.Bool
		s := openStore(t, db, sqlkeys.WithInterval(time.Millisecond), sqlkeys.WithReport(func(err error) {
			if err != nil {
				t.Error(err)
				return
			}
			// The goroutine that polls asks here, so that all is of one snapshot.
			sets.Add(1)
			secrets := map[string]bool{}
			for i := range keys {
				k, err := store.Load().Key(context.Background(), fmt.Sprint("k", i))
				if closed.Load() {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				secrets[k.Secret.Reveal()] = true
			}
			if len(secrets) != 1 {
				t.Errorf("of several states: %v", secrets)
			}
		}))
		store.Store(s)
		done := make(chan struct{})
		var reader sync.WaitGroup
		reader.Go(func() { // beside
			for {
				select {
				case <-done:
					return
				default:
					if _, err := s.Key(context.Background(), "k0"); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
		for n := range changes {
			change(n + 1)
		}
		eventually(t, "the last state", func() bool { return key(t, s, "k0").Secret.Reveal() == fmt.Sprint("s", changes) })
		close(done)
		reader.Wait()
		require.Greater(t, sets.Load(), int64(1))
		closed.Store(true) // before the store is
		t.Logf("%d states seen of %d", sets.Load(), changes)
	})
}

// Everything may be asked at once, also while keys change and the store closes.
func TestConcurrent(t *testing.T) {
	db := sqlite(t)
	execute(t, db, `INSERT INTO hmacsign_keys (id, secret) VALUES ('a', 'one')`)
	s := openStore(t, db, sqlkeys.WithInterval(time.Millisecond))
	ctx := context.Background()
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for {
				_, err := s.Key(ctx, "a")
				s.Ready(ctx)
				s.Err()
				if s.Len() != 1 || s.LoadedAt().IsZero() || s.CheckedAt().IsZero() {
					t.Error("no snapshot")
				}
				if err != nil {
					return
				}
			}
		})
	}
	for n := range 50 {
		execute(t, db, `UPDATE hmacsign_keys SET secret = $1`, fmt.Sprint("s", n))
	}
	for range 2 {
		asking.Go(func() { s.Close() })
	}
	asking.Wait()
	require.ErrorContains(t, errOf(s, "a"), "closed")
}
