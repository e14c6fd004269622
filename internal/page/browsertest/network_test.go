package browsertest

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An attempt is a way for a script to send something to another place, whose host and
// port it finds in to. One that leaves goes elsewhere with its document.
type attempt struct {
	name   string
	leaves bool
	script string
}

// attempts are written so that each of them arrives from a page without a policy.
var attempts = []attempt{
	{"fetch", false, "fetch('http://' + to, {mode: 'no-cors'})"},
	{"fetch that outlives", false, "fetch('http://' + to, {method: 'POST', mode: 'no-cors', keepalive: true, body: 'x'})"},
	{"fetchLater", false, "fetchLater('http://' + to, {activateAfter: 0})"},
	{"XMLHttpRequest", false, "const x = new XMLHttpRequest(); x.open('GET', 'http://' + to); x.send()"},
	{"sendBeacon", false, "navigator.sendBeacon('http://' + to, 'x')"},
	{"WebSocket", false, "new WebSocket('ws://' + to)"},
	{"WebSocketStream", false, "new WebSocketStream('ws://' + to)"},
	{"EventSource", false, "new EventSource('http://' + to)"},
	{"WebTransport", false, "new WebTransport('https://' + to + '/')"},
	{"RTCPeerConnection", false, rtc("globalThis")},
	{"RTCPeerConnection of a new frame", false, rtc("add('iframe', {}).contentWindow")},
	{"Image", false, "new Image().src = 'http://' + to"},
	{"picture", false, "add('img', {srcset: 'http://' + to + ' 1x'})"},
	{"image of SVG", false, "const s = document.createElementNS('http://www.w3.org/2000/svg', 'svg'); s.innerHTML = '<image href=\"http://' + to + '\"/>'; document.body.append(s)"},
	{"video", false, "add('video', {src: 'http://' + to, preload: 'auto'})"},
	{"audio", false, "new Audio('http://' + to).play()"},
	{"iframe", false, "add('iframe', {src: 'http://' + to})"},
	{"iframe with a document of its own", false, "add('iframe', {srcdoc: '<img src=\"http://' + to + '\">'})"},
	{"iframe of data", false, "add('iframe', {src: 'data:text/html,<img src=\"http://' + to + '\">'})"},
	{"iframe of a blob", false, "add('iframe', {src: URL.createObjectURL(new Blob(['<img src=\"http://' + to + '\">'], {type: 'text/html'}))})"},
	{"object", false, "add('object', {data: 'http://' + to, type: 'text/html'})"},
	{"embed", false, "add('embed', {src: 'http://' + to, type: 'text/html'})"},
	{"script", false, "add('script', {src: 'http://' + to})"},
	{"import()", false, "import('http://' + to).catch(() => {})"},
	{"Worker", false, "new Worker(URL.createObjectURL(new Blob(['fetch(\"http://' + to + '\", {mode: \"no-cors\"})'])))"},
	{"SharedWorker", false, "new SharedWorker(URL.createObjectURL(new Blob(['fetch(\"http://' + to + '\", {mode: \"no-cors\"})'])))"},
	{"style sheet", false, "add('link', {rel: 'stylesheet', href: 'http://' + to})"},
	{"url() in a style", false, "document.body.append(Object.assign(document.createElement('p'), {style: 'background: url(http://' + to + ')', textContent: '.'}))"},
	{"url() set by a script", false, "document.body.style.backgroundImage = 'url(http://' + to + ')'"},
	{"@import", false, "add('style', {textContent: '@import url(http://' + to + ');'})"},
	{"url() in a constructed sheet", false, "const c = new CSSStyleSheet(); c.replaceSync('body { border-image: url(http://' + to + ') }'); document.adoptedStyleSheets = [c]"},
	{"FontFace", false, "new FontFace('f', 'url(http://' + to + ')').load()"},
	{"prefetch", false, "add('link', {rel: 'prefetch', href: 'http://' + to})"},
	{"preload", false, "add('link', {rel: 'preload', as: 'image', href: 'http://' + to})"},
	{"modulepreload", false, "add('link', {rel: 'modulepreload', href: 'http://' + to})"},
	{"preconnect", false, "add('link', {rel: 'preconnect', href: 'http://' + to})"},
	{"icon", false, "add('link', {rel: 'icon', href: 'http://' + to})"},
	{"speculation rules", false, "add('script', {type: 'speculationrules', textContent: JSON.stringify({prefetch: [{source: 'list', eagerness: 'immediate', urls: ['http://' + to]}]})})"},
	{"ping of a link", false, "add('iframe', {name: 'pinged'}); const a = add('a', {href: '#x', target: 'pinged', textContent: 'x'}); a.ping = 'http://' + to; a.click()"},
	{"download", true, "add('a', {href: 'http://' + to, download: 'x', textContent: 'x'}).click()"},
	{"window.open", false, "window.open('http://' + to)"},
	{"link to a new window", false, "add('a', {href: 'http://' + to, target: '_blank', textContent: 'x'}).click()"},
	{"form to a new window", false, "add('form', {action: 'http://' + to, target: '_blank', method: 'post'}).submit()"},
	{"form", true, "add('form', {action: 'http://' + to, method: 'post'}).submit()"},
	{"form of GET", true, "add('form', {action: 'http://' + to}).requestSubmit()"},
	{"location", true, "location = 'http://' + to"},
	{"location.replace", true, "location.replace('http://' + to)"},
	{"location of the top", true, "top.location = 'http://' + to"},
	{"form to the top", true, "add('form', {action: 'http://' + to, target: '_top', method: 'post'}).submit()"},
	{"link", true, "add('a', {href: 'http://' + to, textContent: 'x'}).click()"},
	{"link to the top", true, "add('a', {href: 'http://' + to, target: '_top', textContent: 'x'}).click()"},
	{"refresh", true, "document.head.append(Object.assign(document.createElement('meta'), {httpEquiv: 'refresh', content: '0;url=http://' + to}))"},
	{"document that is written anew", true, "document.open(); document.write('<img src=\"http://' + to + '\">'); document.close()"},
	{"location of a blob", true, "location = URL.createObjectURL(new Blob(['<img src=\"http://' + to + '\">'], {type: 'text/html'}))"},
}

