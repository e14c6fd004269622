package tabs

import (
	"encoding/json"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
)

// Options are what there is to choose from.
type Options struct {
	Schemes   []SchemeOptions `json:"schemes"`
	Languages []string        `json:"languages"`
}

// SchemeOptions are what there is to choose from in a scheme. What a scheme does not have
// is left out, and what the fields say of it then counts for nothing.
type SchemeOptions struct {
	Name        string   `json:"name"`
	Algorithms  []string `json:"algorithms"`
	QueryForms  []string `json:"query_forms,omitempty"`
	ContentMD5  []string `json:"content_md5,omitempty"`
	Environment bool     `json:"environment"` // KeepEnvironment
	Derived     bool     `json:"derived"`     // Region and Service
}

// Options tells what there is to choose from.
func (d *Desk) Options() Options {
	all := Options{Languages: scheme.Languages()}
	for _, s := range hmacsign.Schemes() {
		o := SchemeOptions{Name: s.Name(), Algorithms: s.Algorithms()}
		if _, ok := s.(tencentapp.Scheme); ok {
			o.QueryForms, o.ContentMD5, o.Environment = tencentapp.QueryForms(), []string{"hex", "raw", "none"}, true
		}
		_, o.Derived = s.(scheme.Deriver)
		all.Schemes = append(all.Schemes, o)
	}
	return all
}

// Call answers a call of the page: read, sign, check or options, with its input as JSON.
// What is no such call is answered with an error too.
func (d *Desk) Call(name string, input []byte) []byte {
	switch name {
	case "read":
		return answer(input, d.Read)
	case "sign":
		return answer(input, d.Sign)
	case "check":
		return answer(input, d.Check)
	case "options":
		return encoded(d.Options())
	}
	return failure("there is no such call: read, sign, check and options are")
}

func answer[In, Out any](input []byte, do func(In) Out) []byte {
	var in In
	if json.Unmarshal(input, &in) != nil { // its error may have a piece of a secret
		return failure("the input is not the JSON that this call takes")
	}
	return encoded(do(in))
}

func failure(text string) []byte {
	return encoded(struct {
		Error string `json:"error"`
	}{text})
}

// encoded is never of what JSON does not have.
func encoded(out any) []byte {
	text, _ := json.Marshal(out)
	return text
}
