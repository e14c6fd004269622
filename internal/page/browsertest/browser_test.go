package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A browser has a new profile and opens tabs.
type browser interface {
	name() string
	open(ctx context.Context, url string) (tab, error) // it has loaded
	close()
}

// A tab is what the tests need of one, whichever browser it is in.
type tab interface {
	// evaluate has a document evaluate an expression as its own scripts would after a
	// click, waits for the promise that it gives, and returns the string that comes of it.
	evaluate(ctx context.Context, in document, expression string) (string, error)
	press(ctx context.Context, key string, with modifier) error
	click(ctx context.Context, x, y float64) error // in the frame
	resize(ctx context.Context, width, height int) error
	screenshot(ctx context.Context) ([]byte, error)
	said() []string // to the console, and what was thrown and not caught
	close()
}

// The page is a document with one frame, in which all happens.
type document int

const (
	frame document = iota
	outer
)

func (d document) String() string { return [...]string{"frame", "outer"}[d] }

type modifier int

const (
	plain modifier = iota
	shift
	control
)

// Keys that are no characters, by WebDriver's code points.
const (
	tabKey     = "\uE004"
	enterKey   = "\uE007"
	endKey     = "\uE010"
	homeKey    = "\uE011"
	arrowLeft  = "\uE012"
	arrowRight = "\uE014"
)

// guard is how long anything may take.
const guard = time.Minute

// A page is a tab that a test looks at.
type page struct {
	t   *testing.T
	tab tab
}

func open(t *testing.T, b browser, url string) page {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	tab, err := b.open(ctx, url)
	require.NoError(t, err)
	t.Cleanup(tab.close)
	return page{t, tab}
}

// run runs the body of an asynchronous function, which finds the arguments in args.
func run[T any](p page, in document, body string, args ...any) T {
	p.t.Helper()
	got, err := tryRun[T](p, in, body, args...)
	require.NoError(p.t, err)
	return got
}

func tryRun[T any](p page, in document, body string, args ...any) (T, error) {
	var got T
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	list, err := json.Marshal(append([]any{}, args...))
	if err != nil {
		return got, err
	}
	text, err := p.tab.evaluate(ctx, in, fmt.Sprintf(`(async args => { %s })(%s).then(r => JSON.stringify(r ?? null))`, body, list))
	if err != nil {
		return got, fmt.Errorf("%w in %s", err, body)
	}
	return got, json.Unmarshal([]byte(text), &got)
}

// eventually waits until the body returns something true, and returns that.
func eventually[T any](p page, in document, body string, args ...any) T {
	p.t.Helper()
	end := time.Now().Add(guard)
	for {
		got, err := tryRun[json.RawMessage](p, in, body, args...)
		var value T
		switch text := string(got); {
		case err == nil && text != "null" && text != "false" && text != `""` && text != "0":
			require.NoError(p.t, json.Unmarshal(got, &value))
			return value
		case time.Now().After(end):
			require.NoError(p.t, err)
			require.FailNow(p.t, "never became true", body)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// press presses one key.
func (p page) press(key string, with modifier) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	require.NoError(p.t, p.tab.press(ctx, key, with))
}

// click clicks what the selector finds in the frame.
func (p page) click(selector string) {
	p.t.Helper()
	at := run[[2]float64](p, frame, `
		const e = document.querySelector(args[0]);
		if (!e) throw new Error('there is no ' + args[0]);
		e.scrollIntoView({block: 'center', inline: 'nearest', behavior: 'instant'});
		await new Promise(done => setTimeout(done, 50));
		const box = e.getBoundingClientRect();
		const x = box.left + box.width / 2, y = box.top + box.height / 2;
		const hit = document.elementFromPoint(x, y);
		if (!hit || !(e.contains(hit) || hit.contains(e))) throw new Error(args[0] + ' cannot be clicked');
		return [x, y]`, selector)
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	require.NoError(p.t, p.tab.click(ctx, at[0], at[1]))
}

// typeInto empties a field and types into it, key by key.
func (p page) typeInto(selector, text string) {
	p.t.Helper()
	p.fill(map[string]string{selector: ""})
	run[any](p, frame, `document.querySelector(args[0]).focus()`, selector)
	for _, r := range text {
		p.press(string(r), plain)
	}
}

// fill puts values into fields at once, as pasting does.
func (p page) fill(values map[string]string) {
	p.t.Helper()
	run[any](p, frame, `
		for (const [selector, value] of Object.entries(args[0])) {
			const field = document.querySelector(selector);
			if (!field) throw new Error('there is no ' + selector);
			if (field.type == 'checkbox') field.checked = value == 'true'; else field.value = value;
			field.dispatchEvent(new Event('input', {bubbles: true}));
			field.dispatchEvent(new Event('change', {bubbles: true}));
		}`, values)
}

func (p page) resize(width, height int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	require.NoError(p.t, p.tab.resize(ctx, width, height))
	// The frame is of another process and learns of it later.
	eventually[bool](p, frame, `return innerWidth == args[0] && innerHeight == args[1]`, width, height)
}

func (p page) screenshot() []byte {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	png, err := p.tab.screenshot(ctx)
	require.NoError(p.t, err)
	return png
}
