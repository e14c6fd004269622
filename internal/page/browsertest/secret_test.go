package browsertest

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var escaped = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// hasSecret looks for the secret as it is and as it would be written elsewhere.
func hasSecret(in string) bool {
	unescaped := escaped.ReplaceAllStringFunc(in, func(of string) string {
		character, _ := hex.DecodeString(of[1:])
		return string(character)
	})
	for _, text := range []string{in, unescaped, html.UnescapeString(in)} {
		for _, form := range []string{secret, strings.ReplaceAll(secret, " ", "+"), strings.ReplaceAll(secret, "/", `\/`),
			base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret))} {
			if strings.Contains(text, form) {
				return true
			}
		}
	}
	return false
}

func requireNoSecret(t *testing.T, in, where string) {
	t.Helper()
	require.False(t, hasSecret(in), "the secret is in %s", where)
}

// places are where a page could leave what is in it, and what is there. Where a sandboxed
// frame has no such place, asking for it throws.
const places = `
	const found = {};
	const look = async (name, ask) => { try { found[name] = JSON.stringify(await ask()) ?? ''; } catch { found[name] = ''; } };
	await look('location', () => location.href);
	await look('title', () => document.title);
	await look('history', () => [history.length, history.state]);
	await look('name', () => window.name);
	await look('cookies', () => document.cookie);
	await look('localStorage', () => Object.entries(localStorage));
	await look('sessionStorage', () => Object.entries(sessionStorage));
	await look('IndexedDB', () => indexedDB.databases());
	await look('caches', () => caches.keys());
	await look('workers', async () => (await navigator.serviceWorker.getRegistrations()).length);
	await look('resources', () => performance.getEntries().map(e => e.name));
	await look('document', () => document.documentElement.outerHTML);
	await look('globals', () => Object.getOwnPropertyNames(window).filter(n => typeof window[n] == 'string').map(n => window[n]));
	return found;`

func TestSecretStays(t *testing.T) {
	everywhere(t, func(t *testing.T, b browser, at string) {
		p := openReady(t, b, at)
		before := run[int](p, outer, `return history.length`)
		signCommand(p)
		request := p.text("#sign-http")
		link := p.share()
		p.click(".show[aria-controls=sign-secret]")
		p.click("#sign-curl-copy")
		p.choose("check")
		p.typeInto("#check-secret", secret)
		for _, text := range []string{"no request", "GET /", request, strings.Replace(request, "POST", "PUT", 1)} {
			p.fill(map[string]string{"#request": text, "#own": "no string"})
			p.settled("check")
		}
		link += p.share()
		requireNoSecret(t, link, "the link")
		p.speak("zh")
		p.speak("en")

		require.Empty(t, p.tab.said(), "the page says something on the console")
		for _, in := range []document{frame, outer} {
			for name, held := range run[map[string]string](p, in, places) {
				requireNoSecret(t, held, in.String()+"'s "+name)
				switch name {
				case "cookies", "localStorage", "sessionStorage", "IndexedDB", "caches":
					require.Contains(t, []string{"", `""`, "[]"}, held, "%s's %s", in, name)
				case "document":
					require.Contains(t, held, "<html")
				}
			}
		}
		require.Equal(t, before, run[int](p, outer, `return history.length`), "the page adds to the history")
		// What looks here finds what is there.
		run[any](p, frame, `console.log(args[0]); document.body.dataset.secret = args[0]`, secret)
		require.True(t, hasSecret(run[map[string]string](p, frame, places)["document"]))
		require.Eventually(t, func() bool { return hasSecret(strings.Join(p.tab.said(), "")) }, guard, 10*time.Millisecond)
	})
}
