package httptext

import "strings"

// readPowerShell reads a command for PowerShell.
func (l *line) readPowerShell(text string) error {
	p := &power{text: text}
	for {
		word, ok, err := p.word()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		l.words = append(l.words, l.powerArgument(word))
	}
	if l.oldQuotes {
		l.request.note("curl_powershell_old")
	}
	if l.newQuotes {
		l.request.note("curl_powershell_new")
	}
	return afterCommand(p.text[p.at:])
}

// powerArgument is what a program gets of a word: before version 7.3 quotes in it have to
// be escaped for the program's runtime, since then they must not.
func (l *line) powerArgument(word string) string {
	escaped := strings.Count(word, `\"`)
	switch {
	case !strings.Contains(word, `"`):
	case strings.Count(word, `"`) == escaped:
		l.oldQuotes = true
		return strings.ReplaceAll(word, `\"`, `"`)
	default:
		l.newQuotes = true
	}
	return word
}

// A power takes a text apart as PowerShell does the arguments of a program.
type power struct {
	text string
	at   int
}

func (p *power) word() (word string, ok bool, err error) {
	for {
		p.at += len(p.text[p.at:]) - len(strings.TrimLeft(p.text[p.at:], " \t"))
		n := continuation(p.text[p.at:], '`')
		if n == 0 {
			break
		}
		p.at += n
	}
	start := p.at
	var b []byte
	for p.at < len(p.text) {
		rest := p.text[p.at:]
		switch c := rest[0]; {
		case strings.IndexByte(" \t\n;|&<>", c) >= 0, strings.HasPrefix(rest, "\r\n"), c == '#' && p.at == start:
			return string(b), p.at > start, nil
		case c == '\'' || c == '"':
			first := p.at == start
			if b, err = p.quoted(b); err != nil {
				return "", false, err
			}
			if first && p.at < len(p.text) && strings.IndexByte(" \t\r\n;|&<>", p.text[p.at]) < 0 && continuation(p.text[p.at:], '`') == 0 {
				return "", false, unsupported("curl_syntax", "sign", p.text[p.at-1:p.at]) // the next word begins without a space
			}
		case continuation(rest, '`') > 0:
			return string(b), true, nil
		case c == '`' && len(rest) > 1:
			b = append(b, powerEscape(rest[1]))
			p.at += 2
		case strings.IndexByte("(){},", c) >= 0, c == '@' && p.at == start:
			return "", false, unsupported("curl_syntax", "sign", rest[:1])
		default:
			if err := refusePower(rest); err != nil {
				return "", false, err
			}
			b = append(b, c)
			p.at++
		}
	}
	return string(b), p.at > start, nil
}

// quoted appends what stands in quotes, in which two of them are one.
func (p *power) quoted(b []byte) ([]byte, error) {
	quote := p.text[p.at]
	for p.at++; p.at < len(p.text); p.at++ {
		rest := p.text[p.at:]
		switch c := rest[0]; {
		case c == quote && len(rest) > 1 && rest[1] == quote:
			p.at++
		case c == quote:
			p.at++
			return b, nil
		case quote == '"' && c == '`' && len(rest) > 1:
			p.at++
			b = append(b, powerEscape(rest[1]))
			continue
		case quote == '"':
			if err := refusePower(rest); err != nil {
				return nil, err
			}
		}
		b = append(b, rest[0])
	}
	return nil, malformed("curl_quote", "quote", string(quote))
}

// powerEscape is what a backquote makes of a character.
func powerEscape(c byte) byte {
	if at := strings.IndexByte("0abefnrtv", c); at >= 0 {
		return "\x00\a\b\x1b\f\n\r\t\v"[at]
	}
	return c
}

// refusePower refuses what PowerShell puts something else in the place of.
func refusePower(text string) error {
	if text[0] != '$' || len(text) == 1 {
		return nil
	}
	if name, ok := strings.CutPrefix(text, "$env:"); ok {
		end := 0
		for end < len(name) && (isAlphanumeric(name[end]) || name[end] == '_') {
			end++
		}
		return unsupported("curl_variable", "name", clip(text[:5+end]))
	}
	if text[1] == '"' { // the end of the quotes
		return nil
	}
	return refuseExpansion(text)
}
