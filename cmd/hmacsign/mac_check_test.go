package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
)

// check runs --check and returns what it prints to both streams.
func check(t *testing.T, list, file string) (status int, stdout, stderr string) {
	return hmacsignRun(t, "", append(lineArgs, "--check", writeFile(t, list), writeFile(t, file))...)
}

const tenLines = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"

func TestCheck(t *testing.T) {
	list := listOf([]byte(tenLines))
	for name, file := range edgeInputs() {
		if len(file) == 0 {
			continue
		}
		status, stdout, stderr := check(t, listOf(file), string(file))
		require.Equal(t, []any{0, fmt.Sprintf("all %d lines match their MACs\n", len(linesOf(file))), ""}, []any{status, stdout, stderr}, name)
	}
	mac := func(line int) string { return list[(line-1)*65 : line*65] }
	swap := func(s, from, to string) string {
		require.Contains(t, s, from)
		return strings.Replace(s, from, to, 1)
	}
	const wrong = "the MAC does not match"
	for _, c := range []struct{ what, list, file, stdout, sum string }{
		{"a bit of a line", list, swap(tenLines, "4", "5"), "line 4: " + wrong + "\n", "1 of 10, as named above; the file has 10 and the list 10"},
		{"a bit of a MAC", flipDigit(list, 3*65, 1), tenLines, "line 4: " + wrong + "\n", "1 of 10"},
		{"the last bit of a MAC", flipDigit(list, 3*65+63, 1), tenLines, "line 4: " + wrong + "\n", "1 of 10"},
		{"two places", list, swap(swap(tenLines, "4", "x"), "8", "y"), "line 4: " + wrong + "\nline 8: " + wrong + "\n", "2 of 10"},
		{"lines beside each other", list, swap(tenLines, "4\n5", "x\ny"), "lines 4 to 5: " + wrong + "\n", "2 of 10"},
		{"a line removed", list, swap(tenLines, "3\n", ""), "lines 3 to 9: " + wrong + ": line 3 of the list is missing, those behind it follow\nline 10: the file has ended\n", "8 of 10, as named above; the file has 9 and the list 10"},
		{"the first removed", list, swap(tenLines, "1\n", ""), "lines 1 to 9: " + wrong + ": line 1 of the list is missing, those behind it follow\nline 10: the file has ended\n", "10 of 10"},
		{"a line added", list, swap(tenLines, "3\n", "x\n3\n"), "lines 3 to 10: " + wrong + ": line 3 was added, those behind it follow\nline 11: the list has ended\n", "9 of 11"},
		{"an empty line added", list, swap(tenLines, "3\n", "\n3\n"), "lines 3 to 10: " + wrong + ": line 3 was added, those behind it follow\nline 11: the list has ended\n", "9 of 11"},
		{"lines swapped", list, swap(tenLines, "3\n4\n", "4\n3\n"), "lines 3 to 4: " + wrong + ": line 3 was moved to 4\n", "2 of 10"},
		{"a line moved behind", list, swap(tenLines, "3\n4\n5\n6\n", "4\n5\n6\n3\n"), "lines 3 to 6: " + wrong + ": line 3 was moved to 6\n", "4 of 10"},
		{"a line moved before", list, swap(tenLines, "3\n4\n5\n6\n", "6\n3\n4\n5\n"), "lines 3 to 6: " + wrong + ": line 6 was moved to 3\n", "4 of 10"},
		{"a line removed, the last changed", list, swap(swap(tenLines, "3\n", ""), "10", "x"), "lines 3 to 9: " + wrong + "\nline 10: the file has ended\n", "8 of 10"},
		{"a line removed, another added behind", list, swap(tenLines, "3\n4\n5\n", "4\n5\nx\n"), "lines 3 to 5: " + wrong + "\n", "3 of 10"},
		{"a line removed, the list no list behind", swap(list, mac(6), "\n"), swap(tenLines, "3\n", ""), "lines 3 to 5: " + wrong + "\nline 6: no MAC stands here in the list\nlines 7 to 9: " + wrong + "\nline 10: the file has ended\n", "8 of 10"},
		{"a line removed, and the end", list, "1\n2\n4\n5\n6\n7\n", "lines 3 to 6: " + wrong + ": line 3 of the list is missing, those behind it follow\nlines 7 to 10: the file has ended\n", "8 of 10"},
		{"a line removed, the list ends in no list", list[:65*9+20], swap(tenLines, "3\n", ""), "lines 3 to 9: " + wrong + "\nline 10: the file has ended\n", "8 of 10"},
		{"a line added, the last changed", list, swap(swap(tenLines, "3\n", "x\n3\n"), "10", "y"), "lines 3 to 10: " + wrong + "\nline 11: the list has ended\n", "9 of 11"},
		{"a line added, another removed behind", list, swap(tenLines, "3\n4\n5\n", "x\n3\n4\n"), "lines 3 to 5: " + wrong + "\n", "3 of 10"},
		{"a moved line behind equal ones", listOf([]byte("x\ny\nc\nc\nc\nd\n")), "y\nc\nc\nc\nx\nd\n", "lines 1 to 2: " + wrong + "\nline 5: " + wrong + "\n", "3 of 6"},
		{"a line added, the list no list behind", swap(list, mac(6), "\n"), swap(tenLines, "3\n", "x\n3\n"), "lines 3 to 5: " + wrong + "\nline 6: no MAC stands here in the list\nlines 7 to 10: " + wrong + "\nline 11: the list has ended\n", "9 of 11"},
		{"a line moved behind and another changed", list, swap(tenLines, "3\n4\n5\n6\n", "4\nx\n6\n3\n"), "lines 3 to 6: " + wrong + "\n", "4 of 10"},
		{"a line moved before and another changed", list, swap(tenLines, "3\n4\n5\n6\n", "6\nx\n4\n5\n"), "lines 3 to 6: " + wrong + "\n", "4 of 10"},
		{"the last removed", list, swap(tenLines, "10\n", ""), "line 10: the file has ended\n", "1 of 10"},
		{"lines added at the end", list, tenLines + "11\n12", "lines 11 to 12: the list has ended\n", "2 of 12"},
		{"a CR added", list, swap(tenLines, "4\n", "4\r\n"), "line 4: " + wrong + "\n", "1 of 10"},
		{"a NUL added", list, swap(tenLines, "4\n", "4\x00\n"), "line 4: " + wrong + "\n", "1 of 10"},
		{"a list cut off", list[:65*8], tenLines, "lines 9 to 10: the list has ended\n", "2 of 10, as named above; the file has 10 and the list 8"},
		{"a list cut off in a MAC", list[:65*8+20], tenLines, "line 9: no MAC stands here in the list\nline 10: the list has ended\n", "2 of 10"},
		{"no hex", swap(list, mac(2), strings.Repeat("g", 64)+"\n"), tenLines, "line 2: no MAC stands here in the list\n", "1 of 10"},
		{"a MAC of another length", swap(list, mac(2), mac(2)[:40]+"\n"), tenLines, "line 2: no MAC stands here in the list\n", "1 of 10"},
		{"a space behind a MAC", swap(list, mac(2), mac(2)[:64]+" \n"), tenLines, "line 2: no MAC stands here in the list\n", "1 of 10"},
		{"an endless line in the list", swap(list, mac(2), strings.Repeat("a", 1<<20)+"\n"), tenLines, "line 2: no MAC stands here in the list\n", "1 of 10"},
		{"an endless last line in the list", list + strings.Repeat("a", 1<<20), tenLines, "line 11: the file has ended\n", "1 of 11"},
		{"an empty line in the list", swap(list, mac(2), "\n"), tenLines, "line 2: no MAC stands here in the list\n", "1 of 10"},
		{"a MAC moved", swap(list, mac(2)+mac(3), mac(3)+mac(2)), tenLines, "lines 2 to 3: " + wrong + ": line 2 was moved to 3\n", "2 of 10"},
		{"another fault within", swap(swap(list, mac(2), "\n"), mac(3), mac(4)), tenLines, "line 2: no MAC stands here in the list\nline 3: " + wrong + "\n", "2 of 10"},
		{"an empty list", "", tenLines, "lines 1 to 10: the list has ended\n", "none of 10 lines matches the list of 0"},
		{"an empty file", list, "", "lines 1 to 10: the file has ended\n", "none of 0 lines matches the list of 10"},
		{"CRs everywhere", list, strings.ReplaceAll(tenLines, "\n", "\r\n"), "lines 1 to 10: " + wrong + "\n", "none of 10 lines matches the list of 10: make sure of the key"},
		{"a list with CRs", strings.ReplaceAll(list, "\n", "\r\n"), tenLines, "lines 1 to 10: no MAC stands here in the list\n", "none of 10"},
	} {
		status, stdout, stderr := check(t, c.list, c.file)
		require.Equal(t, 1, status, c.what)
		require.Equal(t, c.stdout, stdout, c.what)
		require.Contains(t, stderr, c.sum, c.what)
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
	for what, right := range map[string]struct{ list, file string }{
		"no newline behind the last line": {list, strings.TrimSuffix(tenLines, "\n")}, "nor behind the last MAC": {strings.TrimSuffix(list, "\n"), tenLines},
		"capital letters": {strings.ToUpper(list), tenLines},
		// What --help says that no list tells.
		"both cut off": {list[:65*8], tenLines[:16]}, "removed from both": {swap(list, mac(3), ""), swap(tenLines, "3\n", "")},
		"moved in both": {swap(list, mac(3)+mac(4), mac(4)+mac(3)), swap(tenLines, "3\n4\n", "4\n3\n")},
	} {
		status, stdout, stderr := check(t, right.list, right.file)
		require.Zero(t, status, "%s: %s", what, stderr)
		require.Regexp(t, "^all (10|9|8) lines match", stdout)
	}
}

// No lines are no proof: a list that is empty as the file is would match with any key.
func TestCheckOfNothing(t *testing.T) {
	same := writeFile(t, "")
	for _, lists := range [][2]string{{writeFile(t, ""), writeFile(t, "")}, {os.DevNull, os.DevNull}, {writeFile(t, ""), "-"}} {
		status, stdout, stderr := hmacsignRun(t, "", append(lineArgs, "--check", lists[0], lists[1])...)
		require.Equal(t, []any{1, ""}, []any{status, stdout}, lists)
		require.Contains(t, stderr, "nothing was checked")
	}
	status, _, stderr := hmacsignRun(t, "", append(lineArgs, "--check", same, same)...)
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "name the list")
	status, stdout, _ := check(t, listOf([]byte("\n")), "\n")
	require.Equal(t, []any{0, "all 1 lines match their MACs\n"}, []any{status, stdout}, "an empty line is one")
}

