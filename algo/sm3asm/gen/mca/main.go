// Command mca models the kernels of sm3asm on processors that are not at hand. It
// builds a test binary for each architecture, takes the kernels out of it as the
// linker left them, and has llvm-mca tell the cycles that a byte takes. It fails
// above a ceiling of the table, and where binary and table know different kernels.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Symbols of the binary begin with the package, and those of assembly end alike.
const (
	ours     = "github.com/gmhmac/hmacsign/algo/sm3asm."
	emmansun = "github.com/emmansun/gmsm/internal/sm3."
	suffix   = ".abi0"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: mca ROOT, the folder of the project's go.mod")
		os.Exit(2)
	}
	start := time.Now()
	wrong, err := run(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "mca:", err)
		os.Exit(1)
	}
	for _, line := range wrong {
		fmt.Fprintln(os.Stderr, "mca:", line)
	}
	if len(wrong) > 0 {
		os.Exit(1)
	}
	fmt.Printf("every kernel is within its ceilings, in %d s\n", int(time.Since(start).Seconds()))
}

// run prints the tables and returns what is wrong with the kernels.
func run(root string) (wrong []string, err error) {
	tmp, err := os.MkdirTemp("", "mca")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer out.Flush()
	fmt.Fprintln(out, "architecture\tkernel\tprocessor\tcycles/byte\tlimit")
	for _, arch := range []string{"amd64", "arm64"} {
		binary, err := build(tmp, root, arch)
		if err != nil {
			return nil, err
		}
		above, err := ceilings(out, binary, arch)
		if err != nil {
			return nil, err
		}
		slower, err := ratios(out, binary, arch)
		if err != nil {
			return nil, err
		}
		wrong = append(append(wrong, above...), slower...)
	}
	return wrong, nil
}

// ceilings models every kernel in the binary.
func ceilings(out *tabwriter.Writer, binary, arch string) (wrong []string, err error) {
	missing, err := functions(binary)
	if err != nil {
		return nil, err
	}
	for _, k := range kernels[arch] {
		if !missing[k.name] {
			wrong = append(wrong, fmt.Sprintf("%s: the binary has no %s: take it out of the table", arch, k.name))
			continue
		}
		delete(missing, k.name)
		code, err := loop(binary, ours+k.name)
		if err != nil {
			return nil, err
		}
		for _, c := range k.ceilings {
			cycles, err := model(arch, c.processor, code)
			if err != nil {
				return nil, fmt.Errorf("%s on %s: %w", k.name, c.processor, err)
			}
			perByte := cycles / float64(k.bytes)
			fmt.Fprintf(out, "%s\t%s\t%s\t%.2f\t%.2f\n", arch, k.name, c.processor, perByte, c.cycles)
			if perByte > c.cycles {
				wrong = append(wrong, fmt.Sprintf("%s: %s takes %.3f cycles a byte on %s, more than %.2f", arch, k.name, perByte, c.processor, c.cycles))
			} else if perByte < 0.85*c.cycles {
				wrong = append(wrong, fmt.Sprintf("%s: %s takes %.3f cycles a byte on %s: lower its ceiling of %.2f, if all of it was modelled", arch, k.name, perByte, c.processor, c.cycles))
			}
		}
	}
	for name := range missing {
		if !unmodelled[name] {
			wrong = append(wrong, fmt.Sprintf("%s: %s is not in the table", arch, name))
		}
	}
	slices.Sort(wrong)
	return wrong, nil
}

// ratios models what another library has beside ours.
func ratios(out *tabwriter.Writer, binary, arch string) (wrong []string, err error) {
	for _, r := range rivals[arch] {
		i := slices.IndexFunc(kernels[arch], func(k kernel) bool { return k.name == r.kernel })
		if i < 0 {
			return nil, fmt.Errorf("%s is compared with %s, but is not in the table", r.kernel, r.function)
		}
		own, err := loop(binary, ours+r.kernel)
		if err != nil {
			return nil, err
		}
		other, err := loop(binary, emmansun+r.function)
		if err != nil {
			return nil, err
		}
		for _, f := range r.floors {
			cycles, err := model(arch, f.processor, own)
			if err != nil {
				return nil, err
			}
			theirs, err := model(arch, f.processor, other)
			if err != nil {
				return nil, err
			}
			perByte := theirs / float64(r.bytes)
			ratio := perByte / (cycles / float64(kernels[arch][i].bytes))
			fmt.Fprintf(out, "%s\temmansun's %s\t%s\t%.2f\t%.2f x %s, at least %.2f\n", arch, r.function, f.processor, perByte, ratio, r.kernel, f.ratio)
			if ratio < f.ratio {
				wrong = append(wrong, fmt.Sprintf("%s: %s on %s is %.3f times as fast as emmansun's %s, less than %.2f", arch, r.kernel, f.processor, ratio, r.function, f.ratio))
			}
		}
	}
	return wrong, nil
}

