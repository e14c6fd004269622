package browsertest

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/chromedp/remote"
)

// firefox is driven by WebDriver BiDi, whose messages are of the shape that chromedp's
// connection takes.
type firefox struct {
	profile string
	process *exec.Cmd
	conn    *remote.Conn

	mutex   sync.Mutex
	id      int64
	waiting map[int64]chan answer
	log     map[string][]string // by the page's context
	parents map[string]string
	ended   error

	raw string // what was read last, for read alone
}

type answer struct {
	result []byte
	err    error
}

var endpoint = regexp.MustCompile(`ws://127\.0\.0\.1:\d+`)

func startFirefox() (browser, error) {
	program, err := exec.LookPath("firefox-esr")
	if err != nil {
		return nil, err
	}
	profile, err := os.MkdirTemp("", "firefox")
	if err != nil {
		return nil, err
	}
	f := &firefox{profile: profile, waiting: map[int64]chan answer{}, log: map[string][]string{}, parents: map[string]string{}}
	if err := f.start(program); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// firefoxSettings keep it from the network, and let WebRTC and WebTransport use loopback.
const firefoxSettings = `user_pref("app.update.disabledForTesting", true);
user_pref("browser.newtabpage.enabled", false);
user_pref("browser.startup.page", 0);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("dom.disable_open_during_load", false);
user_pref("media.autoplay.default", 0);
user_pref("media.peerconnection.ice.loopback", true);
user_pref("media.peerconnection.ice.obfuscate_host_addresses", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "http://127.0.0.1:9/");
user_pref("toolkit.telemetry.enabled", false);
`

func (f *firefox) start(program string) error {
	if err := os.WriteFile(filepath.Join(f.profile, "user.js"), []byte(firefoxSettings), 0o600); err != nil {
		return err
	}
	f.process = exec.Command(program, "--headless", "--no-remote", "--profile", f.profile, "--remote-debugging-port", "0", "--width", "1280", "--height", "900", "about:blank")
	f.process.Env = append(os.Environ(), "HOME="+f.profile)
	says, err := f.process.StderrPipe()
	if err != nil {
		return err
	}
	if err := f.process.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(says)
	address := ""
	for address == "" && lines.Scan() {
		address = endpoint.FindString(lines.Text())
	}
	if address == "" {
		return errors.New("firefox-esr did not say where it listens")
	}
	go func() {
		for lines.Scan() { // so that it can go on saying
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	if f.conn, err = remote.DialContext(ctx, address+"/session"); err != nil {
		return err
	}
	f.conn.SetDebugf(func(format string, args ...any) {
		if text, arrived := strings.CutPrefix(fmt.Sprintf(format, args...), "<- "); arrived {
			f.raw = text
		}
	})
	go f.read()
	if _, err := f.call(ctx, "session.new", map[string]any{"capabilities": map[string]any{}}); err != nil {
		return err
	}
	_, err = f.call(ctx, "session.subscribe", map[string]any{"events": []string{"log.entryAdded", "browsingContext.contextCreated"}})
	return err
}

func (f *firefox) name() string { return "firefox" }

func (f *firefox) close() {
	if f.conn != nil {
		f.conn.Close()
	}
	if f.process != nil && f.process.Process != nil {
		_ = f.process.Process.Kill()
		_ = f.process.Wait()
	}
	os.RemoveAll(f.profile)
}

func (f *firefox) read() {
	for {
		var message cdproto.Message
		err := f.conn.Read(context.Background(), &message)
		// An error's name is text here, which is no message of the other protocol.
		var refused struct {
			ID      int64
			Type    string
			Message string
		}
		f.mutex.Lock()
		switch {
		case err != nil && json.Unmarshal([]byte(f.raw), &refused) == nil && refused.Type == "error" && f.waiting[refused.ID] != nil:
			f.waiting[refused.ID] <- answer{err: errors.New(refused.Message)}
			delete(f.waiting, refused.ID)
			err = nil
		case err != nil:
			f.ended = err
			for _, waiting := range f.waiting {
				waiting <- answer{err: f.ended}
			}
			f.waiting = nil
		case message.ID != 0:
			f.waiting[message.ID] <- answer{result: message.Result}
			delete(f.waiting, message.ID)
		case message.Method == "log.entryAdded":
			var entry struct{ Source struct{ Context string } }
			_ = json.Unmarshal(message.Params, &entry)
			of := entry.Source.Context
			if parent := f.parents[of]; parent != "" {
				of = parent
			}
			f.log[of] = append(f.log[of], string(message.Params))
		case message.Method == "browsingContext.contextCreated":
			var created struct{ Context, Parent string }
			_ = json.Unmarshal(message.Params, &created)
			f.parents[created.Context] = created.Parent
		}
		f.mutex.Unlock()
		if err != nil {
			return
		}
	}
}

// call waits for the answer to a command.
func (f *firefox) call(ctx context.Context, method string, params any) ([]byte, error) {
	encoded, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	waiting := make(chan answer, 1)
	f.mutex.Lock()
	if f.ended != nil {
		f.mutex.Unlock()
		return nil, f.ended
	}
	f.id++
	id := f.id
	f.waiting[id] = waiting
	err = f.conn.Write(ctx, &cdproto.Message{ID: id, Method: cdproto.MethodType(method), Params: encoded})
	f.mutex.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case answer := <-waiting:
		return answer.result, answer.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

func (f *firefox) open(ctx context.Context, url string) (tab, error) {
	result, err := f.call(ctx, "browsingContext.create", map[string]any{"type": "tab"})
	if err != nil {
		return nil, err
	}
	t := &firefoxTab{firefox: f}
	var created struct{ Context string }
	if err := json.Unmarshal(result, &created); err != nil {
		return nil, err
	}
	t.id = created.Context
	_, err = f.call(ctx, "browsingContext.navigate", map[string]any{"context": t.id, "url": url, "wait": "complete"})
	return t, err
}

type firefoxTab struct {
	*firefox
	id string
}

func (t *firefoxTab) close() {
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	_, _ = t.call(ctx, "browsingContext.close", map[string]any{"context": t.id})
}

func (t *firefoxTab) said() []string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return slices.Clone(t.log[t.id])
}

// context is the identifier of a document's browsing context.
func (t *firefoxTab) context(ctx context.Context, in document) (string, error) {
	if in == outer {
		return t.id, nil
	}
	result, err := t.call(ctx, "browsingContext.getTree", map[string]any{"root": t.id})
	if err != nil {
		return "", err
	}
	var tree struct {
		Contexts []struct{ Children []struct{ Context string } }
	}
	if err := json.Unmarshal(result, &tree); err != nil {
		return "", err
	}
	if len(tree.Contexts) == 0 || len(tree.Contexts[0].Children) == 0 {
		return "", errNoFrame
	}
	return tree.Contexts[0].Children[0].Context, nil
}

func (t *firefoxTab) evaluate(ctx context.Context, in document, expression string) (string, error) {
	id, err := t.context(ctx, in)
	if err != nil {
		return "", err
	}
	result, err := t.call(ctx, "script.evaluate", map[string]any{"expression": expression, "target": map[string]any{"context": id},
		"awaitPromise": true, "userActivation": true})
	if err != nil {
		return "", err
	}
	var got struct {
		Type             string
		Result           struct{ Value string }
		ExceptionDetails struct{ Text string }
	}
	if err := json.Unmarshal(result, &got); err != nil {
		return "", err
	}
	if got.Type != "success" {
		return "", errors.New(got.ExceptionDetails.Text)
	}
	return got.Result.Value, nil
}

func (t *firefoxTab) perform(ctx context.Context, in document, sources ...map[string]any) error {
	id, err := t.context(ctx, in)
	if err != nil {
		return err
	}
	_, err = t.call(ctx, "input.performActions", map[string]any{"context": id, "actions": sources})
	return err
}

func (t *firefoxTab) press(ctx context.Context, key string, with modifier) error {
	key = strings.ReplaceAll(key, "\n", enterKey)
	down, up := map[string]any{"type": "keyDown", "value": key}, map[string]any{"type": "keyUp", "value": key}
	strokes := []any{down, up}
	if with != plain {
		held := map[modifier]string{shift: "\uE008", control: "\uE009"}[with]
		strokes = []any{map[string]any{"type": "keyDown", "value": held}, down, up, map[string]any{"type": "keyUp", "value": held}}
	}
	return t.perform(ctx, outer, map[string]any{"type": "key", "id": "keyboard", "actions": strokes})
}

func (t *firefoxTab) click(ctx context.Context, x, y float64) error {
	return t.perform(ctx, frame, map[string]any{"type": "pointer", "id": "mouse", "actions": []any{
		map[string]any{"type": "pointerMove", "x": int(x), "y": int(y)},
		map[string]any{"type": "pointerDown", "button": 0}, map[string]any{"type": "pointerUp", "button": 0}}})
}

func (t *firefoxTab) resize(ctx context.Context, width, height int) error {
	_, err := t.call(ctx, "browsingContext.setViewport", map[string]any{"context": t.id, "viewport": map[string]int{"width": width, "height": height}})
	return err
}

func (t *firefoxTab) screenshot(ctx context.Context) ([]byte, error) {
	result, err := t.call(ctx, "browsingContext.captureScreenshot", map[string]any{"context": t.id})
	if err != nil {
		return nil, err
	}
	var shot struct{ Data string }
	if err := json.Unmarshal(result, &shot); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(shot.Data)
}
