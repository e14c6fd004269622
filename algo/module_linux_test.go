package algo

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProgram(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	content, err := os.ReadFile(exe)
	require.NoError(t, err)
	sum := sha256.Sum256(content)
	m, err := Program()
	require.NoError(t, err)
	require.Equal(t, []any{exe, int64(len(content)), hex.EncodeToString(sum[:])}, []any{m.Path, m.Size, m.SHA256})
	require.NotEmpty(t, m.BuildID)
	require.Regexp(t, `^[0-9a-f]+:[0-9a-f]+$`, m.Device)
	require.NotZero(t, m.Inode)

	at, err := ModuleAt(reflect.ValueOf(Program).Pointer(), "ignored")
	require.NoError(t, err)
	require.Equal(t, m, at, "this test's code is the program's")
	_, err = ModuleAt(1, "")
	require.ErrorContains(t, err, "at address 0x1 no file is mapped")
}

// The copies of this test that it starts wait for a line before they tell their
// module, so that their file can be changed meanwhile.
func TestProgramReplaced(t *testing.T) {
	if os.Getenv("HMACSIGN_TEST_MODULE") != "" {
		os.Stdout.WriteString("ready\n")
		os.Stdin.Read(make([]byte, 1))
		m, err := Program()
		fmt.Printf("sha256: %s, error: %v\n", m.SHA256, err)
		os.Exit(0)
	}
	exe, err := os.Executable()
	require.NoError(t, err)
	content, err := os.ReadFile(exe)
	require.NoError(t, err)
	sum := sha256.Sum256(content)
	for what, c := range map[string]struct {
		change func(path string) error
		want   string
	}{
		"nothing":                  {func(string) error { return nil }, "sha256: " + hex.EncodeToString(sum[:])},
		"removed":                  {os.Remove, "was deleted or replaced since it was loaded"},
		"another in its place":     {func(path string) error { return replaceFile(path, []byte("#!/bin/sh\n")) }, "was deleted or replaced since it was loaded"},
		"the same in another file": {func(path string) error { return replaceFile(path, content) }, "was deleted or replaced since it was loaded"},
	} {
		t.Run(what, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "program")
			require.NoError(t, os.WriteFile(path, content, 0o700))
			cmd := exec.Command(path, "-test.run", "^TestProgramReplaced$")
			cmd.Env = append(os.Environ(), "HMACSIGN_TEST_MODULE=1")
			in, err := cmd.StdinPipe()
			require.NoError(t, err)
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			defer cmd.Process.Kill()
			buf := make([]byte, len("ready\n"))
			_, err = out.Read(buf)
			require.NoError(t, err)
			require.NoError(t, c.change(path))
			_, err = in.Write([]byte("\n"))
			require.NoError(t, err)
			var answer bytes.Buffer
			answer.ReadFrom(out)
			cmd.Wait()
			require.Contains(t, answer.String(), c.want)
		})
	}
}

