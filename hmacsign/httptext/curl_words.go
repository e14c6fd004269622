package httptext

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// A line is the command of a text: the words that curl gets, and its standard input.
type line struct {
	words []string // without the name of the command
	input []byte   // of printf, nil for none

	request              *Request // that gets the notes
	oldQuotes, newQuotes bool     // as versions of PowerShell have them
}

// maxWords is more than anybody types. Each word costs much more memory than text.
const maxWords = 10_000

// readFile reads the standard input, which is at its end then. There are no files.
func (l *line) readFile(name string) ([]byte, error) {
	if name != "-" {
		return nil, unsupported("curl_file", "name", clip(name))
	}
	if l.input == nil {
		return nil, unsupported("curl_input")
	}
	input := l.input
	l.input = []byte{}
	return input, nil
}

// readLine takes a text apart as the shell does that it is written for.
func readLine(text string, r *Request) (*line, error) {
	text, shell := cutPrompt(text)
	if shell == anyShell {
		shell = shellOf(text)
	}
	l := &line{request: r}
	var err error
	switch shell {
	case windowsCmd:
		err = l.readCmd(text)
	case powerShell:
		err = l.readPowerShell(text)
	default:
		err = l.readSh(text)
	}
	if err != nil {
		return nil, err
	}
	if len(l.words) > maxWords {
		return nil, malformed("curl_words", "limit", strconv.Itoa(maxWords))
	}
	if len(l.words) == 0 || !isCurlName(l.words[0]) {
		return nil, malformed("curl_no_command")
	}
	l.words = l.words[1:]
	return l, nil
}

