package sqlkeys_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/contrib/sqlkeys"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// freely makes the tables without any check, and the option to read them.
func freely(t testing.TB, db *sql.DB) sqlkeys.Option {
	t.Helper()
	kind := "BLOB"
	if strings.Contains(fmt.Sprintf("%T", db.Driver()), "stdlib") {
		kind = "bytea"
	}
	execute(t, db, `CREATE TABLE free (id text, secret `+kind+`, previous_secret `+kind+`, schemes text, algorithms text, scopes text)`)
	execute(t, db, `CREATE TABLE version (n integer)`)
	execute(t, db, `INSERT INTO version VALUES (1)`)
	return sqlkeys.WithQueries(`SELECT id, secret, previous_secret, schemes, algorithms, scopes FROM free`, `SELECT n FROM version`)
}

func insert(t testing.TB, db *sql.DB, row ...any) {
	t.Helper()
	row = append(row, make([]any, 6-len(row))...)
	execute(t, db, `INSERT INTO free VALUES ($1, $2, $3, $4, $5, $6)`, row...)
}

func bump(t testing.TB, db *sql.DB) {
	t.Helper()
	execute(t, db, `UPDATE version SET n = n + 1`)
}

// A faulty row takes its own key out of use, with an error that is not that of an
// unknown key and says what is wrong; a revocation beside it takes effect, and the
// rest serves on. Mended, it is in use again.
func TestFaultyRows(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		queries := freely(t, db)
		insert(t, db, "good", []byte("hushhush"))
		insert(t, db, "revoked", []byte("hushhush"))
		insert(t, db, "k", []byte("hushhush"))
		told := make(reports, 10)
		s := openStore(t, db, queries, told.option())
		good := key(t, s, "good")
		for want, row := range map[string][]any{
			"secret is NULL":                    {"k", nil},
			"secret is empty":                   {"k", []byte{}},
			"secret is longer than 65536 bytes": {"k", []byte(strings.Repeat("hushhush", 8193))},
			"previous_secret is empty":          {"k", []byte("hushhush"), []byte{}},
			"previous_secret is longer than":    {"k", []byte("hushhush"), []byte(strings.Repeat("hushhush", 8193))},
			"schemes is no JSON array of names": {"k", []byte("hushhush"), nil, `["tencent-app"`},
			"schemes is an empty list":          {"k", []byte("hushhush"), nil, `[]`},
			"schemes is an empty list: name":    {"k", []byte("hushhush"), nil, `null`},
			"schemes is no JSON array":          {"k", []byte("hushhush"), nil, `hushhush`},
			"schemes is no":                     {"k", []byte("hushhush"), nil, ``},
			"unknown scheme":                    {"k", []byte("hushhush"), nil, `["tencent"]`},
			"scheme \"\"":                       {"k", []byte("hushhush"), nil, `[null]`},
			"algorithms is no JSON array":       {"k", []byte("hushhush"), nil, nil, `{"a": ["hushhush"]}`},
			"algorithms is no":                  {"k", []byte("hushhush"), nil, nil, strings.Repeat("[", 20000)},
			"algorithms is longer than":         {"k", []byte("hushhush"), nil, nil, `["` + strings.Repeat("a", 65536) + `"]`},
			"unknown algorithm":                 {"k", []byte("hushhush"), nil, nil, `["md5"]`},
			"scopes is no JSON array of names":  {"k", []byte("hushhush"), nil, nil, nil, `[["r/s"]]`},
			"write it as region/service":        {"k", []byte("hushhush"), nil, nil, nil, `["region"]`},
		} {
			execute(t, db, `DELETE FROM free WHERE id <> 'good'`)
			insert(t, db, row...)
			bump(t, db)
			err := told.next(t)
			require.ErrorContains(t, err, `sqlkeys: rows that cannot be used: key "k": `)
			require.ErrorContains(t, err, want)
			require.Equal(t, err, s.Err())
			require.ErrorContains(t, errOf(s, "k"), want)
			require.NotErrorIs(t, errOf(s, "k"), hmacsign.ErrUnknownKey)
			require.ErrorIs(t, errOf(s, "revoked"), hmacsign.ErrUnknownKey)
			for _, err := range []error{err, errOf(s, "k")} {
				require.NotContains(t, err.Error(), "hushhush")
				require.NotContains(t, err.Error(), "\n")
			}
			require.Same(t, good, key(t, s, "good"))
			require.Equal(t, 1, s.Len())
			require.NoError(t, s.Ready(context.Background()))

			execute(t, db, `DELETE FROM free WHERE id <> 'good'`)
			insert(t, db, "k", []byte("hushhush"))
			bump(t, db)
			require.NoError(t, told.next(t))
			require.Equal(t, "hushhush", key(t, s, "k").Secret.Reveal())
		}
		require.Empty(t, told)
	})
}

