package tabs_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/internal/page/tabs"
)

const secret = "a secret of the test"

// input is a request to sign in a scheme.
func input(scheme string) tabs.SignInput {
	return tabs.SignInput{
		Method: "POST", URL: "https://h.example/release/a%20b?b=2&a=1#x", Headers: "Content-Type: application/json\nSource: apigw test\n", Body: `{"a":"中"}`,
		Scheme: scheme, Algorithm: "hmac-sha256", KeyID: "AKIDtest", Secret: secret, SignedHeaders: "source",
	}
}

func sign(t testing.TB, in tabs.SignInput) tabs.Signed {
	t.Helper()
	out := call[tabs.Signed](t, "sign", in)
	require.Empty(t, out.Error)
	return out
}

func check(t testing.TB, in tabs.CheckInput) tabs.Verdict {
	t.Helper()
	v := call[tabs.Verdict](t, "check", in)
	require.Empty(t, v.Error)
	return v
}

// printed is a string as programs print it.
func printed(text string) map[string]string {
	json, _ := json.Marshal(text)
	repr := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "'", `\'`)
	return map[string]string{
		"as it is": text, "with a newline at the end": text + "\n", "CR LF": strings.ReplaceAll(text, "\n", "\r\n"),
		"CR LF, with one at the end": strings.ReplaceAll(text, "\n", "\r\n") + "\r\n", "lines around": "\n\n" + text + "\n\n",
		"Go %q": strconv.Quote(text), "Go %+q": strconv.QuoteToASCII(text), "JSON": string(json), "JSON with escaped slashes": strings.ReplaceAll(string(json), "/", `\/`),
		"Python repr": "'" + repr.Replace(text) + "'", "Python bytes": "b'" + repr.Replace(text) + "'", "spaces around": "  " + strconv.Quote(text) + " \n",
		"escapes without quotes": strings.ReplaceAll(text, "\n", `\n`),
	}
}

// texts is the text of an outcome in English, with the other language seen to differ.
func outcome(t *testing.T, in tabs.CheckInput) *tabs.Own {
	t.Helper()
	own := check(t, in).Own
	in.Lang = "zh"
	other := check(t, in).Own
	require.NotNil(t, own)
	require.NotEqual(t, own.Text, other.Text)
	require.NotContains(t, own.Text+other.Text, "\n")
	require.NotContains(t, own.Text+other.Text, "{")
	other.Text = own.Text
	require.Equal(t, own, other)
	return own
}

// A string that no browser could show line by line is told without its lines.
func TestOwnTooLong(t *testing.T) {
	good := sign(t, input("tencent-app"))
	for own, shown := range map[string]bool{
		strings.Repeat("a\n", 4_000): true, strings.Repeat("a\n", 6_000): false, strings.Repeat("a", 1<<20): true, strings.Repeat("a", 1<<20+1): false,
	} {
		v := check(t, tabs.CheckInput{Request: good.HTTP, Secret: "another", Own: own})
		require.Equal(t, shown, len(v.Own.Lines) > 0)
		require.NotEmpty(t, v.Own.Text)
		require.Equal(t, !shown, strings.Contains(strings.Join(v.Notes, "\n"), "longer than any string"))
	}
}

// A header of Authorization that both of Tencent's schemes can have is taken as of the one
// that one's own string is of.
func TestOwnTellsTheScheme(t *testing.T) {
	for _, name := range []string{"tencent-app", "tencent-keypair"} {
		good := sign(t, input(name))
		for _, own := range []string{good.StringToSign, strings.Replace(good.StringToSign, "apigw test", "apigw\u00a0test", 1)} {
			for _, date := range []string{"2021-03-11T08:29:58Z", "2031-01-01T00:00:00Z"} {
				for _, secret := range []string{"another", ""} {
					v := check(t, tabs.CheckInput{Request: good.HTTP, Secret: secret, Own: own, Date: date})
					require.Equal(t, name, v.Scheme)
					require.Equal(t, good.StringToSign, v.StringToSign)
					require.Equal(t, own == good.StringToSign, v.Own.Equal)
					require.Equal(t, v.Own.Equal, v.Own.Lines == nil)
				}
			}
		}
		v := check(t, tabs.CheckInput{Request: good.HTTP, Secret: secret, Own: sign(t, input("tencent-keypair")).StringToSign, Date: "2021-03-11T08:29:58Z"})
		require.True(t, v.Accepted)
		require.Equal(t, name, v.Scheme, "of an accepted request")
	}
}