// isCurlName reports whether a word is the name of curl, with its folder or not.
func isCurlName(word string) bool {
	word = strings.ToLower(word[strings.LastIndexAny(word, `/\`)+1:])
	return word == "curl" || word == "curl.exe"
}

type shell int

const (
	anyShell shell = iota
	posixShell
	windowsCmd
	powerShell
)

// cutPrompt leaves out the prompt that was copied with a command, which may tell the shell.
func cutPrompt(text string) (string, shell) {
	text = strings.TrimLeft(text, " \t\r\n")
	for _, prompt := range []string{"$ ", "> ", "# ", "% "} {
		if rest, ok := strings.CutPrefix(text, prompt); ok {
			return strings.TrimLeft(rest, " \t"), anyShell
		}
	}
	first, _, _ := strings.Cut(text, "\n")
	before, _, found := strings.Cut(first, ">")
	switch {
	case !found || strings.ContainsAny(before, "\"'"):
	case strings.HasPrefix(before, "PS "):
		return strings.TrimLeft(text[len(before)+1:], " "), powerShell
	case len(before) > 2 && before[1:3] == `:\`:
		return strings.TrimLeft(text[len(before)+1:], " "), windowsCmd
	}
	for _, end := range []string{"$ ", "# ", "% "} {
		before, _, found := strings.Cut(first, end)
		if found && !beginsCommand(text) && !strings.ContainsAny(before, "\"'`|&;<>") && beginsCommand(text[len(before)+2:]) {
			return strings.TrimLeft(text[len(before)+2:], " \t"), posixShell
		}
	}
	return text, anyShell
}

// beginsCommand reports whether a command of curl begins; its body may come from printf.
func beginsCommand(text string) bool {
	text = strings.TrimLeft(text, " \t")
	word := text
	if end := strings.IndexAny(word, " \t\r\n"); end >= 0 {
		word = word[:end]
	}
	body := strings.TrimLeft(strings.TrimPrefix(text, "{"), " \t\r\n")
	return isCurlName(strings.Trim(word, `"'`)) || strings.HasPrefix(body, "printf ")
}

// shellOf finds out by what stands outside of quotes which shell a command is for. What
// all read alike is one of sh.
func shellOf(text string) shell {
	single, double, twice := false, false, false // the quotes that were seen
	for i := 0; i < len(text); i++ {
		next := byte(0)
		if i+1 < len(text) {
			next = text[i+1]
		}
		switch c := text[i]; {
		case c == '^' && (next == '"' || next == '\n' || next == '\r'):
			return windowsCmd
		case c == '`' && (next == '\n' || next == '\r'):
			return powerShell
		case c == '\\' && (next == '\n' || next == '\r'), c == '$' && next == '\'':
			return posixShell
		case c == '\'':
			single = true
			if i = closing(text, i, ""); i < 0 {
				return posixShell
			}
		case c == '"':
			double = true
			end := closing(text, i, "\\`")
			if end < 0 {
				return posixShell
			}
			behind := text[end+1:]
			twice = twice || end > i+1 && (strings.HasPrefix(behind, `"`) || strings.HasPrefix(behind, `%"`))
			i = end
		}
	}
	name, _, _ := strings.Cut(text, " ")
	exe := strings.HasSuffix(strings.ToLower(name), ".exe")
	switch {
	case exe && (single || strings.Contains(text, "$env:")):
		return powerShell
	case !single && (exe || twice || double && cmdVariable(text) != ""):
		return windowsCmd
	}
	return posixShell
}

// closing is where the quote ends that begins at i, or -1. An escape takes the meaning of
// what follows it.
func closing(text string, i int, escapes string) int {
	quote := text[i]
	for i++; i < len(text); i++ {
		switch {
		case text[i] == quote:
			return i
		case strings.IndexByte(escapes, text[i]) >= 0:
			i++
		}
	}
	return -1
}

// An sh takes a text apart as bash does, which is more than what sh takes.
type sh struct {
	text   string
	at     int
	globs  bool // a word has what the shell looks for among the files
	braces bool // a word has an unquoted brace that is open
}

// readSh reads [printf ... |] curl ...
func (l *line) readSh(text string) error {
	s := &sh{text: text}
	word, ok, err := s.word()
	if err != nil {
		return err
	}
	if ok && (word == "{" || word == "printf") {
		if l.input, err = s.printed(word); err != nil {
			return err
		}
		word, ok, err = s.word()
	}
	for ; ok && err == nil && len(l.words) <= maxWords; word, ok, err = s.word() {
		l.words = append(l.words, word)
	}
	if err == nil && !ok {
		err = afterCommand(s.text[s.at:])
	}
	if s.globs {
		l.request.note("curl_shell_glob")
	}
	return err
}

// printed is what printf prints into the pipe: one command, or several in braces.
func (s *sh) printed(word string) (input []byte, err error) {
	input = []byte{}
	grouped := word == "{"
	for {
		if grouped {
			s.skip(" \t\r\n;")
			if word, _, err = s.word(); err != nil {
				return nil, err
			}
			if word == "}" {
				break
			}
		}
		format, ok, err := s.word()
		switch {
		case err != nil:
			return nil, err
		case word != "printf" || !ok:
			return nil, unsupported("curl_pipe")
		}
		if input, err = appendPrintf(input, format); err != nil {
			return nil, err
		}
		if !grouped {
			break
		}
	}
	s.skip(" \t\r\n")
	if s.at >= len(s.text) || s.text[s.at] != '|' {
		return nil, unsupported("curl_pipe")
	}
	s.at++
	s.skip(" \t\r\n")
	return input, nil
}

// appendPrintf appends what printf makes of a format without arguments.
func appendPrintf(b []byte, format string) ([]byte, error) {
	for i := 0; i < len(format); i++ {
		switch c := format[i]; {
		case c == '%' && strings.HasPrefix(format[i:], "%%"):
			i++
			b = append(b, c)
		case c == '%' || i == 0 && c == '-':
			return nil, unsupported("curl_pipe")
		case c == '\\':
			if i+1 == len(format) || strings.IndexByte(`01234567nrt\`, format[i+1]) < 0 {
				return nil, unsupported("curl_pipe")
			}
			var n int
			b, n = appendEscape(b, format[i:])
			i += n - 1
		default:
			b = append(b, c)
		}
	}
	return b, nil
}

func (s *sh) skip(set string) {
	for s.at < len(s.text) && strings.IndexByte(set, s.text[s.at]) >= 0 {
		s.at++
	}
}

// afterCommand refuses what follows a command.
func afterCommand(rest string) error {
	behind := strings.TrimLeft(rest, " \t\r\n;")
	if behind == "" {
		return nil
	}
	switch {
	case rest[0] == '|':
		return unsupported("curl_pipe")
	case rest[0] == '<' || rest[0] == '>':
		return unsupported("curl_redirect", "sign", rest[:1])
	case rest[0] == '&':
		return unsupported("curl_ampersand")
	case rest[0] == '(' || rest[0] == ')':
		return unsupported("curl_syntax", "sign", rest[:1])
	case rest[0] == '#' || behind[0] == '#':
		return unsupported("curl_comment")
	}
	return unsupported("curl_several")
}

// word is the next word of the command, if there is one.
func (s *sh) word() (word string, ok bool, err error) {
	for {
		s.skip(" \t")
		n := continuation(s.text[s.at:], '\\')
		if n == 0 {
			break
		}
		s.at += n
	}
	start := s.at
	var b []byte
	s.braces = false
	for s.at < len(s.text) {
		rest := s.text[s.at:]
		switch c := rest[0]; {
		case strings.IndexByte(" \t\n;&|<>()", c) >= 0 || strings.HasPrefix(rest, "\r\n") || c == '#' && s.at == start:
			return string(b), s.at > start, nil
		case continuation(rest, '\\') > 0:
			s.at += continuation(rest, '\\')
		default:
			if b, err = s.piece(b, s.at == start); err != nil {
				return "", false, err
			}
		}
	}
	return string(b), s.at > start, nil
}

// continuation is the length of an escape and the end of the line behind it, or 0.
func continuation(text string, escape byte) int {
	switch {
	case len(text) > 1 && text[0] == escape && text[1] == '\n':
		return 2
	case len(text) > 2 && text[0] == escape && text[1:3] == "\r\n":
		return 3
	}
	return 0
}

// piece appends what stands next in a word: quoted, escaped, or a byte.
func (s *sh) piece(b []byte, first bool) ([]byte, error) {
	rest := s.text[s.at:]
	switch c := rest[0]; {
	case c == '\'':
		end := closing(rest, 0, "")
		if end < 0 {
			return nil, malformed("curl_quote", "quote", rest[:1])
		}
		s.at += end + 1
		return append(b, rest[1:end]...), nil
	case c == '"':
		return s.doubleQuoted(b)
	case strings.HasPrefix(rest, "$'"):
		return s.ansiQuoted(b)
	case c == '$' || c == '`':
		if err := refuseExpansion(rest); err != nil {
			return nil, err
		}
	case c == '\\' && len(rest) > 1:
		s.at += 2
		return append(b, rest[1]), nil
	case c == '~' && first:
		return nil, unsupported("curl_variable", "name", "~")
	case c == '*' || c == '?' || c == '[':
		s.globs = true
	case c == '{':
		s.braces = true
	case s.braces && (c == ',' || strings.HasPrefix(rest, "..")):
		return nil, unsupported("curl_braces")
	case c == '}':
		s.braces = false
	}
	s.at++
	return append(b, rest[0]), nil
}

// refuseExpansion refuses what the shell puts something else in the place of.
func refuseExpansion(text string) error {
	switch {
	case text[0] == '`' || strings.HasPrefix(text, "$("):
		return unsupported("curl_substitution")
	case len(text) == 1:
		return nil
	case text[1] == '{':
		end := strings.IndexByte(text, '}')
		if end < 0 {
			end = len(text) - 1
		}
		return unsupported("curl_variable", "name", clip(text[:end+1]))
	case isAlphanumeric(text[1]) || strings.IndexByte("_@*#?$!-", text[1]) >= 0:
		end := 2
		for end < len(text) && (isAlphanumeric(text[end]) || text[end] == '_') {
			end++
		}
		return unsupported("curl_variable", "name", clip(text[:end]))
	case text[1] == '"':
		return unsupported("curl_variable", "name", text[:2])
	}
	return nil
}

// doubleQuoted appends "...", in which a dollar and a backquote keep their meaning.
func (s *sh) doubleQuoted(b []byte) ([]byte, error) {
	for s.at++; s.at < len(s.text); s.at++ {
		rest := s.text[s.at:]
		switch c := rest[0]; {
		case c == '"':
			s.at++
			return b, nil
		case continuation(rest, '\\') > 0:
			s.at += continuation(rest, '\\') - 1
			continue
		case c == '\\' && len(rest) > 1 && strings.IndexByte("$`\"\\", rest[1]) >= 0:
			s.at++
			b = append(b, rest[1])
			continue
		case (c == '$' || c == '`') && !strings.HasPrefix(rest, `$"`):
			if err := refuseExpansion(rest); err != nil {
				return nil, err
			}
		}
		b = append(b, rest[0])
	}
	return nil, malformed("curl_quote", "quote", `"`)
}

// ansiQuoted appends $'...', in which the escapes of C have their meaning.
func (s *sh) ansiQuoted(b []byte) ([]byte, error) {
	for s.at += 2; s.at < len(s.text); s.at++ {
		rest := s.text[s.at:]
		switch rest[0] {
		case '\'':
			s.at++
			return b, nil
		case '\\':
			before := len(b)
			n := 0
			if b, n = appendEscape(b, rest); n == 0 {
				b = append(b, '\\')
				continue
			}
			if len(b) > before && b[before] == 0 {
				return nil, unsupported("curl_nul")
			}
			s.at += n - 1
		default:
			b = append(b, rest[0])
		}
	}
	return nil, malformed("curl_quote", "quote", `$'`)
}

// appendEscape appends what an escape of C stands for, and tells its length, 0 for one
// that there is not.
func appendEscape(b []byte, text string) ([]byte, int) {
	if len(text) < 2 {
		return b, 0
	}
	if at := strings.IndexByte(`abeEfnrtv\'"?`, text[1]); at >= 0 {
		return append(b, "\a\b\x1b\x1b\f\n\r\t\v\\'\"?"[at]), 2
	}
	switch c := text[1]; c {
	case 'x':
		if n, digits := number(text[2:], 16, 2); digits > 0 {
			return append(b, byte(n)), 2 + digits
		}
	case 'u', 'U':
		width := 4
		if c == 'U' {
			width = 8
		}
		if n, digits := number(text[2:], 16, width); digits > 0 && n <= utf8.MaxRune {
			return appendRune(b, n), 2 + digits
		}
	case 'c':
		if len(text) > 2 && text[2] >= '?' && text[2] < 0x7f && text[2] != '\\' {
			if text[2] == '?' {
				return append(b, 0x7f), 3
			}
			return append(b, text[2]&0x1f), 3
		}
	default:
		if n, digits := number(text[1:], 8, 3); digits > 0 {
			return append(b, byte(n)), 1 + digits
		}
	}
	return b, 0
}

// number reads a number of at most so many digits.
func number(text string, base, most int) (n, digits int) {
	for digits < most && digits < len(text) {
		d := strings.IndexByte("0123456789abcdef", text[digits]|0x20)
		if d < 0 || d >= base || text[digits] < '0' {
			break
		}
		n = n*base + d
		digits++
	}
	return n, digits
}

// appendRune appends UTF-8. Half of a pair of UTF-16, as browsers write one, is encoded as
// it is: so does bash.
func appendRune(b []byte, r int) []byte {
	if r >= 0xd800 && r < 0xe000 {
		return append(b, 0xe0|byte(r>>12), 0x80|byte(r>>6&0x3f), 0x80|byte(r&0x3f))
	}
	return utf8.AppendRune(b, rune(r))
}
