package hmacsign

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// A CredentialProvider tells a [Signer] what to sign with at this moment, so that a
// client which runs for long follows a rotation: see [WithCredentials]. It is asked for
// each request, with the request's context, by concurrent requests. So it must be safe
// for concurrent use and answer from memory: whoever fetches secrets from elsewhere
// keeps them and refreshes them beside the requests. Its error is that of the signing,
// and is printed: it must not hold a secret.
type CredentialProvider interface {
	Credential(ctx context.Context) (Credential, error)
}

// WithCredentials makes a signer ask provider, once for each request, in the place of
// the credential that [NewSigner] gets, which must be the zero one. As long as the
// credential is the same its keyed MAC is kept, and nothing is allocated; where several
// alternate, each change costs the setup of a key. A request is signed with the key id and
// the secret of one answer. The secret before stays in memory until the collector has taken
// it, because requests may still be signed with it.
//
// [WithBackend], [algo.Require] and [algo.RequireSecretBits] hold for each credential as
// for the first. Where none names a backend, each takes what is preferred and available
// at that moment. NewSigner does not ask the provider, but fails where no backend could
// compute.
func WithCredentials(provider CredentialProvider) SignerOption {
	return signerOption(func(s *Signer) error {
		if provider == nil {
			return errors.New("hmacsign: WithCredentials: no provider")
		}
		s.provider = provider
		return nil
	})
}

// KeyCredentials provides the current secret of a key in a store, never its
// [Key.Previous]: with [OpenKeys] a client follows a keys file. What the key may be used
// for is the verifier's business. The provider's errors are those of the store, such as
// [ErrUnknownKey]. It panics where store is nil.
func KeyCredentials(store KeyStore, id string) CredentialProvider {
	if store == nil {
		panic("hmacsign: KeyCredentials: no key store: give the one that has the key")
	}
	return keyCredentials{store, id}
}

type keyCredentials struct {
	store KeyStore
	id    string
}

func (c keyCredentials) Credential(ctx context.Context) (Credential, error) {
	key, err := c.store.Key(ctx, c.id)
	switch {
	case err != nil:
		return Credential{}, fmt.Errorf("key %q: %w", scheme.Clip(c.id), err)
	case key == nil || key.ID != c.id:
		return Credential{}, fmt.Errorf("key %q: %w: the key store gave neither this key nor an error", scheme.Clip(c.id), ErrUnknownKey)
	}
	return Credential{key.ID, key.Secret}, nil
}

// A signingKey is a credential and what is computed from it, which change together: so
// no request is signed with a MAC of another secret than its key id's.
type signingKey struct {
	id      string
	secret  SecretText // as far as it is needed: to derive keys, or to know it again
	mac     *algo.Key
	derived atomic.Pointer[scopedMAC]
}

// scopedMAC is the derived key of a scope, which changes once a day. It may be in
// use after that, and so is left to the collector.
type scopedMAC struct {
	scope string
	mac   *algo.Key
}

func (s *Signer) newKey(cred Credential) (*signingKey, error) {
	if err := checkKeyID(cred.KeyID); err != nil {
		return nil, err
	}
	mac, err := newMAC(s.algorithm, cred.Secret.bytes(), s.backend)
	if err != nil {
		return nil, err
	}
	key := &signingKey{id: cred.KeyID, mac: mac}
	if s.dialect.deriver != nil || s.provider != nil {
		key.secret = cred.Secret
	}
	return key, nil
}

// currentKey is what to sign with at this moment. One that is replaced may be in use, and
// so is left to the collector.
func (s *Signer) currentKey(ctx context.Context) (*signingKey, error) {
	last := s.key.Load()
	if s.provider == nil {
		return last, nil
	}
	cred, err := s.provider.Credential(ctx)
	if err != nil {
		return nil, fmt.Errorf("hmacsign: no credential to sign with: %w", err)
	}
	if last != nil && last.id == cred.KeyID && last.secret.equal(cred.Secret) {
		return last, nil
	}
	key, err := s.newKey(cred)
	if err == nil {
		s.key.Store(key)
	}
	return key, err
}

// equal compares in constant time. The compiler makes no copies of what is only read.
func (s SecretText) equal(other SecretText) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// scoped is the key of a claim with a scope, or of one without.
func (k *signingKey) scoped(d *dialect, c *scheme.Claim) (*algo.Key, error) {
	if c.Scope == "" {
		return k.mac, nil
	}
	if last := k.derived.Load(); last != nil && last.scope == c.Scope {
		return last.mac, nil
	}
	mac, err := keyed(d, k.mac, k.secret, c)
	if err == nil {
		k.derived.Store(&scopedMAC{c.Scope, mac})
	}
	return mac, err
}

// expectedBackend is that of the key to come, as far as NewSigner found one.
func (s *Signer) expectedBackend() algo.Info {
	for _, info := range algo.InUse() {
		if info.Algorithm == s.algorithm && (info.Backend == s.backend || s.backend == "" && info.Selected) {
			return info
		}
	}
	return algo.Info{Algorithm: s.algorithm, Backend: s.backend, SelfTest: "not run"}
}
