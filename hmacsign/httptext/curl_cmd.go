package httptext

import "strings"

// readCmd reads a command for cmd.exe: its own escapes are taken off first, then the
// program's runtime makes words of what is left.
func (l *line) readCmd(text string) error {
	if name := cmdVariable(text); name != "" {
		return unsupported("curl_variable", "name", name)
	}
	text = strings.ReplaceAll(text, "\r", "")
	var b strings.Builder
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '^' && !quoted:
			if i++; i < len(text) && text[i] == '\n' { // the line goes on, its first character escaped
				i++
			}
			if i < len(text) {
				b.WriteByte(text[i])
			}
		case c == '\n', !quoted && strings.IndexByte("&|<>", c) >= 0:
			l.words = windowsWords(b.String())
			return afterCommand(text[i:])
		default:
			quoted = quoted != (c == '"')
			b.WriteByte(c)
		}
	}
	l.words = windowsWords(b.String())
	return nil
}

// cmdVariable is the first %NAME% of a text, or empty. Two digits of base 16 are no name:
// URLs are full of them.
func cmdVariable(text string) string {
	for {
		_, rest, found := strings.Cut(text, "%")
		if !found {
			return ""
		}
		end := strings.IndexAny(rest, "%\n")
		if end > 0 && rest[end] == '%' && isVariable(rest[:end]) {
			return clip("%" + rest[:end+1])
		}
		text = rest
	}
}

func isVariable(name string) bool {
	name, _, _ = strings.Cut(name, ":")
	if _, digits := number(name, 16, 2); digits == len(name) {
		return false
	}
	for i, c := range []byte(name) {
		if !isAlphanumeric(c) && c != '_' || i == 0 && '0' <= c && c <= '9' {
			return false
		}
	}
	return true
}

// windowsWords are the words of a command line as Microsoft's runtime splits it.
func windowsWords(text string) (words []string) {
	for {
		text = strings.TrimLeft(text, " \t")
		if text == "" {
			return words
		}
		word, n := windowsWord(text)
		words, text = append(words, word), text[n:]
	}
}

// windowsWord is the first word, and how much of the text it is. Backslashes are escapes
// before a quote alone, and "" in quotes is one of them.
func windowsWord(text string) (string, int) {
	var b strings.Builder
	quoted := false
	i := 0
	for i < len(text) && (quoted || text[i] != ' ' && text[i] != '\t') {
		slashes := len(text[i:]) - len(strings.TrimLeft(text[i:], `\`))
		i += slashes
		if i == len(text) || text[i] != '"' {
			b.WriteString(strings.Repeat(`\`, slashes))
			if slashes == 0 {
				b.WriteByte(text[i])
				i++
			}
			continue
		}
		b.WriteString(strings.Repeat(`\`, slashes/2))
		switch {
		case slashes%2 == 1:
			b.WriteByte('"')
		case quoted && strings.HasPrefix(text[i:], `""`):
			b.WriteByte('"')
			i++
		default:
			quoted = !quoted
		}
		i++
	}
	return b.String(), i
}
