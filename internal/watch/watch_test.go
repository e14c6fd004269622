package watch

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestChanged(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "file"), filepath.Join(dir, "other")
	past := time.Now().Add(-time.Hour).Truncate(time.Second)
	write := func(path, text string) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.Chtimes(path, past, past))
	}
	write(path, "one")
	files := Look(path, other)
	require.False(t, files.Changed())
	for name, change := range map[string]func(){
		"longer":        func() { write(path, "longer") },
		"written again": func() { require.NoError(t, os.WriteFile(path, []byte("two"), 0o600)) },
		"gone":          func() { require.NoError(t, os.Remove(path)) },
		"there at last": func() { write(other, "") },
		"renamed into place, same size and second": func() { write(other+"2", "two"); require.NoError(t, os.Rename(other+"2", path)) },
	} {
		write(path, "one")
		os.Remove(other)
		files = Look(path, other)
		require.False(t, files.Changed(), name)
		change()
		require.True(t, files.Changed(), name)
		require.False(t, files.Again().Changed(), name)
	}
}

func TestTurn(t *testing.T) {
	now := time.Now()
	turn := new(Turn)
	require.True(t, turn.Due(now))
	require.False(t, turn.Due(now))
	require.False(t, turn.Due(now.Add(Interval-1)))
	require.True(t, turn.Due(now.Add(Interval)))
	require.False(t, turn.Due(now.Add(Interval)))
	require.True(t, turn.Due(now.Add(-time.Hour)), "a clock set back")
	turn.Taken(now)
	require.False(t, turn.Due(now))
}
