package extauthz

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// request is what Envoy tells of a request, as it was on the wire.
type request struct {
	wire   hmacsign.WireRequest
	header http.Header // the same, by canonical names
	body   []byte
	// text: headers came as text, in which Envoy merges those of one name by a comma
	// and puts another character for bytes that are not UTF-8.
	text bool
	// told is what X-Envoy-Auth-Partial-Body says, which Envoy adds for this service:
	// "true" for a part of a body, "false" for a whole one. A client's own never comes
	// here.
	told         string
	acceptUnsaid bool // as [AcceptUnsaidLength] has it
}

const partialBodyHeader = "x-envoy-auth-partial-body"

// read takes the request out of a CheckRequest. What it has understood is there with
// an error too.
func read(in *authv3.AttributeContext_HttpRequest, acceptUnsaid bool) (*request, error) {
	r := &request{header: http.Header{}, acceptUnsaid: acceptUnsaid}
	if in == nil {
		return r, unavailable(noRequest)
	}
	pseudo, err := r.readHeaders(in)
	r.wire.Method, r.wire.Target, r.wire.Host = in.GetMethod(), in.GetPath(), in.GetHost()
	if err != nil {
		return r, err
	}
	for _, p := range []struct {
		name  string
		field *string
	}{{":method", &r.wire.Method}, {":path", &r.wire.Target}, {":authority", &r.wire.Host}} {
		raw, ok := pseudo[p.name]
		if !ok {
			continue
		}
		// Of bytes that are not UTF-8 the field has others.
		if *p.field != "" && *p.field != raw && utf8.ValidString(raw) {
			return r, unavailable(contradiction, "part", p.name)
		}
		*p.field = raw
	}
	return r, r.check(in, pseudo)
}

// check refuses what cannot be verified as it was sent.
func (r *request) check(in *authv3.AttributeContext_HttpRequest, pseudo map[string]string) error {
	_, isRaw := pseudo[":path"]
	switch {
	case in.GetQuery() != "" || in.GetFragment() != "":
		return unavailable(contradiction, "part", ":path") // Envoy has all of it in the path
	case (r.text || !isRaw) && isReplaced(r.wire.Target):
		return unavailable(replacedBytes, "part", ":path")
	case r.wire.Method == http.MethodConnect || !strings.HasPrefix(r.wire.Target, "/") || strings.Contains(r.wire.Target, "#"):
		return scheme.Refuse(hmacsign.ErrMalformed, notOriginForm)
	}
	return r.readBody(in)
}

func unavailable(code string, args ...string) error {
	return scheme.Refuse(hmacsign.ErrUnavailable, code, args...)
}

// readHeaders reads the headers, in the form in which they came, and returns those
// whose name begins with a colon.
func (r *request) readHeaders(in *authv3.AttributeContext_HttpRequest) (pseudo map[string]string, err error) {
	pseudo = make(map[string]string, 4)
	raw := in.GetHeaderMap().GetHeaders()
	count := max(len(raw), len(in.GetHeaders()))
	if count > hmacsign.MaxWireHeaders {
		return pseudo, scheme.Refuse(hmacsign.ErrMalformed, "wire_too_many_headers", "count", strconv.Itoa(count), "limit", strconv.Itoa(hmacsign.MaxWireHeaders))
	}
	r.wire.Header = make([]hmacsign.HeaderField, 0, count)
	for _, h := range raw {
		if h.GetValue() != "" {
			return pseudo, unavailable(replacedBytes, "part", scheme.Clip(h.GetKey()))
		}
		if err := r.addHeader(pseudo, h.GetKey(), string(h.GetRawValue())); err != nil {
			return pseudo, err
		}
	}
	if len(raw) > 0 {
		return pseudo, nil
	}
	r.text = true
	for name, value := range in.GetHeaders() {
		if err := r.addHeader(pseudo, name, value); err != nil {
			return pseudo, err
		}
	}
	return pseudo, nil
}

func (r *request) addHeader(pseudo map[string]string, name, value string) error {
	switch {
	case strings.HasPrefix(name, ":"):
		_, again := pseudo[name]
		if again || !slices.Contains([]string{":method", ":path", ":authority", ":scheme"}, name) {
			return scheme.Refuse(hmacsign.ErrMalformed, pseudoHeader, "name", scheme.Clip(name))
		}
		pseudo[name] = value
	case strings.EqualFold(name, partialBodyHeader):
		if value != "false" || r.told == "true" {
			r.told = "true"
			break
		}
		r.told = value
	default:
		r.wire.Header = append(r.wire.Header, hmacsign.HeaderField{Name: name, Value: value})
		r.header.Add(name, value)
	}
	return nil
}