// What was found before the file could not be read on is told.
func TestCheckReadError(t *testing.T) {
	key, err := algo.NewKey(algo.HMACSHA256, []byte{0, 1, 2, 3})
	require.NoError(t, err)
	defer key.Destroy()
	broken := errors.New("the disk is gone")
	var out bytes.Buffer
	in := io.MultiReader(strings.NewReader("1\nx\ny\n4"), iotest.ErrReader(broken))
	err = checkLineMACs(key, writeFile(t, listOf([]byte(tenLines))), in, &streams{out: &out})
	require.ErrorIs(t, err, broken)
	require.Equal(t, "lines 2 to 3: the MAC does not match\n", out.String())

	out.Reset()
	in = io.MultiReader(strings.NewReader(tenLines), iotest.ErrReader(broken)) // all that the list has
	err = checkLineMACs(key, writeFile(t, listOf([]byte(tenLines))), in, &streams{out: &out})
	require.ErrorIs(t, err, broken)
	require.Empty(t, out.String())
}

// A list that cannot be read to its end proves nothing, whatever was read.
func TestCheckListReadError(t *testing.T) {
	key, err := algo.NewKey(algo.HMACSHA256, []byte{0, 1, 2, 3})
	require.NoError(t, err)
	defer key.Destroy()
	broken := errors.New("the disk is gone")
	for _, read := range []string{listOf([]byte(tenLines)), listOf([]byte(tenLines))[:65*10-1], strings.Repeat("a", 1<<20)} {
		var out bytes.Buffer
		list := io.MultiReader(strings.NewReader(read), iotest.ErrReader(broken))
		err = checkLineMACs(key, "-", strings.NewReader(tenLines), &streams{in: list, out: &out})
		require.ErrorIs(t, err, broken)
		require.NotContains(t, out.String(), "all")
	}
}