// The string that one's own code signs is held against the verifier's, however it was
// printed, and against the signature.
func TestOwn(t *testing.T) {
	for _, s := range hmacsign.Schemes() {
		in := input(s.Name())
		good := sign(t, in)
		strings := map[string]string{"string_to_sign": good.StringToSign}
		if good.CanonicalRequest != "" {
			strings["canonical_request"] = good.CanonicalRequest
		}
		for from, text := range strings {
			for how, own := range printed(text) {
				what := fmt.Sprintf("%s, %s, %s", s.Name(), from, how)
				o := outcome(t, tabs.CheckInput{Request: good.HTTP, Secret: secret, Own: own})
				require.True(t, o.Equal && o.Signs, "%s: %+v", what, o)
				require.Equal(t, from, o.From, what)
				require.Empty(t, o.Lines)
				require.Contains(t, o.Text, "is the verifier's, and the signature is right for it")

				o = outcome(t, tabs.CheckInput{Request: good.HTTP, Secret: "another secret", Own: own})
				require.True(t, o.Equal && !o.Signs, what)
				require.Contains(t, o.Text, "the secret is another")

				o = outcome(t, tabs.CheckInput{Request: good.HTTP, Secret: secret + "\n", Own: own})
				require.True(t, o.Equal && !o.Signs, what)
				require.Contains(t, o.Text, "has a newline or space at an end")

				o = outcome(t, tabs.CheckInput{Request: good.HTTP, Own: own})
				require.True(t, o.Equal && !o.Signs, what)
				require.Contains(t, o.Text, "give the secret")
			}
		}
	}
}

// A string that departs from the verifier's is shown line by line.
func TestOwnDeparts(t *testing.T) {
	for _, name := range []string{"tencent-app", "tencent-keypair", "huawei-sdk"} {
		in := input(name)
		good := sign(t, in)
		in.Headers = strings.Replace(in.Headers, "apigw test", "apigw rest", 1)
		other := sign(t, in) // the client signed this and sent the other
		sent := strings.Replace(good.HTTP, good.Signature, other.Signature, 1)
		texts := [][2]string{{other.StringToSign, "string_to_sign"}}
		if name == "huawei-sdk" {
			texts = append(texts, [2]string{other.CanonicalRequest, "canonical_request"})
		}
		for _, text := range texts {
			for how, own := range printed(text[0]) {
				o := outcome(t, tabs.CheckInput{Request: sent, Secret: secret, Own: own})
				require.True(t, !o.Equal && o.Signs, "%s, %s: %+v", name, how, o)
				require.Equal(t, text[1], o.From)
				require.Contains(t, o.Text, "the string is wrong")
				if name == "huawei-sdk" && text[1] == "string_to_sign" {
					continue // a hash differs
				}
				var differing []tabs.Line
				for _, line := range o.Lines {
					if line.Client == nil || line.Server == nil || line.Client.Differs != line.Server.Differs {
						differing = append(differing, line)
					}
				}
				require.Len(t, differing, 1, how)
				require.Equal(t, "r", differing[0].Client.Differs)
				require.Equal(t, "t", differing[0].Server.Differs)
				require.True(t, strings.HasSuffix(differing[0].Client.Before, "apigw "))
				require.Equal(t, "est", differing[0].Client.After)
			}
			o := outcome(t, tabs.CheckInput{Request: sent, Secret: "another secret", Own: text[0]})
			require.False(t, o.Equal || o.Signs)
			require.Contains(t, o.Text, "the secret or the MAC step is wrong too")
			require.NotEmpty(t, o.Lines)
			o = outcome(t, tabs.CheckInput{Request: sent, Secret: secret + " ", Own: text[0]})
			require.Contains(t, o.Text, "is wrong too. The client's secret has")
			o = outcome(t, tabs.CheckInput{Request: sent, Own: text[0]})
			require.Contains(t, o.Text, "give the secret")
			o = outcome(t, tabs.CheckInput{Request: good.HTTP, Secret: secret, Own: text[0]})
			require.False(t, o.Equal || o.Signs)
			require.Contains(t, o.Text, "is not what was signed: the signature is right")
		}
	}
}

// A newline that counts is told from one that an editor added: by the signature, or by
// the quotes.
func TestOwnNewline(t *testing.T) {
	good := sign(t, input("tencent-app"))
	quoted := outcome(t, tabs.CheckInput{Request: good.HTTP, Secret: secret, Own: strconv.Quote(good.StringToSign + "\n")})
	require.False(t, quoted.Equal)
	last := quoted.Lines[len(quoted.Lines)-1]
	require.Equal(t, tabs.Line{Client: &tabs.Marked{}}, last)

	signed := hmacsha256(secret, good.StringToSign+"\n")
	sent := strings.Replace(good.HTTP, good.Signature, signed, 1)
	o := outcome(t, tabs.CheckInput{Request: sent, Secret: secret, Own: good.StringToSign + "\n"})
	require.True(t, o.Equal && !o.Signs)
	require.Contains(t, o.Text, "ends with a newline")
	o = outcome(t, tabs.CheckInput{Request: sent, Secret: secret, Own: strconv.Quote(good.StringToSign + "\n")})
	require.True(t, !o.Equal && o.Signs)
	require.Equal(t, last, o.Lines[len(o.Lines)-1])
}

