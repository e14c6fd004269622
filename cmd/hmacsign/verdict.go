package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/httptext"
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
	Mistakes         []remark     `json:"mistakes,omitempty"`
	Differences      []difference `json:"differences,omitempty"`
	Pieces           []string     `json:"pieces,omitempty"` // in which they differ
	Explanation      string       `json:"explanation,omitempty"`
	// Late is the verdict on a request that is refused for its date, as of that date.
	Late    *verdict `json:"late,omitempty"`
	Surplus *surplus `json:"surplus,omitempty"`
	Notes   []remark `json:"notes,omitempty"` // what was assumed of the text

	lang string
	err  error
}

// remark is a mistake, or a note on the text.
type remark struct {
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

// verifyRaw verifies the request that is read from a file, in whatever form it is. A text
// that is longer than what httptext reads is HTTP/1.1 as on the wire, which need not be
// held in memory.
func verifyRaw(v *hmacsign.Verifier, file io.Reader, lang string) (*verdict, error) {
	text, err := io.ReadAll(io.LimitReader(file, httptext.MaxText+1))
	if err != nil {
		return nil, err
	}
	req, err := httptext.Parse(text)
	if len(text) > httptext.MaxText {
		return verifyStream(v, io.MultiReader(bytes.NewReader(text), file), lang, err)
	}
	if err != nil {
		return nil, err
	}
	return verifyText(v, req, lang)
}

// verifyStream verifies what is on the wire without holding it, or says what kept it from
// being read otherwise.
func verifyStream(v *hmacsign.Verifier, file io.Reader, lang string, otherwise error) (*verdict, error) {
	in := bufio.NewReader(file)
	req, err := http.ReadRequest(in)
	if err != nil {
		return nil, otherwise
	}
	id, err := v.Verify(req)
	r, err := newVerdict(lang, id, err)
	if err != nil {
		return nil, err
	}
	if req.GetBody == nil {
		io.Copy(io.Discard, req.Body) // the signature did not need it
	}
	more, err := io.Copy(io.Discard, withoutNewlines(in))
	if err == nil && more > 0 {
		r.followedBy(overrun{bytes: more, length: max(0, req.ContentLength)})
	}
	return r, err
}

// withoutNewlines reads past those that an editor adds.
func withoutNewlines(in *bufio.Reader) io.Reader {
	for {
		if c, err := in.ReadByte(); err != nil {
			return in
		} else if c != '\r' && c != '\n' {
			in.UnreadByte()
			return in
		}
	}
}

// verifyText verifies a request as a server would get it.
func verifyText(v *hmacsign.Verifier, req *httptext.Request, lang string) (*verdict, error) {
	path, _, _ := strings.Cut(req.Target, "?")
	if _, err := url.PathUnescape(path); err != nil {
		return notEncoded(lang, err), nil
	}
	over, w := overrunOf(req), req.Wire()
	undeclared := over.note == "http_no_length"
	if undeclared {
		w.Body, w.Length = nil, 0
	}
	id, err := v.VerifyWire(context.Background(), w)
	if undeclared && !right(err) { // it is the body, which an editor need not declare
		over = overrun{}
		id, err = v.VerifyWire(context.Background(), req.Wire())
	}
	cut := over.length > 0 && over.bytes <= maxOverrun && !right(err)
	r, err := newVerdict(lang, id, err)
	if err != nil {
		return nil, err
	}
	r.addNotes(req.Notes, over.note)
	if over.bytes > 0 {
		r.followedBy(over)
	}
	if cut && needsMore(v, req) {
		r.mistaken(scheme.Found{Code: "content_length_characters"})
	}
	return r, nil
}

// An overrun is what stands behind the body that a server reads.
type overrun struct {
	note          string // that tells of it
	bytes, length int64  // how many, behind how many that are declared
}

// maxOverrun is how much is tried as the rest of a body.
const maxOverrun = 64 << 10

func overrunOf(req *httptext.Request) (o overrun) {
	for _, n := range req.Notes {
		count, _ := strconv.ParseInt(n.Args["bytes"], 10, 64)
		length, _ := strconv.ParseInt(n.Args["length"], 10, 64)
		if slices.Contains([]string{"http_longer", "http_no_length", "http_no_body", "http_behind"}, n.Code) {
			o = overrun{n.Code, count - length, length}
		}
	}
	return o
}

// addNotes adds what was assumed of the text, but for the note that is told otherwise.
func (r *verdict) addNotes(notes []httptext.Note, otherwise string) {
	for _, n := range notes {
		if n.Code != otherwise {
			r.Notes = append(r.Notes, remark{n.Code, n.In(r.lang), n.Args})
		}
	}
}

// followedBy tells that there is more than the request.
func (r *verdict) followedBy(o overrun) {
	code := "verify_surplus"
	if o.length <= 0 {
		code = "verify_surplus_undeclared"
	}
	r.Surplus = &surplus{o.bytes, scheme.Text(r.lang, code, scheme.Args("bytes", strconv.FormatInt(o.bytes, 10), "length", strconv.FormatInt(o.length, 10)))}
}

// needsMore reports whether the request is right with more bytes in its body than
// it declares, all that are there or those but for an editor's newline at the end.
func needsMore(v *hmacsign.Verifier, req *httptext.Request) bool {
	tried := len(req.Body) + 1
	for _, end := range []string{"", "\n", "\r\n"} {
		longer := *req
		longer.Body = bytes.TrimSuffix(req.Body, []byte(end))
		if len(longer.Body) == tried {
			continue
		}
		tried = len(longer.Body)
		w := longer.Wire()
		w.Header = slices.DeleteFunc(w.Header, func(f hmacsign.HeaderField) bool { return strings.EqualFold(f.Name, "Content-Length") })
		w.Body, w.Length = io.NopCloser(bytes.NewReader(longer.Body)), int64(tried)
		if _, err := v.VerifyWire(context.Background(), w); right(err) {
			return true
		}
	}
	return false
}

// right reports whether nothing but a request's date is wrong, if anything is.
func right(err error) bool {
	var refused *hmacsign.VerifyError
	return err == nil || errors.As(err, &refused) && refused.Explanation != nil && refused.Explanation.Late != nil && refused.Explanation.Late.Accepted
}

// notEncoded is the verdict on a request whose target has a stray percent sign, which
// no server can read.
func notEncoded(lang string, err error) *verdict {
	cause := (&streams{lang: lang}).translated(err.Error())
	r := &verdict{Reason: scheme.Refuse(hmacsign.ErrMalformed, "").Code(), lang: lang, err: errors.New(scheme.Text(lang, "verify_target", scheme.Args("cause", cause)))}
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
		r.Mistakes = append(r.Mistakes, remark{m.Code, m.In(r.lang), m.Args})
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
	m := remark{f.Code, scheme.Text(r.lang, f.Code, f.Args), f.Args}
	r.Mistake, r.Mistakes, r.Differences, r.Pieces = f.Code, []remark{m}, nil, nil
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
	for _, n := range r.Notes {
		io.note("%s", n.Text)
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
