package main

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	emmansun "github.com/emmansun/gmsm/sm3"
	"github.com/stretchr/testify/require"
	tjfoc "github.com/tjfoc/gmsm/sm3"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/sm3"
)

// The program starts itself, and hmacsign: the test is both then.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "-lesser", "-scan":
			main()
			return
		case "mac":
			check(scanLines(os.Stdin, os.Stdout))
			return
		}
	}
	os.Exit(m.Run())
}

func arm(implementer, part string) string {
	return "processor\t: 0\nBogoMIPS\t: 200.00\nFeatures\t: fp asimd sm3\nCPU implementer\t: " + implementer +
		"\nCPU architecture: 8\nCPU variant\t: 0x1\nCPU part\t: " + part + "\nCPU revision\t: 0\n\n"
}

func TestCores(t *testing.T) {
	for _, c := range []struct {
		cpuinfo, names, model string
	}{
		{arm("0x48", "0xd01"), "HiSilicon TaiShan v110 (Kunpeng 920)", "tsv110"},
		{arm("0x70", "0x663"), "Phytium FTC663 (FT-2000/4, D2000, S2500)", ""},
		{arm("0x41", "0xd0c"), "Arm Neoverse N1", "neoverse-n1"},
		{arm("0x41", "0xd49"), "Arm Neoverse N2 (as in the Yitian 710)", "neoverse-n2"},
		{arm("0x41", "0xd40"), "Arm Neoverse V1", "neoverse-v1"},
		{arm("0x41", "0xd4f"), "Arm Neoverse V2", "neoverse-v2"},
		{arm("0x41", "0xD0C"), "Arm Neoverse N1", "neoverse-n1"},
		{arm("0x48", "0xd40"), "implementer 0x48, part 0xd40", ""}, // another's part of the same number
		{strings.Repeat(arm("0x41", "0xd0c"), 3), "Arm Neoverse N1", "neoverse-n1"},
		{arm("0x41", "0xd03") + arm("0x41", "0xd08") + arm("0x41", "0xd03"), "Arm Cortex-A53 and Arm Cortex-A72", ""},
		{"processor\t: 0\nmodel name\t: ARMv8 Processor rev 0 (v8l)\nCPU implementer\t: 0x00\nCPU part\t: 0x051\n", "ARMv8 Processor rev 0 (v8l)", ""},
		{"processor\t: 0\nvendor_id\t: HygonGenuine\nmodel name\t: Hygon C86 7285 32-core Processor\n", "Hygon C86 7285 32-core Processor", ""},
		{"system type\t\t: generic-loongson-machine\n\nprocessor\t\t: 0\nCPU Family\t\t: Loongson-64bit\nModel Name\t\t: Loongson-3A6000\n", "Loongson-3A6000", ""},
		{"processor\t: 0\nhart\t\t: 1\nisa\t\t: rv64imafdc\nuarch\t\t: sifive,u74-mc\n\n", "sifive,u74-mc", ""},
		{"", "", ""},
		{"::\n\n:\nCPU part", "", ""},
	} {
		var names, models []string
		for _, core := range cores(c.cpuinfo) {
			names, models = append(names, core.name), append(models, core.model)
		}
		require.Equal(t, c.names, strings.Join(names, " and "), c.cpuinfo)
		require.Equal(t, c.model, strings.Trim(strings.Join(models, ""), " "), c.cpuinfo)
	}
}

func TestQuantilesAndRatio(t *testing.T) {
	median, low, high := quantiles([]float64{9, 1, 2, 10, 4, 5, 3, 6, 8, 7, 11})
	require.Equal(t, []float64{6, 2, 10}, []float64{median, low, high})
	median, low, high = quantiles([]float64{3})
	require.Equal(t, []float64{3, 3, 3}, []float64{median, low, high})
	// Of neighbours: a round in which both took longer changes nothing.
	require.Equal(t, []float64{2, 2, 3}, ratio(result{times: []float64{10, 80, 30}}, result{times: []float64{5, 40, 10}}))
	require.True(t, quiet([]float64{100, 101, 102}))
	require.False(t, quiet([]float64{100, 101, 140}))
	require.False(t, quiet(nil))
}

func TestCyclesPer(t *testing.T) {
	require.Equal(t, "7.25", result{cycles: []float64{7.25 * 8192, 7.25 * 8192, 7.3 * 8192}}.cyclesPer(8192))
	require.Equal(t, "426", result{cycles: []float64{425, 426, 426.4}}.cyclesPer(1))
	require.Equal(t, "-", result{cycles: []float64{425, 426, 600}}.cyclesPer(1), "rounds disagree")
	require.Equal(t, "-", result{}.cyclesPer(1), "no clock")
}

// What is counted is a piece of work, of which a subject may do several each time.
func TestMeasure(t *testing.T) {
	const nap = time.Millisecond
	sleep := func(n int) []byte { time.Sleep(time.Duration(n) * nap); return nil }
	known := &bench{rounds: 3}
	all := known.measure(subject{"one", sleep, 1}, subject{"four", sleep, 4})
	for name, least := range map[string]time.Duration{"one": nap, "four": nap / 4} {
		r, ok := all.of(name)
		require.True(t, ok)
		require.Len(t, r.times, 3)
		for i, took := range r.times {
			require.GreaterOrEqual(t, took, float64(least), name)
			require.Equal(t, took/known.clock[i], r.cycles[i], name)
		}
	}
	_, ok := all.of("nobody")
	require.False(t, ok)

	emulated := &bench{rounds: 1, emulated: true}
	require.Empty(t, emulated.measure(clock)[0].cycles)
	require.Contains(t, emulated.clockText(), "emulated")
}

// The chain takes about a cycle an operation of the clock that the kernel tells.
func TestClock(t *testing.T) {
	b := newBench(15)
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo")
	stated := regexp.MustCompile(`(?mi)^cpu mhz\s*: ([0-9.]+)`).FindSubmatch(cpuinfo)
	if stated == nil || b.emulated {
		t.Skip("needs a Linux that states the clock in /proc/cpuinfo, and no emulation")
	}
	mhz, err := strconv.ParseFloat(string(stated[1]), 64)
	require.NoError(t, err)
	b.measure(clock)
	fastest := slices.Min(b.clock) // the machine may be busy
	require.Greater(t, 1e3/fastest, mhz/3)
	require.Less(t, 1e3/fastest, mhz*3)
}

// What is compared computes the same.
func TestSubjectsAgree(t *testing.T) {
	k, err := algo.NewKey(algo.HMACSM3, secret, algo.WithBackend("gmsm"))
	require.NoError(t, err)
	mac := k.Sum(nil, make([]byte, size))
	ways := []subject{perMAC("tjfoc", tjfoc.New), kept("tjfoc", tjfoc.New), perMAC("emmansun", emmansun.New), kept("emmansun", emmansun.New),
		keySum(key(algo.HMACSM3)), batch(8, size, key(algo.HMACSM3))}
	for _, kernel := range sm3.Kernels() {
		ways = append(ways, batch(16, size, kernel.NewKey(secret)))
	}
	for _, s := range ways {
		require.Equal(t, mac, s.run(1), s.name)
		require.Equal(t, mac, s.run(3), s.name)
	}
	digests := []subject{stream(tjfocName, tjfoc.New, kilobytes8), stream(emmansunName, emmansun.New, kilobytes8), emmansunInGo(), stream("", digest(), kilobytes8)}
	for _, kernel := range sm3.Kernels() {
		digests = append(digests, stream(kernel.String(), kernel.New, kilobytes8))
	}
	want := tjfoc.Sm3Sum(make([]byte, kilobytes8))
	for _, s := range digests {
		require.Equal(t, want, s.run(1), s.name)
		require.Equal(t, want, s.run(3), s.name)
	}
}

func TestVersionsAreThoseOfGoMod(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	require.Contains(t, string(mod), "github.com/"+tjfocName)
	require.Contains(t, string(mod), "github.com/"+emmansunName)
}

// A report of one round has everything in it, without the peers that are missing.
func TestReport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	r := newReport(dir, 1)
	require.NoError(t, r.write())
	for _, name := range []string{"throughput.svg", "mac.svg", "requests.svg"} {
		svg, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Contains(t, string(svg), "</svg>", name)
	}
	md, err := os.ReadFile(filepath.Join(dir, "REPORT.md"))
	require.NoError(t, err)
	text := string(md)
	for _, part := range []string{
		r.processor.name, "proved correct under QEMU", "its code in Go | 1.15 x | 1.08 x |", "kept `hmac.Hash` of tjfoc | - |",
		"`Key.Sum`, hmac-sm3, 150 B, portable (backend go) | `hmac.New(tjfoc)` per MAC | 3.2 x | 2.8 x |",
		"`Verifier.Verify`, huawei-sdk GET", "\n| portable | ", "hmacsign tencent-app sha256 | ",
	} {
		require.Contains(t, text, part)
	}
	if r.kernel == "AVX-512VL" {
		require.Contains(t, text, "kept `hmac.Hash` of emmansun | 11 x | 9 x |")
		require.Contains(t, text, "batch of 8, hmac-sm3, 150 B, AVX2 only | kept `hmac.Hash`")
	}
	require.NotContains(t, text, "NaN")
	require.NotContains(t, text, "mac --lines", "the command is not beside the test")
	for _, line := range strings.Split(text, "\n") {
		if strings.Contains(line, "**") {
			require.Equal(t, 7, strings.Count(line, "|"), line)
		}
	}
}

// What stands of code that no processor was there for.
// Nobody waits a minute for a folder that cannot be written.
func TestUnwritableFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.Error(t, writable(file))
	dir := t.TempDir()
	require.NoError(t, writable(filepath.Join(dir, "made")))
	left, err := os.ReadDir(filepath.Join(dir, "made"))
	require.NoError(t, err)
	require.Empty(t, left)
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("the rest needs a user whom permissions bind")
	}
	require.NoError(t, os.Chmod(dir, 0o500))
	require.ErrorIs(t, writable(dir), os.ErrPermission)
}

func TestHonestly(t *testing.T) {
	require.Contains(t, (&report{bench: &bench{}}).honestly(), "model's estimate")
	if runtime.GOARCH == "amd64" {
		require.Contains(t, (&report{bench: &bench{}}).honestly(), "`make report GOARCH=arm64`")
	}
	require.Contains(t, (&report{bench: &bench{emulated: true}}).honestly(), "say nothing of a processor")
}

// A goal stands only where the processor and the kernel are those that it was set
// for.
func TestGoals(t *testing.T) {
	r := &report{bench: &bench{}, kernel: "NEON", processor: processor{model: "neoverse-v1"}}
	require.Equal(t, goal{"1.38 x", "1.25 x"}, r.goalOfStream())
	r.processor.model = "neoverse-v2"
	require.Equal(t, noGoal, r.goalOfStream())
	r.kernel = "AVX2"
	require.Equal(t, goal{"1.45 x", "1.3 x"}, r.goalOfStream())

	for i, cycles := range []float64{5, 5.1, 5.2} {
		r.cyclesRow("SM3", "neoverse-n2", modelled[0].oneStream, result{cycles: []float64{cycles * 100, cycles * 100}}, 100)
		require.Equal(t, i+1, strings.Count(r.goals.String(), "\n"))
	}
	require.Contains(t, r.goals.String(), "| SM3, cycles a byte | llvm-mca's model neoverse-n2 | 5.05 | 5.2 | **5.10** | 5.10 to 5.10 |")
	before := r.goals.Len()
	r.cyclesRow("SM3", "neoverse-n2", modelled[0].oneStream, result{}, 100) // no clock
	require.Equal(t, before, r.goals.Len())
}

// The names by which goals are found are those of the kernels.
func TestKernelNames(t *testing.T) {
	for _, k := range sm3.Kernels()[1:] {
		switch name := k.String(); runtime.GOARCH {
		case "amd64":
			require.True(t, (&report{kernel: name}).amd64(), name)
		case "arm64":
			require.Contains(t, []string{"NEON", "SM3 instructions"}, name)
		}
	}
}

func TestLines(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, scanLines(strings.NewReader("one\n\ntwo"), &out))
	var want string
	for _, line := range []string{"one", "", "two"} {
		want += hex.EncodeToString(key(algo.HMACSM3).Sum(nil, []byte(line))) + "\n"
	}
	require.Equal(t, want, out.String())

	if emulated() {
		t.Skip("needs a machine that starts its own programs: this one is emulated")
	}
	defer func(n int) { records = n }(records)
	records = 1000
	self, err := os.Executable()
	require.NoError(t, err)
	ours, theirs, err := timeLines(self, self, 3)
	require.NoError(t, err)
	require.Len(t, ours.times, 3)
	require.Len(t, theirs.times, 3)
	_, _, err = timeLines(self, filepath.Join(t.TempDir(), "hmacsign"), 3)
	require.Error(t, err)
}
