package hmacsign

import (
	"context"
	"errors"
	"slices"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// try verifies the request in each scheme that it may be of, and returns the one in
// which it was accepted, or came furthest; none if it is of none. The order makes no
// difference to what is accepted, but where a scheme reads a body, too long or broken
// off, of which another takes no notice: two schemes of one vendor share a header, and the
// one in which requests, those of this key above all, were accepted last goes first.
func (v *Verifier) try(w *work) (furthest *dialect, id *Identity, err error) {
	for next := -1; next < len(v.schemes); {
		d := v.last.Load()
		if next >= 0 {
			d = v.schemes[next]
		}
		if next++; d == nil || slices.Contains(w.tried, d) {
			continue
		}
		w.claim.Reset()
		triedErr := d.Parse(&w.message, &w.claim)
		if triedErr != nil && errors.Is(triedErr, scheme.ErrForeign) {
			continue
		}
		if triedErr == nil && v.lookUp(w) == nil {
			if likely := v.likely(w.key); likely != nil && likely != d && !slices.Contains(w.tried, likely) {
				d, next = likely, next-1 // d is not tried yet
				w.claim.Reset()
				triedErr = d.Parse(&w.message, &w.claim)
			}
		}
		w.tried = append(w.tried, d)
		if triedErr == nil {
			if id, triedErr = v.verifyAs(w, d); triedErr == nil {
				v.remember(w.key, d)
				return d, id, nil
			}
		}
		if triedErr == errMismatch {
			w.mismatched = append(w.mismatched, d)
		}
		// The one that gets further tells why, and of two the first.
		if further := progress(triedErr) - progress(err); !errors.Is(triedErr, scheme.ErrForeign) && (furthest == nil || further > 0 || further == 0 && v.before(d, furthest)) {
			furthest, err = d, triedErr
		}
	}
	if furthest == nil {
		return nil, nil, v.unsigned(w)
	}
	return furthest, nil, err
}

// before reports whether a scheme comes before another, whatever was tried first.
func (v *Verifier) before(d, other *dialect) bool {
	return slices.Index(v.schemes, d) < slices.Index(v.schemes, other)
}

// likely is the scheme in which a request of the key was accepted last.
func (v *Verifier) likely(key *Key) *dialect {
	last := key.dialect.Load()
	if last == nil || last == v.last.Load() {
		return last
	}
	for _, d := range v.schemes {
		if d.name == last.name { // the key may be in use with other verifiers
			return d
		}
	}
	return nil
}

func (v *Verifier) remember(key *Key, d *dialect) {
	if v.last.Load() != d {
		v.last.Store(d)
	}
	if key.dialect.Load() != d {
		key.dialect.Store(d)
	}
}

// lookUp finds the key of the claim, once for all schemes.
func (v *Verifier) lookUp(w *work) error {
	if w.keyID != w.claim.KeyID || w.keyID == "" {
		w.keyID = w.claim.KeyID
		w.key, w.keyErr = v.find(w.ctx, w.keyID)
	}
	return w.keyErr
}

func (v *Verifier) find(ctx context.Context, id string) (*Key, error) {
	key, err := v.keys.Key(ctx, id)
	switch {
	case errors.Is(err, ErrUnknownKey):
		return nil, refuse(ErrUnknownKey, "key_unknown", "id", scheme.Clip(id))
	case err != nil:
		return nil, err
	case key == nil:
		return nil, refuse(ErrUnknownKey, "key_none")
	case key.ID != id:
		// A database that takes no notice of case, or of spaces at the end, would
		// make one signature good under several ids.
		return nil, refuse(ErrUnknownKey, "key_other")
	}
	return key, nil
}
