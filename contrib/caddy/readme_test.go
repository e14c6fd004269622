package hmacsigncaddy

import (
	"os"
	"regexp"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/stretchr/testify/require"
)

// Caddy reads the sites in the README, and the one of examples/forwardauth's.
func TestREADME(t *testing.T) {
	for readme, first := range map[string]string{"README.md": "api.example.com", "../../examples/forwardauth/README.md": "forward_auth 127"} {
		text, err := os.ReadFile(readme)
		require.NoError(t, err)
		blocks := regexp.MustCompile(`(?m)^    `+first+`.*\{\n(.*\n)*?    \}\n`).FindAllString(string(text), -1)
		require.NotEmpty(t, blocks, readme)
		for _, block := range blocks {
			if first != "api.example.com" {
				block = "api.example.com {\n" + block + "}\n"
			}
			_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(block), nil)
			require.NoError(t, err, block)
		}
	}
}
