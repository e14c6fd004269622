package httptext

import (
	"fmt"
	"regexp"
	"strings"
)

// How browsers write a word of their "copy as cURL".

// chromePosix: in single quotes, or as C's where a control character, a quote or an
// exclamation mark is in it.
func chromePosix(s string) string {
	special := regexp.MustCompile(`[\x00-\x1f\x{7f}-\x{9f}!]`)
	if !strings.Contains(s, "'") && !special.MatchString(s) {
		return "'" + s + "'"
	}
	s = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`).Replace(s)
	return "$'" + special.ReplaceAllStringFunc(s, func(c string) string { return fmt.Sprintf(`\u%04x`, []rune(c)[0]) }) + "'"
}

// firefoxPosix writes all that is not printable ASCII as C's escapes, of two digits where
// they are enough.
func firefoxPosix(s string) string {
	if !strings.Contains(s, "'") && !regexp.MustCompile(`[^\x20-\x7e]`).MatchString(s) {
		return "'" + s + "'"
	}
	s = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`, "!", `\041`).Replace(s)
	var b strings.Builder
	for _, c := range s {
		switch {
		case c >= 0x20 && c < 0x7f:
			b.WriteRune(c)
		case c < 0x100:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	return "$'" + b.String() + "'"
}
