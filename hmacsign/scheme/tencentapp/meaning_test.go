package tencentapp

import (
	"fmt"
	"hash"
	"math/rand"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// inMemory is a body.
type inMemory string

func (b inMemory) Empty() (bool, error)         { return b == "", nil }
func (b inMemory) Hash(h hash.Hash) error       { h.Write([]byte(b)); return nil }
func (b inMemory) Bytes() ([]byte, bool, error) { return []byte(b), true, nil }
func (b inMemory) Text() (string, error)        { return string(b), nil }
func (inMemory) Reserve(int64) error            { return nil }

// meaning is what servers make of a request, by net/url: the path without its
// environment, the parameters in any order, those of a form with those of the query. A
// parameter with neither name nor value is none.
func meaning(t *testing.T, m *scheme.Message) string {
	path, err := url.PathUnescape(stripEnvironment(m.Path))
	require.NoError(t, err)
	if strings.Contains(strings.ToUpper(m.Path), "%2F") {
		path = "with an encoded slash " + m.Path
	}
	text, body := m.Query, string(m.Body.(inMemory))
	if m.IsForm() {
		text, body = text+"&"+body, ""
	}
	var params []string
	for _, piece := range strings.Split(text, "&") {
		key, value, _ := strings.Cut(piece, "=")
		key, err := url.QueryUnescape(key)
		require.NoError(t, err)
		value, err = url.QueryUnescape(value)
		require.NoError(t, err)
		if key+value != "" {
			params = append(params, fmt.Sprintf("%q=%q %t", key, value, strings.Contains(piece, ";")))
		}
	}
	slices.Sort(params)
	return fmt.Sprintf("%q %q %q", path, params, body)
}

// Requests that have one string to sign, in whichever of the forms that are accepted by
// default, mean the same to a server.
func TestOneStringOneMeaning(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewSource(seed))
	paths := []string{"/", "a", "A", "release", "test", "%72elease", "%2F", "..", "%2e", ";", "%3B", "%41", "\\", "%5c", "+", "%20", "%2B", "\xe4", "%e4", "%25", "%3f", "#", "="}
	params := []string{"a", "A", "=", "&", "+", "%2B", "%25", "%20", "%61", "%41", "%3D", "%26", "%e4", "\xe4", "%c0%af", "\xc0\xaf", "\\", "%5C", "/", "%2F", ";", "%3B", "?", "%3f", "#", "%23", "[", "%5b", "%00", "%0a", "\"", "%22", "%a0"}
	some := func(from []string, n int) string {
		var b strings.Builder
		for range rnd.Intn(n) {
			b.WriteString(from[rnd.Intn(len(from))])
		}
		return b.String()
	}
	type request struct{ meaning, what string }
	seen := make(map[string]request)
	again := 0
	for range 60_000 {
		few := []string{"a", "&", "="} // so that strings meet
		for range 3 {
			few = append(few, params[rnd.Intn(len(params))])
		}
		m := &scheme.Message{Method: "POST", Path: "/" + some(paths, 3), Query: some(few, 5), Host: "h", Header: http.Header{"X-Date": {"d"}}}
		body := ""
		if kind := []string{"", "text/plain", "application/x-www-form-urlencoded"}[rnd.Intn(3)]; kind != "" {
			m.Header["Content-Type"] = []string{kind}
			body = some(few, 4)
		}
		m.Body = inMemory(body)
		if rnd.Intn(4) == 0 {
			m.Header["Content-Md5"] = []string{""}
		}
		for _, form := range (Scheme{}).Forms() {
			c := &scheme.Claim{Headers: []string{"x-date"}}
			var p scheme.Parts
			if ok, err := (Scheme{}).Parts(&p, m, c, form); !ok || err != nil || (Scheme{}).CheckBody(m, c, form) != nil {
				continue
			}
			text := string(Scheme{}.Render(nil, &p))
			r := request{meaning(t, m), form + " " + strconv.Quote(m.Path+"?"+m.Query) + " " + strconv.Quote(body)}
			if other, ok := seen[text]; ok {
				again++
				require.Equal(t, other.meaning, r.meaning, "%s\n%s\nhave one string", other.what, r.what)
			}
			seen[text] = r
		}
	}
	require.Greater(t, again, 10_000)
}
