package browsertest

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const command = `curl -X POST 'https://api.example.com/v1/orders?page=2&a=%20b' -H 'Content-Type: application/json' -H 'X-Tag: a  b' --data-raw '{"name": "It'\''s 名"}'`

// secret is one that stands nowhere but in its field.
const secret = `s3cr3t~Only+In its/Field=9&x`

var requestFields = []string{"#method", "#url", "#headers", "#body"}

func (p page) values(selectors ...string) []string {
	p.t.Helper()
	var all []string
	for _, selector := range selectors {
		all = append(all, p.value(selector))
	}
	return all
}

// signCommand signs the request of a curl command.
func signCommand(p page) {
	p.t.Helper()
	pasteCommand(p)
	p.fill(map[string]string{"#key_id": "key-1", "#sign-secret": secret})
	p.settled("sign")
	require.Equal(p.t, "good", p.verdict("#sign-status"))
}

func pasteCommand(p page) {
	p.t.Helper()
	p.choose("sign")
	p.fill(map[string]string{"#paste": command})
	eventually[bool](p, frame, `return document.querySelector('#url').value.startsWith('https://api')`)
}

// A curl command goes in, and the one that comes out has the same request, which the other
// tab accepts.
func TestCurlInAndOut(t *testing.T) {
	everywhere(t, func(t *testing.T, b browser, url string) {
		p := openReady(t, b, url)
		pasteCommand(p)
		p.typeInto("#key_id", "key-1")
		p.typeInto("#sign-secret", secret)
		p.settled("sign")
		before := p.values(requestFields...)
		require.Equal(t, "POST", before[0])
		require.Equal(t, "https://api.example.com/v1/orders?page=2&a=%20b", before[1])
		require.Contains(t, before[2], "X-Tag: a  b")
		require.Equal(t, `{"name": "It's 名"}`, before[3])
		curl, raw := p.text("#sign-curl"), p.text("#sign-http")
		require.Contains(t, curl, "uthorization: ")

		p.fill(map[string]string{"#paste": curl})
		eventually[bool](p, frame, `return document.querySelector('#headers').value.includes('uthorization: ')`)
		after := p.values(requestFields...)
		require.Equal(t, []string{before[0], before[1], before[3]}, []string{after[0], after[1], after[3]})

		p.choose("check")
		for _, form := range []string{curl, raw} {
			p.fill(map[string]string{"#request": form, "#check-secret": secret})
			p.settled("check")
			require.Equal(t, "good", p.verdict("#verdict"))
			p.fill(map[string]string{"#check-secret": secret + "x"})
			p.settled("check")
			require.Equal(t, "bad", p.verdict("#verdict"))
		}
	})
}

// Each example of the tab that signs is signed, the first of the other is accepted, and
// the others are refused with what is wrong.
func TestExamples(t *testing.T) {
	everywhere(t, func(t *testing.T, b browser, url string) {
		p := openReady(t, b, url)
		for _, tab := range []string{"sign", "check"} {
			p.choose(tab)
			n := run[int](p, frame, `return document.querySelectorAll(args[0] + ' option').length - 1`, "#"+tab+"-example")
			require.GreaterOrEqual(t, n, 3)
			accepted := 0
			for i := range n {
				p.example(tab, i)
				if tab == "sign" {
					require.Equal(t, "good", p.verdict("#sign-status"))
				} else if p.verdict("#verdict") == "good" {
					accepted++
				} else {
					require.NotEmpty(t, p.text("#verdict p + p"), "example %d is refused without a reason", i)
				}
			}
			if tab == "check" {
				require.Positive(t, accepted)
				require.Less(t, accepted, n)
			}
		}
	})
}

func TestTabsByKeyboard(t *testing.T) {
	everywhere(t, func(t *testing.T, b browser, url string) {
		p := openReady(t, b, url)
		p.choose("sign")
		for _, step := range []struct{ key, to string }{{arrowRight, "check"}, {arrowRight, "sign"}, {arrowLeft, "check"},
			{homeKey, "sign"}, {endKey, "check"}, {arrowLeft, "sign"}} {
			p.press(step.key, plain)
			is := run[[]any](p, frame, `return [document.activeElement.id, document.activeElement.getAttribute('aria-selected'),
				document.getElementById('sign').hidden, document.getElementById('check').hidden]`)
			require.Equal(t, []any{"tab-" + step.to, "true", step.to != "sign", step.to != "check"}, is)
		}
		// The next stop is in the panel, and every one after it can be seen.
		p.press(tabKey, plain)
		require.True(t, run[bool](p, frame, `return document.getElementById('sign').contains(document.activeElement)`))
		for range 12 {
			require.NotEqual(t, "none 0px", run[string](p, frame, `const s = getComputedStyle(document.activeElement); return s.outlineStyle + ' ' + s.outlineWidth`),
				"the focus cannot be seen")
			p.press(tabKey, plain)
		}
	})
}

// What a copy button copies is pasted into the third box.
func TestCopyButtons(t *testing.T) {
	everywhere(t, func(t *testing.T, b browser, url string) {
		p := openReady(t, b, url)
		signCommand(p)
		for _, output := range []string{"string_to_sign", "headers", "curl", "http"} {
			p.choose("sign")
			want := p.text("#sign-" + output)
			require.NotEmpty(t, want)
			p.click("#sign-" + output + "-copy")
			eventually[bool](p, frame, `return document.querySelector(args[0]).textContent == 'Copied'`, "#sign-"+output+"-copy")
			p.choose("check")
			p.fill(map[string]string{"#own": ""})
			p.click("#own")
			p.press("v", control)
			require.Equal(t, strings.ReplaceAll(want, "\r\n", "\n"), eventually[string](p, frame, `return document.querySelector('#own').value`), output)
		}
	})
}

