// Command report measures hmacsign beside other implementations and writes
// REPORT.md and its plots into a folder: make bench-report. It is one file that runs
// alone on any machine:
//
//	cd bench/peers && GOARCH=arm64 CGO_ENABLED=0 go build -o /tmp/report ./report
//
// With the command hmacsign in its folder it measures mac --lines too: make report
// GOARCH=arm64 builds both.
//
// What is compared runs in turn, in one process, in many short rounds; a ratio
// is that of two neighbours of one round, and the median of the rounds is
// reported with the tenth and the ninetieth percentile.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/gmhmac/hmacsign/algo"
	_ "github.com/gmhmac/hmacsign/algo/sm3openssl"
)

const usage = `usage: report [-out DIR] [-rounds N]

Measures hmacsign beside other implementations of SM3 and HMAC on this machine,
and writes REPORT.md and three plots, SVG files, into DIR. Takes about a minute,
on slow processors some minutes. Nothing else should run meanwhile. No network is
used, and nothing is sent; the report names the processor, not the machine.

`

func main() {
	log.SetFlags(0)
	log.SetPrefix("report: ")
	flag.Usage = func() { fmt.Fprint(flag.CommandLine.Output(), usage); flag.PrintDefaults() }
	out := flag.String("out", ".", "`folder` to write to, which is made where it is missing")
	rounds := flag.Int("rounds", 61, "how many rounds of about 2 ms each thing is measured")
	lesser := flag.String("lesser", "", "print rows under this `name` and nothing else: what the program starts itself for, with instructions hidden")
	scan := flag.Bool("scan", false, "print the MAC of each line of standard input and nothing else: what hmacsign mac --lines is measured against")
	flag.Parse()
	if flag.NArg() > 0 || *rounds < 1 {
		flag.Usage()
		os.Exit(2)
	}
	if *scan {
		check(scanLines(os.Stdin, os.Stdout))
		return
	}
	r := newReport(*out, *rounds)
	if *lesser != "" {
		r.asLesser(*lesser)
		fmt.Print(r.goals.String())
		return
	}
	if err := r.write(); err != nil {
		log.Fatal(err)
	}
}

// report is what was measured, as far as it is.
type report struct {
	*bench
	processor processor
	kernel    string // of SM3, in use
	out       string // folder

	goals, kernelTable strings.Builder // rows
	streamed, macced   results
}

func newReport(out string, rounds int) *report {
	return &report{bench: newBench(rounds), processor: thisProcessor(), kernel: key(algo.HMACSM3).Backend().Version, out: out}
}

// warn tells the one who runs the program.
func (r *report) warn(format string, args ...any) { log.Printf("warning: "+format, args...) }

// write measures everything and writes the files.
func (r *report) write() error {
	if err := writable(r.out); err != nil {
		return err
	}
	if average, ok := load(); ok && average > 0.5 {
		r.warn("this machine is busy (load average %.1f): figures mean little then", average)
	}
	if r.emulated {
		r.warn("this run is emulated: its times say nothing of a processor")
	}
	var requests, throughput string
	var err error
	parts := []struct {
		name string
		run  func()
	}{
		{"one stream of SM3", r.streams},
		{"HMAC-SM3 of 150 bytes", r.macs},
		{"HMAC-SHA256 and HMAC-SHA1", r.sha},
		{"the same on a lesser processor", r.lesserRows},
		{"each kernel of SM3", r.kernels},
		{"signed requests", r.schemes},
		{"lines of a file", r.lines},
		{"throughput over size", func() { throughput = r.attempt(r.plotThroughput) }},
		{"signers of others", func() { requests = r.attempt(r.plotRequests) }},
	}
	for i, part := range parts {
		log.Printf("%d of %d: %s", i+1, len(parts), part.name)
		part.run()
	}
	if !r.emulated && !quiet(r.clock) {
		r.warn("the clock varied by more than %.0f %%: cycles mean little", disagree*100)
	}
	file := filepath.Join(r.out, "REPORT.md")
	if err = os.WriteFile(file, []byte(r.text(throughput, requests)), 0o644); err == nil {
		log.Printf("wrote %s", file)
	}
	return err
}

// writable makes the folder where it is missing, and tells whether files can be made
// in it, before anybody waits for what goes there.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "report")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// build is the compiler and the tags.
func build() string {
	text := runtime.Version()
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-tags" && s.Value != "" {
				text += " -tags " + s.Value
			}
		}
	}
	return text
}
