package hmacsign

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// A SecretText is a shared secret, made by [Secret] from its text. It prints and
// marshals as "[secret]", whatever the verb or encoder, and it holds the text
// where reflection does not find it: fmt, for one, prints unexported fields and
// values under a wrong verb without asking their methods. The zero value is no
// secret. A string cannot be cleared: the text stays in memory until the collector
// has taken it and its place is used again.
type SecretText struct{ reveal func() string }

// Secret makes a secret of its text.
func Secret(text string) SecretText {
	if text == "" {
		return SecretText{}
	}
	return SecretText{func() string { return text }}
}

// Reveal returns the text, for what must compute with it.
func (s SecretText) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// check reports whether there could be a key of the secret.
func (s SecretText) check() error {
	text := s.bytes()
	defer clear(text)
	return algo.CheckSecret(text)
}

// bytes is a copy of the text, for who clears it after use.
func (s SecretText) bytes() []byte { return []byte(s.Reveal()) }

const hidden = "[secret]"

func (SecretText) String() string               { return hidden }
func (SecretText) GoString() string             { return hidden }
func (SecretText) Format(f fmt.State, _ rune)   { io.WriteString(f, hidden) }
func (SecretText) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// A Credential is what a signer signs with.
type Credential struct {
	KeyID  string
	Secret SecretText
}

// Format prints the key id alone.
func (c Credential) Format(f fmt.State, _ rune) { io.WriteString(f, "key id "+c.KeyID) }

// A Key is what a [KeyStore] knows of one key id. It must not be changed after
// it was handed out, nor copied; after a rotation, hand out a new one.
type Key struct {
	ID         string
	Secret     SecretText
	Previous   SecretText // during a rotation: the secret before, still accepted; or empty
	Schemes    []string   // names of the schemes it may be used with; none means all
	Algorithms []string   // names of the algorithms; none means all
	// Scopes are the regions and services, as "region/service", that requests may
	// be signed for with a key derived from this one (huawei-sdk, V11). None means
	// that it does not matter; else a request without such a scope, signed with the
	// secret itself or in another scheme, is refused.
	Scopes []string

	// macs are the keyed MACs computed so far, by algorithm and backend. They
	// live and die with the Key, so a rotated secret cannot stay in use.
	macs   sync.Map
	recent atomic.Pointer[keyedMAC] // of macs
	// derived is the key of the scope that the last right signature was for: most
	// come for one, which changes once a day. Whoever does not know the secret puts
	// nothing here.
	derived atomic.Pointer[derivedMAC]
	// dialect is the scheme in which a request was last accepted: of two that share
	// a header it is tried first.
	dialect atomic.Pointer[dialect]
}

// Format prints the key id alone.
func (k *Key) Format(f fmt.State, _ rune) { io.WriteString(f, "key id "+k.ID) }

type macKey struct {
	algorithm, backend string
	previous           bool
}

type keyedMAC struct {
	macKey
	mac *algo.Key
}

// derivedMAC may be in use when it is replaced, and so is left to the collector.
type derivedMAC struct {
	macKey
	dialect *dialect // another verifier's scheme of this name may derive otherwise
	scope   string
	mac     *algo.Key
}

// kept is the derived key of a scope, nil if it is not the one that was kept.
func (k *Key) kept(d *dialect, scope string, id macKey) *algo.Key {
	if last := k.derived.Load(); last != nil && last.macKey == id && last.dialect == d && last.scope == scope {
		return last.mac
	}
	return nil
}

func (k *Key) keep(mac *algo.Key, d *dialect, scope string, id macKey) {
	k.derived.Store(&derivedMAC{id, d, strings.Clone(scope), mac})
}

// secret is the one that counts, or the one before.
func (k *Key) secret(previous bool) SecretText {
	if previous {
		return k.Previous
	}
	return k.Secret
}

// mac returns the MAC keyed with a secret, on a backend ("" is the preferred).
func (k *Key) mac(algorithm, backend string, previous bool) (*algo.Key, error) {
	id := macKey{algorithm, backend, previous}
	if recent := k.recent.Load(); recent != nil && recent.macKey == id {
		return recent.mac, nil
	}
	if mac, ok := k.macs.Load(id); ok {
		if !previous {
			k.recent.Store(&keyedMAC{id, mac.(*algo.Key)})
		}
		return mac.(*algo.Key), nil
	}
	mac, err := newMAC(algorithm, k.secret(previous).bytes(), backend)
	if err != nil {
		return nil, err
	}
	k.macs.Store(id, mac)
	return mac, nil
}

