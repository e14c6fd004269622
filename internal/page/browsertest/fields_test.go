package browsertest

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// openReady opens the page and waits until its engine answers.
func openReady(t *testing.T, b browser, url string) page {
	t.Helper()
	p := open(t, b, url)
	eventually[bool](p, frame, `return document.documentElement.dataset.ready == 'true'`)
	return p
}

// choose chooses a tab of the page, sign or check.
func (p page) choose(tab string) {
	p.t.Helper()
	p.click("#tab-" + tab)
	require.True(p.t, run[bool](p, frame, `return !document.getElementById(args[0]).hidden`, tab))
}

// settled waits until what a tab shows is of what is in its fields.
func (p page) settled(tab string) {
	p.t.Helper()
	eventually[bool](p, frame, `return document.getElementById(args[0] + '-results').ariaBusy == 'false'`, tab)
}

// text is what an element shows.
func (p page) text(selector string) string {
	p.t.Helper()
	return run[string](p, frame, `return document.querySelector(args[0])?.textContent ?? ''`, selector)
}

// value is what a field holds.
func (p page) value(selector string) string {
	p.t.Helper()
	return run[string](p, frame, `return document.querySelector(args[0]).value`, selector)
}

// speak has the page speak a language.
func (p page) speak(lang string) {
	p.t.Helper()
	if run[string](p, frame, `return document.documentElement.lang.slice(0, 2)`) != lang {
		p.click("#language")
	}
	require.Equal(p.t, lang, run[string](p, frame, `return document.documentElement.lang.slice(0, 2)`))
}

// theme has the page be light or dark.
func (p page) theme(name string) {
	p.t.Helper()
	const is = `return getComputedStyle(document.documentElement).colorScheme`
	for range 2 {
		if run[string](p, frame, is) != name {
			p.click("#theme")
		}
	}
	require.Equal(p.t, name, run[string](p, frame, is))
}

// example chooses the nth example of a tab.
func (p page) example(tab string, n int) {
	p.t.Helper()
	p.fill(map[string]string{"#" + tab + "-example": strconv.Itoa(n)})
	p.settled(tab)
}

// verdict is the kind of a verdict: good, bad, late or wait.
func (p page) verdict(selector string) string {
	p.t.Helper()
	return run[string](p, frame, `return document.querySelector(args[0]).className.split(' ')[1]`, selector)
}
