package huaweisdk_test

import (
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
)

const unsignedPayload = "UNSIGNED-PAYLOAD"

// post is a request of which only the content-hash headers, the list and the body
// matter, with the text that is signed for it.
type post struct {
	word         string
	sha256, sm3  string // values of the headers; empty is none
	names, lines []string
	digest       string
}

func (p post) text() text {
	return text{word: p.word, method: "POST", path: "/a/", headers: p.lines, names: strings.Join(p.names, ";"), digest: p.digest}
}

// signedPost is signed with these headers.
func signedPost(word, sha256, sm3 string, listSHA256, listSM3 bool, digest string) post {
	p := post{word: word, sha256: sha256, sm3: sm3, digest: digest}
	list := func(name, value string) {
		p.names, p.lines = append(p.names, name), append(p.lines, name+":"+value)
	}
	list("host", "h")
	if listSHA256 {
		list("x-sdk-content-sha256", sha256)
	}
	if listSM3 {
		list("x-sdk-content-sm3", sm3)
	}
	list("x-sdk-date", sdkDate)
	return p
}

// send verifies a request with that signature, and other headers and another body.
func send(t *testing.T, v *hmacsign.Verifier, signed *http.Request, sha256, sm3, body string) (*hmacsign.Identity, error) {
	req := signed.Clone(signed.Context())
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	for name, value := range map[string]string{"X-Sdk-Content-Sha256": sha256, "X-Sdk-Content-Sm3": sm3} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	return v.Verify(req)
}

// Whatever content-hash headers there are, signed or not, one or both, and whoever
// changes those that are not: another body is accepted only where the client signed
// that its body is not.
func TestBodyIsBound(t *testing.T) {
	v := silentVerifier(t, huaweisdk.Scheme{})
	const good, evil = "good", "evil"
	honest, open := make(map[string]int), 0
	for _, word := range []string{"SDK-HMAC-SHA256", "SDK-HMAC-SM3"} {
		ofGood := []string{"", unsignedPayload, hexOf("SHA256", good), hexOf("SM3", good)}
		ofEvil := append(slices.Clone(ofGood), hexOf("SHA256", evil), hexOf("SM3", evil))
		for _, sha256 := range ofGood {
			for _, sm3 := range ofGood {
				for listed := range 4 {
					for _, digest := range ofGood[1:] {
						listSHA256, listSM3 := listed&1 > 0, listed&2 > 0
						if listSHA256 && sha256 == "" || listSM3 && sm3 == "" {
							continue
						}
						p := signedPost(word, sha256, sm3, listSHA256, listSM3, digest)
						r := sent{target: "/a", header: []string{"Host: h"}, listed: strings.Join(p.names, ";"), good: p.text()}
						signed := r.signed(t, stringToSign(p.text()))
						id, err := send(t, v, signed, sha256, sm3, good)
						if err != nil {
							continue
						}
						honest[id.Form]++
						for _, otherSHA256 := range ofEvil {
							for _, otherSM3 := range ofEvil {
								if listSHA256 && otherSHA256 != sha256 || listSM3 && otherSM3 != sm3 {
									continue
								}
								if _, err := send(t, v, signed, otherSHA256, otherSM3, evil); err != nil {
									continue
								}
								open++
								require.Equal(t, unsignedPayload, digest)
								require.Contains(t, strings.Join(p.lines, "\n"), ":"+unsignedPayload)
							}
						}
					}
				}
			}
		}
	}
	require.Positive(t, open)
	require.Positive(t, honest["documented"])
	require.Positive(t, honest["body_hashed"])
}

// UNSIGNED-PAYLOAD counts only where it is signed, and the body's hash beside it binds
// the body.
func TestUnsignedPayload(t *testing.T) {
	v := newVerifier(t, huaweisdk.Scheme{})
	const word, body = "SDK-HMAC-SHA256", "a body"
	for _, c := range []struct {
		listed       bool
		digest, sent string
		want         error
	}{
		{true, unsignedPayload, body, nil},
		{true, unsignedPayload, "other", nil},
		{true, hexOf(word, body), body, nil},
		{true, hexOf(word, body), "other", hmacsign.ErrSignature},
		{true, hexOf(word, ""), "", nil},
		{true, hexOf(word, ""), body, hmacsign.ErrSignature},
		{false, unsignedPayload, body, hmacsign.ErrBodyDigest},
		{false, hexOf(word, body), body, hmacsign.ErrBodyDigest},
		{false, hexOf(word, body), "other", hmacsign.ErrSignature},
	} {
		p := signedPost(word, unsignedPayload, "", c.listed, false, c.digest)
		r := sent{target: "/a", header: []string{"Host: h"}, listed: strings.Join(p.names, ";"), good: p.text()}
		_, err := send(t, v, r.signed(t, stringToSign(p.text())), unsignedPayload, "", c.sent)
		require.ErrorIs(t, err, c.want, "%+v", c)
	}
}

// Two orders of the parameters are accepted, and still no two queries of different
// parameters have a text in common.
func TestOrdersNameTheSame(t *testing.T) {
	v := silentVerifier(t, huaweisdk.Scheme{})
	signer, err := hmacsign.NewSigner(huaweisdk.Scheme{}, "hmac-sha256", hmacsign.Credential{KeyID: keyID, Secret: hmacsign.Secret(secret)}, hmacsign.WithClock(clock))
	require.NoError(t, err)
	alphabet := []string{"a", "b", "=", "&", "~", "%26", "%3D", "%3d", "%7F", "%7f", "%25", "+", "%20", "%2B", "-", "%00"}
	random := rand.New(rand.NewPCG(1, 2))
	query := func() string {
		var b strings.Builder
		for range 1 + random.IntN(7) {
			b.WriteString(alphabet[random.IntN(len(alphabet))])
		}
		return b.String()
	}
	meaning := func(query string) string {
		var all []string
		for piece := range strings.SplitSeq(query, "&") {
			if piece == "" {
				continue
			}
			key, value, _ := strings.Cut(piece, "=")
			decode := strings.NewReplacer("%26", "&", "%3D", "=", "%3d", "=", "%7F", "\x7f", "%7f", "\x7f", "%25", "%", "+", " ", "%20", " ", "%2B", "+", "%00", "\x00")
			all = append(all, decode.Replace(key)+"\xff"+decode.Replace(value))
		}
		slices.Sort(all)
		return strings.Join(all, "\xfe")
	}
	alike := 0
	for range 300 {
		req, err := http.NewRequest("GET", "http://h/a?"+query(), nil)
		require.NoError(t, err)
		require.NoError(t, signer.Sign(req))
		own := meaning(req.URL.RawQuery)
		for range 20 {
			other := req.Clone(req.Context())
			other.URL.RawQuery = query()
			_, err := v.Verify(other)
			require.Equal(t, meaning(other.URL.RawQuery) == own, err == nil, "%q, %q", req.URL.RawQuery, other.URL.RawQuery)
			if err == nil {
				alike++
			}
		}
	}
	require.Positive(t, alike)
}