// newMAC makes a key of a secret, which it clears.
func newMAC(algorithm string, secret []byte, backend string) (*algo.Key, error) {
	defer clear(secret)
	return algo.NewKey(algorithm, secret, algo.WithBackend(backend))
}

// permits refuses what the key is not for.
func (k *Key) permits(name string, c *scheme.Claim) error {
	switch {
	case !k.allows(k.Schemes, name):
		return refuse(ErrScheme, "key_for", "allowed", strings.Join(k.Schemes, ", "))
	case !k.allows(k.Algorithms, c.Algorithm):
		return refuse(ErrAlgorithm, "key_for", "allowed", strings.Join(k.Algorithms, ", "))
	case !k.allows(k.Scopes, c.Place):
		return refuse(ErrScope, "key_for", "allowed", strings.Join(k.Scopes, ", "))
	}
	return nil
}

func (k *Key) allows(list []string, name string) bool {
	return len(list) == 0 || slices.Contains(list, name)
}

// check finds what would make the key useless or never match.
func (k *Key) check() error {
	if err := checkKeyID(k.ID); err != nil {
		return err
	}
	if err := k.Secret.check(); err != nil {
		return fmt.Errorf("hmacsign: key %q: %w", scheme.Clip(k.ID), err)
	}
	if err := k.Previous.check(); err != nil && !errors.Is(err, algo.ErrEmptySecret) {
		return fmt.Errorf("hmacsign: key %q: previous secret: %w", scheme.Clip(k.ID), err)
	}
	for _, name := range k.Schemes {
		if _, err := SchemeByName(name); err != nil {
			return fmt.Errorf("key %q: %w", scheme.Clip(k.ID), err)
		}
	}
	for _, name := range k.Algorithms {
		if !slices.Contains(algo.Algorithms(), name) {
			return fmt.Errorf("hmacsign: key %q: %w", scheme.Clip(k.ID), fmt.Errorf("%w %q: use one of %s", algo.ErrUnknownAlgorithm, scheme.Clip(name), strings.Join(algo.Algorithms(), ", ")))
		}
	}
	for _, scope := range k.Scopes {
		if region, service, ok := strings.Cut(scope, "/"); !ok || !scheme.IsToken(region) || !scheme.IsToken(service) {
			return fmt.Errorf("hmacsign: key %q: scope %q: write it as region/service", scheme.Clip(k.ID), scheme.Clip(scope))
		}
	}
	return nil
}

// checkKeyID refuses ids that no scheme's header can carry.
func checkKeyID(id string) error {
	if id == "" || len(id) > scheme.MaxKeyID || strings.ContainsFunc(id, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"\,;`, r)
	}) {
		return fmt.Errorf("hmacsign: key id %q: use 1 to %d printable ASCII characters other than space and \"\\,;", scheme.Clip(id), scheme.MaxKeyID)
	}
	return nil
}

// A KeyStore finds the key of an id. Implementations must be safe for
// concurrent use and return an error that wraps [ErrUnknownKey] where there is
// none; any other error makes the verifier answer that it is unavailable. A
// store that returns the same *Key each time saves the key's setup.
type KeyStore interface {
	Key(ctx context.Context, id string) (*Key, error)
}

// StaticKeys returns a store of the given keys, which are checked first.
func StaticKeys(keys ...*Key) (KeyStore, error) { return newStaticKeys(keys) }

func newStaticKeys(keys []*Key) (staticKeys, error) {
	store := make(staticKeys, len(keys))
	for i, k := range keys {
		if k == nil {
			return nil, fmt.Errorf("hmacsign: StaticKeys: key %d is nil: leave it out", i+1)
		}
		if err := k.check(); err != nil {
			return nil, err
		}
		if store[k.ID] != nil {
			return nil, fmt.Errorf("hmacsign: key %q is there twice", scheme.Clip(k.ID))
		}
		store[k.ID] = k
	}
	return store, nil
}

type staticKeys map[string]*Key

func (s staticKeys) Key(_ context.Context, id string) (*Key, error) {
	if k, ok := s[id]; ok {
		return k, nil
	}
	return nil, ErrUnknownKey
}

// all is for explanations.
func (s staticKeys) all() iter.Seq[*Key] { return maps.Values(s) }

