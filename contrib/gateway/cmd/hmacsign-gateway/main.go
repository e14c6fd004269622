// Command hmacsign-gateway is a verifying reverse proxy of several routes, whose keys
// and replay guard several of it can share.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	_ "github.com/gmhmac/hmacsign/algo/sm3cgo"     // where the build is tagged for it
	_ "github.com/gmhmac/hmacsign/algo/sm3openssl" // likewise
	"github.com/gmhmac/hmacsign/contrib/gateway"
	"github.com/gmhmac/hmacsign/internal/buildinfo"
)

const usage = `hmacsign-gateway verifies the signatures of HTTP requests and forwards them.

    hmacsign-gateway serve FILE    runs as the configuration file says
    hmacsign-gateway check FILE    says what is wrong with a configuration file
    hmacsign-gateway version

The file is YAML; the README has all settings. SIGHUP makes it read the keys file and the
certificate again, SIGTERM drains and ends it. Exit status: 0 done, 1 failed or not fine,
2 wrong usage.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// errUsage is for a command line that is none.
var errUsage = errors.New("write hmacsign-gateway serve FILE, check FILE or version; --help says more")

func run(args []string, out, errs io.Writer) int {
	err := dispatch(args, out, errs)
	if err == nil {
		return 0
	}
	fmt.Fprintln(errs, "hmacsign-gateway:", err)
	if err == errUsage {
		return 2
	}
	return 1
}

func dispatch(args []string, out, errs io.Writer) error {
	help := func(arg string) bool { return arg == "--help" || arg == "-h" }
	switch command := strings.Join(args, " "); {
	case command == "help" || slices.ContainsFunc(args, help):
		fmt.Fprint(out, usage)
		return nil
	case len(args) == 1 && command == "version":
		fmt.Fprintln(out, "hmacsign-gateway", buildinfo.Version())
		return nil
	case len(args) != 2 || args[0] != "serve" && args[0] != "check":
		return errUsage
	}
	file, err := os.Open(args[1])
	if err != nil {
		return err
	}
	config, err := gateway.ReadConfig(file)
	file.Close()
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", args[1], err)
	case args[0] == "check":
		fmt.Fprintln(out, args[1]+" is fine. What it names was not opened.")
		return nil
	}
	return serve(config, errs)
}

func serve(config *gateway.Config, errs io.Writer) error {
	level := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}[config.LogLevel]
	log := slog.New(slog.NewJSONHandler(errs, &slog.HandlerOptions{Level: level}))
	g, err := gateway.Open(context.Background(), config, log)
	if err != nil {
		return err
	}
	defer g.Close()
	return g.Run(context.Background(), nil)
}