// outerMay are what no policy forbids the document around the frame: to go elsewhere as a
// whole, and a new frame's WebRTC. No script but the pinned one runs in it, and it cannot
// read what is in the frame.
var outerMay = []string{"window.open", "link to a new window", "download", "location", "location.replace", "location of the top",
	"link", "link to the top", "refresh", "RTCPeerConnection of a new frame"}

func rtc(window string) string {
	return `const rtc = new (` + window + `).RTCPeerConnection({iceServers: [
		{urls: 'stun:' + to}, {urls: 'turn:' + to + '?transport=tcp', username: 'x', credential: 'x'}]});
	rtc.createDataChannel('x');
	const offer = await rtc.createOffer(); await rtc.setLocalDescription(offer)`
}

const add = `const add = (tag, has) => { const e = Object.assign(document.createElement(tag), has); document.body.append(e); return e; };
	const to = args[0];`

// A trap is a port at which nothing must arrive.
type trap struct {
	address   string
	connected atomic.Bool // there was a connection
	arrived   atomic.Bool // there was something in it, or a packet
}

func newTrap(t *testing.T) *trap {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	packets, err := net.ListenPacket("udp", listener.Addr().String())
	require.NoError(t, err)
	trap := &trap{address: listener.Addr().String()}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }),
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				trap.connected.Store(true)
			case http.StateActive:
				trap.arrived.Store(true)
			}
		}}
	go func() { _ = server.Serve(listener) }()
	go func() {
		if _, _, err := packets.ReadFrom(make([]byte, 2048)); err == nil {
			trap.arrived.Store(true)
		}
	}()
	t.Cleanup(func() { server.Close(); packets.Close() })
	return trap
}

// within waits until something arrives; for a preconnect, until there is a connection.
func (t *trap) within(patience time.Duration, name string) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if t.arrived.Load() || name == "preconnect" && t.connected.Load() {
			return true
		}
	}
	return false
}

// unguarded has the page's shape without its policy.
const unguarded = `<!doctype html><html lang="en"><meta charset="utf-8"><title>unguarded</title>
<body><iframe srcdoc="<!doctype html><title>frame</title><body><p>frame</p>"></iframe>`