// Rows without an id that a request could have, or with one that is there twice.
func TestFaultyIDs(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		queries := freely(t, db)
		insert(t, db, "good", []byte("x"))
		told := make(reports, 10)
		s := openStore(t, db, queries, told.option())
		insert(t, db, nil, []byte("x"))
		insert(t, db, "", []byte("x"))
		insert(t, db, "a b", []byte("x"))
		insert(t, db, strings.Repeat("a", 257), []byte("x"))
		for range 3 {
			insert(t, db, "twice", []byte("x"))
		}
		insert(t, db, "good", []byte("y"))
		bump(t, db)
		err := told.next(t)
		require.ErrorContains(t, err, "the id of a row is NULL")
		require.ErrorContains(t, err, "and 3 more")
		require.ErrorContains(t, errOf(s, "twice"), `key "twice" is there twice`)
		require.ErrorContains(t, errOf(s, "good"), `key "good" is there twice`, "which of them counts is not to be guessed")
		require.ErrorContains(t, s.Ready(context.Background()), "no keys that can be used")
		require.Error(t, errOf(s, "a b"))
		execute(t, db, `DELETE FROM free WHERE id IS NULL OR id <> 'good' OR secret = $1`, []byte("y"))
		bump(t, db)
		require.NoError(t, told.next(t))
		require.Equal(t, "x", key(t, s, "good").Secret.Reveal())
		require.Equal(t, 1, s.Len())
	})
}

// Columns of other types make their row a faulty one.
func TestOtherTypes(t *testing.T) {
	db := sqlite(t)
	for value, want := range map[string]string{"5": "int64", "1.5": "float64"} {
		query := fmt.Sprintf("SELECT 'good' AS id, 'x' AS secret, NULL AS previous_secret, NULL AS schemes, NULL AS algorithms, NULL AS scopes UNION ALL SELECT 'k', %s, NULL, NULL, NULL, NULL", value)
		s := openStore(t, db, sqlkeys.WithQueries(query, "SELECT 1.5"))
		require.ErrorContains(t, errOf(s, "k"), "secret is of type "+want)
		require.Equal(t, "x", key(t, s, "good").Secret.Reveal())
		s = openStore(t, db, sqlkeys.WithQueries(strings.Replace(query, "'k', "+value, value+", 'x'", 1), "SELECT 'text'"))
		require.ErrorContains(t, s.Err(), "the id of a row is of type "+want)
	}
}

// More rows than there can be keys are not read.
func TestTooManyRows(t *testing.T) {
	db := sqlite(t)
	execute(t, db, `INSERT INTO hmacsign_keys (id, secret) VALUES ('a', 'one')`)
	endless := `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'k' AS id, 'x' AS secret, NULL AS previous_secret, NULL AS schemes, NULL AS algorithms, NULL AS scopes FROM n`
	_, err := sqlkeys.Open(context.Background(), db, sqlkeys.WithQueries(endless, sqlkeys.RevisionQuery))
	require.ErrorContains(t, err, "at most 1000000 rows")
	long := strings.Replace(endless, "'k' AS id, 'x' AS secret", "'k' || i AS id, zeroblob(65536) AS secret", 1)
	_, err = sqlkeys.Open(context.Background(), db, sqlkeys.WithQueries(long, sqlkeys.RevisionQuery))
	require.ErrorContains(t, err, "at most 268435456 bytes at once")
}

// A vault decrypts by taking "sealed:" away, if it is there for it to do so.
type vault struct {
	calls atomic.Int64
	how   atomic.Value // of func() error
}

