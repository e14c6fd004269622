package httptext

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// recorded is a request as a vendor's client sent it.
type recorded struct {
	Raw    []byte    `json:"raw"`
	Date   time.Time `json:"date"`
	Expect string    `json:"expect"`
	Why    string    `json:"why"`
}

func eachRecorded(t *testing.T, do func(*recorded)) (count int) {
	files, err := filepath.Glob("../testdata/wild/*.jsonl.gz")
	require.NoError(t, err)
	for _, name := range files {
		f, err := os.Open(name)
		require.NoError(t, err)
		z, err := gzip.NewReader(f)
		require.NoError(t, err)
		for d := json.NewDecoder(z); ; count++ {
			c := new(recorded)
			if err := d.Decode(c); err == io.EOF {
				break
			} else {
				require.NoError(t, err)
			}
			do(c)
		}
		require.NoError(t, f.Close())
	}
	return count
}

// outcome is what comes of a verdict: that it is accepted, or the reason and the first
// mistake.
func outcome(err error) string {
	var refused *hmacsign.VerifyError
	if !errors.As(err, &refused) {
		return "accepted"
	}
	if refused.Explanation != nil && len(refused.Explanation.Mistakes()) > 0 {
		return refused.Code() + " " + refused.Explanation.Mistakes()[0].Code
	}
	return refused.Code()
}

// withLF is what an editor makes of a request: LF behind each line of the head, and in a
// body of text.
func withLF(raw []byte) string {
	head, body, _ := strings.Cut(string(raw), "\r\n\r\n")
	if strings.Count(body, "\n") == strings.Count(body, "\r\n") {
		body = lf(body)
	}
	return lf(head) + "\n\n" + body
}

// asHAR is the request as a browser would export it.
func asHAR(t *testing.T, r *Request) string {
	headers := []map[string]string{{"name": "Host", "value": r.Host}}
	for _, f := range r.Header {
		headers = append(headers, map[string]string{"name": f.Name, "value": f.Value})
	}
	text, err := json.Marshal(map[string]any{"request": map[string]any{
		"method": r.Method, "url": "http://" + r.Host + r.Target, "headers": headers,
		"postData": map[string]string{"encoding": "base64", "text": base64.StdEncoding.EncodeToString(r.Body)},
	}})
	require.NoError(t, err)
	return string(text)
}

// What vendors' clients sent is judged as text as it is on a connection.
func TestWild(t *testing.T) {
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "AKIDinterop", Secret: hmacsign.Secret("interop-secret-0123456789")})
	require.NoError(t, err)
	count := eachRecorded(t, func(c *recorded) {
		v, err := hmacsign.NewVerifier(keys, hmacsign.WithExplanations(), hmacsign.WithClock(func() time.Time { return c.Date }))
		require.NoError(t, err)
		judged := outcome
		if strings.Contains(c.Why, "+") { // which are looked for while there is time, and a busy machine has little
			judged = func(err error) string { reason, _, _ := strings.Cut(outcome(err), " "); return reason }
		}
		judge := func(text string) (string, *Request) {
			r := parsed(t, text)
			_, err := v.VerifyWire(t.Context(), r.Wire())
			return judged(err), r
		}
		want := "malformed target_not_encoded" // which net/http does not read
		if req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(c.Raw))); err == nil {
			_, err = v.Verify(req)
			want = judged(err)
		}
		got, r := judge(string(c.Raw))
		if strings.Contains(c.Why, "target_not_encoded") {
			require.True(t, strings.HasPrefix(got, "malformed"), got)
			want = got
		}
		require.Equal(t, want, got, "%s: %q", c.Why, c.Raw)
		texts := []string{"\ufeff \n" + withLF(c.Raw), asHAR(t, r)}
		if strings.Contains(c.Why, "content_length_characters") {
			require.Subset(t, []string{"http_longer", "http_newline"}, codes(r))
			head, body, _ := strings.Cut(string(c.Raw), "\r\n\r\n") // newlines that changed cannot be told from that
			texts[0] = lf(head) + "\n\n" + body
		} else {
			require.Subset(t, []string{"http_no_body"}, codes(r))
			texts = append(texts, string(r.Raw())) // with the right length
		}
		for _, text := range texts {
			got, _ = judge(text)
			require.Equal(t, want, got, "%s: %q", c.Why, text)
		}
	})
	require.Equal(t, 1167, count)
}
