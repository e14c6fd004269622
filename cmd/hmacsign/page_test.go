package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/internal/page"
)

var aPage = []byte("<p>page</p>")

// A build without the page says how to get it, in one line; one with it writes it.
func TestPage(t *testing.T) {
	html, ok := page.HTML()
	status, stdout, stderr := hmacsignRun(t, "", "page", "--save", "-")
	if ok {
		require.Equal(t, []any{0, string(html), ""}, []any{status, stdout, stderr})
		require.Contains(t, stdout, "Content-Security-Policy")
		return
	}
	require.Equal(t, []any{1, "", "hmacsign: this build is without the page: open hmacsign.html of a release in a browser, or in a clone run make page and build with -tags page\n"}, []any{status, stdout, stderr})
}

func TestPageUsage(t *testing.T) {
	for args, want := range map[string]string{
		"--listen 0.0.0.0:80":           "127.0.0.1:8080",
		"--listen :8080":                "127.0.0.1:8080",
		"--listen 192.0.2.1:80":         "127.0.0.1:8080",
		"--listen [::]:80":              "127.0.0.1:8080",
		"--listen page.example:80":      "127.0.0.1:8080",
		"--listen 127.0.0.1":            "127.0.0.1:8080",
		"--save=":                       "name a file",
		"--save a --listen 127.0.0.1:0": "not both",
		"left":                          "unexpected argument",
	} {
		status, _, stderr := hmacsignRun(t, "", append([]string{"page"}, strings.Fields(args)...)...)
		require.Equal(t, 2, status, "%s: %s", args, stderr)
		require.Contains(t, stderr, want, args)
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
}

// A file is written once, written again if it is the same, and no other is lost.
func TestSavePage(t *testing.T) {
	name := filepath.Join(t.TempDir(), "page.html")
	var out bytes.Buffer
	streams := &streams{out: &out}
	require.NoError(t, streams.savePage(aPage, name))
	require.NoError(t, streams.savePage(aPage, name))
	require.EqualError(t, streams.savePage([]byte("a newer one"), name), name+" is there already and is another file: remove it, or name another one")
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, aPage, content)
	require.ErrorContains(t, streams.savePage(aPage, filepath.Join(name, "x")), "not a directory")
	require.Empty(t, out.String())
	require.NoError(t, streams.savePage(aPage, "-"))
	require.Equal(t, string(aPage), out.String())
}

// A device without an end is not read, a link that leads nowhere is not followed, and the
// page behind a link is the page.
func TestSavePageOverOther(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs devices and links")
	}
	streams := new(streams)
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(filepath.Join(dir, "page"), link))
	for _, name := range []string{"/dev/zero", dir, link} {
		require.ErrorContains(t, streams.savePage(aPage, name), "is there already", name)
	}
	require.NoError(t, streams.savePage(aPage, filepath.Join(dir, "page")))
	require.NoError(t, streams.savePage(aPage, link))
}

// A page whose address cannot be told is not served.
func TestServePageUntold(t *testing.T) {
	reader, writer := io.Pipe()
	reader.Close()
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	err := (&streams{out: writer, err: io.Discard}).servePage(ctx, aPage, netip.MustParseAddrPort("127.0.0.1:0"))
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

// The page is served at the address that is printed, until the end.
func TestServePage(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		if l, err := net.Listen("tcp", address); err != nil {
			t.Logf("skipped: needs %s", address)
			continue
		} else {
			l.Close()
		}
		reader, writer := io.Pipe()
		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		ended := make(chan error, 1)
		go func() {
			err := (&streams{out: writer, err: io.Discard}).servePage(ctx, aPage, netip.MustParseAddrPort(address))
			writer.Close()
			ended <- err
		}()
		line, err := bufio.NewReader(reader).ReadString('\n')
		require.NoError(t, err)
		resp, err := http.Get(strings.TrimSpace(line))
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.NoError(t, err)
		require.Equal(t, []any{200, aPage}, []any{resp.StatusCode, body})
		stop()
		require.NoError(t, <-ended)
		_, err = http.Get(strings.TrimSpace(line))
		require.Error(t, err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	require.ErrorContains(t, (&streams{}).servePage(context.Background(), aPage, netip.MustParseAddrPort(taken.Addr().String())), "address already in use")
}
