package sm3cgo

import (
	"fmt"
	"io"
)

// Format prints that there is a license and nothing of it.
func (l License) Format(f fmt.State, _ rune) { io.WriteString(f, "[license]") }

// MarshalText does the same for encoders.
func (l License) MarshalText() ([]byte, error) { return []byte("[license]"), nil }