func replaceFile(path string, content []byte) error {
	if err := os.WriteFile(path+".new", content, 0o700); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// A file that has not what is mapped is found out by its bytes, code and
// constants, whatever its name and inode.
func TestModuleIsWhatIsMapped(t *testing.T) {
	maps, err := os.Open("/proc/self/maps")
	require.NoError(t, err)
	defer maps.Close()
	all, err := readMappings(maps)
	require.NoError(t, err)
	exe, err := os.Executable()
	require.NoError(t, err)
	content, err := os.ReadFile(exe)
	require.NoError(t, err)

	examineCopy := func(change func([]byte) []byte) error {
		path := filepath.Join(t.TempDir(), "copy")
		require.NoError(t, os.WriteFile(path, change(bytes.Clone(content)), 0o700))
		file := mappedFile{path: path, device: "00:00", inode: 1}
		var copied []mapping
		for _, m := range all {
			if m.file.path == exe {
				m.file = file
				copied = append(copied, m)
			}
		}
		require.NotEmpty(t, copied)
		_, err := examine(file, copied)
		return err
	}
	flip := func(at uint64) func([]byte) []byte {
		return func(b []byte) []byte { b[at] ^= 1; return b }
	}
	require.NoError(t, examineCopy(func(b []byte) []byte { return b }))
	header, err := elf.NewFile(bytes.NewReader(content))
	require.NoError(t, err)
	code, constants := header.Section(".text").Offset+100, header.Section(".rodata").Offset+100
	noSegments := func(b []byte) []byte { // e_phnum of 64 bits
		copy(b[56:58], "\x00\x00")
		return flip(code)(b)
	}
	for what, change := range map[string]func([]byte) []byte{
		"code": flip(code), "constants": flip(constants), "no segments": noSegments, "half of it": func(b []byte) []byte { return b[:code+1] },
		"no program": func([]byte) []byte { return []byte("no program") }, "nothing": func([]byte) []byte { return nil },
	} {
		require.ErrorContains(t, examineCopy(change), "was replaced since it was loaded", what)
	}
	for _, m := range all { // a file that ends before the code does
		if m.file.path == exe && strings.Contains(m.perms, "x") {
			file, memory := bytes.NewReader(content), bytes.NewReader(make([]byte, 0))
			require.False(t, m.has(header, m.offset, file, memory))
			require.False(t, m.has(header, 0, file, memory))
		}
	}
	_, err = examine(mappedFile{path: "/nonexistent/libTencentSM.so"}, nil)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestParseMapping(t *testing.T) {
	m, ok := parseMapping("7f00-7f10 r-xp 00001000 fd:01 42                        /usr/lib/with a space.so")
	require.True(t, ok)
	require.Equal(t, mapping{0x7f00, 0x7f10, 0x1000, "r-xp", mappedFile{"/usr/lib/with a space.so", "fd:01", 42}}, m)
	for _, line := range []string{
		"", " ", "-", "7f00-7f10", "7f00 r-xp 0 fd:01 42 /a", "7f10-7f00 r-xp 0 fd:01 42 /a", "7f00-7f10 r-xp 0 fd:01 42", "7f00-7f10 r-xp 0 fd:01 42 [vdso]",
		"7f00-7f10 r-xp 0 fd:01 x /a", "zz-7f10 r-xp 0 fd:01 1 /a", "0-ffffffffffffffff r-xp 0 fd:01 1 /a", "7f00-7f10 r-xp ffffffffffffffff fd:01 1 /a", strings.Repeat("7f00-7f10 ", 100),
	} {
		_, ok := parseMapping(line)
		require.False(t, ok, line)
	}
	all, err := readMappings(strings.NewReader("odd\n7f00-7f10 r-xp 0 fd:01 42 /a\n\x00\xff\n"))
	require.NoError(t, err)
	require.Len(t, all, 1)
	_, err = readMappings(strings.NewReader(strings.Repeat("x", 1<<20)))
	require.Error(t, err, "memory is bounded")
}

func TestBuildID(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	f, err := elf.Open(exe)
	require.NoError(t, err)
	defer f.Close()
	if f.Section(".note.gnu.build-id") != nil {
		require.Regexp(t, `^[0-9a-f]{16,}$`, buildID(f), "GNU's, not Go's")
	} else {
		require.NotEmpty(t, buildID(f))
	}

	var names []string
	note := func(nameSize, size byte, rest string) string {
		return string([]byte{nameSize, 0, 0, 0, size, 0, 0, 0, 3, 0, 0, 0}) + rest
	}
	for _, notes := range []string{
		note(4, 3, "GNU\x00abc\x00") + note(4, 2, "Go\x00\x00xy"), note(4, 200, "GNU\x00abc"), note(200, 1, "GNU\x00abc"), note(4, 0, "GNU\x00"), note(0, 0, ""), "short",
	} {
		eachNote(binary.LittleEndian, []byte(notes), func(name string, _ uint32, value []byte) { names = append(names, name+string(value)) })
	}
	require.Equal(t, []string{"GNU\x00abc", "Go\x00\x00xy", "GNU\x00", ""}, names)
}

// The libraries that this test has loaded, however their linker laid them out.
func TestModuleAtOfLibraries(t *testing.T) {
	maps, err := os.Open("/proc/self/maps")
	require.NoError(t, err)
	defer maps.Close()
	all, err := readMappings(maps)
	require.NoError(t, err)
	libraries := 0
	for _, mapped := range all {
		if !strings.Contains(mapped.perms, "x") || !strings.Contains(mapped.file.path, ".so") {
			continue
		}
		libraries++
		content, err := os.ReadFile(mapped.file.path)
		require.NoError(t, err)
		m, err := ModuleAt(uintptr(mapped.start+8), "")
		require.NoError(t, err)
		sum := sha256.Sum256(content)
		require.Equal(t, []any{mapped.file.path, hex.EncodeToString(sum[:])}, []any{m.Path, m.SHA256})
	}
	if libraries == 0 {
		t.Skip("needs a test that is linked dynamically: CGO_ENABLED=1")
	}
	t.Log(libraries, "libraries")
}