// build makes the test binary that has our kernels and emmansun's: the linker leaves
// out what no test reaches.
func build(tmp, root, arch string) (string, error) {
	binary := filepath.Join(tmp, arch)
	cmd := exec.Command("go", "test", "-c", "-o", binary, "./kernels")
	cmd.Dir = filepath.Join(root, "bench/peers")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0")
	_, err := output(cmd)
	return binary, err
}

// functions lists our functions in assembly.
func functions(binary string) (map[string]bool, error) {
	symbols, err := output(exec.Command("llvm-nm-19", binary))
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for line := range strings.Lines(symbols) {
		fields := strings.Fields(line)
		name, own := strings.CutPrefix(fields[len(fields)-1], ours)
		if name, asm := strings.CutSuffix(name, suffix); own && asm {
			names[name] = true
		}
	}
	return names, nil
}

// An instruction as llvm-objdump prints it: where it is, itself, and where it jumps
// to or takes the address of, if it does.
var (
	instruction = regexp.MustCompile(`^ *([0-9a-f]+):\s+(.*)$`)
	target      = regexp.MustCompile(`(0x[0-9a-f]+) <.*>$`)
	comment     = regexp.MustCompile(`\s+(#|//) .*$`)
	ret         = regexp.MustCompile(`^ret`)
)

// loop is the code of a function's block loop, or all of a function without one.
// The loop is what lies before a jump backwards, as far back as that goes; a jump
// to the function's first instruction is no loop but what follows the growing of a
// stack.
func loop(binary, function string) ([]string, error) {
	text, err := output(exec.Command("llvm-objdump-19", "-d", "--no-show-raw-insn", "--mattr=+all", "--disassemble-symbols="+function+suffix, binary))
	if err != nil {
		return nil, err
	}
	var code []string
	at := map[uint64]int{} // the number of the instruction at an address
	from, to, end := 0, 0, 0
	for line := range strings.Lines(text) {
		m := instruction.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil {
			continue
		}
		address, err := strconv.ParseUint(m[1], 16, 64)
		if err != nil {
			return nil, err
		}
		i, op := len(code), strings.TrimSpace(comment.ReplaceAllString(m[2], ""))
		at[address] = i
		if t := target.FindStringSubmatch(op); t != nil {
			goal, err := strconv.ParseUint(t[1], 0, 64)
			if err != nil {
				return nil, err
			}
			if start, back := at[goal]; back && start > 0 && i-start > to-from {
				from, to = start, i+1
			}
			op = strings.TrimSuffix(op, t[0]) + "loop" // an address alone is no operand for llvm-mca
		}
		if ret.MatchString(op) {
			end = i
		}
		code = append(code, op)
	}
	if to > 0 {
		return code[from:to], nil
	}
	if end == 0 {
		return nil, fmt.Errorf("%s is not in %s, or does not return", function, filepath.Base(binary))
	}
	return code[:end], nil
}

const iterations = 100

var (
	rotate      = regexp.MustCompile(`^ror\s+(w\d+), (w\d+), (#.*)$`)
	totalCycles = regexp.MustCompile(`(?m)^Total Cycles:\s+(\d+)$`)
	triples     = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}
	// What is optional in a processor that has it all the same.
	attributes = map[string]string{"amd64": "-mattr=", "arm64": "-mattr=+sm4"}
)

// model returns the cycles of one pass of the code. llvm-mca takes jumps for
// foreseen, loads for found in the first cache, and no load for one of what a store
// has just written.
func model(arch, processor string, code []string) (float64, error) {
	if processor == "neoverse-n2" {
		// The model has a rotation as the extraction from two registers, 3 cycles; the
		// processor takes 1. An operand that is rotated on its way is modelled right.
		code = slices.Clone(code)
		for i, op := range code {
			code[i] = rotate.ReplaceAllString(op, "eor $1, wzr, $2, ror $3")
		}
	}
	cmd := exec.Command("llvm-mca-19", "-mtriple="+triples[arch], "-mcpu="+processor, attributes[arch], "-iterations="+strconv.Itoa(iterations))
	cmd.Stdin = strings.NewReader("loop:\n" + strings.Join(code, "\n") + "\n")
	said, err := output(cmd)
	if err != nil {
		return 0, err
	}
	m := totalCycles.FindStringSubmatch(said)
	if m == nil {
		return 0, errors.New("llvm-mca says no Total Cycles")
	}
	total, err := strconv.ParseFloat(m[1], 64)
	return total / iterations, err
}

// output runs a command and returns what it prints; where it fails, the error has
// the first line of what it says.
func output(cmd *exec.Cmd) (string, error) {
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		first, _, _ := strings.Cut(said.String(), "\n")
		return "", fmt.Errorf("%s: %w: %s", cmd.Args[0], err, first)
	}
	return string(out), nil
}
