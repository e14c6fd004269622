// Package strictflag makes the flags of a server strict: an unset variable of a start
// script, or a flag that is there twice, must not turn anything off unnoticed.
package strictflag

import (
	"errors"
	"flag"
)

// Make makes every flag of a set one that may be given once, and not as an empty text.
// What it returns has the names of those that were given, once they are parsed.
func Make(fs *flag.FlagSet) (given map[string]bool) {
	given = map[string]bool{}
	fs.VisitAll(func(f *flag.Flag) { f.Value = &once{f.Value, f.Name, given} })
	return given
}

type once struct {
	flag.Value
	name  string
	given map[string]bool
}

func (o *once) Set(text string) error {
	switch {
	case text == "":
		return errors.New("it is empty: give it a value, or leave the flag out")
	case o.given[o.name]:
		return errors.New("the flag is there twice: give it once")
	}
	o.given[o.name] = true
	return o.Value.Set(text)
}

// String is also asked of a zero value, to tell defaults that need no mention.
func (o *once) String() string {
	if o.Value == nil {
		return ""
	}
	return o.Value.String()
}

// IsBoolFlag makes flags without a value of those that were.
func (o *once) IsBoolFlag() bool {
	b, ok := o.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}
