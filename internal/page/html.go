//go:build page

package page

import _ "embed"

//go:embed hmacsign.html
var html []byte

// HTML is the page, in a build that has it: make page writes it.
func HTML() (page []byte, ok bool) { return html, true }
