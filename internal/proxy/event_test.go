package proxy

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// What a stranger can cause is no failure of ours, also where it is answered with 503.
func TestWhoseFailure(t *testing.T) {
	for reason, failed := range map[error]bool{hmacsign.ErrBusy: false, hmacsign.ErrUnavailable: true, hmacsign.ErrExpired: false} {
		e := new(Event)
		e.Decided(nil, &hmacsign.VerifyError{Refusal: scheme.Refusal{Reason: reason}})
		require.Equal(t, failed, e.Failed, reason)
		require.Equal(t, "refused", e.Outcome)
	}
}
