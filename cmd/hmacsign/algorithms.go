package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/rivo/uniseg"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/sm3cgo"
	_ "github.com/gmhmac/hmacsign/algo/sm3openssl" // where the build is tagged for it
	"github.com/gmhmac/hmacsign/internal/buildinfo"
)

// algorithmsFlags are those of algorithms.
type algorithmsFlags struct {
	output   string
	require  []string
	selfTest bool
}

func (f *algorithmsFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.output, "output", "table", "`table|json`; json is the evidence of what runs, from which files")
	fs.Var((*words)(&f.require), "require", "`ALGORITHM=BACKEND`, repeatable: exit 1 unless that, and what the environment requires, is what runs; BACKEND@sha256:HEX: from the file with this SHA-256")
	fs.BoolVar(&f.selfTest, "self-test", false, "compute the known answers again: exit 1 unless they are right")
}

func newAlgorithms(io *streams) *cobra.Command {
	f := new(algorithmsFlags)
	c := &cobra.Command{
		Use:   "algorithms [flags]",
		Short: "Lists the algorithms, their backends, and which one is used.",
		Args:  arguments(0),
		RunE:  func(*cobra.Command, []string) error { return f.run(io) },
	}
	f.add(c.Flags())
	completeFlag(c, "output", "table", "json")
	return c
}

func (f *algorithmsFlags) run(io *streams) error {
	print, ok := map[string]func(*streams) error{"json": printEvidence, "table": printAlgorithms}[f.output]
	if !ok {
		return usagef("algorithms: --output %q: use table or json", f.output)
	}
	var unmet list
	note := func(err error) {
		if err != nil && !slices.ContainsFunc(unmet, func(known error) bool { return known.Error() == err.Error() }) {
			unmet = append(unmet, err)
		}
	}
	for _, text := range f.require {
		algorithm, backend, ok := strings.Cut(text, "=")
		switch {
		case strings.Contains(text, ","):
			return usagef("algorithms: --require %q: one at a time: repeat --require", text)
		case !ok || backend == "":
			return usagef("algorithms: --require %q: write it as hmac-sm3=tencentsm", text)
		}
		note(algo.Require(algorithm, backend))
	}
	required, err := algo.Required()
	note(err)
	for _, algorithm := range algo.Algorithms() {
		if required[algorithm] != "" {
			_, err := algo.NewHash(algorithm)
			note(err)
		}
	}
	if f.selfTest {
		for _, algorithm := range algo.Algorithms() {
			note(algo.SelfTest(algorithm))
		}
	}
	if err := print(io); err != nil || unmet == nil {
		return err
	}
	return unmet
}

func printEvidence(io *streams) error {
	e := json.NewEncoder(io.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Build build `json:"build"`
		*algo.Evidence
	}{buildInfo(), algo.NewEvidence(time.Now())})
}

func printAlgorithms(io *streams) error {
	rows := [][]string{{io.text("ALGORITHM"), io.text("BACKEND"), io.text("AVAILABLE"), io.text("SELECTED"), io.text("SELF-TEST"), io.text("VERSION"), io.text("DETAIL")}}
	for _, name := range algo.Algorithms() {
		for _, i := range algo.Backends(name) {
			rows = append(rows, []string{i.Algorithm, i.Backend, io.yes(i.Available), io.yes(i.Selected), io.text(i.SelfTest), printable(i.Version), printable(io.translated(commandWords(i.Detail)))})
		}
	}
	printTable(io.out, rows)
	return nil
}

func (io *streams) yes(b bool) string {
	if b {
		return io.text("yes")
	}
	return io.text("no")
}

// printTable prints rows in columns.
func printTable(w io.Writer, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row[:len(row)-1] {
			widths[i] = max(widths[i], uniseg.StringWidth(cell)+2)
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			fmt.Fprint(w, padded(cell, widths[i]))
		}
		fmt.Fprintln(w)
	}
}

// padded is a text with spaces behind it; a Chinese character takes two columns.
func padded(text string, columns int) string {
	return text + strings.Repeat(" ", max(0, columns-uniseg.StringWidth(text)))
}

// printable keeps what a library or a path says from looking like other lines.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// build is how this program was built, as the Go toolchain recorded it.
type build struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Tags     string `json:"tags"`
	Cgo      bool   `json:"cgo"`
	// TencentSM is what the tag tencentsm linked, null without it.
	TencentSM *sm3cgo.Library `json:"tencentsm"`
}

func buildInfo() build {
	b := build{Version: buildinfo.Version(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Tags: buildinfo.Setting("-tags"), Cgo: buildinfo.Setting("CGO_ENABLED") == "1"}
	if sm3cgo.Enabled {
		linked := sm3cgo.Linked()
		b.TencentSM = &linked
	}
	return b
}

func newVersion(io *streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Prints the version.",
		Args:  arguments(0),
		RunE:  func(*cobra.Command, []string) error { return printVersion(io) },
	}
}

func printVersion(io *streams) error {
	b := buildInfo()
	_, err := fmt.Fprintf(io.out, "hmacsign %s %s %s tags=%q cgo=%t\n", b.Version, b.Go, b.Platform, b.Tags, b.Cgo)
	return err
}
