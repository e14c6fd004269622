package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/gmhmac/hmacsign/internal/page/web"
)

// assemble puts the page into its frame's document and that into the outer one, and the
// hashes of all that runs or looks into the policy. The frame inherits it.
func assemble(packed, glue, licences []byte) ([]byte, error) {
	parts := map[string]string{"wasm_exec.js": string(glue), "wasm": string(packed), "licences": string(licences)}
	page, err := fill("page.html", parts)
	if err != nil {
		return nil, err
	}
	parts["page"] = strings.NewReplacer("&", "&amp;", "'", "&#39;").Replace(page) // few of either
	parts["policy"] = "{{policy}}"                                                // once the rest is known
	outer, err := fill("outer.html", parts)
	if err != nil {
		return nil, err
	}
	policy, err := policyOf(outer[:strings.Index(outer, "<body>")], page)
	if err != nil {
		return nil, err
	}
	return []byte(strings.Replace(outer, "{{policy}}", policy, 1)), nil
}

var gap = regexp.MustCompile(`\{\{([a-z_.0-9]+)\}\}`)

// fill is a file with its gaps filled, by parts or by other files.
func fill(name string, parts map[string]string) (string, error) {
	source, err := web.Files.ReadFile(name)
	if err != nil {
		return "", err
	}
	filled := gap.ReplaceAllStringFunc(string(source), func(g string) string {
		name := gap.FindStringSubmatch(g)[1]
		part, given := parts[name]
		if given {
			return part
		}
		content, missing := web.Files.ReadFile(name)
		if missing != nil {
			err = missing
			return ""
		}
		part = strings.TrimSpace(string(content))
		if strings.HasSuffix(name, ".json") {
			part, err = compact(content)
		}
		return part
	})
	return filled, err
}

// compact is JSON in one line that no script element ends in.
func compact(content []byte) (string, error) {
	var value any
	if err := json.Unmarshal(content, &value); err != nil {
		return "", err
	}
	text, err := json.Marshal(value) // it escapes < and >
	return string(text), err
}

var (
	script = regexp.MustCompile(`(?s)<script>(.*?)</script>`)
	style  = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
)

// policyOf is the Content-Security-Policy under which nothing runs but the scripts of
// these documents, and nothing is loaded, sent or opened.
func policyOf(documents ...string) (string, error) {
	hashes := func(element *regexp.Regexp) (list string) {
		for _, document := range documents {
			for _, found := range element.FindAllStringSubmatch(document, -1) {
				sum := sha256.Sum256([]byte(found[1]))
				if hash := " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(list, hash) {
					list += hash
				}
			}
		}
		return list
	}
	scripts, styles := hashes(script), hashes(style)
	if scripts == "" || styles == "" {
		return "", fmt.Errorf("the page has no scripts or no styles")
	}
	return "default-src 'none'; script-src 'wasm-unsafe-eval'" + scripts + "; style-src" + styles +
		"; img-src data:; connect-src 'none'; frame-src 'none'; form-action 'none'; base-uri 'none'", nil
}

// sourceSize is that of all sources that are the page's own.
func sourceSize() (size int64) {
	entries, _ := fs.ReadDir(web.Files, ".")
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			size += info.Size()
		}
	}
	return size
}
