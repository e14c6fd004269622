package browsertest

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// axe-core finds nothing, in each language, theme and tab, with results and without.
func TestAxe(t *testing.T) {
	b := in(t, "chromium")
	script, err := os.ReadFile(os.Getenv("HMACSIGN_AXE"))
	if err != nil {
		t.Skip("needs axe-core, whose axe.min.js HMACSIGN_AXE names")
	}
	p := openReady(t, b, "file://"+file)
	p.resize(1280, 900)
	run[any](p, frame, string(script))
	run[any](p, outer, string(script))
	const look = `const found = await axe.run(document, {resultTypes: ['violations'], iframes: false, runOnly: args[0]});
		return found.violations.map(v => [v.id, v.help, v.nodes.map(n => [n.html.slice(0, 200), n.failureSummary])])`
	checks := 0
	check := func(in document, what ...string) {
		t.Helper()
		rules := []string{"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"}
		if in == frame {
			rules = append(rules, "best-practice") // headings and landmarks are in the frame
		}
		found := run[[]json.RawMessage](p, in, look, rules)
		checks++
		for _, violation := range found {
			t.Errorf("%v: %s", what, violation)
		}
	}
	check(outer)
	for _, lang := range []string{"en", "zh"} {
		p.speak(lang)
		for _, theme := range []string{"light", "dark"} {
			p.theme(theme)
			for _, tab := range []string{"sign", "check"} {
				p.choose(tab)
				run[any](p, frame, `const list = document.getElementById(args[0] + '-example'); list.value = ''; list.form.reset(); list.form.dispatchEvent(new Event('input'))`, tab)
				p.settled(tab)
				check(frame, lang, theme, tab, "empty")
				for _, example := range []int{0, 1, 2} {
					p.example(tab, example)
					check(frame, lang, theme, tab, "example")
				}
				p.click("#share")
				check(frame, lang, theme, tab, "share")
			}
		}
	}
	require.Positive(t, checks)
	t.Logf("%d states without a violation", checks)
}