func (v *vault) decrypt(ctx context.Context, id string, stored []byte) ([]byte, error) {
	v.calls.Add(1)
	if how, ok := v.how.Load().(func(context.Context, []byte) error); ok && how != nil {
		if err := how(ctx, stored); err != nil {
			return stored, err
		}
	}
	plain, sealed := strings.CutPrefix(string(stored), "sealed:")
	if !sealed {
		return nil, errors.New("not sealed: " + string(stored))
	}
	return []byte(plain), nil
}

// The hook is asked for what has changed alone. Where it fails, panics or hangs, its
// key is out of use, revocations take effect, no word of its is shown, and it is
// tried again although nothing changes.
func TestDecrypt(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		v := new(vault)
		told := make(reports, 10)
		execute(t, db, `INSERT INTO hmacsign_keys (id, secret, previous_secret) VALUES ('a', 'sealed:one', 'sealed:zero'), ('b', 'sealed:b', NULL)`)
		s := openStore(t, db, told.option(), sqlkeys.WithDecrypt(v.decrypt), sqlkeys.WithTimeout(200*time.Millisecond), sqlkeys.WithStaleLimit(time.Minute))
		require.Equal(t, "one", key(t, s, "a").Secret.Reveal())
		require.Equal(t, "zero", key(t, s, "a").Previous.Reveal())
		b := key(t, s, "b")
		require.EqualValues(t, 3, v.calls.Load())
		for name, how := range map[string]func(context.Context, []byte) error{
			"fails":  func(_ context.Context, stored []byte) error { return fmt.Errorf("cannot open %s", stored) },
			"panics": func(_ context.Context, stored []byte) error { panic(string(stored)) },
			"hangs":  func(ctx context.Context, _ []byte) error { <-ctx.Done(); return ctx.Err() },
		} {
			execute(t, db, `INSERT INTO hmacsign_keys (id, secret) VALUES ('revoked', 'sealed:r')`)
			require.NoError(t, told.next(t))
			calls := v.calls.Load()
			v.how.Store(how)
			execute(t, db, `UPDATE hmacsign_keys SET secret = 'sealed:hushhush', previous_secret = NULL WHERE id = 'a'`)
			err := told.next(t)
			require.ErrorContains(t, err, `key "a": secret could not be decrypted`, name)
			execute(t, db, `DELETE FROM hmacsign_keys WHERE id = 'revoked'`)
			require.Equal(t, err, told.next(t), "the same fault, with keys that changed")
			require.ErrorIs(t, errOf(s, "revoked"), hmacsign.ErrUnknownKey)
			require.NotErrorIs(t, errOf(s, "a"), hmacsign.ErrUnknownKey)
			require.NotContains(t, fmt.Sprintf("%v %+v", err, errOf(s, "a")), "hushhush")
			require.Same(t, b, key(t, s, "b"))
			require.Greater(t, v.calls.Load(), calls)
			v.how.Store((func(context.Context, []byte) error)(nil))
			require.NoError(t, told.next(t), "tried again")
			require.Equal(t, "hushhush", key(t, s, "a").Secret.Reveal())
			execute(t, db, `UPDATE hmacsign_keys SET secret = 'sealed:one' WHERE id = 'a'`)
			require.NoError(t, told.next(t))
		}
		require.Same(t, b, key(t, s, "b"))
	})
}

// Open with a wrong key for all secrets fails; with one faulty row it does not.
func TestOpenWithFaults(t *testing.T) {
	db := sqlite(t)
	execute(t, db, `INSERT INTO hmacsign_keys (id, secret) VALUES ('a', 'hushhush'), ('b', 'hushhush')`)
	v := new(vault)
	_, err := sqlkeys.Open(context.Background(), db, sqlkeys.WithDecrypt(v.decrypt))
	require.ErrorContains(t, err, "no key can be used")
	require.NotContains(t, err.Error(), "hushhush")
	execute(t, db, `UPDATE hmacsign_keys SET secret = 'sealed:x' WHERE id = 'b'`)
	told := make(reports, 1)
	s := openStore(t, db, sqlkeys.WithDecrypt(v.decrypt), told.option())
	require.ErrorContains(t, told.next(t), `key "a": secret could not be decrypted`)
	require.Equal(t, "x", key(t, s, "b").Secret.Reveal())
}
