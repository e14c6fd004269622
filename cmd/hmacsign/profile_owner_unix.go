//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ownersOnly refuses a config file that others may write, or exchange: they could have
// any program run. It is as ssh has it.
func ownersOnly(path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	for _, name := range []string{real, filepath.Dir(real), filepath.Dir(path)} {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
			return fmt.Errorf("%s is another user's, so no secret_command is run: make it yours with chown", name)
		}
		if info.Mode().Perm()&0o022 != 0 {
			return fmt.Errorf("others may write %s, so no secret_command is run: chmod go-w %s", name, quote(name))
		}
	}
	return nil
}

// quote makes one word of a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
