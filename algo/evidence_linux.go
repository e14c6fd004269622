package algo

import (
	"bufio"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

func kernel() (string, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", err
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Version[:]), nil
}

// maxProcessor is more than /proc/cpuinfo says of one processor.
const maxProcessor = 64 << 10

func processor() (model string, features []string, err error) {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "", []string{}, err
	}
	defer f.Close()
	return parseProcessor(io.LimitReader(f, maxProcessor))
}

// digestFeatures are the processor's features that implementations of digests
// ask for, by the kernel's names.
var digestFeatures = strings.Fields("ssse3 sse4_1 avx avx2 bmi1 bmi2 avx512f avx512bw avx512vl sha_ni sha512 sm3 asimd neon sha1 sha2 sha3 sve lsx lasx zvkb zvksed zvksh zvkt")

// parseProcessor reads the first processor's lines of /proc/cpuinfo. Each
// architecture has its own words for them; where no model is named, its numbers
// are.
func parseProcessor(cpuinfo io.Reader) (model string, features []string, err error) {
	features = []string{}
	var numbers []string
	lines := bufio.NewScanner(cpuinfo)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), ":")
		if !ok {
			if len(numbers) > 0 || model != "" {
				break // the next processor
			}
			continue
		}
		value = strings.TrimSpace(value)
		switch name = strings.ToLower(strings.TrimSpace(name)); name {
		case "model name", "uarch":
			model = value
		case "cpu implementer", "cpu architecture", "cpu variant", "cpu part", "cpu revision", "isa":
			numbers = append(numbers, name+" "+value)
		}
		switch name {
		case "isa": // rv64imafdcv_zvkb_zvksh
			value = strings.ReplaceAll(value, "_", " ")
		case "flags", "features":
		default:
			continue
		}
		for feature := range strings.FieldsSeq(value) {
			if slices.Contains(digestFeatures, feature) {
				features = append(features, feature)
			}
		}
	}
	if model == "" {
		model = strings.Join(numbers, ", ")
	}
	return model, features, lines.Err()
}
