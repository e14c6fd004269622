package gateway

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The configurations in the README can be read, and every setting is in it.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(string(readme), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		_, err := ReadConfig(strings.NewReader(block[1]))
		require.NoError(t, err, block[1])
	}
	for _, of := range []reflect.Type{reflect.TypeFor[Config](), reflect.TypeFor[SQL](), reflect.TypeFor[Replay](), reflect.TypeFor[Redis](), reflect.TypeFor[Traces](), reflect.TypeFor[Route](), reflect.TypeFor[Resign]()} {
		for i := range of.NumField() {
			name := of.Field(i).Tag.Get("yaml")
			require.Regexp(t, "(?m)^\\| .*\\b"+name+"\\b", string(readme), "%s of %s", name, of.Name())
		}
	}
}
