// Package web has the sources of the signature page, which the builder puts together.
package web

import "embed"

// Files are the page, its outer document, what they run and look like, and their texts.
//
//go:embed *.html *.css *.js *.json
var Files embed.FS
