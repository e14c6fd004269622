package main

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// make lists every target, CONTRIBUTING.md says of each what it installs, and each ends
// with a line of what came out: its own, or that of the script which it runs.
func TestMakefile(t *testing.T) {
	requireTool(t, "make")
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	var targets []string
	for _, rule := range regexp.MustCompile(`(?m)^([a-z][a-z -]*):(?:[^=\n].*)?$`).FindAllStringSubmatch(string(makefile), -1) {
		if !strings.Contains(rule[0], " = ") {
			targets = append(targets, strings.Fields(rule[1])...)
		}
	}
	require.Greater(t, len(targets), 25)

	listed, err := exec.Command("make", "--no-print-directory", "-C", "../..").CombinedOutput()
	require.NoError(t, err, string(listed))
	var named []string
	for _, line := range regexp.MustCompile(`(?m)^make (\S+) +\S`).FindAllStringSubmatch(string(listed), -1) {
		named = append(named, line[1])
	}
	require.Equal(t, targets, named, "a target without ## is not listed")

	contributing, err := os.ReadFile("../../CONTRIBUTING.md")
	require.NoError(t, err)
	_, section, _ := strings.Cut(string(contributing), "\n## The make targets\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var described []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*`) \\|").FindAllStringSubmatch(section, -1) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			described = append(described, name[1])
		}
	}
	slices.Sort(targets)
	slices.Sort(described)
	require.Equal(t, targets, described)

	for _, target := range targets {
		if target == "help" || target == "demo" {
			continue // the list itself; the command's own last line
		}
		recipe, err := exec.Command("make", "--no-print-directory", "-n", "-C", "../..", target).CombinedOutput()
		require.NoError(t, err, string(recipe))
		lines := strings.Split(strings.TrimSpace(string(recipe)), "\n")
		last := lines[len(lines)-1]
		if script, err := os.ReadFile("../../" + last); err == nil {
			last = string(script)
		}
		require.Regexp(t, `echo|\bat "|go run ./mca`, last, "%s says nothing at its end", target)
	}
}
