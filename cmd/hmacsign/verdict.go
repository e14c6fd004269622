package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// verdict is what verify prints as JSON.
type verdict struct {
	Date         string            `json:"date,omitempty"` // of Late, as --date takes it
	Accepted     bool              `json:"accepted"`
	Reason       string            `json:"reason,omitempty"`
	Detail       string            `json:"detail,omitempty"`
	DetailCode   string            `json:"detail_code,omitempty"`
	DetailArgs   map[string]string `json:"detail_args,omitempty"`
	KeyID        string            `json:"key_id"`
	Scheme       string            `json:"scheme"`
	Algorithm    string            `json:"algorithm"`
	Backend      string            `json:"backend,omitempty"`
	Signed       []string          `json:"signed_headers,omitempty"`
	StringToSign string            `json:"string_to_sign,omitempty"`
	// CanonicalRequest is what huawei-sdk puts into the string as a hash.
	CanonicalRequest string       `json:"canonical_request,omitempty"`
	Mistake          string       `json:"mistake,omitempty"` // the first of Mistakes
	Mistakes         []mistake    `json:"mistakes,omitempty"`
	Differences      []difference `json:"differences,omitempty"`
	Pieces           []string     `json:"pieces,omitempty"` // in which they differ
	Explanation      string       `json:"explanation,omitempty"`
	// Late is the verdict on a request that is refused for its date, as of that date.
	Late    *verdict `json:"late,omitempty"`
	Surplus *surplus `json:"surplus,omitempty"`

	lang string
	err  error
}

type mistake struct {
	Code string            `json:"code"`
	Text string            `json:"text"`
	Args map[string]string `json:"args,omitempty"`
}

// difference is lines of the two strings that stand in one place.
type difference struct {
	Client []string `json:"client"`
	Server []string `json:"server"`
}

// surplus is what stands behind the end of the request.
type surplus struct {
	Bytes int64  `json:"bytes"`
	Text  string `json:"text"`
}

// verifyRaw verifies the request that is read from a file.
func verifyRaw(v *hmacsign.Verifier, file io.Reader, lang string) (*verdict, error) {
	in := bufio.NewReader(file)
	start, _ := in.Peek(in.Size())
	req, err := http.ReadRequest(in)
	if errors.As(err, new(url.EscapeError)) {
		return notEncoded(lang, start, err), nil
	}
	if err != nil {
		return nil, noRequest(lang, start, err)
	}
	declared := req.ContentLength
	id, err := v.Verify(req)
	r, err := newVerdict(lang, id, err)
	if err != nil {
		return nil, err
	}
	if req.GetBody == nil {
		io.Copy(io.Discard, req.Body) // the signature did not need it
	}
	more, bytes, err := behind(in)
	if err == nil && bytes > 0 {
		r.followedBy(more, bytes, declared)
		if declared > 0 && int64(len(more)) == bytes && req.GetBody != nil && !r.Accepted && needsMore(v, req, more) {
			r.mistaken(scheme.Found{Code: "content_length_characters"})
		}
	}
	return r, err
}

// followedBy tells that there is more than the request, unless that is an editor's
// newline.
func (r *verdict) followedBy(more []byte, bytes, declared int64) {
	if strings.Trim(string(more), "\r\n") == "" {
		return
	}
	code := "verify_surplus"
	if declared <= 0 {
		code = "verify_surplus_undeclared"
	}
	r.Surplus = &surplus{bytes, scheme.Text(r.lang, code, scheme.Args("bytes", strconv.FormatInt(bytes, 10), "length", strconv.FormatInt(declared, 10)))}
}

// maxSurplus is how much is tried as the rest of a body.
const maxSurplus = 64 << 10

// behind reads what stands behind the request: its beginning, and how long it is.
func behind(in io.Reader) (beginning []byte, length int64, err error) {
	beginning, err = io.ReadAll(io.LimitReader(in, maxSurplus))
	if err != nil {
		return nil, 0, err
	}
	rest, err := io.Copy(io.Discard, in)
	return beginning, int64(len(beginning)) + rest, err
}

