// Command lines measures `hmacsign mac --lines` against what its user would write
// otherwise: a loop over emmansun/gmsm's kept hmac.Hash in Go, and one over OpenSSL's
// EVP_MAC in C. Each is a built command that reads the same file of records and
// writes to a file, on one processor. They run in turn, so that what else the machine
// does meets all of them; the ratios are of the times within a round.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

const key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

type contestant struct {
	name string
	args []string
	wall []float64 // seconds, of each round
	cpu  []float64
}

func main() {
	records := flag.Int("records", 1_000_000, "how many")
	size := flag.Int("size", 150, "bytes of each, without its newline")
	rounds := flag.Int("rounds", 13, "how often each command runs")
	flag.Parse()
	if flag.NArg() > 0 || *records < 1 || *size < 0 || *rounds < 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := measure(*records, *size, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "lines:", err)
		os.Exit(1)
	}
}

func measure(records, size, rounds int) error {
	dir, err := os.MkdirTemp("", "lines")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	contestants, err := build(dir)
	if err != nil {
		return err
	}
	input := filepath.Join(dir, "records")
	if err := writeRecords(input, records, size); err != nil {
		return err
	}
	var want []byte
	for round := range rounds + 1 { // the first fills the caches and is not counted
		for _, c := range contestants {
			output := filepath.Join(dir, "macs")
			if err := c.run(input, output, round > 0); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if round == 0 {
				got, err := os.ReadFile(output)
				if err != nil {
					return err
				}
				if want == nil {
					want = got
				} else if !bytes.Equal(want, got) {
					return fmt.Errorf("%s prints other MACs than %s", c.name, contestants[0].name)
				}
			}
		}
	}
	report(contestants, records, size, rounds)
	return nil
}

// build compiles the commands, from the folder bench/peers; OpenSSL's only where its
// headers are.
func build(dir string) ([]*contestant, error) {
	path := func(name string) string { return filepath.Join(dir, name) }
	own := &contestant{name: "hmacsign mac --lines", args: []string{path("hmacsign"), "mac", "--algorithm", "hmac-sm3", "--key-hex", key, "--lines"}}
	scanner := &contestant{name: "emmansun, kept hmac.Hash", args: []string{path("scanner"), key}}
	evp := &contestant{name: "OpenSSL, kept EVP_MAC", args: []string{path("evp"), key}}
	for _, program := range []struct{ folder, source, name string }{{"../..", "./cmd/hmacsign", own.args[0]}, {".", "./lines/scanner", scanner.args[0]}} {
		cmd := exec.Command("go", "build", "-o", program.name, program.source)
		cmd.Dir = program.folder
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w: %s", err, out)
		}
	}
	if out, err := exec.Command("cc", "-O2", "-o", evp.args[0], "lines/evp/lines.c", "-lcrypto").CombinedOutput(); err != nil {
		fmt.Printf("without OpenSSL, which needs a C compiler and its headers (libssl-dev): %.200s\n", out)
		return []*contestant{own, scanner}, nil
	}
	return []*contestant{own, scanner, evp}, nil
}

func writeRecords(name string, records, size int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	out := bufio.NewWriterSize(f, 1<<20)
	random := rand.New(rand.NewPCG(1, 2))
	record := make([]byte, size+1)
	record[size] = '\n'
	for range records {
		for i := range record[:size] {
			record[i] = ' ' + byte(random.IntN(95))
		}
		if _, err := out.Write(record); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func (c *contestant) run(input, output string, counted bool) error {
	in, err := os.Open(input)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(output)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(c.args[0], c.args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, os.Stderr
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return err
	}
	if counted {
		c.wall = append(c.wall, time.Since(start).Seconds())
		c.cpu = append(c.cpu, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
	}
	return nil
}

func report(contestants []*contestant, records, size, rounds int) {
	fmt.Printf("%d records of %d bytes, hmac-sm3, GOMAXPROCS=1, %d rounds in turn, %s/%s, %s\n", records, size, rounds, runtime.GOOS, runtime.GOARCH, runtime.Version())
	fmt.Printf("%-26s %14s %14s %22s %22s\n", "", "least ns, wall", "and processor", "times as long, wall", "and processor")
	own := contestants[0]
	for _, c := range contestants {
		perRecord := 1e9 / float64(records)
		fmt.Printf("%-26s %14.0f %14.0f %22s %22s\n", c.name, slices.Min(c.wall)*perRecord, slices.Min(c.cpu)*perRecord, ratios(c.wall, own.wall), ratios(c.cpu, own.cpu))
	}
}

// ratios are the median, and in brackets the ends, of what a round gave.
func ratios(a, b []float64) string {
	all := make([]float64, len(a))
	for i := range a {
		all[i] = a[i] / b[i]
	}
	slices.Sort(all)
	return fmt.Sprintf("%.2f (%.2f to %.2f)", all[len(all)/2], all[0], all[len(all)-1])
}