// A list has one end, also where a terminal or a pipe would give more behind it.
func TestMACListEnds(t *testing.T) {
	more := strings.NewReader("")
	l, mac := newMACList(readerFunc(func(b []byte) (int, error) {
		n, err := more.Read(b)
		if err == io.EOF {
			more = strings.NewReader(listOf([]byte("a\n")))
		}
		return n, err
	}), 32), make([]byte, 32)
	for range 3 {
		_, err := l.next(mac)
		require.Equal(t, io.EOF, err)
	}
}

// flipDigit is the list with bits of one digit turned over.
func flipDigit(list string, at int, bits byte) string {
	value, _ := hex.DecodeString("0" + list[at:at+1])
	return fmt.Sprintf("%s%x%s", list[:at], value[0]^bits, list[at+1:])
}

func TestCheckReads(t *testing.T) {
	list := writeFile(t, listOf([]byte(tenLines)))
	for _, c := range []struct {
		stdin string
		args  []string
	}{{tenLines, []string{"--check", list}}, {tenLines, []string{"--check", list, "-"}}, {listOf([]byte(tenLines)), []string{"--check", "-", writeFile(t, tenLines)}}} {
		status, stdout, stderr := hmacsignRun(t, c.stdin, append(lineArgs, c.args...)...)
		require.Equal(t, []any{0, "all 10 lines match their MACs\n", ""}, []any{status, stdout, stderr})
	}
	for _, args := range [][]string{{"--check", "/nonexistent"}, {"--check", list, "/nonexistent"}, {"--check", t.TempDir()}} {
		status, stdout, stderr := hmacsignRun(t, tenLines, append(lineArgs, args...)...)
		require.Equal(t, []any{1, ""}, []any{status, stdout})
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
	for _, args := range [][]string{{"--key-hex", "00010204", "--algorithm", "hmac-sha256"}, {"--key-hex", "00010203", "--algorithm", "hmac-sm3"}, {"--key-hex", "00010203", "--algorithm", "hmac-sha1"}} {
		status, _, stderr := hmacsignRun(t, tenLines, append(append([]string{"mac"}, args...), "--check", list)...)
		require.Equal(t, 1, status)
		require.Contains(t, stderr, "make sure of the key, of the algorithm")
	}
}

// Any damage to many lines, over many batches, is found where it is, and a file that
// is right is right.
func TestCheckFindsDamage(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 11))
	for range 15 {
		file := randomLines(random)
		lines := linesOf(file)
		if len(lines) == 0 {
			continue
		}
		list := listOf(file)
		status, stdout, stderr := check(t, list, string(file))
		require.Equal(t, []any{0, fmt.Sprintf("all %d lines match their MACs\n", len(lines)), ""}, []any{status, stdout, stderr})

		at := random.IntN(len(lines))
		damaged := bytes.Clone(file)
		start := len(bytes.Join(lines[:at], []byte("\n"))) + min(at, 1)
		if len(lines[at]) == 0 {
			continue
		}
		damaged[start+random.IntN(len(lines[at]))] ^= 0x80
		status, stdout, _ = check(t, list, string(damaged))
		require.Equal(t, []any{1, fmt.Sprintf("line %d: the MAC does not match\n", at+1)}, []any{status, stdout})
		status, stdout, _ = check(t, flipDigit(list, at*65+random.IntN(64), 1<<random.IntN(4)), string(file))
		require.Equal(t, []any{1, fmt.Sprintf("line %d: the MAC does not match\n", at+1)}, []any{status, stdout})
	}
}

