// Package cases is what the tabs are tested with, here and in browsers: this project's
// known answers, what vendors' clients sent, and a request for each mistake that is known,
// as input of the tabs and what must come of it.
package cases

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gmhmac/hmacsign/internal/page/tabs"
)

// A Sign is a request to sign. A body with a carriage return, such as a multipart form's,
// cannot be typed into a browser's field.
type Sign struct {
	Name string
	In   tabs.SignInput
	Want SignWant
}

// SignWant is what the vector says. What is empty is not known.
type SignWant struct{ StringToSign, CanonicalRequest, Authorization string }

// A Check is a request to check.
type Check struct {
	Name string
	In   tabs.CheckInput
	Want CheckWant
}

// CheckWant is what must come of a check.
type CheckWant struct {
	Accepted bool
	// Mistakes are those that are named, all of them; or one of AnyOf is. Where both are
	// empty, any may be.
	Mistakes, AnyOf []string
}

// Meets reports whether a verdict is what must come.
func (w CheckWant) Meets(v tabs.Verdict) error {
	var named []string
	for _, m := range v.Mistakes {
		named = append(named, m.Code)
	}
	switch {
	case v.Error != "" && w.Accepted:
		return fmt.Errorf("no request: %s", v.Error)
	case v.Accepted != w.Accepted:
		return fmt.Errorf("accepted is %t: %s %q", v.Accepted, v.Text, named)
	case len(w.Mistakes) > 0 && !slices.Equal(named, w.Mistakes):
		return fmt.Errorf("the mistakes are %q, not %q: %s", named, w.Mistakes, v.Text)
	case len(w.AnyOf) > 0 && !slices.ContainsFunc(named, func(code string) bool { return slices.Contains(w.AnyOf, code) }):
		return fmt.Errorf("the mistakes are %q, none of %q: %s", named, w.AnyOf, v.Text)
	}
	return nil
}

// testdata is the folder below the root of this project's sources.
func testdata(root string, name ...string) string {
	return filepath.Join(append([]string{root, "hmacsign", "testdata"}, name...)...)
}

// A vector is a row of a file of vectors.
type vector struct {
	Name, Algorithm, Method, URL, Body string
	KeyID                              string `json:"key_id"`
	Secret                             string
	Headers                            json.RawMessage // an object, or pairs
	SignedHeaders                      []string        `json:"signed_headers"`
	XDate                              string          `json:"x_date"`
	Date                               string
	DecodedPath                        string      `json:"decoded_path"`
	DecodedQuery                       [][2]string `json:"decoded_query"`
	CanonicalRequest                   string      `json:"canonical_request"`
	StringToSign                       string      `json:"string_to_sign"`
	Authorization                      string
	Notes                              string
}

// Vectors are the rows of the files of vectors that a signer of this project writes: not
// those that show a sample's fault.
func Vectors(root string) (all []Sign, err error) {
	for _, file := range []struct {
		name  string
		input func(*vector, *tabs.SignInput) bool
	}{
		{"tencent_app", pythonSample}, {"tencent_app_documented", documented}, {"tencent_app_go_sample", goSample},
		{"tencent_keypair", keyPair}, {"huawei", huawei},
	} {
		data, err := os.ReadFile(testdata(root, file.name+".json"))
		if err != nil {
			return nil, err
		}
		var rows struct{ Vectors []vector }
		if err := json.Unmarshal(data, &rows); err != nil {
			return nil, fmt.Errorf("%s: %w", file.name, err)
		}
		for _, v := range rows.Vectors {
			in := v.input()
			if file.input(&v, &in) {
				want := SignWant{v.StringToSign, v.CanonicalRequest, v.Authorization}
				all = append(all, Sign{file.name + ", " + v.Name + ", " + v.Algorithm, in, want})
			}
		}
	}
	return all, nil
}

