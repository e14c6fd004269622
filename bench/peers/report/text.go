package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// honest says what stands behind the code for processors that the project has none of.
const honest = `Code for arm64, riscv64 and loong64 is proved correct under QEMU; its speed is a model's estimate
(riscv64, loong64: none) until users report.`

const wanted = `

To report, build this program for such a machine (` + "`make report GOARCH=arm64`, or riscv64, loong64" + `), copy the
folder bin/arm64 there, run ` + "`./report`" + ` in it while nothing else runs, and send its REPORT.md in an issue
at https://github.com/gmhmac/hmacsign/issues.`

const reported = ` This report is a measurement on such a processor: please send it in an issue at
https://github.com/gmhmac/hmacsign/issues.`

const emulatedRun = ` This run was emulated: its times and ratios say nothing of a processor.`

// honestly is the sentence as this machine has it.
func (r *report) honestly() string {
	switch {
	case r.emulated:
		return honest + emulatedRun + wanted
	case runtime.GOARCH == "arm64" || runtime.GOARCH == "riscv64" || runtime.GOARCH == "loong64":
		return honest + reported
	}
	return honest + wanted
}

// text is REPORT.md.
func (r *report) text(throughput, requests string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Benchmarks\n\nWritten by `make bench-report` (the program bench/peers/report) on %s.\n\n", time.Now().UTC().Format("2006-01-02"))
	b.WriteString(r.processorTable())
	fmt.Fprintf(&b, "\n%s\n\n", r.honestly())
	fmt.Fprintf(&b, "What is compared runs in turn in one process, %d rounds of about %d ms each. A ratio is how many\ntimes faster hmacsign is than its neighbour of the same round: the median, and the tenth to ninetieth\npercentile. Machines are shared; absolute times say little. Cycles are those of a chain of dependent\noperations in the same round; a dash stands where rounds are more than %.0f %% apart, or the clock is not known.\n\n",
		r.rounds, slice().Milliseconds(), disagree*100)
	b.WriteString("| what | against | goal | floor | measured | spread |\n|---|---|---|---|---|---|\n" + r.goals.String())

	b.WriteString("\n## Kernels of SM3\n\nWithout the guard of package algo: one stream of 8 KiB and 16 messages of 4 KiB in cycles a byte, 16\nmessages of 150 bytes in cycles and nanoseconds a MAC.\n\n| kernel | one stream, c/B | many, c/B | cycles a MAC | ns a MAC |\n|---|---|---|---|---|\n" + r.kernelTable.String())

	b.WriteString("\n## Throughput of one SM3 stream\n\n" + throughput + "\n| 8 KiB through | MB/s, median | spread | cycles a byte |\n|---|---|---|---|\n")
	for _, s := range r.streamed {
		median, low, high := quantiles(s.times)
		fmt.Fprintf(&b, "| %s | %.0f | %.0f to %.0f | %s |\n", s.name, kilobytes8/median*1e3, kilobytes8/high*1e3, kilobytes8/low*1e3, s.cyclesPer(kilobytes8))
	}

	b.WriteString("\n## HMAC-SM3 of 150 bytes\n\n" + r.attempt(r.plotMACs) + "\n| way | ns, median | spread | cycles |\n|---|---|---|---|\n")
	for _, s := range r.macced {
		median, low, high := quantiles(s.times)
		fmt.Fprintf(&b, "| %s | %.0f | %.0f to %.0f | %s |\n", s.name, median, low, high, s.cyclesPer(1))
	}

	b.WriteString("\n## Requests signed in a second on one core\n\n" + requests)
	b.WriteString(notes)
	return b.String()
}

// notes say what bounds the figures; they hold none themselves.
const notes = `
## Where the time goes

- One stream is bound by the latency of a round: rotate, add, rotate, exclusive-or, add, about six
  cycles for a word, so 6 to 7 cycles a byte. The message expansion runs beside it. With AVX-512 GG
  begins before its last argument is there, which costs two instructions and takes it off the chain; then
  some 25 instructions a round on four units are the bound. With AVX2 alone fewer instructions are
  better, because older processors execute four a cycle. The order of instructions decides much, and was
  found by trying on Zen 4.
- A keyed MAC of 150 bytes is four compressions one after the other, in one call of assembly that goes from
  the inner digest to the outer block in registers. Beside them package algo guards every result: that it
  was written, that the backend did not fail meanwhile, and a known answer now and then; for short
  messages that shows, most in batches, where a MAC takes least.
- A batch of sixteen is one call too, padding, keys and MACs included. It is bound by the vector ports:
  Zen 4 executes 512 bits in two halves and begins one rotate a cycle. Tried and dropped: P0 and P1 by one
  rotate and a byte shuffle (more operations, and the shuffles take the rotates' ports; with AVX2, which
  cannot rotate, it is kept), the transposition spread over the first rounds.
- The portable kernel is bound by the number of instructions and by what Go's compiler keeps in registers:
  it orders what is ready by its place in the source, so the order of statements matters, and
  inlined functions hold stores back. Hence the rounds are written out, by a generator.
- hmac-sha1 and hmac-sha256 restore the standard library's mid-state through its marshalled form, which
  costs about as much as a compression: a state of our own would need our own SHA.
- Beside its MAC, Sign writes two headers into the request's map (two allocations) and reads it some
  ten times; Verify parses the Authorization header and looks the key up, and allocates the identity
  alone. That is some 600 ns whatever the algorithm, so a fast one is further from the goal. Kept: the
  last second's date, pooled memory, canonical names without a look-up, the scheme in which a key's
  requests come, digests without a stream of their own.
`
