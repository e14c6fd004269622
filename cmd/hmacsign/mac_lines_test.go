package main

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
)

// 150-byte records, read from memory.
func BenchmarkLines(b *testing.B) {
	key, err := algo.NewKey(algo.HMACSM3, make([]byte, 32))
	require.NoError(b, err)
	const count = 100_000
	records := bytes.Repeat(append(bytes.Repeat([]byte("x"), 150), '\n'), count)
	var list bytes.Buffer
	require.NoError(b, printLineMACs(key, bytes.NewReader(records), &streams{out: &list}))
	perLine := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/count, "ns/line")
	}
	b.Run("print", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.NoError(b, printLineMACs(key, bytes.NewReader(records), &streams{out: io.Discard}))
		}
		perLine(b)
	})
	name := writeFile(b, list.String())
	b.Run("check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.NoError(b, checkLineMACs(key, name, bytes.NewReader(records), &streams{out: io.Discard}))
		}
		perLine(b)
	})
}
