package browsertest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var screenshots = flag.String("screenshots", "", "the `folder` for pictures of the page")

func TestScreenshots(t *testing.T) {
	if *screenshots == "" {
		t.Skip("made by make test-page")
	}
	require.NoError(t, os.MkdirAll(*screenshots, 0o755))
	p := openReady(t, in(t, "chromium"), "file://"+file)
	for _, lang := range []string{"en", "zh"} {
		p.speak(lang)
		for _, theme := range []string{"light", "dark"} {
			p.theme(theme)
			for _, tab := range []string{"sign", "check"} {
				p.choose(tab)
				p.example(tab, 1)
				for name, size := range map[string][2]int{"": {1280, 900}, "narrow": {320, 1400}} {
					p.resize(size[0], size[1])
					run[any](p, frame, `scrollTo(0, 0); document.activeElement.blur()`)
					for range 2 { // the outer document draws what the frame has drawn
						for _, in := range []document{frame, outer} {
							run[any](p, in, `await new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(drawn, 100))))`)
						}
					}
					parts := strings.Trim(strings.Join([]string{tab, lang, theme, name}, "-"), "-")
					require.NoError(t, os.WriteFile(filepath.Join(*screenshots, parts+".png"), p.screenshot(), 0o644))
				}
				p.resize(1280, 900)
			}
		}
	}
}
