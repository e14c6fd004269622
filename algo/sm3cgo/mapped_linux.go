//go:build tencentsm && cgo

package sm3cgo

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// checkMapped is checkOrigins once more, by what the kernel has mapped: the
// loader's own functions, by which origins are told, can be preloaded too. Where
// the kernel does not tell, the loader is believed.
func (l linkage) checkMapped() error {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil
	}
	mac := fileAt(string(maps), l.function("SM3_HMAC").address)
	for _, f := range l.functions {
		if file := fileAt(string(maps), f.address); file != mac {
			return fmt.Errorf("%s comes from %s, SM3_HMAC from %s, whatever the loader says: all must come from one file", f.name, file, mac)
		}
	}
	return nil
}

// fileAt is what is mapped at an address: device, inode and path.
func fileAt(maps string, address uintptr) string {
	for line := range strings.Lines(maps) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		start, err := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err == nil && err2 == nil && start <= uint64(address) && uint64(address) < end {
			return strings.Join(fields[3:], " ")
		}
	}
	return "nowhere"
}