// needsMore reports whether the request is right with more bytes in its body than
// it declares, all that are there or those but for an editor's newline at the end.
func needsMore(v *hmacsign.Verifier, req *http.Request, more []byte) bool {
	tried := len(more) + 1
	for _, end := range []string{"", "\n", "\r\n"} {
		rest := bytes.TrimSuffix(more, []byte(end))
		if len(rest) == 0 || len(rest) == tried {
			continue
		}
		tried = len(rest)
		body, err := req.GetBody()
		if err != nil {
			return false
		}
		longer := *req
		longer.Body = io.NopCloser(io.MultiReader(body, bytes.NewReader(rest)))
		longer.ContentLength += int64(len(rest))
		longer.GetBody = nil
		if _, err = v.Verify(&longer); err == nil || onlyLate(err) {
			return true
		}
	}
	return false
}

// onlyLate reports whether nothing but a request's date is wrong.
func onlyLate(err error) bool {
	var refused *hmacsign.VerifyError
	return errors.As(err, &refused) && refused.Explanation != nil && refused.Explanation.Late != nil && refused.Explanation.Late.Accepted
}

// noRequest says what is amiss with what begins so and is no request.
func noRequest(lang string, start []byte, err error) error {
	line, _, _ := strings.Cut(string(start), "\n")
	version := strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:])
	code := "verify_not_http"
	var target *url.Error
	switch {
	case strings.HasPrefix(line, "> ") || strings.HasPrefix(line, "* "):
		code = "verify_curl_trace"
	case version == "HTTP/2" || version == "HTTP/3":
		code = "verify_http_version"
	case err == io.EOF:
		code = "verify_no_request"
	case errors.Is(err, io.ErrUnexpectedEOF):
		code = "verify_no_end"
	case errors.As(err, &target):
		code, err = "verify_target", target.Err
	}
	cause := (&streams{lang: lang}).translated(strings.TrimPrefix(err.Error(), "net/url: "))
	return errors.New(scheme.Text(lang, code, scheme.Args("cause", cause, "version", version)))
}

// notEncoded is the verdict on a request whose target has a stray percent sign, which
// no server can read.
func notEncoded(lang string, start []byte, err error) *verdict {
	r := &verdict{Reason: scheme.Refuse(hmacsign.ErrMalformed, "").Code(), lang: lang, err: noRequest(lang, start, err)}
	r.mistaken(scheme.Found{Code: "target_not_encoded"})
	return r
}

// inLanguage is an error that is told in another language.
type inLanguage struct {
	error
	text string
}

func (e inLanguage) Error() string { return e.text }
func (e inLanguage) Unwrap() error { return e.error }

// newVerdict is what there is to say of what Verify said; an error where that is no
// verdict.
func newVerdict(lang string, id *hmacsign.Identity, err error) (*verdict, error) {
	if err == nil {
		return &verdict{Accepted: true, KeyID: id.KeyID, Scheme: id.Scheme, Algorithm: id.Algorithm, Backend: id.Backend, Signed: id.SignedHeaders, lang: lang}, nil
	}
	var e *hmacsign.VerifyError
	if !errors.As(err, &e) {
		return nil, err
	}
	r := &verdict{Reason: e.Code(), Detail: e.Detail, DetailCode: e.DetailCode, DetailArgs: e.Args, KeyID: e.KeyID, Scheme: e.Scheme,
		Algorithm: e.Algorithm, StringToSign: e.StringToSign, CanonicalRequest: e.CanonicalRequest, lang: lang, err: inLanguage{e, e.In(lang)}}
	if e.DetailCode != "" {
		r.Detail = scheme.Text(lang, e.DetailCode, e.Args)
	}
	return r, r.explain(e.Explanation)
}

