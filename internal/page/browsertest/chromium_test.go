package browsertest

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// chromium is driven by its own protocol. A sandboxed frame is a process and a target of
// its own in it, other frames are not.
type chromium struct {
	ctx    context.Context
	cancel func()
}

func startChromium() (browser, error) {
	program, err := exec.LookPath("chromium")
	if err != nil {
		return nil, err
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.Headless,
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.WindowSize(1280, 900)}
	for _, flag := range []string{"disable-gpu", "disable-background-networking", "disable-component-update",
		"disable-sync", "disable-dev-shm-usage", "disable-popup-blocking", "allow-loopback-in-peer-connection"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	options = append(options, chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"))
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		cancelAllocator()
		return nil, err
	}
	return &chromium{ctx, func() { cancel(); cancelAllocator() }}, nil
}

func (c *chromium) name() string { return "chromium" }

func (c *chromium) close() { c.cancel() }

func (c *chromium) open(_ context.Context, url string) (tab, error) {
	t := &chromiumTab{}
	t.outer, t.cancel = chromedp.NewContext(c.ctx, chromedp.WithListener(t.listen))
	if err := chromedp.Do(t.outer, chromedp.Navigate(url)); err != nil {
		t.cancel()
		return nil, err
	}
	return t, nil
}

type chromiumTab struct {
	outer, frame context.Context
	cancel       func()

	mutex    sync.Mutex
	log      []string
	contexts map[cdp.FrameID]runtime.ExecutionContextID
}

// listen runs on the goroutine that reads what the browser says.
func (t *chromiumTab) listen(event any) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	switch event := event.(type) {
	case *runtime.EventConsoleAPICalled, *runtime.EventExceptionThrown, *log.EventEntryAdded:
		var text strings.Builder
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(event)
		t.log = append(t.log, text.String())
	case *runtime.EventExecutionContextCreated:
		var of struct {
			FrameID   cdp.FrameID `json:"frameId"`
			IsDefault bool        `json:"isDefault"`
		}
		if json.Unmarshal(event.Context.AuxData, &of) == nil && of.IsDefault {
			if t.contexts == nil {
				t.contexts = map[cdp.FrameID]runtime.ExecutionContextID{}
			}
			t.contexts[of.FrameID] = event.Context.ID
		}
	}
}

func (t *chromiumTab) said() []string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return slices.Clone(t.log)
}

func (t *chromiumTab) close() { t.cancel() }

// within is a browser's context that ends when ctx does.
func within(browser, ctx context.Context) (context.Context, context.CancelFunc) {
	if end, has := ctx.Deadline(); has {
		return context.WithDeadline(browser, end)
	}
	return context.WithCancel(browser)
}

var errNoFrame = errors.New("the page has no frame yet")

// find finds where the frame's scripts run: with the page's, or in a target of its own.
func (t *chromiumTab) find() (context.Context, runtime.ExecutionContextID, error) {
	if t.frame != nil {
		return t.frame, 0, nil
	}
	tree, err := chromedp.Run(t.outer, func(ctx context.Context, s *chromedp.Target) (cdppage.GetFrameTreeResult, error) {
		return cdp.Call(ctx, s, cdppage.GetFrameTree, cdp.Empty{})
	})
	if err != nil {
		return nil, 0, err
	}
	if children := tree.FrameTree.ChildFrames; len(children) > 0 {
		t.mutex.Lock()
		defer t.mutex.Unlock()
		if id, has := t.contexts[children[0].Frame.ID]; has {
			return t.outer, id, nil
		}
		return nil, 0, errNoFrame
	}
	targets, err := chromedp.Targets(t.outer)
	if err != nil {
		return nil, 0, err
	}
	for _, target := range targets {
		if target.Type == "iframe" && target.ParentFrameID == tree.FrameTree.Frame.ID {
			ctx, _ := chromedp.NewContext(t.outer, chromedp.WithTargetID(target.TargetID), chromedp.WithListener(t.listen))
			if err := chromedp.Do(ctx); err != nil {
				return nil, 0, err
			}
			t.frame = ctx
			return ctx, 0, nil
		}
	}
	return nil, 0, errNoFrame
}

func (t *chromiumTab) evaluate(ctx context.Context, in document, expression string) (string, error) {
	where, id := t.outer, runtime.ExecutionContextID(0)
	if in == frame {
		var err error
		if where, id, err = t.find(); err != nil {
			return "", err
		}
	}
	where, cancel := within(where, ctx)
	defer cancel()
	return chromedp.Run(where, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise, func(p *runtime.EvaluateParams) {
		clicked := true
		p.UserGesture, p.ContextID = &clicked, id
	}))
}

var chromiumKeys = map[string]string{tabKey: kb.Tab, enterKey: kb.Enter, endKey: kb.End, homeKey: kb.Home,
	arrowLeft: kb.ArrowLeft, arrowRight: kb.ArrowRight, "\n": kb.Enter}

// chromiumCommands are what a keyboard's driver would add to keys with control.
var chromiumCommands = map[string]string{"a": "selectAll", "c": "copy", "v": "paste"}

func (t *chromiumTab) press(ctx context.Context, key string, with modifier) error {
	where, cancel := within(t.outer, ctx)
	defer cancel()
	if named, has := chromiumKeys[key]; has {
		key = named
	}
	if with != plain {
		return chromedp.Do(where, chromedp.KeyEvent(key, func(p *input.DispatchKeyEventParams) {
			p.Modifiers |= map[modifier]int64{shift: 8, control: 2}[with]
			if command, has := chromiumCommands[key]; has && with == control && p.Type != input.DispatchKeyEventTypeKeyUp {
				p.Commands = []string{command}
			}
		}))
	}
	if _, known := kb.Keys[[]rune(key)[0]]; known {
		return chromedp.Do(where, chromedp.KeyEvent(key))
	}
	return chromedp.Do(where, chromedp.Func(func(ctx context.Context, s *chromedp.Target) error {
		_, err := cdp.Call(ctx, s, input.InsertText, input.InsertTextParams{Text: key}) // by an input method
		return err
	}))
}

// click adds where the frame begins: the page's own target gets the mouse.
func (t *chromiumTab) click(ctx context.Context, x, y float64) error {
	at, err := t.evaluate(ctx, outer, `(async () => {
		const box = document.querySelector('iframe').getBoundingClientRect();
		return JSON.stringify([box.left, box.top]);
	})()`)
	if err != nil {
		return err
	}
	var offset [2]float64
	if err := json.Unmarshal([]byte(at), &offset); err != nil {
		return err
	}
	where, cancel := within(t.outer, ctx)
	defer cancel()
	return chromedp.Do(where, chromedp.MouseClickXY(x+offset[0], y+offset[1]))
}

func (t *chromiumTab) resize(ctx context.Context, width, height int) error {
	where, cancel := within(t.outer, ctx)
	defer cancel()
	return chromedp.Do(where, chromedp.Func(func(ctx context.Context, s *chromedp.Target) error {
		_, err := cdp.Call(ctx, s, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: int64(width), Height: int64(height), DeviceScaleFactor: 1})
		return err
	}))
}

func (t *chromiumTab) screenshot(ctx context.Context) ([]byte, error) {
	where, cancel := within(t.outer, ctx)
	defer cancel()
	return chromedp.Run(where, chromedp.CaptureScreenshot())
}
