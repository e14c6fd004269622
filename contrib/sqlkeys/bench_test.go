package sqlkeys_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/contrib/sqlkeys"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// fill writes n keys.
func fill(t testing.TB, db *sql.DB, n int) {
	t.Helper()
	execute(t, db, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) INSERT INTO hmacsign_keys (id, secret, schemes) SELECT 'key-' || i, CAST('secret of ' || i AS BLOB), '["tencent-app"]' FROM n`, n)
}

// BenchmarkKey is what a request pays, beside the store of keys in memory.
func BenchmarkKey(b *testing.B) {
	const keys = 10_000
	db := sqlite(b)
	fill(b, db, keys)
	sqlStore := openStore(b, db, sqlkeys.WithInterval(time.Second))
	var list []*hmacsign.Key
	for i := range keys {
		list = append(list, &hmacsign.Key{ID: fmt.Sprint("key-", i+1), Secret: hmacsign.Secret("x")})
	}
	static, err := hmacsign.StaticKeys(list...)
	require.NoError(b, err)
	for _, c := range []struct {
		name  string
		store hmacsign.KeyStore
	}{{"sqlkeys", sqlStore}, {"static", static}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for ctx := context.Background(); pb.Next(); {
					if _, err := c.store.Key(ctx, "key-5000"); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkReload is the time from a change of one key until it is in use, at an
// interval of 1 ms; all other keys stay the same.
func BenchmarkReload(b *testing.B) {
	for _, keys := range []int{10_000, 100_000} {
		for _, kind := range []string{"sqlite", "postgres"} {
			b.Run(fmt.Sprintf("%s/%d", kind, keys), func(b *testing.B) {
				var db *sql.DB
				if kind == "sqlite" {
					db = sqlite(b)
					fill(b, db, keys)
				} else {
					_, db = postgres(b)
					execute(b, db, `INSERT INTO hmacsign_keys (id, secret, schemes) SELECT 'key-' || i, ('secret of ' || i)::bytea, '["tencent-app"]' FROM generate_series(1, $1) AS i`, keys)
				}
				told := make(reports, 10)
				s := openStore(b, db, told.option(), sqlkeys.WithInterval(time.Millisecond), sqlkeys.WithTimeout(time.Minute))
				before := make([]*hmacsign.Key, keys+1)
				for i := 1; i <= keys; i++ {
					before[i] = key(b, s, fmt.Sprint("key-", i))
				}
				for b.Loop() {
					execute(b, db, `UPDATE hmacsign_keys SET previous_secret = secret, secret = $1 WHERE id = 'key-1'`, []byte(fmt.Sprint(time.Now())))
					require.NoError(b, told.next(b))
				}
				require.NotSame(b, before[1], key(b, s, "key-1"))
				for i := 2; i <= keys; i++ {
					if before[i] != key(b, s, fmt.Sprint("key-", i)) {
						b.Fatalf("key-%d is another", i)
					}
				}
			})
		}
	}
}
