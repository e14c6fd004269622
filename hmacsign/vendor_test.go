package hmacsign_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
)

var (
	oracle       = flag.String("vendor-sample", "../../shared/tools/vendor_sample.py", "program that runs the vendor's Python samples")
	updateVendor = flag.Bool("update-vendor", false, "write the first cases to testdata/vendor_python.jsonl")
)

const keptVendorCases = 60

// vendorCase is a request that the vendor's own client code is asked to make,
// and what it made of it.
type vendorCase struct {
	Kind   string            `json:"kind"`
	URL    string            `json:"url"`
	Method string            `json:"method"`
	KeyID  string            `json:"key_id"`
	Secret string            `json:"secret"`
	Now    string            `json:"now"`
	Body   map[string]string `json:"body,omitzero"`
	Fields [][2]string       `json:"fields,omitempty"`
	Files  [][3]string       `json:"files,omitempty"`
	Sent   *vendorRequest    `json:"sent,omitempty"`
}

type vendorRequest struct {
	Method       string            `json:"method"`
	URL          string            `json:"url"` // the multipart sample's lacks the environment: not where the gateway listens
	Headers      map[string]string `json:"headers"`
	Body         string            `json:"body"`
	StringToSign string            `json:"string_to_sign"`
	Error        string            `json:"error,omitempty"`
}

// randomVendorCase keeps to what the samples sign as they send it. They leave
// the path's parameters (/a;v=1) and a GET's form unsigned, and cut the first
// segment of /releases/v1: such requests are refused, as they must be.
func randomVendorCase(r *rand.Rand) *vendorCase {
	pick := func(s ...string) string { return s[r.Intn(len(s))] }
	text := func() string {
		return pick("", "a", "x y", "a&b=c", "中文", "100%", "1+1", "~t-._", "é", "/p?q#", "\"'", strings.Repeat("long ", 20))
	}
	c := &vendorCase{KeyID: testID, Secret: pick("s", testSecret, "密钥", strings.Repeat("k", 65)), Now: testTime.Format("2006-01-02T15:04:05"),
		Kind: pick("json", "form", "multipart"), Method: pick("GET", "POST")}
	path := pick("", "/", "/a", "/v1/users/42", "/a%20b/%E4%B8%AD", "/a/", "//a", "/x/release/y", "/~u/-_.", "/p%2Fq")
	if env := pick("", "", "/release", "/test", "/prepub"); env != "" {
		path = env + pick("/", "/v1", "/a%20b/", "/test/x")
	}
	var query []string
	for range r.Intn(5) {
		key, value := url.QueryEscape(pick("a", "b", "a", "中", "a b", "k[]", "B")), url.QueryEscape(text())
		query = append(query, pick(key, key+"=", key+"="+value, key+"="+value, key+"="+strings.ToLower(value)))
	}
	c.URL = "http://service-abc123-1234567890.gz.apigw.tencentcs.com" + path
	if len(query) > 0 {
		c.URL += "?" + strings.Join(query, "&")
	}
	switch c.Kind {
	case "multipart":
		c.Method = "POST"
		for range r.Intn(3) {
			c.Fields = append(c.Fields, [2]string{pick("f", "g"), text()})
		}
		for range r.Intn(2) {
			c.Files = append(c.Files, [3]string{"file", pick("test.txt", "data.bin"), text() + "\r\n" + text()})
		}
	case "form":
		c.Method = "POST" // its GET signs a body that it does not send
		fallthrough
	default:
		c.Body = map[string]string{}
		for range r.Intn(4) {
			c.Body[pick("arg1", "arg2", "a", "名")] = text()
		}
	}
	return c
}

// runVendor has the vendor's samples sign the cases.
func runVendor(t *testing.T, cases []*vendorCase) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("needs python3")
	}
	if _, err := os.Stat(*oracle); err != nil {
		t.Skip("needs the program that runs the vendor's samples: -vendor-sample names it")
	}
	var in bytes.Buffer
	for _, c := range cases {
		require.NoError(t, json.NewEncoder(&in).Encode(c))
	}
	path, err := filepath.Abs(*oracle)
	require.NoError(t, err)
	cmd := exec.Command("python3", path)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONWARNINGS=ignore", "PYTHONUTF8=1")
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	d := json.NewDecoder(bytes.NewReader(out))
	for _, c := range cases {
		c.Sent = new(vendorRequest)
		require.NoError(t, d.Decode(c.Sent))
	}
}

