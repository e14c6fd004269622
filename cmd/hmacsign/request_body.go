package main

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// A data is a piece of the body, or of the query, from one of curl's flags.
type data struct {
	kind  dataKind
	value string
}

type dataKind int

const (
	dataText dataKind = iota
	dataRaw
	dataBinary
	dataURLEncoded
	dataJSON
)

const formType = "application/x-www-form-urlencoded"

// joinData joins the pieces, with & between them but before JSON.
func (c *curlRequest) joinData() ([]byte, error) {
	joined := []byte{}
	for i, d := range c.data {
		piece, err := c.piece(d)
		if err != nil {
			return nil, err
		}
		if i == 0 && len(piece) > 0 { // not copied: it may be large
			joined = piece
			continue
		}
		if i > 0 && d.kind != dataJSON {
			joined = append(joined, '&')
		}
		joined = append(joined, piece...)
	}
	return joined, nil
}

func (c *curlRequest) piece(d data) ([]byte, error) {
	file, isFile := strings.CutPrefix(d.value, "@")
	switch {
	case d.kind == dataURLEncoded:
		return c.urlencode(d.value)
	case d.kind == dataRaw || !isFile:
		return []byte(d.value), nil
	}
	piece, err := c.read(file)
	if d.kind == dataText {
		piece = slices.DeleteFunc(piece, func(b byte) bool { return b == '\r' || b == '\n' || b == 0 })
	}
	return piece, err
}

// urlencode encodes content, =content, name=content, @FILE or name@FILE.
func (c *curlRequest) urlencode(value string) ([]byte, error) {
	at := strings.IndexAny(value, "=@")
	if at < 0 {
		return escape([]byte(value)), nil
	}
	name, content := value[:at], []byte(value[at+1:])
	if value[at] == '@' {
		var err error
		if content, err = c.read(value[at+1:]); err != nil {
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
func (c *curlRequest) queryOf() (string, error) {
	var pieces []string
	for _, value := range c.urlQuery {
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