// explain adds what is known of a refusal.
func (r *verdict) explain(why *hmacsign.Explanation) (err error) {
	if why == nil {
		return nil
	}
	for _, m := range why.Mistakes() {
		r.Mistakes = append(r.Mistakes, mistake{m.Code, m.In(r.lang), m.Args})
	}
	for _, d := range why.Diff() {
		r.Differences = append(r.Differences, difference{lines(d.Client), lines(d.Server)})
	}
	r.Pieces = why.Pieces()
	if len(r.Mistakes) > 0 {
		r.Mistake = r.Mistakes[0].Code
	}
	if r.Mistake != "" || r.StringToSign != "" || why.Late != nil {
		r.Explanation = why.In(r.lang)
	}
	if why.Late == nil {
		return nil
	}
	if why.Late.Accepted {
		r.Late = &verdict{Accepted: true, KeyID: r.KeyID, Scheme: r.Scheme, Algorithm: r.Algorithm}
	} else if r.Late, err = newVerdict(r.lang, nil, why.Late.Refusal); err != nil {
		return err
	}
	r.Late.Date = why.Late.Date.UTC().Format(time.RFC3339Nano)
	return nil
}

// withoutName is an error's line where it is not the command's last word.
func withoutName(err error) string { return strings.TrimPrefix(err.Error(), "hmacsign: ") }

// lines are never null in JSON.
func lines(of []string) []string { return append([]string{}, of...) }

// mistaken replaces what was found by what is known better: of the request as of its
// date, if it is late.
func (r *verdict) mistaken(f scheme.Found) {
	if r.Late != nil {
		r.Late.mistaken(f)
		r.Explanation = scheme.Text(r.lang, "explain_late_refused", scheme.Args("reason", withoutName(r.Late.err))) + "\n" + r.Late.Explanation
		return
	}
	m := mistake{f.Code, scheme.Text(r.lang, f.Code, f.Args), f.Args}
	r.Mistake, r.Mistakes, r.Differences, r.Pieces = f.Code, []mistake{m}, nil, nil
	r.Explanation = scheme.Text(r.lang, "explain_mistake", scheme.Args("text", m.Text, "code", m.Code)) + "\n"
}

// report prints the verdict, and is an error of a request that is refused.
func (r *verdict) report(io *streams, output string) error {
	if output == "json" {
		e := json.NewEncoder(io.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(r); err != nil {
			return err
		}
		return r.refusal()
	}
	if r.Accepted {
		r.print(io, "verify_accepted", "key_id", r.KeyID, "scheme", r.Scheme, "algorithm", r.Algorithm, "backend", r.Backend, "headers", strings.Join(r.Signed, " "))
	}
	if r.Late != nil {
		fmt.Fprintln(io.out, withoutName(r.err))
	}
	fmt.Fprint(io.out, r.Explanation)
	shown := r
	if r.Late != nil {
		r.print(io, "verify_at_its_date", "date", r.Late.Date)
		shown = r.Late
	}
	if shown.CanonicalRequest != "" {
		r.print(io, "verify_canonical")
		fmt.Fprintln(io.out, shown.CanonicalRequest)
	}
	if shown.StringToSign != "" {
		r.print(io, "verify_string")
		fmt.Fprintln(io.out, shown.StringToSign)
	}
	if r.Surplus != nil {
		fmt.Fprintln(io.out, r.Surplus.Text)
	}
	return r.refusal()
}

// refusal is the last word on a request that is refused: whose key it names, and what
// has one that is too old judged.
func (r *verdict) refusal() error {
	if r.err == nil {
		return nil
	}
	text := ofKey(r.lang, r.KeyID, r.err.Error())
	if r.Late != nil {
		text = scheme.Text(r.lang, "verify_refused_late", scheme.Args("reason", text, "date", r.Late.Date))
	}
	return inLanguage{r.err, text}
}

// ofKey is a refusal with the key that it is about.
func ofKey(lang, id, reason string) string {
	if id == "" {
		return reason
	}
	return scheme.Text(lang, "verify_refused", scheme.Args("reason", strings.TrimPrefix(reason, "hmacsign: "), "key_id", printable(id)))
}

func (r *verdict) print(io *streams, code string, args ...string) {
	fmt.Fprintln(io.out, scheme.Text(r.lang, code, scheme.Args(args...)))
}