// A sample of what the vendor's code made, for machines that cannot run it.
func TestVendorSamplesKept(t *testing.T) {
	data, err := os.ReadFile("testdata/vendor_python.jsonl")
	require.NoError(t, err)
	var cases []*vendorCase
	for d := json.NewDecoder(bytes.NewReader(data)); d.More(); {
		c := new(vendorCase)
		require.NoError(t, d.Decode(c))
		cases = append(cases, c)
	}
	require.Len(t, cases, keptVendorCases)
	testVendorCases(t, cases)
}

// The vendor's own client code signs, our server accepts.
func TestVendorSamplesRun(t *testing.T) {
	r := rand.New(rand.NewSource(20210311))
	cases := make([]*vendorCase, 2000)
	if testing.Short() {
		cases = cases[:100]
	}
	for i := range cases {
		cases[i] = randomVendorCase(r)
	}
	runVendor(t, cases)
	if *updateVendor {
		var out bytes.Buffer
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		for _, c := range cases[:keptVendorCases] {
			require.NoError(t, e.Encode(c))
		}
		require.NoError(t, os.WriteFile("testdata/vendor_python.jsonl", out.Bytes(), 0o644))
	}
	testVendorCases(t, cases)
}

func testVendorCases(t *testing.T, cases []*vendorCase) {
	servers := map[string]net.Conn{} // by secret
	readers := map[string]*bufio.Reader{}
	kinds := map[string]int{}
	for _, c := range cases {
		require.Empty(t, c.Sent.Error, c.URL)
		kinds[c.Kind]++
		if servers[c.Secret] == nil {
			keys, err := StaticKeys(&Key{ID: c.KeyID, Secret: Secret(c.Secret)})
			require.NoError(t, err)
			v, err := NewVerifier(keys, atTestTime(), EchoStringToSign())
			require.NoError(t, err)
			server := httptest.NewServer(v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(w, r.Body)
			})))
			defer server.Close()
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			require.NoError(t, err)
			defer conn.Close()
			servers[c.Secret], readers[c.Secret] = conn, bufio.NewReader(conn)
		}
		status, answer := c.send(t, servers[c.Secret], readers[c.Secret])
		require.Equal(t, 200, status, "%s %s %s: %s\nvendor: %q", c.Kind, c.Method, c.URL, answer, c.Sent.StringToSign)
		require.Equal(t, c.Sent.Body, answer)
		c.requireSameSignature(t)
	}
	for _, kind := range []string{"json", "form", "multipart"} {
		require.Greater(t, kinds[kind], len(cases)/10, kind)
	}
}

// send writes what the sample would have sent, as Python's clients write it.
func (c *vendorCase) send(t *testing.T, conn net.Conn, r *bufio.Reader) (int, string) {
	u, err := url.Parse(c.URL)
	require.NoError(t, err)
	var b strings.Builder
	target := u.EscapedPath()
	if target == "" {
		target = "/"
	}
	if u.RawQuery != "" {
		target += "?" + u.RawQuery
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", c.Sent.Method, target)
	for name, value := range c.Sent.Headers {
		if !strings.EqualFold(name, "Content-Length") {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(c.Sent.Body), c.Sent.Body)
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, b.String())
	require.NoError(t, err)
	resp, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

// requireSameSignature signs the same request in the samples' query form.
func (c *vendorCase) requireSameSignature(t *testing.T) {
	req := newRequest(t, c.Sent.Method, c.URL, c.Sent.Body)
	for name, value := range c.Sent.Headers {
		if name := http.CanonicalHeaderKey(name); name == "Accept" || name == "Content-Type" {
			req.Header.Set(name, value)
		}
	}
	s, err := NewSigner(tencentapp.Scheme{Query: tencentapp.Raw, ContentMD5: tencentapp.MD5None}, algo.HMACSHA1, Credential{c.KeyID, Secret(c.Secret)}, atTestTime())
	require.NoError(t, err)
	text, err := s.StringToSign(req)
	require.NoError(t, err)
	if c.Sent.StringToSign != "" { // the multipart sample does not keep it
		require.Equal(t, c.Sent.StringToSign, text)
	}
	require.NoError(t, s.Sign(req))
	require.Equal(t, c.Sent.Headers["Authorization"], req.Header.Get("Authorization"), text)
}
