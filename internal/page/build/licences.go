package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// linkedLicences are those of all that is in the page, which stand at its end: who has the
// file has them. A text that several parts have is there once.
func linkedLicences() ([]byte, error) {
	listed, err := goTool("list", "-deps", "-f", "{{with .Module}}{{.Path}} {{.Dir}}{{end}}", app)
	if err != nil {
		return nil, err
	}
	root, err := goTool("env", "GOROOT")
	if err != nil {
		return nil, err
	}
	parts := append(strings.Split(listed, "\n"), "Go "+strings.TrimSpace(root))
	slices.Sort(parts)
	var names, texts []string
	for _, part := range slices.Compact(parts) {
		name, dir, found := strings.Cut(part, " ")
		if !found {
			continue // a package of Go's
		}
		text, err := os.ReadFile(filepath.Join(dir, "LICENSE"))
		if err != nil {
			return nil, err
		}
		terms, _, _ := strings.Cut(string(text), "END OF TERMS AND CONDITIONS") // how to apply them follows
		same := func(other string) bool { return slices.Equal(strings.Fields(other), strings.Fields(terms)) }
		if i := slices.IndexFunc(texts, same); i >= 0 {
			names[i] += ", " + name
			continue
		}
		names, texts = append(names, name), append(texts, terms)
	}
	var all strings.Builder
	for i := range names {
		fmt.Fprintf(&all, "\n%s:\n\n%s\n", names[i], strings.TrimSpace(texts[i]))
	}
	return []byte(strings.ReplaceAll(all.String(), "--", "- -")), nil // it stands in a comment
}