// The link opens to the same fields, without the secret.
func TestShareLink(t *testing.T) {
	everywhere(t, func(t *testing.T, b browser, at string) {
		p := openReady(t, b, at)
		signCommand(p)
		fields := append(requestFields, "#scheme", "#algorithm", "#key_id")
		request := p.text("#sign-http")
		links := map[string]string{"sign": p.share()}
		shown := map[string][]string{"sign": p.values(fields...)}
		p.choose("check")
		p.fill(map[string]string{"#request": request, "#check-secret": secret})
		p.settled("check")
		links["check"] = p.share()
		for tab, link := range links {
			require.True(t, strings.HasPrefix(link, at), link)
			requireNoSecret(t, link, "the link")
			again := openReady(t, b, link)
			require.Empty(t, again.value("#"+tab+"-secret"))
			require.True(t, run[bool](again, frame, `return !document.getElementById(args[0]).hidden`, tab))
			if tab == "sign" {
				require.Equal(t, shown[tab], again.values(fields...))
				again.fill(map[string]string{"#sign-secret": secret})
				again.settled("sign")
				require.Contains(t, again.text("#sign-curl"), "curl")
				continue
			}
			again.fill(map[string]string{"#check-secret": secret})
			again.settled("check")
			require.Equal(t, "good", again.verdict("#verdict"))
			again.fill(map[string]string{"#request": strings.Replace(request, "Content-Length: 2", "Content-Length: 1", 1)})
			again.settled("check")
			wrong, refused := again.share(), again.text("#verdict")
			again = openReady(t, b, wrong)
			again.fill(map[string]string{"#check-secret": secret})
			again.settled("check")
			require.Equal(t, refused, again.text("#verdict"), "a link that hides what is wrong")
		}
	})
}

// share makes a link and returns it.
func (p page) share() string {
	p.t.Helper()
	p.fill(map[string]string{"#link": ""})
	p.click("#share")
	link := eventually[string](p, frame, `return document.querySelector('#link').value`)
	_, err := url.Parse(link)
	require.NoError(p.t, err)
	return link
}

// A secret in another field makes no link.
func TestShareRefusesSecrets(t *testing.T) {
	everywhere(t, func(t *testing.T, b browser, at string) {
		p := openReady(t, b, at)
		signCommand(p)
		p.share()
		for _, body := range []string{"the secret is " + secret, "s=" + strings.NewReplacer("%2B", "%2b", "%2F", "%2f").Replace(url.QueryEscape(secret)), strconv.Quote(secret), base64.StdEncoding.EncodeToString([]byte(secret))} {
			p.fill(map[string]string{"#body": body})
			p.click("#share")
			require.Empty(t, p.value("#link"), body)
			require.NotEmpty(t, p.text("#shared-note"))
			p.fill(map[string]string{"#body": ""})
			p.share()
		}
	})
}

// At 320 pixels nothing is scrolled sideways.
func TestNarrow(t *testing.T) {
	everywhere(t, func(t *testing.T, b browser, at string) {
		p := openReady(t, b, at)
		p.resize(320, 640)
		for _, lang := range []string{"en", "zh"} {
			p.speak(lang)
			for _, tab := range []string{"sign", "check"} {
				p.choose(tab)
				for _, n := range []int{0, 1, 2} {
					p.example(tab, n)
					for _, in := range []document{frame, outer} {
						require.LessOrEqual(t, run[int](p, in, `return document.documentElement.scrollWidth`), 320, "%s %s %v %s", lang, tab, n, in)
					}
					require.Empty(t, run[[]string](p, frame, `return [...document.querySelectorAll('main *, header *')]
						.filter(e => !e.matches('input, textarea, select, .unseen, .unseen *') && e.clientWidth && e.scrollWidth > e.clientWidth + 1)
						.map(e => e.tagName + '#' + e.id + '.' + e.className)`), "%s %s %v", lang, tab, n)
				}
			}
		}
	})
}

// The switches change all words, and the colours.
func TestSwitches(t *testing.T) {
	everywhere(t, func(t *testing.T, b browser, at string) {
		p := openReady(t, b, at)
		p.speak("en")
		p.choose("check")
		p.example("check", 1)
		said := map[string]string{}
		for _, lang := range []string{"en", "zh", "en"} {
			p.speak(lang)
			p.settled("check")
			now := p.text("#verdict") + p.text("#mistakes") + p.text("label[for=request]") + p.text("#tab-check")
			if before, has := said[lang]; has {
				require.Equal(t, before, now)
			}
			said[lang] = now
		}
		require.NotEqual(t, said["en"], said["zh"])
		require.False(t, run[bool](p, frame, `return /\p{Script=Han}/u.test(args[0])`, said["en"]))
		require.True(t, run[bool](p, frame, `return /\p{Script=Han}/u.test(args[0])`, said["zh"]))
		const colours = `const s = getComputedStyle(document.body); return s.color + s.backgroundColor`
		p.theme("light")
		light := run[string](p, frame, colours)
		p.theme("dark")
		require.NotEqual(t, light, run[string](p, frame, colours))
	})
}
