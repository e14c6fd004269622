package main

import (
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	emmansun "github.com/emmansun/gmsm/sm3"
	tjfoc "github.com/tjfoc/gmsm/sm3"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/sm3"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// Versions of the peers, as go.mod has them.
const (
	tjfocName    = "tjfoc/gmsm v1.4.1"
	emmansunName = "emmansun/gmsm v0.41.1"
)

// goal is what a row should reach, and what it must.
type goal struct{ goal, floor string }

var noGoal = goal{"-", "-"}

// times is a goal for how many times as fast something is.
func times(wanted, floor float64) goal {
	return goal{fmt.Sprintf("%g x", wanted), fmt.Sprintf("%g x", floor)}
}

// on is the goal, where it was set for the processor.
func on(here bool, g goal) goal {
	if here {
		return g
	}
	return noGoal
}

// amd64 reports whether the kernel in use is one of amd64's.
func (r *report) amd64() bool { return r.kernel == "AVX-512VL" || r.kernel == "AVX2" }

// A comparison is a row: how many times as fast one subject is as another.
type comparison struct {
	what, against string
	goal          goal
	ours, theirs  string // their names
}

// compare writes a row for each comparison whose subjects were measured.
func (r *report) compare(all results, list ...comparison) {
	for _, c := range list {
		ours, ok1 := all.of(c.ours)
		theirs, ok2 := all.of(c.theirs)
		if ok1 && ok2 {
			median, low, high := quantiles(ratio(theirs, ours))
			r.row(c.what, c.against, c.goal, fmt.Sprintf("%.2f x", median), fmt.Sprintf("%.2f to %.2f", low, high))
		}
	}
}

func (r *report) row(what, against string, g goal, measured, spread string) {
	fmt.Fprintf(&r.goals, "| %s | %s | %s | %s | **%s** | %s |\n", what, against, g.goal, g.floor, measured, spread)
}

const kilobytes8 = 8192

// streams are 8 KiB through each SM3.
func (r *report) streams() {
	subjects := []subject{
		stream("hmacsign", digest(), kilobytes8), stream(tjfocName, tjfoc.New, kilobytes8), stream(emmansunName, emmansun.New, kilobytes8),
		stream("hmacsign, backend go", digest(algo.WithBackend("go")), kilobytes8), emmansunInGo(),
	}
	all := r.measure(subjects...)
	r.compare(all,
		comparison{"SM3, 8 KiB, one stream", tjfocName, on(r.amd64(), times(2.3, 2.0)), "hmacsign", tjfocName},
		comparison{"SM3, 8 KiB, one stream", emmansunName, r.goalOfStream(), "hmacsign", emmansunName},
		comparison{"SM3, 8 KiB, portable (backend go)", tjfocName, times(1.85, 1.7), "hmacsign, backend go", tjfocName},
		comparison{"SM3, 8 KiB, portable (backend go)", emmansunName + ", its code in Go", times(1.15, 1.08), "hmacsign, backend go", emmansunName + ", its code in Go"})
	r.streamed = all
}

// goalOfStream is that of one stream against emmansun/gmsm, which has assembly for the
// same processors.
func (r *report) goalOfStream() goal {
	switch {
	case r.amd64():
		return times(1.45, 1.3)
	case r.kernel == "NEON" && r.processor.model == "neoverse-n1":
		return times(1.23, 1.15)
	case r.kernel == "NEON" && r.processor.model == "neoverse-v1":
		return times(1.38, 1.25)
	}
	return noGoal
}

// macs are MACs of 150 bytes, each in the ways that a program has.
func (r *report) macs() {
	subjects := []subject{
		keySum(key(algo.HMACSM3)), batch(8, size, key(algo.HMACSM3)), batch(16, size, key(algo.HMACSM3)),
		perMAC("tjfoc", tjfoc.New), kept("tjfoc", tjfoc.New), perMAC("emmansun", emmansun.New), kept("emmansun", emmansun.New),
	}
	for _, info := range algo.Backends(algo.HMACSM3) {
		if info.Available && !info.Selected {
			subjects = append(subjects, keySum(key(algo.HMACSM3, algo.WithBackend(info.Backend))))
		}
	}
	all := r.measure(subjects...)
	ours := subjects[0].name
	const one, sixteen = "`Key.Sum`, hmac-sm3, 150 B", "batch of 16, hmac-sm3, 150 B"
	r.compare(all,
		comparison{one, "`hmac.New(tjfoc)` per MAC", on(r.amd64(), times(5, 4.2)), ours, "`hmac.New(tjfoc)` per MAC"},
		comparison{one, "kept `hmac.Hash` of tjfoc", noGoal, ours, "kept `hmac.Hash` of tjfoc"},
		comparison{one, "`hmac.New(emmansun)` per MAC", on(r.amd64(), times(2.5, 2.2)), ours, "`hmac.New(emmansun)` per MAC"},
		comparison{one, "kept `hmac.Hash` of emmansun", on(r.amd64(), times(1.5, 1.4)), ours, "kept `hmac.Hash` of emmansun"},
		comparison{one + ", portable (backend go)", "`hmac.New(tjfoc)` per MAC", times(3.2, 2.8), "`Key.Sum`, go", "`hmac.New(tjfoc)` per MAC"},
		comparison{sixteen, "`hmac.New(emmansun)` per MAC", on(r.kernel == "AVX-512VL", times(18, 14)), "`Key.SumMany` of 16", "`hmac.New(emmansun)` per MAC"},
		comparison{sixteen, "kept `hmac.Hash` of emmansun", on(r.kernel == "AVX-512VL", times(11, 9)), "`Key.SumMany` of 16", "kept `hmac.Hash` of emmansun"})
	if batch, ok := all.of("`Key.SumMany` of 16"); ok && r.kernel == "AVX-512VL" && r.processor.model == "znver4" && quiet(batch.cycles) {
		// Some 1588 vector operations for a block of 16 messages, two a cycle, and four
		// blocks to a MAC.
		const bound = 198
		median, low, high := quantiles(batch.cycles)
		r.row(sixteen, fmt.Sprintf("the port bound of Zen 4, %d cycles a MAC", bound), goal{"within 1.35 x", "1.6 x"},
			fmt.Sprintf("%.2f x as long", median/bound), fmt.Sprintf("%.2f to %.2f", low/bound, high/bound))
	}
	r.macced = all
}

// sha are the algorithms beside SM3.
func (r *report) sha() {
	all := r.measure(perMAC("sha256", sha256.New), named("sha256", keySum(key(algo.HMACSHA256))), perMAC("sha1", sha1.New), named("sha1", keySum(key(algo.HMACSHA1))))
	r.compare(all,
		comparison{"`Key.Sum`, hmac-sha256, 150 B", "`hmac.New` per MAC", times(2.5, 2), "sha256", "`hmac.New(sha256)` per MAC"},
		comparison{"`Key.Sum`, hmac-sha1, 150 B", "`hmac.New` per MAC", times(2.5, 2), "sha1", "`hmac.New(sha1)` per MAC"})
}

func named(name string, s subject) subject {
	s.name = name
	return s
}

// A lesser processor is this one without its best instructions: as GODEBUG hides
// them from both libraries.
type lesser struct{ name, godebug string }

// lessers are by the kernel that runs on the whole processor.
var lessers = map[string]lesser{
	"AVX-512VL":        {"AVX2 only", "cpu.avx512f=off,cpu.avx512vl=off,cpu.avx512bw=off"},
	"SM3 instructions": {"without SM3 instructions", "cpu.sm3=off"},
}

// lesserRows are measured by this program started again as on a lesser processor.
func (r *report) lesserRows() {
	l, ok := lessers[r.kernel]
	if !ok {
		return
	}
	exe, err := os.Executable()
	if err != nil {
		r.warn("left out what runs %s: %v", l.name, err)
		return
	}
	cmd := exec.Command(exe, "-lesser", l.name, fmt.Sprintf("-rounds=%d", r.rounds))
	cmd.Env = append(os.Environ(), "GODEBUG="+l.godebug)
	rows, err := cmd.Output()
	if err != nil {
		r.warn("left out what runs %s: %v", l.name, err)
		return
	}
	r.goals.Write(rows)
}

// asLesser measures what lesserRows asks of the program that it starts.
func (r *report) asLesser(name string) {
	all := r.measure(perMAC("emmansun", emmansun.New), kept("emmansun", emmansun.New), batch(8, size, key(algo.HMACSM3)),
		stream(emmansunName, emmansun.New, kilobytes8), stream("hmacsign", digest(), kilobytes8))
	eight := "batch of 8, hmac-sm3, 150 B, " + name
	r.compare(all,
		comparison{"SM3, 8 KiB, one stream, " + name, emmansunName + ", the same", noGoal, "hmacsign", emmansunName},
		comparison{eight, "`hmac.New(emmansun)` per MAC", on(r.amd64(), times(7, 5)), "`Key.SumMany` of 8", "`hmac.New(emmansun)` per MAC"},
		comparison{eight, "kept `hmac.Hash` of emmansun", noGoal, "`Key.SumMany` of 8", "kept `hmac.Hash` of emmansun"})
}

// modelled are the goals in cycles a byte that llvm-mca gave for the kernel on the
// processor: of one stream, and of many messages.
var modelled = []struct {
	kernel, model       string
	oneStream, manyOnes goal
}{
	{"SM3 instructions", "neoverse-n2", goal{"5.05", "5.2"}, goal{"3.45", "3.6"}},
	{"NEON", "neoverse-n1", goal{"7.7", "7.9"}, goal{"5.2", "5.4"}},
	{"NEON", "neoverse-v1", goal{"6.5", "6.8"}, goal{"2.85", "3.1"}},
}

// kernels measures each that the processor can run, without the guard of package
// algo: one stream, 16 messages of 4 KiB, and 16 of 150 bytes.
func (r *report) kernels() {
	var subjects []subject
	list := sm3.Kernels()
	const kilobytes4 = 4096
	for _, k := range list {
		key := k.NewKey(secret)
		subjects = append(subjects, stream("", k.New, kilobytes8), batch(16, kilobytes4, key), batch(16, size, key))
	}
	all := r.measure(subjects...)
	for i, k := range list {
		oneStream, many, short := all[3*i], all[3*i+1], all[3*i+2]
		median, _, _ := quantiles(short.times)
		fmt.Fprintf(&r.kernelTable, "| %s | %s | %s | %s | %.0f |\n", k, oneStream.cyclesPer(kilobytes8), many.cyclesPer(kilobytes4), short.cyclesPer(1), median)
		for _, m := range modelled {
			if m.kernel == k.String() && m.model == r.processor.model {
				r.cyclesRow("SM3, one stream, "+m.kernel, m.model, m.oneStream, oneStream, kilobytes8)
				r.cyclesRow("HMAC-SM3, 16 messages of 4 KiB, "+m.kernel, m.model, m.manyOnes, many, kilobytes4)
			}
		}
	}
}

// cyclesRow is a row of cycles a byte against a model of the processor.
func (r *report) cyclesRow(what, model string, g goal, measured result, bytes int) {
	if !quiet(measured.cycles) {
		return
	}
	_, low, high := quantiles(measured.cycles)
	r.row(what+", cycles a byte", "llvm-mca's model "+model, g, measured.cyclesPer(bytes), fmt.Sprintf("%.2f to %.2f", low/float64(bytes), high/float64(bytes)))
}

// schemes are requests signed and verified, beside the MAC in them.
func (r *report) schemes() {
	for _, scheme := range hmacsign.Schemes() {
		for _, algorithm := range []string{algo.HMACSM3, algo.HMACSHA256} {
			s := inScheme(scheme, algorithm)
			all := r.measure(s.bare, s.sign, s.verify)
			within := func(what string, g goal, long result, allocs float64) {
				median, low, high := quantiles(ratio(long, all[0]))
				r.row(fmt.Sprintf("`%s`, %s GET, %s, %.0f allocations", what, scheme.Name(), algorithm, allocs), "its own "+s.bare.name, g,
					fmt.Sprintf("%.2f x as long", median), fmt.Sprintf("%.2f to %.2f", low, high))
			}
			within("Signer.Sign", goal{"within 2 x", "3 x"}, all[1], s.signAllocs)
			within("Verifier.Verify", goal{"within 2.5 x", "4 x"}, all[2], s.verifyAllocs)
		}
	}
}

// processorTable says what was measured on.
func (r *report) processorTable() string {
	var b strings.Builder
	b.WriteString("| | |\n|---|---|\n")
	say := func(what, value string) { fmt.Fprintf(&b, "| %s | %s |\n", what, value) }
	say("processor", fmt.Sprintf("%s, %d in use, %s/%s", r.processor, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH))
	say("has", strings.Join(r.processor.features, ", "))
	for _, info := range algo.Backends(algo.HMACSM3) {
		state := info.Version
		if info.Selected {
			state += ": in use"
		}
		if info.Available {
			say("hmac-sm3, backend "+info.Backend, state)
		}
	}
	var kernels []string
	for _, k := range sm3.Kernels() {
		kernels = append(kernels, k.String())
	}
	say("kernels of SM3 that run here", strings.Join(kernels, ", "))
	say("clock", r.clockText())
	say("built with", build())
	return b.String()
}