// The list's parser against a plain reading of the same bytes.
func FuzzMACList(f *testing.F) {
	list := listOf([]byte("a\nb\n"))
	for _, seed := range []string{"", "\n", list, list[:100], strings.ToUpper(list), list + "\r\n", strings.Repeat("0", 200_000) + "\n" + list} {
		f.Add([]byte(seed), 32)
		f.Add([]byte(seed), 20)
	}
	f.Fuzz(func(t *testing.T, text []byte, size int) {
		if size != 20 {
			size = 32
		}
		l, mac := newMACList(bytes.NewReader(text), size), make([]byte, size)
		l.in = bufio.NewReaderSize(bytes.NewReader(text), 128) // so that many lines are longer
		for i, line := range linesOf(text) {
			want, err := hex.DecodeString(string(line))
			isMAC, nextErr := l.next(mac)
			require.NoError(t, nextErr)
			require.Equal(t, err == nil && len(want) == size, isMAC, "line %d", i+1)
			if isMAC {
				require.Equal(t, want, mac)
			}
		}
		_, err := l.next(mac)
		require.Equal(t, io.EOF, err)
	})
}

// Any bytes have the lines that a plain reading has, however they come in.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\n\nb"), uint64(1))
	f.Add(bytes.Repeat([]byte("\n"), batchLines+1), uint64(2))
	f.Add(bytes.Repeat([]byte("a"), batchBytes+1), uint64(3))
	f.Fuzz(func(t *testing.T, input []byte, seed uint64) {
		got, err := printLines(t, &pieces{input, rand.New(rand.NewPCG(seed, 0)), io.EOF})
		require.NoError(t, err)
		require.Equal(t, listOf(input), got)
	})
}
