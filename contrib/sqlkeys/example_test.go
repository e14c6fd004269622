package sqlkeys_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/contrib/sqlkeys"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// exampleDatabase is a database in a new folder, with the schema.
func exampleDatabase() (db *sql.DB, remove func()) {
	dir, err := os.MkdirTemp("", "sqlkeys")
	must(err)
	db, err = sql.Open("sqlite", "file:"+filepath.Join(dir, "keys.db")+"?_pragma=busy_timeout(5000)")
	must(err)
	schema, err := os.ReadFile("schema/sqlite.sql")
	must(err)
	_, err = db.Exec(string(schema))
	must(err)
	return db, func() { db.Close(); os.RemoveAll(dir) }
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// A server whose keys are in a database: a key that is deleted there is refused.
func Example() {
	db, remove := exampleDatabase()
	defer remove()
	_, err := db.Exec("INSERT INTO hmacsign_keys (id, secret) VALUES (?, ?)", "app-1", "example")
	must(err)

	changed := make(chan error, 1)
	keys, err := sqlkeys.Open(context.Background(), db,
		sqlkeys.WithInterval(10*time.Millisecond),
		sqlkeys.WithReport(func(err error) { changed <- err }))
	must(err)
	defer keys.Close()
	verifier, err := hmacsign.NewVerifier(keys)
	must(err)
	server := httptest.NewServer(verifier.Middleware(http.NotFoundHandler()))
	defer server.Close()

	signer, err := hmacsign.NewSigner(hmacsign.TencentApp, algo.HMACSM3, hmacsign.Credential{KeyID: "app-1", Secret: hmacsign.Secret("example")})
	must(err)
	client := &http.Client{Transport: signer.Transport(nil)}
	get := func() {
		resp, err := client.Get(server.URL + "/hello")
		must(err)
		resp.Body.Close()
		fmt.Println(resp.StatusCode)
	}
	get() // accepted, and not found by the handler
	_, err = db.Exec("DELETE FROM hmacsign_keys WHERE id = ?", "app-1")
	must(err)
	fmt.Println(<-changed)
	get()
	// Output:
	// 404
	// <nil>
	// 401
}

// A sealer keeps secrets encrypted in the database, with AES-GCM: a nonce and then
// the sealed secret, bound to the key's id.
type sealer struct{ aead cipher.AEAD }

func newSealer(masterKey []byte) sealer {
	block, err := aes.NewCipher(masterKey)
	must(err)
	aead, err := cipher.NewGCMWithRandomNonce(block)
	must(err)
	return sealer{aead}
}

func (s sealer) seal(id, secret string) []byte {
	return s.aead.Seal(nil, nil, []byte(secret), []byte(id))
}

func (s sealer) open(_ context.Context, id string, stored []byte) ([]byte, error) {
	return s.aead.Open(nil, nil, stored, []byte(id))
}

// Secrets are encrypted in the database. The master key is in the process alone; what
// is sealed for one key does not open as another's.
func ExampleWithDecrypt() {
	masterKey := make([]byte, 32) // in earnest from a file, or a key service
	rand.Read(masterKey)
	box := newSealer(masterKey)
	db, remove := exampleDatabase()
	defer remove()
	add := func(id string, stored []byte) {
		_, err := db.Exec("INSERT INTO hmacsign_keys (id, secret) VALUES (?, ?)", id, stored)
		must(err)
	}
	add("app-1", box.seal("app-1", "example"))
	add("app-2", box.seal("app-1", "example"))

	keys, err := sqlkeys.Open(context.Background(), db, sqlkeys.WithDecrypt(box.open))
	must(err)
	defer keys.Close()
	key, err := keys.Key(context.Background(), "app-1")
	fmt.Println(key.Secret.Reveal(), err)
	_, err = keys.Key(context.Background(), "app-2")
	fmt.Println(err, errors.Is(err, hmacsign.ErrUnknownKey))
	// Output:
	// example <nil>
	// sqlkeys: key "app-2": secret could not be decrypted false
}
