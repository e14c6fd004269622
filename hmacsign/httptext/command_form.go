package httptext

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strings"
)

// A FormField is one of -F, or of --form-string.
type FormField struct {
	Value   string
	Literal bool // of --form-string
}

// A formPart is a part of a multipart form.
type formPart struct {
	name, contentType string
	filename          Optional
	headers           []string
	content           []byte
	path              string // of the file that the content is from
	fromInput         bool
}

// multipart builds the form of the fields, byte for byte as curl does but for the boundary.
func (c *Command) multipart() (body []byte, contentType string, err error) {
	boundary := fmt.Sprintf("------------------------%x", random8())
	var b bytes.Buffer
	for _, field := range c.Form {
		part, err := c.formPart(field)
		if err != nil {
			return nil, "", err
		}
		fmt.Fprintf(&b, "--%s\r\n", boundary)
		part.write(&b)
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return b.Bytes(), "multipart/form-data; boundary=" + boundary, nil
}

// fitForm adds the boundary to the type of a form that the user gave.
func (b *Built) fitForm(contentType string) error {
	switch strings.ToLower(strings.Join(b.Header["Content-Type"], ",")) {
	case contentType:
	case "multipart/form-data":
		b.Header.Set("Content-Type", contentType)
	default:
		return malformed("curl_form_own_type")
	}
	return nil
}

func random8() []byte {
	b := make([]byte, 8)
	rand.Read(b)
	return b
}

func (c *Command) formPart(field FormField) (*formPart, error) {
	name, value, ok := strings.Cut(field.Value, "=")
	if !ok {
		return nil, malformed("curl_form_field", "field", clip(field.Value))
	}
	part := &formPart{name: name}
	if field.Literal {
		part.content = []byte(value)
		return part, nil
	}
	if strings.HasPrefix(value, "(") {
		return nil, malformed("curl_form_nested", "field", clip(field.Value))
	}
	kind := byte(0)
	if value != "" && (value[0] == '@' || value[0] == '<') {
		kind, value = value[0], value[1:]
	}
	content, rest := formWord(value)
	if kind == '@' && strings.Contains(strings.TrimSuffix(value, rest), ",") && !strings.HasPrefix(value, `"`) {
		return nil, malformed("curl_form_files", "field", clip(field.Value))
	}
	if err := part.settings(rest, field.Value); err != nil {
		return nil, err
	}
	return part, c.fill(part, kind, content)
}

// fill reads the content of a part.
func (c *Command) fill(part *formPart, kind byte, content string) (err error) {
	if kind == 0 {
		part.content = []byte(content)
		return nil
	}
	part.path, part.fromInput = content, content == "-"
	part.content, err = c.readFile(content)
	switch {
	case kind == '<':
		part.filename = Optional{}
	case !part.filename.Given:
		part.filename = Optional{filepath.Base(content), true}
	}
	return err
}

// formWord cuts off the first word, up to a semicolon. It may stand in quotation marks,
// in which a backslash takes their meaning from those and from itself.
func formWord(text string) (word, rest string) {
	text = strings.TrimLeft(text, " \t")
	if word, rest, ok := quotedWord(text); ok {
		return word, rest
	}
	end := strings.IndexByte(text, ';')
	if end < 0 {
		end = len(text)
	}
	return strings.TrimRight(text[:end], " \t"), text[end:]
}

func quotedWord(text string) (word, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		return "", "", false
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && (text[i+1] == '\\' || text[i+1] == '"'):
			i++
			b.WriteByte(text[i])
		case c == '"':
			rest = strings.TrimLeft(text[i+1:], " \t")
			return b.String(), rest, rest == "" || rest[0] == ';'
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// settings reads what stands behind the content: ;type=, ;filename= and ;headers=. The
// parameters of a type belong to it.
func (p *formPart) settings(rest, field string) error {
	for inType := false; strings.HasPrefix(rest, ";"); {
		var word string
		rest = strings.TrimLeft(rest[1:], " \t")
		if text, ok := strings.CutPrefix(rest, "type="); ok && p.contentType == "" {
			if word, rest = formWord(text); !strings.Contains(word, "/") {
				return malformed("curl_form_type", "field", clip(field))
			}
			p.contentType, inType = word, true
		} else if text, ok := strings.CutPrefix(rest, "filename="); ok {
			word, rest = formWord(text)
			p.filename, inType = Optional{word, true}, false
		} else if text, ok := strings.CutPrefix(rest, "headers="); ok {
			if word, rest = formWord(text); strings.ContainsAny(word, "\r\n") {
				return malformed("curl_form_header", "field", clip(field))
			}
			p.headers, inType = append(p.headers, word), false
		} else if inType {
			word, rest = formWord(rest)
			p.contentType += "; " + word
		} else if rest != "" {
			return malformed("curl_form_setting", "field", clip(field))
		}
	}
	return nil
}

func (p *formPart) write(b *bytes.Buffer) {
	b.WriteString("Content-Disposition: form-data")
	if p.name != "" {
		fmt.Fprintf(b, "; name=\"%s\"", quoteField(p.name))
	}
	if p.filename.Given {
		fmt.Fprintf(b, "; filename=\"%s\"", quoteField(p.filename.Text))
	}
	b.WriteString("\r\n")
	if t := p.typeOf(); t != "" {
		fmt.Fprintf(b, "Content-Type: %s\r\n", t)
	}
	for _, h := range p.headers {
		fmt.Fprintf(b, "%s\r\n", h)
	}
	fmt.Fprintf(b, "\r\n%s\r\n", p.content)
}

// quoteField escapes as browsers and curl do (WHATWG, multipart/form-data).
func quoteField(s string) string {
	return strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A").Replace(s)
}

// typeOf is the type of a part: as it was given, by the ending of its name as curl knows
// them, or that of any file.
func (p *formPart) typeOf() string {
	switch guessed := typeByName(p.filename.Text); {
	case p.contentType != "":
		return p.contentType
	case guessed != "":
		return guessed
	case p.path == "" || p.fromInput:
		return ""
	}
	switch guessed := typeByName(p.path); {
	case p.filename.Given && guessed == "":
		return "application/octet-stream"
	case !p.filename.Given && guessed == "text/plain":
		return ""
	default:
		return guessed
	}
}

func typeByName(name string) string {
	return map[string]string{
		".gif": "image/gif", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".svg": "image/svg+xml", ".txt": "text/plain",
		".htm": "text/html", ".html": "text/html", ".pdf": "application/pdf", ".xml": "application/xml",
	}[strings.ToLower(filepath.Ext(name))]
}
