package httptext

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// A Data is a piece of the body, or of the query, from one of curl's flags.
type Data struct {
	Kind  DataKind
	Value string
}

// A DataKind is the flag that a [Data] is of.
type DataKind int

const (
	DataText       DataKind = iota // --data
	DataRaw                        // --data-raw
	DataBinary                     // --data-binary
	DataURLEncoded                 // --data-urlencode
	DataJSON                       // --json
)

const formType = "application/x-www-form-urlencoded"

// joinData joins the pieces, with & between them but before JSON.
func (c *Command) joinData() ([]byte, error) {
	joined := []byte{}
	for i, d := range c.Data {
		piece, err := c.piece(d)
		if err != nil {
			return nil, err
		}
		if i == 0 && len(piece) > 0 { // not copied: it may be large
			joined = piece
			continue
		}
		if i > 0 && d.Kind != DataJSON {
			joined = append(joined, '&')
		}
		joined = append(joined, piece...)
	}
	return joined, nil
}

func (c *Command) piece(d Data) ([]byte, error) {
	file, isFile := strings.CutPrefix(d.Value, "@")
	switch {
	case d.Kind == DataURLEncoded:
		return c.urlencode(d.Value)
	case d.Kind == DataRaw || !isFile:
		return []byte(d.Value), nil
	}
	piece, err := c.readFile(file)
	if d.Kind == DataText {
		piece = slices.DeleteFunc(piece, func(b byte) bool { return b == '\r' || b == '\n' || b == 0 })
	}
	return piece, err
}

// urlencode encodes content, =content, name=content, @FILE or name@FILE.
func (c *Command) urlencode(value string) ([]byte, error) {
	at := strings.IndexAny(value, "=@")
	if at < 0 {
		return escape([]byte(value)), nil
	}
	name, content := value[:at], []byte(value[at+1:])
	if value[at] == '@' {
		var err error
		if content, err = c.readFile(value[at+1:]); err != nil {
			return nil, err
		}
	}
	if content = escape(content); name != "" {
		content = append([]byte(name+"="), content...)
	}
	return content, nil
}

// escape is curl's: a space becomes a plus, and what is unreserved stays.
func escape(b []byte) []byte { return []byte(url.QueryEscape(string(b))) }

// queryOf joins the pieces of --url-query; + stands before one that is encoded already.
func (c *Command) queryOf() (string, error) {
	var pieces []string
	for _, value := range c.URLQuery {
		if raw, ok := strings.CutPrefix(value, "+"); ok {
			pieces = append(pieces, raw)
			continue
		}
		piece, err := c.urlencode(value)
		if err != nil {
			return "", err
		}
		pieces = append(pieces, string(piece))
	}
	return strings.Join(pieces, "&"), nil
}

// isJSON reports whether the body is an object or an array.
func isJSON(body []byte) bool {
	body = bytes.TrimSpace(body)
	return len(body) > 0 && (body[0] == '{' || body[0] == '[') && json.Valid(body)
}
