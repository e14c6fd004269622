package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/sm3pure"
)

var lineArgs = []string{"mac", "--algorithm", "hmac-sha256", "--key-hex", "00010203"}

// linesOf is what a line is, said once more: what lies between newlines, and behind
// the last one only if there is something.
func linesOf(input []byte) [][]byte {
	lines := bytes.Split(input, []byte("\n"))
	if len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// listOf is the list of --lines by the standard library alone, with the key of
// lineArgs.
func listOf(input []byte) string {
	var list strings.Builder
	for _, line := range linesOf(input) {
		mac := hmac.New(sha256.New, []byte{0, 1, 2, 3})
		mac.Write(line)
		fmt.Fprintf(&list, "%x\n", mac.Sum(nil))
	}
	return list.String()
}

func printLines(t *testing.T, in io.Reader) (string, error) {
	key, err := algo.NewKey(algo.HMACSHA256, []byte{0, 1, 2, 3})
	require.NoError(t, err)
	defer key.Destroy()
	var out bytes.Buffer
	err = printLineMACs(key, in, &streams{out: &out})
	return out.String(), err
}

// edgeInputs have lines that end around the edges of batches.
func edgeInputs() map[string][]byte {
	inputs := map[string][]byte{
		"nothing": nil, "a newline": []byte("\n"), "newlines": []byte("\n\n\n"), "no newline": []byte("a"), "a line": []byte("a\n"),
		"CRLF": []byte("a\r\nb\r\n\r\nc\r"), "any bytes": []byte("\x00\n\xff\xfe\x00\x00\na\x00b"),
		"many empty lines": bytes.Repeat([]byte("\n"), 3*batchLines+1),
	}
	for _, n := range []int{batchBytes - 1, batchBytes, batchBytes + 1, 2*batchBytes - 1, 2 * batchBytes, 3*batchBytes + 7} {
		long := bytes.Repeat([]byte("x"), n)
		inputs[fmt.Sprint("a line of ", n)] = long
		inputs[fmt.Sprint("a newline and a line of ", n)] = append([]byte{'\n'}, long...)
		inputs[fmt.Sprint("a line of ", n, " and its newline")] = append(bytes.Clone(long), '\n')
		inputs[fmt.Sprint("a line of ", n, " between others")] = append(append([]byte("a\n\n"), long...), "\nb\n\nc"...)
	}
	for _, n := range []int{batchLines - 1, batchLines, batchLines + 1} {
		inputs[fmt.Sprint(n, " lines")] = bytes.Repeat([]byte("ab\n"), n)
		inputs[fmt.Sprint(n, " lines, the last without a newline")] = append(bytes.Repeat([]byte("ab\n"), n-1), "ab"...)
	}
	return inputs
}

func TestLines(t *testing.T) {
	for name, input := range edgeInputs() {
		want := listOf(input)
		for how, in := range map[string]io.Reader{
			"at once": bytes.NewReader(input), "in halves": iotest.HalfReader(bytes.NewReader(input)), "with the end": iotest.DataErrReader(bytes.NewReader(input)),
			"at once with the end": atOnce(input),
		} {
			got, err := printLines(t, in)
			require.NoError(t, err)
			require.Equal(t, want, got, "%s %s", name, how)
		}
		status, got, stderr := hmacsignRun(t, string(input), append(lineArgs, "--lines")...)
		require.Equal(t, []any{0, want, ""}, []any{status, got, stderr}, name)
		require.Equal(t, want, ok(t, append(lineArgs, "--lines", writeFile(t, string(input)))...), name)
	}
}

// atOnce gives as much as there is room for, and the end with the last of it.
func atOnce(rest []byte) io.Reader {
	return readerFunc(func(b []byte) (n int, err error) {
		n = copy(b, rest)
		if rest = rest[n:]; len(rest) == 0 {
			err = io.EOF
		}
		return n, err
	})
}

// However the input comes in, the lines are the same, on any number of processors.
func TestLinesInPieces(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for range 30 {
		runtime.GOMAXPROCS(1 + random.IntN(8))
		input := randomLines(random)
		got, err := printLines(t, &pieces{input, random, io.EOF})
		require.NoError(t, err)
		require.Equal(t, listOf(input), got)
	}
}

// Lines that take as many blocks of a hash go beside each other, in their order.
func TestAlike(t *testing.T) {
	lines := make([][]byte, 0, batchLines)
	for _, n := range []int{56, 55, 0, 119, 120, 5000, 55, 1 << 17} {
		lines = append(lines, make([]byte, n))
	}
	a := newBatch(32).alike
	require.True(t, a.sort(lines))
	require.Equal(t, []int{1, 2, 6, 0, 3, 4, 5, 7}, a.places)
	for _, same := range [][]int{{0, 55}, {56, 119}, {1 << 13, 1 << 17}, {7}, nil} {
		lines = lines[:0]
		for _, n := range same {
			lines = append(lines, make([]byte, n))
		}
		require.False(t, a.sort(lines), "%d blocks", same)
	}
}

// randomLines are mostly short; some are longer than a batch.
func randomLines(random *rand.Rand) []byte {
	var input []byte
	for range random.IntN(4000) {
		n := random.IntN(300)
		switch random.IntN(500) {
		case 0:
			n = random.IntN(3 * batchBytes)
		case 1:
			n = batchBytes - 2 + random.IntN(4)
		}
		for range n {
			input = append(input, byte(random.Uint32())|1) // no newline: that is even
		}
		input = append(input, '\n')
	}
	return input[:max(0, len(input)-random.IntN(2))]
}

// pieces gives its bytes in pieces of any length, at times none, and then an error.
type pieces struct {
	rest   []byte
	random *rand.Rand
	end    error
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, p.end
	}
	n := p.random.IntN(batchBytes / 3)
	if p.random.IntN(2) == 0 {
		n = p.random.IntN(500)
	}
	n = copy(b[:min(n, len(b))], p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// Every algorithm and backend has the same lines as it has messages.
func TestLinesBackends(t *testing.T) {
	input := strings.Repeat("a record\n", 100) + strings.Repeat("longer ", batchBytes/6) + "\n\nend"
	for _, algorithm := range algo.Algorithms() {
		for _, backend := range algo.Backends(algorithm) {
			if !backend.Available {
				continue
			}
			key, err := algo.NewKey(algorithm, []byte("key"), algo.WithBackend(backend.Backend))
			require.NoError(t, err)
			var want strings.Builder
			for _, line := range linesOf([]byte(input)) {
				fmt.Fprintf(&want, "%x\n", key.Sum(nil, line))
			}
			args := []string{"mac", "--algorithm", algorithm, "--key-hex", "6b6579", "--backend", backend.Backend}
			name := writeFile(t, input)
			list := ok(t, append(args, "--lines", name)...)
			require.Equal(t, want.String(), list, "%s on %s", algorithm, backend.Backend)
			require.Equal(t, "all 103 lines match their MACs\n", ok(t, append(args, "--check", writeFile(t, list), name)...))
		}
	}
}

// A line that was not read to its end has no MAC; those before it have one.
func TestLinesReadError(t *testing.T) {
	broken := errors.New("the disk is gone")
	got, err := printLines(t, io.MultiReader(strings.NewReader("a\nb\nhalf a li"), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	require.Equal(t, listOf([]byte("a\nb\n")), got)

	long := bytes.Repeat([]byte("x"), 3*batchBytes)
	got, err = printLines(t, &pieces{long, rand.New(rand.NewPCG(1, 1)), broken})
	require.ErrorIs(t, err, broken)
	require.Empty(t, got)

	status, stdout, stderr := hmacsignRun(t, "", append(lineArgs, "--lines", t.TempDir())...)
	require.Equal(t, []any{1, ""}, []any{status, stdout})
	require.Contains(t, stderr, "directory")
}

// failing takes some bytes and no more.
type failing struct{ room int }

func (f *failing) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errors.New("no space left on device")
	}
	return len(b), nil
}

// What cannot be written ends the command, also while the input gives nothing.
func TestLinesWriteError(t *testing.T) {
	for _, args := range [][]string{{"--lines"}, {"--check", writeFile(t, "no MAC\n")}} {
		in, w := io.Pipe()
		defer w.Close()
		go w.Write([]byte("a\nb\n"))
		var stderr bytes.Buffer
		require.Equal(t, 1, run(append(lineArgs, args...), &streams{in: in, out: &failing{}, err: &stderr}))
		require.Equal(t, "hmacsign: no space left on device\n", stderr.String())
	}
	var stderr bytes.Buffer
	require.Equal(t, 1, run(append(lineArgs, "--check", writeFile(t, listOf([]byte("a\n")))), &streams{in: strings.NewReader("a\n"), out: &failing{}, err: &stderr}))
	require.Equal(t, "hmacsign: no space left on device\n", stderr.String(), "that all match")
	require.Equal(t, 0, run(append(lineArgs, "--lines"), &streams{in: strings.NewReader("a\n"), out: &failing{65}, err: io.Discard}))
}

// A backend that fails in the middle leaves the MACs before and none behind, and the
// key is cleared however it ends.
func TestLinesBackendFails(t *testing.T) {
	registerTurncoat()
	args := []string{"mac", "--algorithm", "hmac-sm3", "--key-hex", "00", "--backend", "turncoat", "--lines"}
	for what, behind := range map[string]string{"lines": "b\nc\n", "a long line": strings.Repeat("x", 2*batchBytes)} {
		read := strings.NewReader(behind)
		fail := sync.OnceFunc(func() { turncoat.fails.Store(true) }) // nobody waits for the reader
		in := io.MultiReader(strings.NewReader("a\n"), readerFunc(func(b []byte) (int, error) {
			time.Sleep(10 * time.Millisecond) // for the line before
			fail()
			return read.Read(b)
		}))
		var stdout, stderr bytes.Buffer
		require.Equal(t, 1, run(args, &streams{in: in, out: &stdout, err: &stderr}), what)
		require.Contains(t, stderr.String(), "the license ran out", what)
		require.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())
		require.LessOrEqual(t, strings.Count(stdout.String(), "\n"), 1, what)
		turncoat.fails.Store(false)
		require.NoError(t, algo.SelfTest(algo.HMACSM3, algo.WithBackend("turncoat")))
		require.Equal(t, 0, run(args, &streams{in: strings.NewReader("a\n" + behind), out: io.Discard, err: io.Discard}), what)
	}

	// It is an error of the lines, for those who have to tidy up behind it.
	for what, behind := range map[string]string{"lines": "b\n", "a long line": strings.Repeat("x", 2*batchBytes)} {
		key, err := algo.NewKey(algo.HMACSM3, []byte{0}, algo.WithBackend("turncoat"))
		require.NoError(t, err)
		read, used := strings.NewReader(behind), make(chan struct{})
		use := sync.OnceFunc(func() { close(used) })
		in := io.MultiReader(strings.NewReader("a\n"), readerFunc(func(b []byte) (int, error) {
			<-used
			turncoat.fails.Store(true)
			return read.Read(b)
		}))
		err = eachLineMAC(key, in, new(progress), func([]byte) error { use(); return nil })
		require.ErrorContains(t, err, "the license", what)
		key.Destroy()
		turncoat.fails.Store(false)
		require.NoError(t, algo.SelfTest(algo.HMACSM3, algo.WithBackend("turncoat")))
	}

	registerCounted()
	require.NoError(t, algo.SelfTest(algo.HMACSM3, algo.WithBackend("counted")))
	args = []string{"mac", "--algorithm", "hmac-sm3", "--key-hex", "00", "--backend", "counted"}
	before := destroyed.Load()
	require.Equal(t, 0, run(append(args, "--lines"), &streams{in: strings.NewReader("a\n"), out: io.Discard, err: io.Discard}))
	require.Equal(t, 1, run(append(args, "--lines"), &streams{in: strings.NewReader("a\n"), out: &failing{}, err: io.Discard}))
	require.Equal(t, 1, run(append(args, "--check", "/nonexistent"), &streams{in: strings.NewReader("a\n"), out: io.Discard, err: io.Discard}))
	require.Equal(t, before+3, destroyed.Load())
}

// slow is a backend that takes its time for one message, and tells whether its key was
// cleared meanwhile.
var slow struct {
	began       chan struct{}
	busy, early atomic.Bool
}

type slowKey struct{ macKey }

func (k slowKey) Sum(dst, msg []byte) []byte {
	if string(msg) == "slow" {
		slow.busy.Store(true)
		close(slow.began)
		time.Sleep(50 * time.Millisecond)
		slow.busy.Store(false)
	}
	return k.macKey.Sum(dst, msg)
}

func (slowKey) Destroy() { slow.early.Store(slow.busy.Load()) }

var registerSlow = sync.OnceFunc(func() {
	algo.Register(algo.Backend{Algorithm: algo.HMACSM3, Name: "slow", NewHash: sm3pure.New,
		NewKeyed: func(secret []byte) (algo.Keyed, error) { return slowKey{macKey{bytes.Clone(secret)}}, nil }})
})

// A key is cleared when nobody computes any more.
func TestLinesWaitForTheirKey(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	registerSlow()
	slow.began = make(chan struct{})
	full := writerFunc(func([]byte) (int, error) { <-slow.began; return 0, errors.New("no space left on device") })
	in := io.MultiReader(strings.NewReader("a\n"), strings.NewReader("slow\n"))
	require.Equal(t, 1, run([]string{"mac", "--algorithm", "hmac-sm3", "--key-hex", "00", "--backend", "slow", "--lines"}, &streams{in: in, out: full, err: io.Discard}))
	require.False(t, slow.early.Load())
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func TestLinesUsage(t *testing.T) {
	for _, args := range [][]string{
		{"--lines", "--check", "list"}, {"--check", ""}, {"--check", "a", "--check", "b"}, {"--check"}, {"--check", "-"}, {"--check", "-", "-"}, {"--lines", "a", "b"},
	} {
		status, stdout, stderr := hmacsignRun(t, "", append(lineArgs, args...)...)
		require.Equal(t, []any{2, ""}, []any{status, stdout}, args)
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
	for _, args := range [][]string{{"--key-hex", "00"}, {"--algorithm", "hmac-sm3"}} {
		status, _, _ := hmacsignRun(t, "", append(append([]string{"mac"}, args...), "--check", "list")...)
		require.Equal(t, 2, status, args)
	}
}

// A list that goes into the file that it is made from would never end.
func TestLinesIntoTheirFile(t *testing.T) {
	name := writeFile(t, "a\n")
	out, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	defer out.Close()
	var stderr bytes.Buffer
	require.Equal(t, 1, run(append(lineArgs, "--lines", name), &streams{in: nil, out: out, err: &stderr}))
	require.Contains(t, stderr.String(), "write it to another")
	// A shell has emptied the file of `mac --lines log > log` before it is read.
	name = writeFile(t, "")
	out, err = os.OpenFile(name, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer out.Close()
	stderr.Reset()
	require.Equal(t, 1, run(append(lineArgs, "--lines", name), &streams{in: nil, out: out, err: &stderr}))
	require.Contains(t, stderr.String(), "write it to another")

	name = writeFile(t, "a\n")
	status, _, text := hmacsignRun(t, "", append(lineArgs, "--check", name, name)...)
	require.Equal(t, 1, status)
	require.Contains(t, text, "name the list")

	ok(t, append(lineArgs, "--lines", writeFile(t, ""))...)
}

// The command as it is built, on pipes and files, against Python's hmac.
func TestLinesCommand(t *testing.T) {
	program := builtCommand(t)
	random := rand.New(rand.NewPCG(3, 3))
	input := randomLines(random)
	name := writeFile(t, string(input))
	t.Run("python", func(t *testing.T) {
		requireTool(t, "python3")
		for algorithm, digest := range map[string]string{"hmac-sha1": "sha1", "hmac-sha256": "sha256", "hmac-sm3": "sm3"} {
			python := exec.Command("python3", "-c", `import hmac, sys
for line in sys.stdin.buffer: print(hmac.new(b"key", line.removesuffix(b"\n"), sys.argv[1]).hexdigest())`, digest)
			python.Stdin = bytes.NewReader(input)
			want, err := python.Output()
			if err != nil && digest == "sm3" {
				t.Log("sm3 skipped: it needs a Python whose OpenSSL has SM3")
				continue
			}
			require.NoError(t, err)
			got, err := exec.Command(program, "mac", "--algorithm", algorithm, "--key-hex", "6b6579", "--lines", name).Output()
			require.NoError(t, err)
			require.Equal(t, string(want), string(got), algorithm)
		}
	})
	t.Run("a pipe that stays open", func(t *testing.T) {
		cmd := exec.Command(program, append(lineArgs, "--lines")...)
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		defer cmd.Process.Kill()
		for _, line := range []string{"a", "b"} {
			_, err = io.WriteString(in, line+"\nhalf")
			require.NoError(t, err)
			got := make([]byte, 65)
			_, err = io.ReadFull(out, got) // comes without waiting for more
			require.NoError(t, err)
			if line == "b" {
				line = "halfb"
			}
			require.Equal(t, listOf([]byte(line)), string(got))
		}
		require.NoError(t, in.Close())
		rest, err := io.ReadAll(out)
		require.NoError(t, err)
		require.Equal(t, listOf([]byte("half")), string(rest))
		require.NoError(t, cmd.Wait())
	})
	t.Run("a reader that leaves", func(t *testing.T) {
		requireTool(t, "sh")
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "sh", "-c", `yes | "$0" "$@" --lines | head -n 1`, program)
		cmd.Args = append(cmd.Args, lineArgs...)
		got, err := cmd.Output()
		require.NoError(t, err)
		require.Equal(t, listOf([]byte("y")), string(got))
	})
	t.Run("a signal", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("needs signals")
		}
		list := filepath.Join(t.TempDir(), "list")
		out, err := os.Create(list)
		require.NoError(t, err)
		defer out.Close()
		cmd := exec.Command(program, append(lineArgs, "--lines")...)
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		cmd.Stdout = out
		require.NoError(t, cmd.Start())
		_, err = in.Write(input)
		require.NoError(t, err)
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM)) // an interrupt may be ignored, by a shell's &
		require.Error(t, cmd.Wait())
		printed, err := os.ReadFile(list)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(listOf(input), string(printed)), "a list that is cut off, which --check tells")
	})
	t.Run("a requirement", func(t *testing.T) {
		for backend, want := range map[string]int{"go": 0, "tencentsm": 1} {
			for _, args := range [][]string{{"--lines"}, {"--check", writeFile(t, listOf(input))}} {
				cmd := exec.Command(program, append(append(lineArgs, args...), name)...)
				cmd.Env = append(os.Environ(), "HMACSIGN_REQUIRE=hmac-sha256="+backend)
				out, _ := cmd.Output()
				require.Equal(t, want, cmd.ProcessState.ExitCode())
				require.Equal(t, want == 0, len(out) > 0)
			}
		}
	})
	t.Run("a full disk", func(t *testing.T) {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Skip("needs /dev/full")
		}
		defer full.Close()
		cmd := exec.Command(program, append(lineArgs, "--lines", name)...)
		var stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = full, &stderr
		require.Error(t, cmd.Run())
		require.Equal(t, 1, cmd.ProcessState.ExitCode())
		require.Contains(t, stderr.String(), "no space left")
	})
}

// 150-byte records, read from memory.
func BenchmarkLines(b *testing.B) {
	key, err := algo.NewKey(algo.HMACSM3, make([]byte, 32))
	require.NoError(b, err)
	const count = 100_000
	records := bytes.Repeat(append(bytes.Repeat([]byte("x"), 150), '\n'), count)
	var list bytes.Buffer
	require.NoError(b, printLineMACs(key, bytes.NewReader(records), &streams{out: &list}))
	perLine := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/count, "ns/line")
	}
	b.Run("print", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.NoError(b, printLineMACs(key, bytes.NewReader(records), &streams{out: io.Discard}))
		}
		perLine(b)
	})
	name := writeFile(b, list.String())
	b.Run("check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.NoError(b, checkLineMACs(key, name, bytes.NewReader(records), &streams{out: io.Discard}))
		}
		perLine(b)
	})
}
