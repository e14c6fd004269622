package scheme

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What JSON is written as is what the libraries write, and never longer than
// was reckoned before.
func TestJSONIsReckonedBeforeItIsWritten(t *testing.T) {
	for compact, want := range map[string]string{
		`{"a":1,"b":[2,3]}`:      `{"a": 1, "b": [2, 3]}`,
		`{"a":"x\\","b":1}`:      `{"a": "x\\", "b": 1}`,
		`{"a":"\",:","b":"{,}"}`: `{"a": "\",:", "b": "{,}"}`,
		`[]`:                     `[]`,
		`[[],{},[{"a":{}}]]`:     `[[], {}, [{"a": {}}]]`,
		`"a,b"`:                  `"a,b"`,
		strings.Repeat("[", 50) + "1" + strings.Repeat("]", 50): strings.Repeat("[", 50) + "1" + strings.Repeat("]", 50),
	} {
		require.Equal(t, want, string(spaced([]byte(compact))))
		shape := shapeOf([]byte(compact))
		for width := range 5 {
			var indented bytes.Buffer
			require.NoError(t, json.Indent(&indented, []byte(compact), "", strings.Repeat(" ", width)))
			require.GreaterOrEqual(t, shape.indented(width), indented.Len(), compact)
			require.LessOrEqual(t, shape.indented(width), 2*indented.Len()+20, compact)
		}
	}
	require.Equal(t, 50, shapeOf([]byte(strings.Repeat("[", 50)+strings.Repeat("]", 50))).depth)
}
