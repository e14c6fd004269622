package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// The README's keys can be read, its flags are ours, and each of ours is in it.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	keys := regexp.MustCompile(`echo '(\[.*\])'`).FindSubmatch(readme)
	require.NotNil(t, keys)
	_, err = hmacsign.ReadKeys(strings.NewReader(string(keys[1])))
	require.NoError(t, err)

	flags := new(config).flags()
	_, commands, found := strings.Cut(string(readme), "## The command\n")
	require.True(t, found)
	named := 0
	for _, name := range regexp.MustCompile("`--([a-z-]+)").FindAllStringSubmatch(commands, -1) {
		require.NotNil(t, flags.Lookup(name[1]), name[1])
		named++
	}
	require.Greater(t, named, 10)
	flags.VisitAll(func(f *pflag.Flag) { require.Contains(t, commands, "`--"+f.Name, f.Name) })
}
