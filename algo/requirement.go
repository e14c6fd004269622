package algo

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// RequireEnv and RequireSecretBitsEnv are the environment variables that are read
// before the first choice, as if [Require] and [RequireSecretBits] were called:
// "hmac-sm3=tencentsm,hmac-sha256=go" and "128". One that is set and cannot be
// understood, an empty one too, forbids every choice.
const (
	RequireEnv           = "HMACSIGN_REQUIRE"
	RequireSecretBitsEnv = "HMACSIGN_REQUIRE_SECRET_BITS"
)

// Require makes backend the only one that may compute the algorithm from now
// on: every other choice, by name or by preference, is [ErrBackendUnavailable],
// and so is every choice when the backend itself cannot run or is not linked.
// With a pin, as in "tencentsm@sha256:" and 64 hex digits, the file that the
// backend was loaded from, which is the program itself where it is linked into
// it, must have that SHA-256. The error says whether it can run now; the
// requirement stands either way, and a second one that names another backend or
// another file is refused. Nothing lifts it. Keys that exist already are not
// affected, so call it before the first.
func Require(algorithm, backend string) error { return backends.require(algorithm, backend) }

// Required returns what is required of each algorithm, by [Require] or the
// environment, in the form that Require takes. The error is that of a requirement
// in the environment that is not understood: then nothing computes.
func Required() (map[string]string, error) { return backends.requirements() }

// RequireSecretBits makes every secret of fewer bits an [ErrShortSecret] from now
// on; of several calls the greatest counts. Keys that exist already are not
// affected. RFC 2104 section 3 discourages secrets that are shorter than the digest,
// 256 bits for SM3 and SHA-256. Off by default, because the gateways hand out shorter
// ones.
func RequireSecretBits(bits int) error { return backends.requireSecretBits(bits) }

// CheckSecret reports whether [NewKey] would take a secret of this length:
// [ErrEmptySecret], [ErrShortSecret] or nil. It touches no backend.
func CheckSecret(secret []byte) error {
	_, _, err := backends.state(HMACSM3)
	if err != nil {
		return err
	}
	if err := backends.checkSecret(secret); err != nil {
		return fmt.Errorf("algo: %w", err)
	}
	return nil
}

// A requirement is a backend and, where it is pinned, its file's SHA-256 in hex.
type requirement struct{ backend, sha256 string }

func (q requirement) String() string {
	if q.sha256 == "" {
		return q.backend
	}
	return q.backend + pinMark + q.sha256
}

const pinMark = "@sha256:"

func parseRequirement(s string) (requirement, error) {
	backend, pin, pinned := strings.Cut(s, pinMark)
	pin = strings.ToLower(pin)
	if sum, err := hex.DecodeString(pin); backend == "" || strings.ContainsAny(backend, nameBreakers) || pinned && (err != nil || len(sum) != 32) {
		return requirement{}, fmt.Errorf("%w %q: name one, as tencentsm, or with its file's SHA-256, as tencentsm%s and 64 hex digits", ErrUnknownBackend, s, pinMark)
	}
	return requirement{backend, pin}, nil
}

// nameBreakers are what a backend's name must not have, so that requirements can
// be written down.
const nameBreakers = "@=, \t\r\n"

// readEnv takes the requirements of the environment. One that cannot be
// understood, such as one that was left empty, must not be passed over, so it
// forbids every choice.
func (r *registry) readEnv() {
	if value, ok := r.lookup(RequireEnv); ok {
		for item := range strings.SplitSeq(value, ",") {
			algorithm, backend, _ := strings.Cut(strings.TrimSpace(item), "=")
			q, err := parseRequirement(backend)
			if !known(algorithm) || err != nil {
				r.envErr = fmt.Errorf("algo: %w: %s=%q is not understood: write it as hmac-sm3=tencentsm, or unset it", ErrBackendUnavailable, RequireEnv, value)
				return
			}
			if err := r.demand(algorithm, q); err != nil {
				r.envErr = err
				return
			}
		}
	}
	if value, ok := r.lookup(RequireSecretBitsEnv); ok {
		bits, err := strconv.Atoi(value)
		if err != nil || bits < 0 {
			r.envErr = fmt.Errorf("algo: %w: %s=%q is not understood: write it as 128, or unset it", ErrBackendUnavailable, RequireSecretBitsEnv, value)
			return
		}
		r.demandSecretBits(bits)
	}
}

// demand records a requirement. A pin may be added to one that has none.
func (r *registry) demand(algorithm string, q requirement) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, ok := r.required[algorithm]
	if !ok || old.backend == q.backend && old.sha256 == "" {
		r.required[algorithm] = q
	} else if old.backend != q.backend || q.sha256 != "" && q.sha256 != old.sha256 {
		return fmt.Errorf("algo: %w: %s cannot be required of %s, %s already is", ErrBackendUnavailable, q, algorithm, old)
	}
	return nil
}

func (r *registry) require(algorithm, backend string) error {
	if _, _, err := r.state(algorithm); err != nil {
		return err
	}
	q, err := parseRequirement(backend)
	if err != nil {
		return fmt.Errorf("algo: Require: %w", err)
	}
	if err := r.demand(algorithm, q); err != nil {
		return err
	}
	_, err = r.choose(algorithm, "")
	return err
}

func (r *registry) requirements() (map[string]string, error) {
	_, _, err := r.state(HMACSM3)
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := map[string]string{}
	for algorithm, q := range r.required {
		all[algorithm] = q.String()
	}
	return all, err
}

func (r *registry) requireSecretBits(bits int) error {
	if _, _, err := r.state(HMACSM3); err != nil {
		return err
	}
	if bits < 0 {
		return fmt.Errorf("algo: RequireSecretBits(%d): give the bits that a secret must have", bits)
	}
	r.demandSecretBits(bits)
	return nil
}

func (r *registry) demandSecretBits(bits int) {
	r.mu.Lock()
	r.secretBits = max(r.secretBits, bits)
	r.mu.Unlock()
}

func (r *registry) checkSecret(secret []byte) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	switch {
	case len(secret) == 0:
		return fmt.Errorf("%w: give the key at least one byte", ErrEmptySecret)
	case 8*len(secret) < r.secretBits:
		return fmt.Errorf("%w: it has %d bits, %d are required: use a longer one", ErrShortSecret, 8*len(secret), r.secretBits)
	}
	return nil
}
