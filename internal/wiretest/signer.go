package wiretest

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/bits"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// This file reads messages and signs requests with the standard library alone.
// It shares no code with what it tests: neither the schemes nor SM3 nor
// net/http's parser.

// sm3Sum is SM3 as the text of GB/T 32905-2016 has it.
func sm3Sum(text []byte) []byte {
	v := [8]uint32{0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e}
	padded := append(slices.Clone(text), 0x80)
	for len(padded)%64 != 56 {
		padded = append(padded, 0)
	}
	padded = binary.BigEndian.AppendUint64(padded, uint64(len(text))*8)
	rotate := bits.RotateLeft32
	for block := range slices.Chunk(padded, 64) {
		var w [68]uint32
		for i := range 16 {
			w[i] = binary.BigEndian.Uint32(block[4*i:])
		}
		for i := 16; i < 68; i++ {
			x := w[i-16] ^ w[i-9] ^ rotate(w[i-3], 15)
			w[i] = x ^ rotate(x, 15) ^ rotate(x, 23) ^ rotate(w[i-13], 7) ^ w[i-6]
		}
		a, b, c, d, e, f, g, h := v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
		for i := range 64 {
			constant, ff, gg := uint32(0x79cc4519), a^b^c, e^f^g
			if i >= 16 {
				constant, ff, gg = 0x7a879d8a, a&b|a&c|b&c, e&f|^e&g
			}
			ss1 := rotate(rotate(a, 12)+e+rotate(constant, i%32), 7)
			tt1 := ff + d + (ss1 ^ rotate(a, 12)) + (w[i] ^ w[i+4])
			tt2 := gg + h + ss1 + w[i]
			a, b, c, d = tt1, a, rotate(b, 9), c
			e, f, g, h = tt2^rotate(tt2, 9)^rotate(tt2, 17), e, rotate(f, 19), g
		}
		for i, x := range [8]uint32{a, b, c, d, e, f, g, h} {
			v[i] ^= x
		}
	}
	var sum []byte
	for _, x := range v {
		sum = binary.BigEndian.AppendUint32(sum, x)
	}
	return sum
}

// sm3Hash keeps what is written and hashes it when it is asked to.
type sm3Hash struct{ bytes.Buffer }

func newSM3() hash.Hash                { return new(sm3Hash) }
func (h *sm3Hash) Sum(b []byte) []byte { return append(b, sm3Sum(h.Bytes())...) }
func (h *sm3Hash) Size() int           { return 32 }
func (h *sm3Hash) BlockSize() int      { return 64 }

// A field is a header line; a message a request or an answer as its
// bytes say.
type field struct{ name, value string }

type message struct {
	start            []string // the three words of the first line
	fields, trailers []field
	body             []byte
}

// How strictly a message is read: what a proxy sends must be beyond doubt, what
// clients send is read as servers do.
type reader struct {
	*bufio.Reader
	strict bool
}

var errNotHTTP = errors.New("not HTTP/1.1 beyond doubt")

func (r *reader) line() (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		if err == io.EOF && line != "" {
			err = io.ErrUnexpectedEOF
		}
		return "", err
	}
	line = line[:len(line)-1]
	cut, ended := strings.CutSuffix(line, "\r")
	if r.strict && (!ended || strings.ContainsAny(cut, "\r\x00")) {
		return "", fmt.Errorf("%w: line %.100q", errNotHTTP, line)
	}
	return strings.TrimRight(cut, "\r"), nil
}

// fields reads header lines up to the empty one.
func (r *reader) fields() (fields []field, err error) {
	for {
		line, err := r.line()
		if err != nil || line == "" {
			return fields, err
		}
		if (line[0] == ' ' || line[0] == '\t') && !r.strict && len(fields) > 0 {
			last := &fields[len(fields)-1]
			last.value = strings.Trim(last.value+" "+strings.Trim(line, " \t"), " \t")
			continue
		}
		name, value, found := strings.Cut(line, ":")
		if !found || !isToken(name) {
			return nil, fmt.Errorf("%w: header line %.100q", errNotHTTP, line)
		}
		fields = append(fields, field{name, strings.Trim(value, " \t")})
	}
}

func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

func (m *message) values(name string) (values []string) {
	for _, f := range m.fields {
		if strings.EqualFold(f.name, name) {
			values = append(values, f.value)
		}
	}
	return values
}

