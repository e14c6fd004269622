package hmacsign_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// sqlKeys is a key store over database/sql that asks for each request. The module
// contrib/sqlkeys is one that keeps all keys in memory, and outlives the database's
// pauses.
type sqlKeys struct {
	db *sql.DB

	mu    sync.Mutex
	known map[string]*hmacsign.Key
}

func (s *sqlKeys) Key(ctx context.Context, id string) (*hmacsign.Key, error) {
	var secret, previous string
	err := s.db.QueryRowContext(ctx, "SELECT secret, previous_secret FROM keys WHERE id = ?", id).Scan(&secret, &previous)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, hmacsign.ErrUnknownKey // any other error is answered with 503
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// The same *Key as long as the row is the same: it holds the keyed MACs. After a
	// rotation another one, so that the old secret does not stay in use.
	key := s.known[id]
	if key == nil || key.Secret.Reveal() != secret || key.Previous.Reveal() != previous {
		key = &hmacsign.Key{ID: id, Secret: hmacsign.Secret(secret), Previous: hmacsign.Secret(previous)}
		s.known[id] = key
	}
	return key, nil
}

// Keys in a SQL database.
func ExampleKeyStore() {
	db := sql.OpenDB(table{"app-1": {"new secret", "old secret"}}) // in earnest sql.Open with a driver
	defer db.Close()
	verifier, err := hmacsign.NewVerifier(&sqlKeys{db: db, known: map[string]*hmacsign.Key{}}, then)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, cred := range []hmacsign.Credential{
		{KeyID: "app-1", Secret: hmacsign.Secret("new secret")},
		{KeyID: "app-1", Secret: hmacsign.Secret("old secret")},
		{KeyID: "app-2", Secret: hmacsign.Secret("new secret")},
	} {
		signer, _ := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSM3, cred, then)
		req, _ := http.NewRequest("GET", "http://service.example.com/", nil)
		signer.Sign(req)
		if id, err := verifier.Verify(req); err != nil {
			fmt.Println(cred.KeyID, "refused, the key is unknown:", errors.Is(err, hmacsign.ErrUnknownKey))
		} else {
			fmt.Println(cred.KeyID, "accepted, with the secret before:", id.PreviousSecret)
		}
	}
	// Output:
	// app-1 accepted, with the secret before: false
	// app-1 accepted, with the secret before: true
	// app-2 refused, the key is unknown: true
}

// table is the least there can be of a database: it answers every query with the row
// of the first argument.
type table map[string][2]string

func (t table) Connect(context.Context) (driver.Conn, error) { return t, nil }
func (t table) Driver() driver.Driver                        { return nil }
func (t table) Prepare(string) (driver.Stmt, error)          { return nil, errors.ErrUnsupported }
func (t table) Begin() (driver.Tx, error)                    { return nil, errors.ErrUnsupported }
func (t table) Close() error                                 { return nil }
func (r *row) Columns() []string                             { return []string{"secret", "previous_secret"} }
func (r *row) Close() error                                  { return nil }

func (t table) QueryContext(_ context.Context, _ string, args []driver.NamedValue) (driver.Rows, error) {
	values, ok := t[args[0].Value.(string)]
	return &row{values, !ok}, nil
}

type row struct {
	values [2]string
	read   bool
}

func (r *row) Next(dest []driver.Value) error {
	if r.read {
		return io.EOF
	}
	r.read = true
	dest[0], dest[1] = r.values[0], r.values[1]
	return nil
}

// sharedReplays keeps replays where several gateways find them, in a database whose
// insert fails for a key that is there. The module contrib/redisreplay is one over Redis.
type sharedReplays struct{ db database }

// A database has an insert of keys that expire, in one step.
type database interface {
	Insert(ctx context.Context, key []byte, ttl time.Duration) (inserted bool, err error)
}

// Seen takes the time that is left from the verifier's clock, so that the database's may
// be another. A database that cannot answer makes the verifier refuse with 503.
func (s sharedReplays) Seen(ctx context.Context, id [16]byte, now, expires time.Time) (bool, error) {
	inserted, err := s.db.Insert(ctx, id[:], expires.Sub(now)+time.Second)
	return !inserted, err
}

// A replay guard of one's own.
func ExampleReplayStore() {
	db := &inMemory{keys: map[string]bool{}}
	keys, _ := hmacsign.StaticKeys(&hmacsign.Key{ID: "app-1", Secret: hmacsign.Secret("example")})
	verifier, err := hmacsign.NewVerifier(keys, then, hmacsign.WithReplayGuard(sharedReplays{db}))
	if err != nil {
		fmt.Println(err)
		return
	}
	signer, _ := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSM3, hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret("example")}, then)
	verify := func(path string) {
		req, _ := http.NewRequest("GET", "http://service.example.com"+path, nil)
		signer.Sign(req)
		_, err := verifier.Verify(req)
		var refused *hmacsign.VerifyError
		if errors.As(err, &refused) {
			fmt.Println(path, refused.Status(), refused.Code())
		} else {
			fmt.Println(path, "accepted")
		}
	}
	verify("/a")
	verify("/a")
	verify("/b")
	db.down = errors.New("connection lost")
	verify("/c")
	// Output:
	// /a accepted
	// /a 401 replayed
	// /b accepted
	// /c 503 unavailable
}

// inMemory is such a database, which expires nothing.
type inMemory struct {
	mu   sync.Mutex
	keys map[string]bool
	down error
}

func (m *inMemory) Insert(_ context.Context, key []byte, _ time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil || m.keys[string(key)] {
		return false, m.down
	}
	m.keys[string(key)] = true
	return true, nil
}
