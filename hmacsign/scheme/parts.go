package scheme

import (
	"slices"
	"strings"
)

// Parts are what a string to sign is rendered from: a scheme uses those that it
// has. They hold views of the request, not copies, and are used again for other
// requests.
type Parts struct {
	Method  string
	Path    string
	Params  []Param
	Order   func(a, b Param) int // nil: as they are
	Mark    string               // between path and parameters, "?" or nothing
	Headers []Line               // lines of signed headers
	Colon   string               // between a header's name and its value
	Names   []string             // the list of signed headers, where the string has it
	Fields  []Line               // what else there is, by name
	Digest  []byte               // of the body, as the string has it
	Hash    string               // of a [Hashed] scheme: whose digest is taken of the text
}

// A Param is a parameter, Key and Value as they are signed.
type Param struct {
	Key, Value string
	Equals     bool // an equals sign is written
	Form       bool // it stands in the body, not in the query: for mistakes
}

// A Line is a name and its value.
type Line struct{ Name, Value string }

// Field returns the value of a field, empty if there is none.
func (p *Parts) Field(name string) string {
	for i := range p.Fields {
		if p.Fields[i].Name == name {
			return p.Fields[i].Value
		}
	}
	return ""
}

// SetField changes a field that is there.
func (p *Parts) SetField(name, value string) {
	for i := range p.Fields {
		if p.Fields[i].Name == name {
			p.Fields[i].Value = value
		}
	}
}

// Reset empties the parts and keeps their memory.
func (p *Parts) Reset() {
	clear(p.Params)
	clear(p.Headers)
	clear(p.Names)
	clear(p.Fields)
	p.Params, p.Headers, p.Names, p.Fields, p.Digest = p.Params[:0], p.Headers[:0], p.Names[:0], p.Fields[:0], p.Digest[:0]
	p.Method, p.Path, p.Order, p.Mark, p.Colon, p.Hash = "", "", nil, "", "", ""
}

// AppendParams appends the parameters, sorted in their order, joined by ampersands.
func (p *Parts) AppendParams(dst []byte) []byte {
	if p.Order != nil {
		sortParams(p.Params, p.Order)
	}
	for i := range p.Params {
		if i > 0 {
			dst = append(dst, '&')
		}
		param := &p.Params[i]
		dst = append(dst, param.Key...)
		if param.Equals {
			dst = append(append(dst, '='), param.Value...)
		}
	}
	return dst
}

// AppendHeaders appends a line for each signed header.
func (p *Parts) AppendHeaders(dst []byte) []byte {
	for i := range p.Headers {
		line := &p.Headers[i]
		dst = append(append(append(append(dst, line.Name...), p.Colon...), line.Value...), '\n')
	}
	return dst
}

// ByKey sorts parameters by key and then by value, and a before a=.
func ByKey(a, b Param) int {
	n := strings.Compare(a.Key, b.Key)
	if n == 0 {
		n = strings.Compare(a.Value, b.Value)
	}
	if n == 0 && a.Equals != b.Equals {
		if n = 1; b.Equals {
			n = -1
		}
	}
	return n
}

// sortParams sorts in place. Few parameters are the rule, and most come sorted.
func sortParams(params []Param, order func(a, b Param) int) {
	if len(params) > 12 {
		slices.SortFunc(params, order)
		return
	}
	for i := 1; i < len(params); i++ {
		for j := i; j > 0 && order(params[j], params[j-1]) < 0; j-- {
			params[j], params[j-1] = params[j-1], params[j]
		}
	}
}
