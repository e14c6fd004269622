package hmacsign_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
)

// vector is a row of testdata/tencent_app*.json.
type vector struct {
	Name, Algorithm, Method, URL, Body string
	KeyID                              string `json:"key_id"`
	Secret                             string
	Headers                            map[string]string
	XDate                              string `json:"x_date"`
	Date                               string
	StringToSign                       string `json:"string_to_sign"`
	Authorization                      string
	QueryForm                          string `json:"query_form"`
	Notes                              string
}

func readVectors(t *testing.T, name string, rows int) []vector {
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	var file struct{ Vectors []vector }
	require.NoError(t, json.Unmarshal(data, &file))
	require.Len(t, file.Vectors, rows)
	return file.Vectors
}

func (v *vector) request(t *testing.T) *http.Request {
	req, err := http.NewRequest(v.Method, v.URL, strings.NewReader(v.Body))
	require.NoError(t, err)
	for name, value := range v.Headers {
		req.Header.Set(name, value)
	}
	return req
}

func (v *vector) at(t *testing.T) Option {
	now, err := http.ParseTime(v.Date + v.XDate)
	require.NoError(t, err)
	return WithClock(func() time.Time { return now })
}

func (v *vector) signer(t *testing.T, in Scheme) *Signer {
	opts := []SignerOption{v.at(t)}
	if v.Headers["Source"] != "" {
		opts = append(opts, WithSignedHeaders("source"))
	}
	s, err := NewSigner(in, v.Algorithm, Credential{v.KeyID, Secret(v.Secret)}, opts...)
	require.NoError(t, err)
	return s
}

func (v *vector) verifier(t *testing.T, opts ...VerifierOption) *Verifier {
	keys, err := StaticKeys(&Key{ID: v.KeyID, Secret: Secret(v.Secret)})
	require.NoError(t, err)
	ver, err := NewVerifier(keys, append(opts, v.at(t))...)
	require.NoError(t, err)
	return ver
}

// requireSigned signs the row, expecting its string and header, and verifies
// both what was signed and what the row says.
func (v *vector) requireSigned(t *testing.T, ver *Verifier, in Scheme) {
	s := v.signer(t, in)
	req := v.request(t)
	text, err := s.StringToSign(req)
	require.NoError(t, err)
	require.Equal(t, v.StringToSign, text)
	require.NoError(t, s.Sign(req))
	require.Equal(t, v.Authorization, req.Header.Get("Authorization"))
	_, err = ver.Verify(req)
	require.NoError(t, err)
	require.NoError(t, v.verify(t, ver))
}

// verify is the verifier's word on the row as it was sent.
func (v *vector) verify(t *testing.T, ver *Verifier) error {
	req := v.request(t)
	req.Header.Set("Authorization", v.Authorization)
	req.Header.Set("X-Date", v.Date+v.XDate)
	id, err := ver.Verify(req)
	if err == nil {
		require.Equal(t, v.KeyID, id.KeyID)
		require.Equal(t, v.Algorithm, id.Algorithm)
	}
	return err
}

// Made by running the vendor's Python samples.
func TestVectorsOfThePythonSamples(t *testing.T) {
	for _, v := range readVectors(t, "tencent_app.json", 36) {
		t.Run(v.Name+" "+v.Algorithm, func(t *testing.T) {
			v.requireSigned(t, v.verifier(t), tencentapp.Scheme{Query: tencentapp.Raw, ContentMD5: tencentapp.MD5None})
			if v.QueryForm == "documented or raw" {
				v.requireSigned(t, v.verifier(t, acceptingQuery(tencentapp.Documented)), tencentapp.Scheme{ContentMD5: tencentapp.MD5None})
			} else {
				require.ErrorIs(t, v.verify(t, v.verifier(t, acceptingQuery(tencentapp.Documented))), ErrSignature)
			}
		})
	}
}

// By the documented rules, with the documentation's worked example.
func TestVectorsOfTheDocumentation(t *testing.T) {
	worked := 0
	for _, v := range readVectors(t, "tencent_app_documented.json", 24) {
		t.Run(v.Name, func(t *testing.T) {
			switch v.Name {
			case "tc-doc-worked-example": // published without a key
				v.Algorithm, v.KeyID, v.Secret = "hmac-sm3", "any", "any"
				text, err := v.signer(t, TencentApp).StringToSign(v.request(t))
				require.NoError(t, err)
				require.Equal(t, v.StringToSign, text)
				worked++
			case "tc-doc-error-message":
				// The message's form is held in TestMiddlewareEcho.
			case "tc-java-md5-leading-zero":
				// The header is what was signed, but it is not the body's MD5.
				require.ErrorIs(t, v.verify(t, v.verifier(t)), ErrBodyDigest)
				require.ErrorIs(t, v.signer(t, TencentApp).Sign(v.request(t)), ErrBodyDigest)
				v.Body = ""
				require.ErrorIs(t, v.verify(t, v.verifier(t)), ErrSignature, "without a body there is no digest to sign")
			default:
				v.requireSigned(t, v.verifier(t), TencentApp)
				if md5 := v.Headers["Content-MD5"]; md5 != "" {
					delete(v.Headers, "Content-MD5")
					form := tencentapp.MD5Hex
					if len(md5) == 24 {
						form = tencentapp.MD5Raw
					}
					req := v.request(t)
					require.NoError(t, v.signer(t, tencentapp.Scheme{ContentMD5: form}).Sign(req))
					require.Equal(t, v.Authorization, req.Header.Get("Authorization"))
					require.Equal(t, md5, req.Header.Get("Content-MD5"))
				}
			}
		})
	}
	require.Equal(t, 1, worked)
}

// As the vendor's Go sample computes it, which is query form decoded with two
// faults: it signs a GET as if it had no body and sends one all the same, and
// keeps one value of a repeated key. Both leave something unsigned, so such
// requests are refused; /releases/x is cut wrongly and refused with them.
func TestVectorsOfTheGoSample(t *testing.T) {
	for _, v := range readVectors(t, "tencent_app_go_sample.json", 8) {
		t.Run(v.Name, func(t *testing.T) {
			ver := v.verifier(t, acceptingQuery(tencentapp.Decoded))
			if v.Method == "GET" {
				require.ErrorIs(t, v.verify(t, ver), ErrSignature, "the body is not signed")
				v.Body = ""
			}
			if strings.HasPrefix(v.Notes, "TRAP") {
				require.ErrorIs(t, v.verify(t, ver), ErrSignature)
				return
			}
			v.requireSigned(t, ver, tencentapp.Scheme{Query: tencentapp.Decoded, ContentMD5: tencentapp.MD5None})
		})
	}
}