// unknown are attempts that a browser does not know, or does nothing for: they prove
// nothing in it.
var unknown = map[string][]string{
	"chromium": {"icon", "speculation rules"},
	"firefox":  {"fetchLater", "WebSocketStream", "icon", "prefetch", "ping of a link", "speculation rules"},
}

// early are for which Chromium connects before it asks the policy, and sends nothing. In
// both browsers a policy knows nothing of preconnect.
var early = []string{"preconnect", "iframe", "download", "form", "form of GET", "form to a new window", "form to the top",
	"location", "location.replace", "location of the top", "link", "link to a new window", "link to the top", "refresh", "window.open"}

// attemptAll makes every attempt from a document. Where the attempts are free, each of them
// has to arrive. The traps are those of the attempts, by name.
func attemptAll(t *testing.T, b browser, url string, in document, free bool) map[string]*trap {
	t.Helper()
	var p page
	load := func() {
		p = open(t, b, url)
		eventually[bool](p, frame, `return document.readyState == 'complete' && !!document.body`)
		run[any](p, in, `self.same = true`)
	}
	stays := func() bool {
		same, err := tryRun[bool](p, in, `return self.same === true`)
		return err == nil && same
	}
	load()
	traps := map[string]*trap{}
	for _, a := range attempts {
		trap := newTrap(t)
		traps[a.name] = trap
		must := free && !slices.Contains(unknown[b.name()], a.name)
		made, arrived := false, false
		for range 3 { // what went before may still take the document away
			if !stays() {
				load()
			}
			// The document is held in what runs in it: the next one, which has no policy, may be on its way.
			gone, _ := tryRun[string](p, in, `if (!self.same) return 'gone'; `+add+`await Promise.race([(async () => { `+a.script+` })(), new Promise(done => setTimeout(done, 100))])`, trap.address)
			if made = gone == ""; !made {
				continue
			}
			if arrived = must && trap.within(guard/3, a.name); arrived || !must {
				break
			}
		}
		require.True(t, made, "%s was not tried: the document went away each time", a.name)
		if must {
			require.True(t, arrived, "%s does not arrive where it may", a.name)
		} else if a.leaves {
			for end := time.Now().Add(400 * time.Millisecond); time.Now().Before(end) && stays(); {
				time.Sleep(20 * time.Millisecond)
			}
		}
	}
	return traps
}

// What is tried in the page does not arrive, and what is tried after it in a page without
// a policy does.
func TestNothingLeaves(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, unguarded)
	}))
	t.Cleanup(server.Close)
	for name := range browsers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := in(t, name)
			for _, in := range []document{frame, outer} {
				t.Run(in.String(), func(t *testing.T) {
					guarded := map[string]map[string]*trap{}
					for source, url := range map[string]string{"file": "file://" + file, "served": servedAt} {
						guarded[source] = attemptAll(t, b, url, in, false)
					}
					attemptAll(t, b, server.URL, in, true)
					for source, traps := range guarded {
						for _, a := range attempts {
							if in == outer && slices.Contains(outerMay, a.name) {
								continue
							}
							assert.False(t, traps[a.name].arrived.Load(), "%s arrived, %s", a.name, source)
							if name != "chromium" && a.name != "preconnect" || !slices.Contains(early, a.name) {
								assert.False(t, traps[a.name].connected.Load(), "%s connected, %s", a.name, source)
							}
						}
					}
					t.Logf("%d ways to send, of which %d arrive from a page without a policy", len(attempts), len(attempts)-len(unknown[name]))
				})
			}
		})
	}
}

// Nothing is loaded that is not in the file, and the outer document cannot read the frame.
func TestLoadsNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, b browser, url string) {
		p := openReady(t, b, url)
		for _, in := range []document{frame, outer} {
			require.Empty(t, run[[]string](p, in, `return performance.getEntriesByType('resource').map(e => e.name)`), in)
		}
		_, err := tryRun[string](p, outer, `return frames[0].document.body.textContent`)
		require.Error(t, err)
		_, err = tryRun[string](p, frame, `return parent.document.body.textContent`)
		require.Error(t, err)
	})
}
