package main

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/cpu"
)

// subject is something to measure: run does its work n times and returns what came
// out last.
type subject struct {
	name   string
	run    func(n int) []byte
	pieces int // that it does each time
}

// result is a subject with the nanoseconds and the clock cycles of one piece of work
// in each round; cycles is nil where the clock is not known.
type result struct {
	subject
	times, cycles []float64
}

// results are those of subjects that were measured in turn.
type results []result

// of returns the result of the subject with the name; ok is false where there is
// none.
func (all results) of(name string) (r result, ok bool) {
	i := slices.IndexFunc(all, func(r result) bool { return r.name == name })
	if i < 0 {
		return result{}, false
	}
	return all[i], true
}

// bench measures in short rounds, and beside each the clock.
type bench struct {
	rounds   int
	emulated bool      // so that the clock is not the processor's
	clock    []float64 // nanoseconds of a cycle, of all rounds until now
}

func newBench(rounds int) *bench { return &bench{rounds: rounds, emulated: emulated()} }

// slice is about how long a subject runs in a round. Windows tells the time in steps
// of half a millisecond.
func slice() time.Duration {
	if runtime.GOOS == "windows" {
		return 20 * time.Millisecond
	}
	return 2 * time.Millisecond
}

// measure runs the subjects in turn, once a round, with the clock before them.
func (b *bench) measure(subjects ...subject) results {
	clockCount := count(clock)
	counts := make([]int, len(subjects))
	all := make(results, len(subjects))
	for i, s := range subjects {
		counts[i], all[i] = count(s), result{subject: s}
	}
	for range b.rounds {
		cycle := timed(clock, clockCount)
		b.clock = append(b.clock, cycle)
		for i, s := range subjects {
			r := &all[i]
			took := timed(s, counts[i])
			r.times = append(r.times, took)
			if !b.emulated {
				r.cycles = append(r.cycles, took/cycle)
			}
		}
	}
	return all
}

// count is how often the subject does its work in a slice.
func count(s subject) int {
	for n := 1; ; n *= 2 {
		start := time.Now()
		s.run(n)
		if took := time.Since(start); took > slice()/2 {
			return max(1, int(float64(n)*float64(slice())/float64(took)))
		}
	}
}

// timed returns the nanoseconds of one piece of work.
func timed(s subject, n int) float64 {
	start := time.Now()
	s.run(n)
	return float64(time.Since(start).Nanoseconds()) / float64(n*s.pieces)
}

// clock does one operation that takes a cycle on every processor at hand, n times,
// each dependent on the one before: additions and exclusive-ors in turn, because of
// two additions a compiler makes one. Hardware counters would be exact, but few
// machines let a program read them.
var clock = subject{"a cycle", operations, 1}

//go:noinline
func operations(n int) []byte {
	x, a, b := uint64(n), uint64(n)|5, uint64(n)|3
	for range n / 16 {
		x += a
		x ^= b
		x += a
		x ^= b
		x += a
		x ^= b
		x += a
		x ^= b
		x += a
		x ^= b
		x += a
		x ^= b
		x += a
		x ^= b
		x += a
		x ^= b
	}
	return []byte{byte(x)}
}

// emulated reports whether a program translates the instructions, as qemu does. A
// fused multiplication and addition then takes 16 operations and more; processors take
// four to eight cycles.
func emulated() bool {
	if runtime.GOARCH == "amd64" && !cpu.X86.HasFMA {
		return false // nothing to tell it by
	}
	const n = 1 << 16
	fastest := func(s subject) float64 {
		best := timed(s, n)
		for range 20 {
			best = min(best, timed(s, n))
		}
		return best
	}
	return fastest(subject{"a fused multiplication and addition", fused, 1}) > 12*fastest(clock)
}

//go:noinline
func fused(n int) []byte {
	x, y := float64(n), float64(n)-1
	for range n / 4 {
		x = math.FMA(x, 0.9, y)
		x = math.FMA(x, 0.9, y)
		x = math.FMA(x, 0.9, y)
		x = math.FMA(x, 0.9, y)
	}
	return []byte{byte(int(x))}
}

// quantiles returns the median and the tenth and ninetieth percentile.
func quantiles(values []float64) (median, low, high float64) {
	s := slices.Sorted(slices.Values(values))
	return s[len(s)/2], s[len(s)/10], s[len(s)*9/10]
}

// disagree is how far apart the tenth and the ninetieth percentile may be, as a part
// of the median, for cycles to be told.
const disagree = 0.25

// quiet reports whether the rounds agree.
func quiet(values []float64) bool {
	if len(values) == 0 {
		return false
	}
	median, low, high := quantiles(values)
	return high-low <= disagree*median
}

// ratio is how many times as long the one takes as the other, of one round each.
func ratio(long, short result) (values []float64) {
	for i := range short.times {
		values = append(values, long.times[i]/short.times[i])
	}
	return values
}

// cyclesPer tells the cycles of one of n parts of a piece of work, "-" where the clock
// is not known or the rounds disagree.
func (r result) cyclesPer(n int) string {
	if !quiet(r.cycles) {
		return "-"
	}
	median, _, _ := quantiles(r.cycles)
	if median /= float64(n); median >= 100 {
		return fmt.Sprintf("%.0f", median)
	}
	return fmt.Sprintf("%.2f", median)
}

// clockText is what the report says of the clock.
func (b *bench) clockText() string {
	if b.emulated {
		return "not known: this run was emulated, its times say nothing of a processor"
	}
	median, low, high := quantiles(b.clock)
	text := fmt.Sprintf("%.2f GHz (%.2f to %.2f), modelled by a chain of dependent additions and exclusive-ors, one a cycle", 1/median, 1/high, 1/low)
	if !quiet(b.clock) {
		text += "; it varied, so that cycles mean little"
	}
	return text
}
