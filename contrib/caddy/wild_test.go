package hmacsigncaddy

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Requests of the vendors' own clients, recorded, are accepted and refused through
// Caddy as by the verifier alone. For those that sign X_Under, Caddy is told to expect it.
func TestWild(t *testing.T) {
	files, err := filepath.Glob("../../hmacsign/testdata/wild/*.jsonl.gz")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	up := startUpstream(t)
	s := startWithKeys(t, `{{addr}} {
		hmacsign {
			keys {{keys}}
			window 438000h
		}
		reverse_proxy `+up.address()+`
	}`, `[{"id": "AKIDinterop", "secret": "interop-secret-0123456789"}]`)
	accepted, refused := 0, 0
	for _, file := range files {
		for _, c := range wildCases(t, file) {
			status, body := send(s.addr, string(c.Raw))
			arrived := up.arrived()
			if c.Expect != "accept" {
				require.True(t, status >= 400 && status < 500, "%s: %d: %q", file, status, c.Raw)
				require.Empty(t, arrived)
				refused++
				continue
			}
			req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(c.Raw)))
			require.NoError(t, err)
			require.Equal(t, 200, status, "%s: %s: %q", file, body, c.Raw)
			require.Len(t, arrived, 1)
			require.Equal(t, req.RequestURI, arrived[0].target)
			accepted++
		}
	}
	require.Equal(t, []int{792, 375}, []int{accepted, refused})
}

type wildCase struct {
	Raw    []byte `json:"raw"`
	Expect string `json:"expect"`
}

func wildCases(t *testing.T, file string) (cases []wildCase) {
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	require.NoError(t, err)
	for d := json.NewDecoder(unzipped); d.More(); {
		var c wildCase
		require.NoError(t, d.Decode(&c))
		cases = append(cases, c)
	}
	return cases
}