// head reads the first line and the header lines.
func (r *reader) head() (*message, error) {
	line, err := r.line()
	if err != nil {
		return nil, err
	}
	m := &message{start: strings.SplitN(line, " ", 3)}
	if len(m.start) != 3 {
		return nil, fmt.Errorf("%w: first line %.100q", errNotHTTP, line)
	}
	if m.fields, err = r.fields(); err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return m, err
}

// request reads a request.
func (r *reader) request() (*message, error) {
	m, err := r.head()
	if err != nil {
		return nil, err
	}
	if r.strict && (!isToken(m.start[0]) || m.start[2] != "HTTP/1.1" || strings.ContainsAny(m.start[1], " \t")) {
		return nil, fmt.Errorf("%w: first line %.100q", errNotHTTP, m.start)
	}
	coding, lengths := m.values("Transfer-Encoding"), m.values("Content-Length")
	if r.strict && len(coding)+len(lengths) > 1 {
		return nil, fmt.Errorf("%w: Transfer-Encoding %q and Content-Length %q", errNotHTTP, coding, lengths)
	}
	if strings.HasPrefix(m.start[2], "HTTP/1.0") {
		coding = nil // HTTP/1.0 has none
	}
	if err = r.body(m, coding, lengths); err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return m, err
}

// answer reads an answer to a request of that method, past interim ones.
func (r *reader) answer(method string) (m *message, status int, err error) {
	for status < 200 {
		if m, err = r.head(); err != nil {
			return nil, 0, err
		}
		if status, err = strconv.Atoi(m.start[1]); err != nil {
			return nil, 0, err
		}
		if status == 101 {
			return m, status, nil
		}
	}
	coding, lengths := m.values("Transfer-Encoding"), m.values("Content-Length")
	switch {
	case method == "HEAD" || status == 204 || status == 304:
	case len(coding) == 0 && len(lengths) == 0:
		m.body, _ = io.ReadAll(r)
	default:
		err = r.body(m, coding, lengths)
	}
	return m, status, err
}

func (r *reader) body(m *message, coding, lengths []string) error {
	if len(coding) > 0 {
		if len(coding) > 1 || !strings.EqualFold(coding[0], "chunked") {
			return fmt.Errorf("%w: Transfer-Encoding %q", errNotHTTP, coding)
		}
		return r.chunks(m)
	}
	if len(lengths) == 0 {
		return nil
	}
	n, err := strconv.ParseUint(lengths[0], 10, 62)
	if err != nil || slices.ContainsFunc(lengths, func(s string) bool { return s != lengths[0] }) {
		return fmt.Errorf("%w: Content-Length %q", errNotHTTP, lengths)
	}
	return r.take(m, int64(n))
}

func (r *reader) take(m *message, n int64) error {
	var b bytes.Buffer
	got, err := io.CopyN(&b, r, n)
	m.body = append(m.body, b.Bytes()...)
	if got < n && err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func (r *reader) chunks(m *message) (err error) {
	for {
		line, err := r.line()
		if err != nil {
			return err
		}
		digits, _, extended := strings.Cut(line, ";")
		n, err := strconv.ParseUint(strings.TrimRight(digits, " \t"), 16, 62)
		if err != nil || r.strict && extended {
			return fmt.Errorf("%w: chunk size %.100q", errNotHTTP, line)
		}
		if n == 0 {
			break
		}
		if err := r.take(m, int64(n)); err != nil {
			return err
		}
		if line, err = r.line(); err != nil {
			return err
		}
		if line != "" {
			return fmt.Errorf("%w: %.100q behind a chunk", errNotHTTP, line)
		}
	}
	m.trailers, err = r.fields()
	return err
}

// A request is what a signature can be about.
type request struct {
	*message
	method, path, query string
	asked               bool // the target has a question mark
	hosts               []string
}

// requestSent sees a message as the server that gets it does.
func requestSent(m *message) request {
	target, hosts := m.start[1], m.values("Host")
	if scheme, rest, absolute := strings.Cut(target, "://"); absolute && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")) {
		end := strings.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		if target = rest[end:]; end > 0 {
			hosts = []string{rest[strings.LastIndexByte(rest[:end], '@')+1 : end]}
		}
		if !strings.HasPrefix(target, "/") {
			target = "/" + target
		}
	}
	r := request{message: m, method: m.start[0], hosts: hosts}
	r.path, r.query, r.asked = strings.Cut(target, "?")
	return r
}

func (r *request) target() string {
	if r.asked {
		return r.path + "?" + r.query
	}
	return r.path
}

