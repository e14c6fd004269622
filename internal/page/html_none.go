//go:build !page

package page

// HTML is the page, in a build that has it: this one was made without the tag page.
func HTML() (page []byte, ok bool) { return nil, false }
