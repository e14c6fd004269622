//go:build !linux

package algo

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/cpu"
)

var errNotTold = fmt.Errorf("hmacsign does not ask %s", runtime.GOOS)

func kernel() (string, error) { return "", errNotTold }

// processor tells the features that Go sees, which GODEBUG can hide.
func processor() (model string, features []string, err error) {
	features = []string{}
	for _, f := range []struct {
		has  bool
		name string
	}{
		{cpu.X86.HasSSSE3, "ssse3"}, {cpu.X86.HasSSE41, "sse4_1"}, {cpu.X86.HasAVX, "avx"}, {cpu.X86.HasAVX2, "avx2"}, {cpu.X86.HasBMI1, "bmi1"}, {cpu.X86.HasBMI2, "bmi2"},
		{cpu.X86.HasAVX512F, "avx512f"}, {cpu.X86.HasAVX512BW, "avx512bw"}, {cpu.X86.HasAVX512VL, "avx512vl"},
		{cpu.ARM64.HasASIMD, "asimd"}, {cpu.ARM64.HasSHA1, "sha1"}, {cpu.ARM64.HasSHA2, "sha2"}, {cpu.ARM64.HasSM3, "sm3"},
	} {
		if f.has {
			features = append(features, f.name)
		}
	}
	return "", features, errNotTold
}
