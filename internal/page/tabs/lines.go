package tabs

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// maxAligned bounds the work of finding lines that two texts have in common.
const maxAligned = 1 << 20

// linesOf puts two texts side by side, all lines of both. Of two lines that stand in one
// place what is between their common beginning and end differs.
func linesOf(client, server string) (all []Line) {
	a, b := strings.Split(client, "\n"), strings.Split(server, "\n")
	head := 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	all = beside(all, a[:head], b[:head])
	all = between(all, a[head:len(a)-tail], b[head:len(b)-tail])
	return beside(all, a[len(a)-tail:], b[len(b)-tail:])
}

// between aligns lines of which the first and the last differ. As many of both stand in
// one place each; otherwise those in common do, where that is not too much to find out.
func between(all []Line, a, b []string) []Line {
	if len(a) == len(b) || len(a)*len(b) > maxAligned {
		return beside(all, a, b)
	}
	for _, pair := range common(a, b) {
		all = beside(all, a[:pair[0]], b[:pair[1]])
		a, b = a[pair[0]:], b[pair[1]:]
		all = beside(all, a[:1], b[:1])
		a, b = a[1:], b[1:]
	}
	return beside(all, a, b)
}

// common is the longest list of lines that stand in both in this order. Each is told by
// how many lines there are before it, behind the one before.
func common(a, b []string) (pairs [][2]int) {
	longest := make([][]int32, len(a)+1) // of what is from i and j on
	for i := range longest {
		longest[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	i, j, fromI, fromJ := 0, 0, 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			pairs = append(pairs, [2]int{i - fromI, j - fromJ})
			i, j = i+1, j+1
			fromI, fromJ = i, j
		case longest[i+1][j] >= longest[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}

// beside pairs lines one by one. What is left of one text has none in the other.
func beside(all []Line, a, b []string) []Line {
	both := min(len(a), len(b))
	all = slices.Grow(all, max(len(a), len(b)))
	for i := range both {
		all = append(all, marked(a[i], b[i]))
	}
	for _, line := range a[both:] {
		all = append(all, Line{Client: &Marked{Differs: line}})
	}
	for _, line := range b[both:] {
		all = append(all, Line{Server: &Marked{Differs: line}})
	}
	return all
}

// marked leaves out of what differs the common beginning and end, in whole characters.
func marked(a, b string) Line {
	head := 0
	for head < min(len(a), len(b)) {
		c, size := utf8.DecodeRuneInString(a[head:])
		d, other := utf8.DecodeRuneInString(b[head:])
		if c != d || size != other || a[head:head+size] != b[head:head+size] {
			break
		}
		head += size
	}
	tail := 0
	for tail < min(len(a), len(b))-head {
		c, size := utf8.DecodeLastRuneInString(a[head : len(a)-tail])
		d, other := utf8.DecodeLastRuneInString(b[head : len(b)-tail])
		if c != d || size != other || a[len(a)-tail-size:] != b[len(b)-tail-size:] {
			break
		}
		tail += size
	}
	cut := func(s string) *Marked { return &Marked{s[:head], s[head : len(s)-tail], s[len(s)-tail:]} }
	return Line{cut(a), cut(b)}
}