func (r *request) header(name string) []string {
	switch name {
	case "host":
		return r.hosts
	case "content-length":
		return slices.Compact(r.values(name)) // servers may take the same length twice for one (RFC 9110 section 8.6)
	}
	return r.values(name)
}

// first is a header that comes once, or nothing.
func (r *request) first(name string) string {
	if values := r.header(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

func (r *request) isForm() bool {
	mediaType, _, _ := strings.Cut(r.first("content-type"), ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "application/x-www-form-urlencoded")
}

// A signer signs as one kind of client.
type signer struct {
	scheme, algorithm string
	keyID, secret     string
	headers           []string // lower-case, in the order of the list
	form              string   // of the query, of tencent-app
	scope             string   // of a derived key, of huawei-sdk
}

func (s *signer) newHash() func() hash.Hash {
	switch s.algorithm {
	case "hmac-sha1":
		return sha1.New
	case "hmac-sha256":
		return sha256.New
	}
	return newSM3
}

func digest(newHash func() hash.Hash, data []byte) string {
	h := newHash()
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}

func mac(newHash func() hash.Hash, key, text string) []byte {
	h := hmac.New(newHash, []byte(key))
	io.WriteString(h, text)
	return h.Sum(nil)
}

// authorization is the value of the header.
func (s *signer) authorization(r *request) string {
	text := s.stringToSign(r, s.form)
	if s.scheme != "huawei-sdk" {
		return fmt.Sprintf(`hmac id="%s", algorithm="%s", headers="%s", signature="%s"`, s.keyID, s.algorithm, strings.Join(s.headers, " "),
			base64.StdEncoding.EncodeToString(mac(s.newHash(), s.secret, text)))
	}
	key, credential := s.secret, "Access="+s.keyID
	if s.scope != "" {
		// HKDF of RFC 5869; 32 bytes are one block of either hash.
		pseudorandom := mac(s.newHash(), s.keyID, s.secret)
		key = hex.EncodeToString(mac(s.newHash(), string(pseudorandom), s.scope+"\x01"))
		credential = "Credential=" + s.keyID + "/" + s.scope
	}
	return fmt.Sprintf("%s %s, SignedHeaders=%s, Signature=%x", s.word(), credential, strings.Join(s.headers, ";"), mac(s.newHash(), key, text))
}

func (s *signer) word() string {
	version := "SDK-"
	if s.scope != "" {
		version = "V11-"
	}
	return version + strings.ToUpper(s.algorithm)
}

func (s *signer) stringToSign(r *request, form string) string {
	switch s.scheme {
	case "tencent-app":
		return tencentAppText(r, s.headers, form)
	case "tencent-keypair":
		var lines []string
		for _, name := range s.headers {
			lines = append(lines, name+": "+r.first(name))
		}
		return strings.Join(lines, "\n")
	}
	text := s.word() + "\n" + r.first("x-sdk-date") + "\n"
	if s.scope != "" {
		text += s.scope + "\n"
	}
	return text + digest(s.newHash(), []byte(s.canonicalRequest(r)))
}

func tencentAppText(r *request, headers []string, form string) string {
	var lines []string
	for _, name := range slices.Sorted(slices.Values(headers)) {
		lines = append(lines, name+": "+r.first(name))
	}
	sum := ""
	if len(r.body) > 0 && !r.isForm() {
		sum = contentMD5Hex(r.body)
		if values := r.values("Content-MD5"); len(values) > 0 {
			sum = values[0]
		}
	}
	path := r.path
	segment, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if segment == "release" || segment == "test" || segment == "prepub" {
		path = "/" + rest
	}
	lines = append(lines, strings.ToUpper(r.method), r.first("accept"), r.first("content-type"), sum, path+tencentParameters(r, form))
	return strings.Join(lines, "\n")
}

func contentMD5Hex(body []byte) string {
	return base64.StdEncoding.EncodeToString([]byte(digest(md5.New, body)))
}

func contentMD5Raw(body []byte) string {
	sum := md5.Sum(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func tencentParameters(r *request, form string) string {
	var texts []string
	if r.isForm() {
		texts = append(texts, string(r.body))
	}
	if r.query != "" {
		texts = append(texts, r.query)
	}
	if len(texts) == 0 {
		return ""
	}
	pieces := strings.Split(strings.Join(texts, "&"), "&")
	if form == "raw" {
		slices.Sort(pieces)
		return "?" + strings.Join(pieces, "&")
	}
	pieces = slices.DeleteFunc(pieces, func(s string) bool { return s == "" })
	if form == "decoded" && !decodesToSpecial.MatchString(strings.Join(texts, "&")) {
		for i, piece := range pieces {
			pieces[i], _ = url.QueryUnescape(piece)
		}
	}
	slices.SortFunc(pieces, func(a, b string) int {
		aKey, aValue, _ := strings.Cut(a, "=")
		bKey, bValue, _ := strings.Cut(b, "=")
		return 2*strings.Compare(aKey, bKey) + strings.Compare(aValue, bValue)
	})
	if len(pieces) == 0 {
		return ""
	}
	for i, piece := range pieces {
		if key, value, _ := strings.Cut(piece, "="); value == "" {
			pieces[i] = key
		}
	}
	return "?" + strings.Join(pieces, "&")
}

// decodesToSpecial is what cannot be signed decoded.
var decodesToSpecial = regexp.MustCompile(`(?i)%(26|3d|23|3f|25|2b|3b|[01].|7f)`)

func (s *signer) canonicalRequest(r *request) string {
	segments := strings.Split(r.path, "/")
	for i, segment := range segments {
		decoded, _ := url.PathUnescape(segment)
		segments[i] = huaweiEncoded(decoded)
	}
	path := strings.Join(segments, "/")
	if !strings.HasSuffix(path, "/") {
		path += "/"
	}
	var pairs [][2]string
	for piece := range strings.SplitSeq(r.query, "&") {
		if piece == "" {
			continue
		}
		key, value, _ := strings.Cut(piece, "=")
		key, _ = url.QueryUnescape(key)
		value, _ = url.QueryUnescape(value)
		pairs = append(pairs, [2]string{key, value})
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return 2*strings.Compare(a[0], b[0]) + strings.Compare(a[1], b[1]) })
	var query []string
	for _, p := range pairs {
		query = append(query, huaweiEncoded(p[0])+"="+huaweiEncoded(p[1]))
	}
	names := slices.Sorted(slices.Values(s.headers))
	var lines strings.Builder
	for _, name := range names {
		for _, value := range slices.Sorted(slices.Values(r.header(name))) {
			lines.WriteString(name + ":" + value + "\n")
		}
	}
	hashed := digest(s.newHash(), r.body)
	if values := s.contentHash(r); len(values) > 0 {
		hashed = values[0]
	}
	return strings.Join([]string{r.method, path, strings.Join(query, "&"), lines.String(), strings.Join(names, ";"), hashed}, "\n")
}

// contentHash is the header that stands for the body's hash, if there is one.
func (s *signer) contentHash(r *request) []string {
	if values := r.values("X-Sdk-Content-Sm3"); s.algorithm == "hmac-sm3" && len(values) > 0 {
		return values
	}
	return r.values("X-Sdk-Content-Sha256")
}

func huaweiEncoded(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// covers reports whether a request is, as far as the scheme covers it, the one
// that text was signed for.
func (s *signer) covers(r *request, text string) error {
	if got := s.stringToSign(r, "documented"); got != text && s.stringToSign(r, "raw") != text && s.stringToSign(r, "decoded") != text {
		return fmt.Errorf("signed %.1000q, got %.1000q", text, got)
	}
	if !s.digestHolds(r) {
		return errors.New("the digest that was signed is not that of the body")
	}
	return nil
}

// digestHolds holds a digest that stands in a header against the body.
func (s *signer) digestHolds(r *request) bool {
	var values, sums []string
	switch s.scheme {
	case "tencent-app":
		values, sums = r.values("Content-MD5"), []string{contentMD5Hex(r.body), contentMD5Raw(r.body), digest(md5.New, r.body)}
		if r.isForm() || len(r.body) == 0 {
			sums = append(sums, "")
		}
	case "huawei-sdk":
		values, sums = s.contentHash(r), []string{"UNSIGNED-PAYLOAD", digest(sha256.New, r.body), digest(newSM3, r.body)}
	}
	return len(values) == 0 || slices.Contains(sums, values[0])
}

// implied are headers that a scheme signs without listing them.
func (s *signer) implied() []string {
	switch s.scheme {
	case "tencent-app":
		return []string{"accept", "content-type", "content-md5"}
	case "huawei-sdk":
		return []string{"x-sdk-content-sha256", "x-sdk-content-sm3"}
	}
	return nil
}