// ReadKeys reads a keys file, a JSON array:
//
//	[{"id": "...", "secret": "..." or {"env": "NAME"} or {"file": "PATH"},
//	  "schemes": ["tencent-app"], "algorithms": ["hmac-sm3"], "scopes": ["region/service"]}]
//
// Without schemes, algorithms or scopes all are allowed; an empty list of them is
// an error. With scopes a request must be signed with a key derived for one of
// them. During a rotation "previous_secret", in the
// same forms, is accepted too. A secret's file counts without one newline at its
// end. Unknown members are an error.
func ReadKeys(r io.Reader) (KeyStore, error) {
	keys, _, err := readKeys(r)
	return keys, err
}

// readKeys also returns the files that secrets come from, as far as it got.
func readKeys(r io.Reader) (keys staticKeys, secretFiles []string, err error) {
	var rows []struct {
		ID         string       `json:"id"`
		Secret     secretSource `json:"secret"`
		Previous   secretSource `json:"previous_secret"`
		Schemes    allowed      `json:"schemes"`
		Algorithms allowed      `json:"algorithms"`
		Scopes     allowed      `json:"scopes"`
	}
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&rows); err != nil {
		return nil, nil, fmt.Errorf("hmacsign: keys: %w", withoutValues(err))
	}
	if rows == nil {
		return nil, nil, errors.New("hmacsign: keys: null is no list of keys: write [] for none")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, nil, errors.New("hmacsign: keys: there is more behind the JSON array")
	}
	list := make([]*Key, 0, len(rows))
	for _, row := range rows {
		for _, source := range []secretSource{row.Secret, row.Previous} {
			if source.file != "" {
				secretFiles = append(secretFiles, source.file)
			}
		}
		secret, err := row.Secret.read()
		if err != nil {
			return nil, secretFiles, fmt.Errorf("hmacsign: key %q: %w", scheme.Clip(row.ID), err)
		}
		previous, err := row.Previous.read()
		if err != nil {
			return nil, secretFiles, fmt.Errorf("hmacsign: key %q: previous_secret: %w", scheme.Clip(row.ID), err)
		}
		if err := cmp.Or(row.Schemes.check("schemes"), row.Algorithms.check("algorithms"), row.Scopes.check("scopes")); err != nil {
			return nil, secretFiles, fmt.Errorf("hmacsign: key %q: %w", scheme.Clip(row.ID), err)
		}
		list = append(list, &Key{ID: row.ID, Secret: secret, Previous: previous, Schemes: row.Schemes.names, Algorithms: row.Algorithms.names, Scopes: row.Scopes.names})
	}
	keys, err = newStaticKeys(list)
	return keys, secretFiles, err
}

// withoutValues keeps text of the file, which holds secrets, out of an error.
func withoutValues(err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the JSON is cut off: write it whole, or [] for no keys")
	case errors.As(err, &kind) && kind.Field == "":
		return errors.New(`not an array of keys: write [{"id": "app-1", "secret": {"env": "NAME"}}]`)
	case errors.As(err, &kind):
		return fmt.Errorf("at byte %d: not the kind of value that belongs here", kind.Offset)
	case errors.As(err, &syntax):
		return fmt.Errorf("at byte %d: not valid JSON", syntax.Offset)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("a key has no member %s: write id, secret, previous_secret, schemes, algorithms or scopes", scheme.Clip(name))
	}
	return err
}

// secretSource is a secret, or where to find it.
type secretSource struct {
	text, env, file string
}

func (s *secretSource) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &s.text)
	}
	var from struct{ Env, File string }
	if err := json.Unmarshal(data, &from); err != nil || (from.Env == "") == (from.File == "") {
		return errors.New(`a secret is a string, {"env": "NAME"} or {"file": "PATH"}`)
	}
	s.env, s.file = from.Env, from.File
	return nil
}

func (s *secretSource) read() (SecretText, error) {
	switch {
	case s.env != "":
		if v := os.Getenv(s.env); v != "" {
			return Secret(v), nil
		}
		return SecretText{}, fmt.Errorf("environment variable %s is empty or not set", s.env)
	case s.file != "":
		return ReadSecretFile(s.file)
	}
	return Secret(s.text), nil
}

// ReadSecretFile reads a secret from a file, without one newline at its end:
// most editors add one, and it is a common reason for signatures to differ.
func ReadSecretFile(path string) (SecretText, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return SecretText{}, err
	}
	defer clear(data)
	text := bytes.TrimSuffix(data, []byte("\n"))
	return Secret(string(bytes.TrimSuffix(text, []byte("\r")))), nil
}
