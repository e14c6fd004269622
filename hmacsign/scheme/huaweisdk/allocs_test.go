package huaweisdk

import (
	"crypto/sha256"
	"hash"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

type textBody []byte

func (b textBody) Empty() (bool, error)         { return len(b) == 0, nil }
func (b textBody) Hash(h hash.Hash) error       { _, err := h.Write(b); return err }
func (b textBody) Bytes() ([]byte, bool, error) { return b, true, nil }
func (b textBody) Text() (string, error)        { return string(b), nil }
func (b textBody) Reserve(int64) error          { return nil }

type sha256Hashes struct{}

func (sha256Hashes) New(string) (hash.Hash, error) { return sha256.New(), nil }
func (sha256Hashes) Sum(dst []byte, _ string, text []byte) ([]byte, error) {
	sum := sha256.Sum256(text)
	return append(dst, sum[:]...), nil
}

// A common request is read and written without an allocation.
func TestNoAllocations(t *testing.T) {
	header := func(lines ...string) http.Header {
		h := http.Header{"X-Sdk-Date": {"20210311T082958Z"}, "Content-Type": {"application/json"}}
		h.Set("Authorization", "SDK-HMAC-SHA256 Access=AKID, SignedHeaders=content-type;host;x-sdk-date, Signature=7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe")
		for i := 0; i < len(lines); i += 2 {
			h.Set(lines[i], lines[i+1])
		}
		return h
	}
	body := textBody(`{"a":1}`)
	for name, m := range map[string]*scheme.Message{
		"GET":   {Method: "GET", Path: "/v1/projects/", Query: "marker=1&limit=2&name=a%20b", Header: header(), Body: textBody(nil)},
		"slash": {Method: "GET", Path: "/v1/projects/a%20b", Query: "limit=2", Header: header(), Body: textBody(nil)},
		"POST":  {Method: "POST", Path: "/v1/projects", Header: header(), Body: body},
		"unsigned": {Method: "POST", Path: "/v1/projects", Body: body,
			Header: header("X-Sdk-Content-Sha256", "UNSIGNED-PAYLOAD")},
	} {
		m.Host, m.Hashes = "h.example", sha256Hashes{}
		var c scheme.Claim
		var p scheme.Parts
		var text, sum []byte
		var s Scheme
		verify := func() {
			c.Reset()
			p.Reset()
			err := s.Parse(m, &c)
			if err == nil {
				_, err = s.Date(m, &c)
			}
			ok := false
			if err == nil {
				ok, err = s.Parts(&p, m, &c, "documented")
			}
			if !ok || err != nil {
				t.Fatal(name, err)
			}
			text = s.Render(text[:0], &p)
			sum, _ = m.Hashes.Sum(sum[:0], p.Hash, text)
			text = s.StringToSign(text[:0], &p, sum)
		}
		verify()
		require.Zero(t, testing.AllocsPerRun(100, verify), name)
	}
}