// input is the request of a vector with what all schemes have in common.
func (v *vector) input() tabs.SignInput {
	in := tabs.SignInput{Method: v.Method, URL: v.URL, Body: v.Body, Algorithm: v.Algorithm, KeyID: v.KeyID, Secret: v.Secret, Date: v.Date + v.XDate}
	var pairs [][2]string
	if json.Unmarshal(v.Headers, &pairs) != nil {
		var object map[string]string
		json.Unmarshal(v.Headers, &object)
		for name, value := range object {
			pairs = append(pairs, [2]string{name, value})
		}
		slices.SortFunc(pairs, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	}
	for _, p := range pairs {
		in.Headers += p[0] + ": " + p[1] + "\n"
		if strings.EqualFold(p[0], "source") {
			in.SignedHeaders = "source"
		}
	}
	return in
}

func pythonSample(_ *vector, in *tabs.SignInput) bool {
	in.Scheme, in.QueryForm, in.ContentMD5 = "tencent-app", "raw", "none"
	return true
}

func documented(v *vector, in *tabs.SignInput) bool {
	in.Scheme = "tencent-app"
	if v.Name == "tc-doc-worked-example" { // published without a key
		in.Algorithm, in.KeyID, in.Secret, v.Authorization = "hmac-sm3", "any", "any", ""
	}
	return v.Name != "tc-doc-error-message" && v.Name != "tc-java-md5-leading-zero"
}

func goSample(v *vector, in *tabs.SignInput) bool {
	in.Scheme, in.QueryForm, in.ContentMD5 = "tencent-app", "decoded", "none"
	if in.Method == "GET" {
		in.Body = "" // which the sample leaves unsigned
	}
	return !strings.HasPrefix(v.Notes, "TRAP")
}

func keyPair(v *vector, in *tabs.SignInput) bool {
	in.Scheme, in.SignedHeaders = "tencent-keypair", "date source"
	if strings.Contains(v.Name, "x-date") {
		in.SignedHeaders = "x-date source"
	}
	return true
}

func huawei(v *vector, in *tabs.SignInput) bool {
	in.Scheme, in.SignedHeaders = "huawei-sdk", strings.Join(v.SignedHeaders, " ")
	in.Algorithm = "hmac-sha256"
	if strings.Contains(v.Authorization, "HMAC-SM3 ") {
		in.Algorithm = "hmac-sm3"
	}
	if _, credential, derived := strings.Cut(v.Authorization, "Credential="); derived {
		credential, _, _ = strings.Cut(credential, ",")
		parts := strings.Split(credential, "/")
		in.Region, in.Service = parts[len(parts)-2], parts[len(parts)-1]
	}
	if v.DecodedPath != "" {
		u, err := url.Parse(in.URL[:strings.Index(in.URL, "://")+3+strings.IndexByte(in.URL[strings.Index(in.URL, "://")+3:], '/')])
		if err != nil {
			return false
		}
		u.Path = v.DecodedPath
		var query []string
		for _, q := range v.DecodedQuery {
			query = append(query, url.QueryEscape(q[0])+"="+url.QueryEscape(q[1]))
		}
		u.RawQuery = strings.Join(query, "&")
		in.URL = u.String()
	}
	return slices.Contains(v.SignedHeaders, "host") // which this project's signer always signs
}

// Mistakes are requests of clients that make the known mistakes, alone and some together.
// Not among them are those that a verifier with its default settings, one secret and every
// scheme cannot name: environment_left_out, query_form_raw and query_form_decoded, which it
// accepts, other_key, and application_string.
func Mistakes(root string) (all []Check, err error) {
	data, err := os.ReadFile(testdata(root, "mistakes.jsonl"))
	if err != nil {
		return nil, err
	}
	for d := json.NewDecoder(bytes.NewReader(data)); ; {
		var row struct {
			Codes             []string
			Date, Secret, Raw string
		}
		if err := d.Decode(&row); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		in := tabs.CheckInput{Request: row.Raw, Secret: row.Secret, Date: row.Date}
		late := slices.Equal(row.Codes, []string{"local_time"}) // which alone is no fault of the rest
		all = append(all, Check{strings.Join(row.Codes, " and "), in, CheckWant{Accepted: late, Mistakes: row.Codes}})
	}
}

// Wild are the requests that vendors' clients sent, each as raw HTTP and as a HAR, but for
// those of which a text in UTF-8 is another request.
func Wild(root string) (all []Check, err error) {
	var codes map[string][]string
	data, err := os.ReadFile(testdata(root, "wild", "codes.json"))
	if err == nil {
		err = json.Unmarshal(data, &codes)
	}
	if err != nil {
		return nil, err
	}
	files, _ := filepath.Glob(testdata(root, "wild", "*.jsonl.gz"))
	for _, file := range files {
		of, err := wild(file, codes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, of...)
	}
	return all, nil
}

func wild(file string, codes map[string][]string) (all []Check, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	client := strings.TrimSuffix(filepath.Base(file), ".jsonl.gz")
	d := json.NewDecoder(z)
	for number := 0; ; number++ {
		var row struct {
			Raw         []byte
			Date        time.Time
			Expect, Why string
		}
		if err := d.Decode(&row); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		want := CheckWant{Accepted: row.Expect == "accept"}
		if !want.Accepted {
			faults, _, _ := strings.Cut(row.Why, " (")
			for fault := range strings.SplitSeq(faults, "+") {
				want.AnyOf = append(want.AnyOf, codes[fault]...)
				if fault == "target_not_encoded" { // which no server reads, and a text's reader does
					want.AnyOf = append(want.AnyOf, fault)
				}
			}
		}
		name := fmt.Sprintf("%s %d, %s", client, number, row.Why)
		in := tabs.CheckInput{Secret: "interop-secret-0123456789", Date: row.Date.Format(time.RFC3339)}
		for _, as := range []struct{ form, text string }{{"raw", rawText(row.Raw)}, {"HAR", harText(row.Raw)}} {
			if in.Request = as.text; as.text != "" {
				all = append(all, Check{name + ", " + as.form, in, want})
			}
		}
	}
}

// rawText is the request as text, empty if it is none.
func rawText(raw []byte) string {
	if !utf8.Valid(raw) {
		return ""
	}
	return string(raw)
}

// harText is the request as a browser would have it in a HAR, empty if it would not.
func harText(raw []byte) string {
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return ""
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return ""
	}
	head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !utf8.Valid(head) {
		return ""
	}
	type pair struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	type post struct {
		Type     string `json:"mimeType"`
		Text     string `json:"text"`
		Encoding string `json:"encoding,omitempty"`
	}
	var request struct {
		Method  string `json:"method"`
		URL     string `json:"url"`
		Version string `json:"httpVersion"`
		Headers []pair `json:"headers"`
		Post    *post  `json:"postData,omitempty"`
	}
	request.Method, request.URL, request.Version = req.Method, "http://"+req.Host+req.RequestURI, "HTTP/1.1"
	for _, line := range strings.Split(string(head), "\r\n")[1:] {
		name, value, _ := strings.Cut(line, ":")
		request.Headers = append(request.Headers, pair{name, strings.Trim(value, " \t")})
	}
	if len(body) > 0 {
		request.Post = &post{req.Header.Get("Content-Type"), string(body), ""}
		if !utf8.Valid(body) {
			request.Post.Text, request.Post.Encoding = base64.StdEncoding.EncodeToString(body), "base64"
		}
	}
	var log struct {
		Log struct {
			Entries []any `json:"entries"`
		} `json:"log"`
	}
	log.Log.Entries = []any{map[string]any{"request": request}}
	text, _ := json.Marshal(log)
	return string(text)
}