// readBody takes the body, which must be all of it: one that was held back must never
// pass for an empty one.
func (r *request) readBody(in *authv3.AttributeContext_HttpRequest) error {
	r.body = in.GetRawBody()
	if text := in.GetBody(); text != "" {
		switch {
		case len(r.body) > 0:
			return unavailable(contradiction, "part", "body")
		case isReplaced(text):
			return unavailable(replacedBody)
		}
		r.body = []byte(text)
	}
	has := int64(len(r.body))
	if r.told == "true" || has > 0 && in.GetSize() > has {
		return scheme.Refuse(hmacsign.ErrBodyTooLarge, partialBody)
	}
	if has == 0 && r.told == "" {
		switch said, body := r.saysBody(); {
		case body || in.GetSize() > 0:
			return unavailable(withheldBody)
		case !said && mayHaveBody(r.wire.Method) && !(r.acceptUnsaid && len(r.header["Upgrade"]) == 0):
			return scheme.Refuse(hmacsign.ErrBody, unsaidBody, "method", scheme.Clip(r.wire.Method))
		}
	}
	if length, ok := r.declaredLength(); ok && length != has {
		switch {
		case has == 0:
			return unavailable(withheldBody)
		case has < length:
			return scheme.Refuse(hmacsign.ErrBodyTooLarge, partialBody)
		}
		return scheme.Refuse(hmacsign.ErrBody, "body_longer")
	}
	if has > 0 {
		r.wire.Body, r.wire.Length = io.NopCloser(bytes.NewReader(r.body)), has
	}
	return nil
}

// saysBody reports whether the headers say if there is a body, and if so whether there is.
func (r *request) saysBody() (said, body bool) {
	if len(r.header["Transfer-Encoding"]) > 0 {
		return true, true
	}
	length := r.header["Content-Length"]
	return len(length) > 0, len(length) > 1 || len(length) == 1 && length[0] != "0"
}

// mayHaveBody is for requests whose headers do not say: Envoy removes Transfer-Encoding,
// and HTTP/2 needs no header for a body. A method that is for bodies has to say that there
// is none.
func mayHaveBody(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodOptions, http.MethodTrace:
		return false
	}
	return true
}

// declaredLength is what Content-Length says, if it says one thing.
func (r *request) declaredLength() (int64, bool) {
	values := r.header["Content-Length"]
	if len(values) != 1 {
		return 0, false
	}
	length, err := strconv.ParseUint(values[0], 10, 63)
	return int64(length), err == nil
}

// isReplaced reports whether text may hold a character in the place of bytes that are
// not UTF-8: Envoy's or protobuf's.
func isReplaced(text string) bool { return strings.ContainsAny(text, "!\uFFFD") }

// unlisted are headers that say what is signed, or what it means, signed or not.
var unlisted = []string{"authorization", "content-type", "content-encoding", "content-md5", "content-length", "transfer-encoding",
	"x-sdk-content-sha256", "x-sdk-content-sm3"}

// checkText refuses a request whose signature is right if a header that counts may have
// been another on the wire.
func (r *request) checkText(covered []string) error {
	if !r.text {
		return nil
	}
	for _, name := range slices.Concat(unlisted, covered) {
		for _, value := range r.values(name) {
			switch {
			case isReplaced(value):
				return unavailable(replacedBytes, "part", "header "+name)
			case isMerged(name, value):
				return unavailable(mergedHeader, "header", name)
			}
		}
	}
	return nil
}

func (r *request) values(name string) []string {
	if name == "host" {
		return []string{r.wire.Host}
	}
	return r.header[http.CanonicalHeaderKey(name)]
}

// isMerged reports whether a value may be those of several headers, which Envoy merges
// by a comma alone. Credentials and dates have commas of their own, with a space behind.
func isMerged(name, value string) bool {
	if _, err := http.ParseTime(value); err == nil {
		return false
	}
	if name == "authorization" {
		value = strings.ReplaceAll(value, ", ", "")
	}
	return strings.Contains(value, ",")
}

// hint is what may have made a signature wrong that the client did not.
func (r *request) hint() string {
	switch {
	case len(r.header["X-Envoy-Original-Path"]) > 0:
		return hintRewritten
	case r.text:
		return hintTextHeader
	}
	return ""
}
