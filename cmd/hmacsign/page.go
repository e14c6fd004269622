package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gmhmac/hmacsign/internal/page"
)

func newPage(io *streams) *cobra.Command {
	var listen, save string
	c := &cobra.Command{
		Use:   "page [--save FILE] [flags]",
		Short: "Serves a page that signs, and says why a request is refused, in a browser on this machine.",
		Long:  "It prints the page's address and serves it until it is interrupted. The page computes in\nthe browser, with this library: what is entered there goes nowhere. --save writes it as one\nfile, which a browser opens without a server.",
		Args:  arguments(0),
		RunE: func(c *cobra.Command, _ []string) error {
			address, err := netip.ParseAddrPort(listen)
			switch {
			case err != nil || !address.Addr().IsLoopback() || address.Addr().Zone() != "":
				return usagef("page: --listen %q: use an address of this machine alone, such as 127.0.0.1:8080", listen)
			case c.Flag("save").Changed && save == "":
				return usagef("page: --save: name a file, or - for standard output")
			case c.Flag("save").Changed && c.Flag("listen").Changed:
				return usagef("page: use --save or --listen, not both")
			}
			html, ok := page.HTML()
			switch {
			case !ok:
				return errors.New("this build is without the page: open hmacsign.html of a release in a browser, or in a clone run make page and build with -tags page")
			case save != "":
				return io.savePage(html, save)
			}
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return io.servePage(ctx, html, address)
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "`ADDRESS` to listen on, of this machine alone; port 0 is a free one")
	c.Flags().StringVar(&save, "save", "", "write the page to `FILE`, - is standard output, and serve nothing; another file of that name stays as it is")
	return c
}

// savePage writes the page. A file that is there is not replaced: it may be anything.
func (io *streams) savePage(html []byte, name string) error {
	if name == "-" {
		_, err := io.out.Write(html)
		return err
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		if isFile(name, html) {
			return nil
		}
		return fmt.Errorf("%s is there already and is another file: remove it, or name another one", name)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(html)
	if err = errors.Join(err, file.Close()); err != nil {
		os.Remove(name) // half a page is none
	}
	return err
}

// isFile reports whether a name is a file with this content. A device or a pipe is none,
// and may have no end.
func isFile(name string, content []byte) bool {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(content)) {
		return false
	}
	there, err := os.ReadFile(name)
	return err == nil && bytes.Equal(there, content)
}

// servePage serves the page until ctx ends.
func (io *streams) servePage(ctx context.Context, html []byte, address netip.AddrPort) error {
	listener, err := net.Listen("tcp", address.String())
	if err != nil {
		return err
	}
	at := listener.Addr().String()
	server := &http.Server{Handler: page.Handler(html, at), ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if _, err := fmt.Fprintf(io.out, "http://%s/\n", at); err != nil {
		listener.Close() // nobody knows where it is
		return err
	}
	io.note("serving the page until it is interrupted (Ctrl-C)")
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
