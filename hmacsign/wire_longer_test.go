package hmacsign_test

import (
	"io"
	"strings"
	"testing"
	slowly "testing/iotest"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
)

// A body that is longer than its length is refused whatever comes of it, and all of it
// can be read afterwards.
func TestWireLongerBodyIsGivenBack(t *testing.T) {
	v := wireVerifier(t)
	for _, s := range []Scheme{TencentApp, HuaweiSDK} {
		for _, size := range []int{1, 4, 5 << 10, 200 << 10} {
			for _, length := range []int{0, 1, size / 2, size - 1} {
				for _, slow := range []bool{false, true} {
					body := strings.Repeat("0123456789", size/10+1)[:size]
					r := signedWire(t, s, "POST", "/a", "text/plain", body)
					var from io.Reader = strings.NewReader(body)
					if slow {
						from = slowly.HalfReader(from)
					}
					read := &closing{Reader: from}
					r.Body, r.Length = read, int64(length)
					if length == size {
						_, err := v.VerifyWire(t.Context(), r)
						require.NoError(t, err)
					} else {
						if length == 0 {
							r.Header = append(r.Header, HeaderField{"Content-Length", "0"})
						}
						_, err := v.VerifyWire(t.Context(), r)
						require.ErrorIs(t, err, ErrBody)
					}
					left, err := io.ReadAll(r.Body)
					require.NoError(t, err)
					require.Equal(t, body, string(left))
					require.NoError(t, r.Body.Close())
					require.True(t, read.closed)
				}
			}
		}
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }
