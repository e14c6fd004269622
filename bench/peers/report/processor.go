package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/klauspost/cpuid/v2"
	"golang.org/x/sys/cpu"
)

// processor is what the report says of the machine.
type processor struct {
	name     string
	model    string // what llvm-mca calls it, where the project has a model of it
	features []string
}

func thisProcessor() processor {
	p := processor{name: strings.TrimSpace(cpuid.CPU.BrandName), features: features()}
	if cpuinfo, err := os.ReadFile("/proc/cpuinfo"); err == nil && runtime.GOARCH != "amd64" {
		if list := cores(string(cpuinfo)); len(list) > 0 {
			var names []string
			for _, c := range list {
				names = append(names, c.name)
			}
			p.name = strings.Join(names, " and ")
			if len(list) == 1 {
				p.model = list[0].model
			}
		}
	}
	if isZen4(cpuid.CPU) {
		p.model = "znver4"
	}
	if p.name == "" {
		p.name = "not known"
	}
	return p
}

// isZen4 tells Genoa, Raphael, Phoenix and Bergamo by family and model.
func isZen4(c cpuid.CPUInfo) bool {
	model := c.Model
	return c.VendorID == cpuid.AMD && c.Family == 25 &&
		(model >= 0x10 && model < 0x20 || model >= 0x60 && model < 0x80 || model >= 0xa0 && model < 0xb0)
}

// String names the processor, and the model of it.
func (p processor) String() string {
	if p.model == "" {
		return p.name
	}
	return fmt.Sprintf("%s (llvm-mca: %s)", p.name, p.model)
}

// features lists what the kernels of SM3 and those of its peers ask for.
func features() (list []string) {
	for _, f := range []struct {
		name string
		has  bool
	}{
		{"AVX2", cpu.X86.HasAVX2}, {"BMI2", cpu.X86.HasBMI2},
		{"AVX-512F", cpu.X86.HasAVX512F}, {"AVX-512BW", cpu.X86.HasAVX512BW}, {"AVX-512VL", cpu.X86.HasAVX512VL},
		{"NEON", cpu.ARM64.HasASIMD}, {"SM3", cpu.ARM64.HasSM3}, {"SHA3", cpu.ARM64.HasSHA3}, {"SVE", cpu.ARM64.HasSVE}, {"SVE2", cpu.ARM64.HasSVE2},
		{"V", cpu.RISCV64.HasV}, {"Zbb", cpu.RISCV64.HasZbb}, {"Zvkb", cpu.RISCV64.HasZvkb}, {"Zvks", cpu.RISCV64.HasZvks},
		{"LSX", cpu.Loong64.HasLSX}, {"LASX", cpu.Loong64.HasLASX},
	} {
		if f.has {
			list = append(list, f.name)
		}
	}
	return list
}

// load is the load average of the last minute; ok is false where nobody tells.
func load() (average float64, ok bool) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, false
	}
	first, _, _ := strings.Cut(string(text), " ")
	average, err = strconv.ParseFloat(first, 64)
	return average, err == nil
}
