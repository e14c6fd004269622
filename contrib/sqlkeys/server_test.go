package sqlkeys_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/contrib/sqlkeys"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// verify sends a request with a key through a verifier.
func verify(t *testing.T, s *sqlkeys.Store, id string) error {
	t.Helper()
	v, err := hmacsign.NewVerifier(s)
	require.NoError(t, err)
	signer, err := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSHA256, hmacsign.Credential{KeyID: id, Secret: hmacsign.Secret("secret of " + id)})
	require.NoError(t, err)
	req, err := http.NewRequest("GET", "http://service.example.com/a", nil)
	require.NoError(t, err)
	require.NoError(t, signer.Sign(req))
	_, err = v.Verify(req)
	return err
}

// A key that is revoked is refused by each of two stores with the default interval,
// within two seconds.
func TestRevokedInTime(t *testing.T) {
	server, db := postgres(t)
	execute(t, db, `INSERT INTO hmacsign_keys (id, secret) VALUES ('kept', 'secret of kept'), ('gone', 'secret of gone')`)
	var stores []*sqlkeys.Store
	for range 2 {
		stores = append(stores, openStore(t, open(t, "pgx", server.DSN()), sqlkeys.WithInterval(time.Second)))
		time.Sleep(400 * time.Millisecond) // so that they do not poll at once
	}
	for _, s := range stores {
		require.NoError(t, verify(t, s, "gone"))
	}
	execute(t, db, `DELETE FROM hmacsign_keys WHERE id = 'gone'`)
	start := time.Now()
	for i, s := range stores {
		eventually(t, "refused", func() bool { return errors.Is(verify(t, s, "gone"), hmacsign.ErrUnknownKey) })
		took := time.Since(start)
		t.Logf("refused by store %d after %v", i+1, took.Round(time.Millisecond))
		require.Less(t, took, 3*time.Second)
		require.NoError(t, verify(t, s, "kept"))
	}
}

// A database that is stopped, then killed, then back: the keys serve up to the stale
// limit, then every request is unavailable, and with the database a revocation takes
// effect.
func TestDatabaseAway(t *testing.T) {
	server, db := postgres(t)
	execute(t, db, `INSERT INTO hmacsign_keys (id, secret) VALUES ('kept', 'secret of kept'), ('gone', 'secret of gone')`)
	told := make(reports, 100)
	s := openStore(t, open(t, "pgx", server.DSN()), told.option(), sqlkeys.WithTimeout(500*time.Millisecond), sqlkeys.WithStaleLimit(2*time.Second))
	kept := key(t, s, "kept")
	for name, away := range map[string]struct{ leave, back func() }{
		"stopped": {server.Pause, server.Resume},
		"killed":  {server.Kill, server.Start},
	} {
		away.leave()
		require.Error(t, told.next(t), name)
		require.NoError(t, verify(t, s, "kept"), name)
		eventually(t, "stale", func() bool { return verify(t, s, "kept") != nil })
		for _, id := range []string{"kept", "unknown"} {
			require.ErrorIs(t, verify(t, s, id), hmacsign.ErrUnavailable, name)
		}
		require.Error(t, s.Ready(context.Background()))
		away.back()
		start := time.Now()
		eventually(t, "back", func() bool { return verify(t, s, "kept") == nil })
		t.Logf("%s: serving %v after it was back", name, time.Since(start).Round(time.Millisecond))
		require.Same(t, kept, key(t, s, "kept"))
		for told.next(t) != nil { // of the time away
		}
	}
	execute(t, open(t, "pgx", server.DSN()), `DELETE FROM hmacsign_keys WHERE id = 'gone'`)
	eventually(t, "revoked", func() bool { return errors.Is(verify(t, s, "gone"), hmacsign.ErrUnknownKey) })
}

// What goes wrong while connecting is told without the DSN.
func TestNoDSNInErrors(t *testing.T) {
	server, db := postgres(t)
	execute(t, db, `CREATE ROLE "hushuser" LOGIN PASSWORD 'right'`)
	for name, c := range map[string]struct{ dsn, want string }{
		"wrong password":  {server.As("hushuser", "hushhush"), "the server refuses the password (SQLSTATE 28P01)"},
		"no rights":       {server.As("hushuser", "right"), "the user has no right to do this: grant SELECT (SQLSTATE 42501)"},
		"no such server":  {"host=/nonexistent user=hushuser password=hushhush", "no such file or directory"},
		"unreadable":      {"host=/tmp password=hush hushhush", "ParseConfigError, whose text may hold what is secret"},
		"unreadable URL":  {"postgres://hushuser:hush/hushhush@localhost/x", "ParseConfigError, whose text may hold what is secret: see that the DSN has special characters of its password as %XX"},
		"no such network": {"postgres://hushuser:hushhush@127.0.0.1:1/x", "connection refused"},
	} {
		_, err := sqlkeys.Open(context.Background(), open(t, "pgx", c.dsn))
		require.ErrorContains(t, err, c.want, name)
		require.NotContains(t, err.Error(), "hush", name)
		for cause := err; cause != nil; cause = errors.Unwrap(cause) {
			require.NotContains(t, cause.Error(), "hush", name)
		}
	}
	openStore(t, open(t, "pgx", server.DSN())) // the honest one
}
