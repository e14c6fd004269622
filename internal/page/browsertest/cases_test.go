package browsertest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/internal/page/tabs"
	"github.com/gmhmac/hmacsign/internal/page/tabs/cases"
)

// drive puts one input after the other into the fields of a tab and tells what it then
// shows. It does not wait as long as the page waits for somebody who types.
const drive = `
	const [tab, inputs] = args, form = document.querySelector('#' + tab + ' form'), results = document.getElementById(tab + '-results');
	const later = globalThis.setTimeout, soon = new MessageChannel();
	const pause = () => new Promise(done => { soon.port1.onmessage = done; soon.port2.postMessage(0); });
	globalThis.setTimeout = (work, ms) => ms == 120 ? later(work, 0) : later(work, ms);
	const shown = [];
	for (const input of inputs) {
		form.reset();
		for (const [name, value] of Object.entries(input).sort(([a], [b]) => (b == 'scheme') - (a == 'scheme'))) {
			const field = form.elements[name];
			if (!field || value === '') continue;
			if (field.type == 'checkbox') field.checked = value; else field.value = value;
			field.dispatchEvent(new Event('change', {bubbles: true}));
		}
		form.dispatchEvent(new Event('input', {bubbles: true}));
		while (results.ariaBusy != 'false') await pause();
		const has = {verdict: results.querySelector('.verdict').className.split(' ')[1], text: results.querySelector('.verdict').textContent,
			codes: [...results.querySelectorAll('#mistakes code')].map(e => e.textContent),
			mistakes: [...results.querySelectorAll('#mistakes li')].map(e => e.firstChild.textContent)};
		for (const pre of results.querySelectorAll('pre')) has[pre.id.slice(tab.length + 1)] = pre.textContent;
		shown.push(has);
	}
	globalThis.setTimeout = later;
	return shown;`

type shown struct {
	Verdict, Text       string
	Codes, Mistakes     []string
	StringToSign        string `json:"string_to_sign"`
	CanonicalRequest    string `json:"canonical_request"`
	Headers, Curl, HTTP string
}

// driven drives a few at a time, so that no answer is too long in coming.
func driven[In any](p page, tab string, inputs []In) (all []shown) {
	p.t.Helper()
	p.choose(tab)
	for few := range slices.Chunk(inputs, 20) {
		all = append(all, run[[]shown](p, frame, drive, tab, few)...)
	}
	require.Len(p.t, all, len(inputs))
	return all
}

// Every vector signed in the page through its fields is the vector, and what is signed
// here.
func TestVectors(t *testing.T) {
	vectors, err := cases.Vectors(root)
	require.NoError(t, err)
	var inputs []tabs.SignInput
	vectors = slices.DeleteFunc(vectors, func(v cases.Sign) bool { return strings.Contains(v.In.Body, "\r") })
	for _, v := range vectors {
		inputs = append(inputs, v.In)
	}
	desk := tabs.New(time.Now)
	everywhere(t, func(t *testing.T, b browser, url string) {
		p := openReady(t, b, url)
		p.speak("en")
		start := time.Now()
		for i, got := range driven(p, "sign", inputs) {
			want := vectors[i].Want
			require.Equal(t, "good", got.Verdict, "%s: %s", vectors[i].Name, got.Text)
			require.Equal(t, want.StringToSign, got.StringToSign, vectors[i].Name)
			require.Equal(t, want.CanonicalRequest, got.CanonicalRequest, vectors[i].Name)
			require.Contains(t, got.Headers, want.Authorization, vectors[i].Name)
			native := desk.Sign(inputs[i])
			require.Equal(t, []string{native.Headers, native.Curl, native.HTTP}, []string{got.Headers, got.Curl, got.HTTP}, vectors[i].Name)
		}
		t.Logf("%d vectors in %v", len(vectors), time.Since(start).Round(time.Millisecond))
	})
}

// A field of a form has no CR. A body that has some is pasted, and signed as it was until
// somebody changes it.
func TestBodiesWithCR(t *testing.T) {
	vectors, err := cases.Vectors(root)
	require.NoError(t, err)
	vectors = slices.DeleteFunc(vectors, func(v cases.Sign) bool { return !strings.Contains(v.In.Body, "\r") })
	require.NotEmpty(t, vectors)
	everywhere(t, func(t *testing.T, b browser, url string) {
		p := openReady(t, b, url)
		for _, v := range vectors {
			p.choose("sign")
			in := v.In
			in.Method, in.URL, in.Body = "", "", ""
			driven(p, "sign", []tabs.SignInput{in})
			quoted := strings.NewReplacer("\\", `\\`, "'", `\'`, "\r", `\r`, "\n", `\n`).Replace(v.In.Body)
			headers := ""
			for line := range strings.Lines(in.Headers) {
				headers += " -H '" + strings.TrimSpace(line) + "'"
			}
			p.fill(map[string]string{"#paste": "curl -X " + v.In.Method + headers + " --data-binary $'" + quoted + "' '" + v.In.URL + "'"})
			eventually[bool](p, frame, `return document.querySelector('#url').value != ''`)
			p.settled("sign")
			require.Equal(t, v.Want.StringToSign, p.text("#sign-string_to_sign"), v.Name)
			p.typeInto("#body", "changed")
			p.settled("sign")
			require.Contains(t, p.text("#sign-http"), "\r\n\r\nchanged", v.Name)
		}
	})
}

// Every known mistake that is pasted is named, in both languages, as it is here.
func TestMistakes(t *testing.T) {
	all, err := cases.Mistakes(root)
	require.NoError(t, err)
	desk := tabs.New(time.Now)
	everywhere(t, func(t *testing.T, b browser, url string) {
		p := openReady(t, b, url)
		codes := map[string]bool{}
		start := time.Now()
		for _, lang := range []string{"en", "zh"} {
			p.speak(lang)
			var inputs []tabs.CheckInput
			for _, c := range all {
				c.In.Lang = lang
				inputs = append(inputs, c.In)
			}
			for i, got := range driven(p, "check", inputs) {
				native, name := desk.Check(inputs[i]), all[i].Name
				kind := map[bool]string{true: "good", false: "bad"}[native.Accepted]
				switch {
				case native.Late:
					kind = "late"
				case native.Reason == "no_secret":
					kind = "wait"
				}
				require.Equal(t, kind, got.Verdict, name)
				verdict := tabs.Verdict{Accepted: native.Accepted, Text: got.Text}
				for n, code := range got.Codes {
					verdict.Mistakes = append(verdict.Mistakes, tabs.Mistake{Code: code, Text: strings.TrimSpace(got.Mistakes[n])})
					codes[code] = true
				}
				require.NoError(t, all[i].Want.Meets(verdict), name)
				require.Equal(t, native.Mistakes, verdict.Mistakes, name)
			}
		}
		t.Logf("%d pasted mistakes of %d kinds named in two languages in %v", len(all), len(codes), time.Since(start).Round(time.Millisecond))
	})
}
