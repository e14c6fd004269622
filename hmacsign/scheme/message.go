package scheme

import (
	"crypto/md5"
	"hash"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
)

// A Message is a request as it is on the wire, the same on the client's side and on
// the server's: not as it was decoded.
type Message struct {
	Method string // upper case
	Path   string // percent-encoded as sent, "/" when empty
	Query  string // without the question mark, encoded as sent
	Host   string
	Header http.Header // by names in canonical form; read it with Value and Values
	Body   Body
	Hashes Hashes

	replaced []replacement // by Set, for Undo
	values   []string      // room for what Set writes
	md5      [md5.Size]byte
	hasMD5   bool
	sums     []bodySum
}

// A Body is read when it is needed, once, within the limit of a body and the budget
// of the process.
type Body interface {
	// Empty reports whether there is none.
	Empty() (bool, error)
	// Hash writes the body to h.
	Hash(h hash.Hash) error
	// Bytes is the body, where it is held in memory as a whole. It must not be
	// changed.
	Bytes() (body []byte, ok bool, err error)
	// Text is the body as text.
	Text() (string, error)
	// Reserve takes memory for what is computed from the request, until it is done
	// with. Short texts need not be counted.
	Reserve(bytes int64) error
}

// Hashes are the digests under the algorithms of package algo, from the backend that
// computes the request's MAC.
type Hashes interface {
	// New returns a digest to write to.
	New(algorithm string) (hash.Hash, error)
	// Sum appends the digest of a text.
	Sum(dst []byte, algorithm string, text []byte) ([]byte, error)
}

type replacement struct {
	name string
	old  []string
}

// Set sets a header of a request that is being signed; name is in canonical form.
func (m *Message) Set(name, value string) {
	m.replaced = append(m.replaced, replacement{name, m.Header[name]})
	if len(m.values) == cap(m.values) {
		m.values = make([]string, 0, 4)
	}
	n := len(m.values)
	m.values = append(m.values, value)
	m.Header[name] = m.values[n : n+1 : n+1]
}

// Replaced are the names of the headers that Set set, in that order, each once.
func (m *Message) Replaced() (names []string) {
	for _, r := range m.replaced {
		if !slices.Contains(names, r.name) {
			names = append(names, r.name)
		}
	}
	return names
}

// Undo takes back every Set.
func (m *Message) Undo() {
	for i := len(m.replaced) - 1; i >= 0; i-- {
		if r := m.replaced[i]; r.old == nil {
			delete(m.Header, r.name)
		} else {
			m.Header[r.name] = r.old
		}
	}
	m.replaced = m.replaced[:0]
}

// SetQuery sets a parameter of the query of a request that is being signed, in place
// of those of this name that are there: a request may be signed again. Name and value
// are written as they are: encode them first.
func (m *Message) SetQuery(name, value string) {
	query := make([]byte, 0, len(m.Query)+len(name)+len(value)+2)
	for rest := m.Query; rest != ""; {
		var piece string
		piece, rest, _ = strings.Cut(rest, "&")
		if key, _, _ := strings.Cut(piece, "="); key != name {
			query = append(append(query, piece...), '&')
		}
	}
	m.Query = string(append(append(append(query, name...), '='), value...))
}

// QueryValue returns the value of a parameter of the query, and whether the parameter
// is there at all. Name and value are as they are sent, encoded. A repeated parameter
// is refused with [ErrMalformed]: which of its values counts is anyone's guess.
func (m *Message) QueryValue(name string) (value string, present bool, err error) {
	for rest := m.Query; rest != ""; {
		var piece string
		piece, rest, _ = strings.Cut(rest, "&")
		key, v, _ := strings.Cut(piece, "=")
		if key != name {
			continue
		}
		if present {
			return "", true, Refuse(ErrMalformed, "parameter_repeated", "name", Clip(name))
		}
		value, present = v, true
	}
	return value, present, nil
}

// Reset empties the message and keeps its memory.
func (m *Message) Reset() {
	clear(m.replaced)
	clear(m.sums)
	m.replaced, m.sums, m.values, m.hasMD5 = m.replaced[:0], m.sums[:0], nil, false
	m.Method, m.Path, m.Query, m.Host, m.Header, m.Body, m.Hashes = "", "", "", "", nil, nil, nil
}

