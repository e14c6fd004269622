// Package page is the signature page as one file, and what serves it to the browser of
// the same machine.
package page

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
)

// Handler serves the page at / to who asks for it by this address, and nothing else. A
// name that somebody else points at this machine is not that address.
func Handler(html []byte, address string) http.Handler {
	policy := "sandbox allow-scripts allow-forms; frame-ancestors 'none'" // which the page cannot say itself
	if own := policyOf(html); own != "" {
		policy += "; " + own
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Content-Security-Policy", policy)
		switch {
		case req.Host != strings.TrimSuffix(address, ":80"):
			http.Error(w, "ask for http://"+address+"/", http.StatusMisdirectedRequest)
		case req.URL.Path != "/":
			http.NotFound(w, req)
		case req.Method != http.MethodGet && req.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "use GET", http.StatusMethodNotAllowed)
		default:
			h.Set("Content-Type", "text/html; charset=utf-8")
			h.Set("Content-Length", strconv.Itoa(len(html)))
			w.Write(html) // of HEAD net/http leaves it out
		}
	})
}

// policyOf is the policy that the page has in its head: a second lock, in the header.
func policyOf(html []byte) string {
	_, rest, found := bytes.Cut(html, []byte(`<meta http-equiv="Content-Security-Policy" content="`))
	policy, _, closed := bytes.Cut(rest, []byte(`"`))
	if !found || !closed {
		return ""
	}
	return string(policy)
}