// A verifier's form counts as the verifier's: the nearest is compared.
func TestOwnInAnotherForm(t *testing.T) {
	in := input("tencent-app")
	in.QueryForm = "decoded"
	decoded := sign(t, in)
	v := check(t, tabs.CheckInput{Request: decoded.HTTP, Secret: secret, Own: decoded.StringToSign})
	require.True(t, v.Accepted && v.Own.Equal && v.Own.Signs)
	require.Equal(t, decoded.StringToSign, v.StringToSign, "the form that was signed is shown")
	v = check(t, tabs.CheckInput{Request: decoded.HTTP, Secret: "wrong", Own: decoded.StringToSign})
	require.True(t, v.Own.Equal && !v.Own.Signs)
	require.NotEqual(t, decoded.StringToSign, v.StringToSign)
}

// A gateway's answer holds its string to sign with # for newlines.
func TestGatewaysAnswer(t *testing.T) {
	in := input("tencent-app")
	in.Headers += "X-Note: a#b\n"
	in.SignedHeaders += " x-note"
	good := sign(t, in)
	in.Headers = strings.Replace(in.Headers, "apigw test", "proxy", 1)
	changed := sign(t, in)
	answers := func(stringToSign string) map[string]string {
		message := "HMAC signature does not match, Server StringToSign:" + strings.ReplaceAll(stringToSign, "\n", "#")
		object, _ := json.Marshal(map[string]string{"message": message, "request_id": "1"})
		slashes := strings.ReplaceAll(string(object), "/", `\/`)
		return map[string]string{
			"message": message, "object": string(object), "with slashes": slashes, "cut off": slashes[:len(slashes)-1], "indented": strings.Replace(slashes, `","`, "\",\n  \"", 1),
			"response": "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nServer: x\r\n\r\n" + slashes + "\r\n", "response, LF": "HTTP/2 401\ncontent-type: application/json\n\n" + slashes,
		}
	}
	for how, answer := range answers(good.StringToSign) {
		o := outcome(t, tabs.CheckInput{Request: good.HTTP, Secret: secret, Own: answer})
		require.True(t, o.Gateway && o.Equal && o.Signs, "%s: %+v", how, o)
		require.Contains(t, o.Text, "the gateway has another secret")
		o = outcome(t, tabs.CheckInput{Request: good.HTTP, Secret: "another", Own: answer})
		require.True(t, o.Gateway && o.Equal && !o.Signs, how)
		require.Contains(t, o.Text, "does not make the signature of it")
		o = outcome(t, tabs.CheckInput{Request: good.HTTP, Own: answer})
		require.True(t, o.Gateway && o.Equal && !o.Signs, how)
		require.Contains(t, o.Text, "give the secret")
	}
	for how, answer := range answers(changed.StringToSign) {
		o := outcome(t, tabs.CheckInput{Request: good.HTTP, Secret: secret, Own: answer})
		require.True(t, o.Gateway && !o.Equal && !o.Signs, how)
		require.Contains(t, o.Text, "something in between changed it")
		require.NotEmpty(t, o.Lines)
		o = outcome(t, tabs.CheckInput{Request: good.HTTP, Own: answer})
		require.True(t, o.Gateway && !o.Equal, how)
	}
	// What this project's own verifier answers is read too.
	keys, err := hmacsign.StaticKeys(&hmacsign.Key{ID: "AKIDtest", Secret: hmacsign.Secret("the gateway's")})
	require.NoError(t, err)
	verifier, err := hmacsign.NewVerifier(keys, hmacsign.EchoStringToSign())
	require.NoError(t, err)
	refused := &hmacsign.VerifyError{Refusal: *scheme.Refuse(hmacsign.ErrSignature, ""), Scheme: "tencent-app", StringToSign: good.StringToSign}
	o := outcome(t, tabs.CheckInput{Request: good.HTTP, Secret: secret, Own: string(verifier.Answer(refused).Body)})
	require.True(t, o.Gateway && o.Equal)

	// Answers that hold no string.
	for _, answer := range []string{
		`{"message":"HMAC signature does not match."}`, "HMAC signature does not match.", "Verify authroization failed.", "Signature expired.", "Signed header host not found",
		"HTTP/1.1 401 Unauthorized\r\n\r\n", `{"error_msg":"Incorrect IAM authentication information: verify aksk signature fail","error_code":"APIG.0301"}`, "{", "HTTP/1.1",
	} {
		o := outcome(t, tabs.CheckInput{Request: good.HTTP, Secret: secret, Own: answer})
		require.True(t, o.Gateway && !o.Equal && !o.Signs, answer)
		require.Contains(t, o.Text, "does not tell its string to sign")
	}
}

// A request that has no string to sign has none to compare with.
func TestOwnOfARequestWithoutString(t *testing.T) {
	for _, request := range []string{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: hmac id=\"a\"\r\n\r\n"} {
		o := outcome(t, tabs.CheckInput{Request: request, Secret: secret, Own: "a\nb"})
		require.Contains(t, o.Text, "none to compare with")
		require.False(t, o.Equal || o.Signs)
	}
}

func hmacsha256(secret, text string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}