// CanonicalName is a header's key in http.Header, without an allocation for the
// names that are most common.
func CanonicalName(name string) string {
	switch name {
	case "x-date":
		return "X-Date"
	case "date":
		return "Date"
	case "source":
		return "Source"
	case "host":
		return "Host"
	case "x-sdk-date":
		return "X-Sdk-Date"
	case "x-sdk-content-sha256":
		return "X-Sdk-Content-Sha256"
	case "x-sdk-content-sm3":
		return "X-Sdk-Content-Sm3"
	case "content-type":
		return "Content-Type"
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}

// Value returns a header's value, trimmed as it is when it is sent, and whether the
// header is there at all. Name is in canonical form, or "Host". A repeated header is
// refused with [ErrSignedHeaders]: which of its values counts is anyone's guess.
func (m *Message) Value(name string) (value string, present bool, err error) {
	if name == "Host" {
		value, err = Trim(name, m.Host)
		return value, m.Host != "", err
	}
	values := m.Header[name]
	switch len(values) {
	case 0:
		return "", false, nil
	case 1:
		value, err = Trim(name, values[0])
		return value, true, err
	}
	return "", true, headerRefusal("header_repeated", name)
}

// Values returns all values of a header, untrimmed.
func (m *Message) Values(name string) []string {
	if name != "Host" {
		return m.Header[name]
	}
	if m.Host == "" {
		return nil
	}
	return []string{m.Host}
}

// Missing refuses a request that lacks what is to be signed, a header or a parameter.
func Missing(name string) error { return headerRefusal("header_missing", name) }

func headerRefusal(code, name string) *Refusal {
	r := Refuse(ErrSignedHeaders, code, "header", Clip(name))
	r.Header = Clip(name)
	return r
}

// Trim trims a header's value as net/http does when it sends, and refuses what would
// end a line of the string to sign.
func Trim(name, value string) (string, error) {
	for value != "" && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	for value != "" && (value[len(value)-1] == ' ' || value[len(value)-1] == '\t') {
		value = value[:len(value)-1]
	}
	for i := 0; i < len(value); i++ {
		if kinds[value[i]]&inValue == 0 {
			return "", Refuse(ErrMalformed, "header_control_character", "header", Clip(name))
		}
	}
	return value, nil
}

// AppendHeaderLines appends a line for each name, in lower case, each of which must
// have one value.
func (m *Message) AppendHeaderLines(dst []Line, names []string) ([]Line, error) {
	for _, name := range names {
		value, present, err := m.Value(CanonicalName(name))
		if err != nil {
			return dst, err
		}
		if !present {
			return dst, Missing(name)
		}
		dst = append(dst, Line{name, value})
	}
	return dst, nil
}

// Form returns the body as text where its parameters are signed with the query's,
// checked to be percent-encoded; isForm tells by the Content-Type.
func (m *Message) Form() (text string, isForm bool, err error) {
	if !m.IsForm() {
		return "", false, nil
	}
	if text, err = m.Body.Text(); err != nil {
		return "", true, err
	}
	return text, true, CheckEncoded("form", text)
}

// IsForm reports whether the body is application/x-www-form-urlencoded.
func (m *Message) IsForm() bool {
	values := m.Header["Content-Type"]
	if len(values) == 0 {
		return false
	}
	mediaType, _, _ := strings.Cut(values[0], ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "application/x-www-form-urlencoded")
}

// BodyMD5 is the MD5 of the body.
func (m *Message) BodyMD5() (*[md5.Size]byte, error) {
	if m.hasMD5 {
		return &m.md5, nil
	}
	body, ok, err := m.Body.Bytes()
	if err != nil {
		return nil, err
	}
	if ok {
		m.md5 = md5.Sum(body)
	} else {
		h := md5.New()
		if err := m.Body.Hash(h); err != nil {
			return nil, err
		}
		h.Sum(m.md5[:0])
	}
	m.hasMD5 = true
	return &m.md5, nil
}

type bodySum struct {
	algorithm string
	sum       [32]byte
	size      int
}

// AppendBodySum appends the digest of the body under an algorithm of package algo.
func (m *Message) AppendBodySum(dst []byte, algorithm string) ([]byte, error) {
	for i := range m.sums {
		if s := &m.sums[i]; s.algorithm == algorithm {
			return append(dst, s.sum[:s.size]...), nil
		}
	}
	before := len(dst)
	dst, err := m.appendBodySum(dst, algorithm)
	if err == nil {
		s := bodySum{algorithm: algorithm}
		s.size = copy(s.sum[:], dst[before:])
		m.sums = append(m.sums, s)
	}
	return dst, err
}

func (m *Message) appendBodySum(dst []byte, algorithm string) ([]byte, error) {
	body, ok, err := m.Body.Bytes()
	if err != nil {
		return dst, err
	}
	if ok {
		return m.Hashes.Sum(dst, algorithm, body)
	}
	h, err := m.Hashes.New(algorithm)
	if err != nil {
		return dst, err
	}
	if err := m.Body.Hash(h); err != nil {
		return dst, err
	}
	return h.Sum(dst), nil
}

// MaxParams bounds the work that an unauthenticated request can ask for.
const MaxParams = 10_000

// ReserveParams sees that there are no more parameters than MaxParams in the texts,
// and that the budget has room for them and for so many bytes beside.
func (m *Message) ReserveParams(bytes int, texts ...string) error {
	count := 0
	for _, text := range texts {
		if text != "" {
			count += strings.Count(text, "&") + 1
		}
	}
	if count > MaxParams {
		return Refuse(ErrMalformed, "too_many_parameters", "count", strconv.Itoa(count), "limit", strconv.Itoa(MaxParams))
	}
	const size = 40 // of a Param
	return m.Body.Reserve(int64(bytes + count*size))
}
