// Package strictflag makes the flags of a server strict: an unset variable of a start
// script, or a flag that is there twice, must not turn anything off unnoticed.
package strictflag

import (
	"errors"

	"github.com/spf13/pflag"
)

// Make makes every flag of a set one that may be given once, and not as an empty text.
// What it returns has the names of those that were given, once they are parsed.
func Make(fs *pflag.FlagSet) (given map[string]bool) {
	given = map[string]bool{}
	fs.VisitAll(func(f *pflag.Flag) { f.Value = &once{f.Value, f.Name, given} })
	return given
}

type once struct {
	pflag.Value
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
