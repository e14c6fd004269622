package algo

import (
	"bufio"
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
)

// A mapping is a line of /proc/self/maps that has a file behind it.
type mapping struct {
	start, end, offset uint64
	perms              string
	file               mappedFile
}

type mappedFile struct {
	path, device string
	inode        uint64
}

// modules has what was found out, by file. What failed is tried again.
var modules = struct {
	sync.Mutex
	known map[mappedFile]Module
}{known: map[mappedFile]Module{}}

func moduleAt(address uintptr, _ string) (Module, error) {
	return mappedModule(func(m mapping) bool { return m.start <= uint64(address) && uint64(address) < m.end },
		fmt.Sprintf("at address %#x no file is mapped", address))
}

func program() (Module, error) {
	path, err := os.Readlink(self)
	if err != nil {
		return Module{}, fmt.Errorf("algo: %w", err)
	}
	return mappedModule(func(m mapping) bool { return m.file.path == path }, "the program "+path+" is not mapped")
}

// self is the program's file, also where its path leads elsewhere by now.
const self = "/proc/self/exe"

// mappedModule is the module of the first mapping that is the one.
func mappedModule(is func(mapping) bool, none string) (Module, error) {
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return Module{}, fmt.Errorf("algo: %w", err)
	}
	defer maps.Close()
	all, err := readMappings(maps)
	if err != nil {
		return Module{}, fmt.Errorf("algo: reading /proc/self/maps: %w", err)
	}
	for _, m := range all {
		if is(m) {
			return moduleOf(m.file, all)
		}
	}
	return Module{}, errors.New("algo: " + none)
}

func moduleOf(file mappedFile, all []mapping) (Module, error) {
	modules.Lock()
	defer modules.Unlock()
	if m, ok := modules.known[file]; ok {
		return m, nil
	}
	m, err := examine(file, all)
	if err != nil {
		return Module{}, err
	}
	modules.known[file] = m
	return m, nil
}

// examine reads a mapped file and holds it against the memory that it is mapped to.
func examine(file mappedFile, all []mapping) (Module, error) {
	if path, deleted := strings.CutSuffix(file.path, " (deleted)"); deleted {
		return Module{}, fmt.Errorf("algo: %s was deleted or replaced since it was loaded: start the program again", path)
	}
	name := file.path
	if exe, err := os.Readlink(self); err == nil && exe == name {
		name = self
	}
	f, err := os.Open(name)
	if err != nil {
		return Module{}, fmt.Errorf("algo: opening what was loaded: %w", err)
	}
	defer f.Close()
	m := Module{Path: file.path, Device: file.device, Inode: file.inode}
	if err := m.fingerprint(f); err != nil {
		return Module{}, err
	}
	header, err := elf.NewFile(f)
	if err != nil {
		return Module{}, fmt.Errorf("algo: %s was replaced since it was loaded: %w", file.path, err)
	}
	m.BuildID = buildID(header)
	memory, err := os.Open("/proc/self/mem")
	if err != nil {
		return Module{}, fmt.Errorf("algo: %w", err)
	}
	defer memory.Close()
	for _, mapped := range all {
		if mapped.file == file && !mapped.has(header, uint64(m.Size), f, memory) {
			return Module{}, fmt.Errorf("algo: %s was replaced since it was loaded, or its code was changed in memory: start the program again", file.path)
		}
	}
	return m, nil
}

// has reports whether the file has what is mapped: all of the code, and of the
// rest the segments that are never written, so not what the loader relocates.
func (m mapping) has(header *elf.File, size uint64, file, memory io.ReaderAt) bool {
	switch {
	case strings.Contains(m.perms, "x"):
		end := m.offset + m.end - m.start
		return end-min(end, size) < uint64(os.Getpagesize()) && m.same(m.offset, min(end, size), file, memory)
	case strings.Contains(m.perms, "w"):
		return true
	}
	for _, segment := range header.Progs {
		if segment.Type == elf.PT_LOAD && segment.Flags&elf.PF_W == 0 && !m.same(segment.Off, segment.Off+segment.Filesz, file, memory) {
			return false
		}
	}
	return true
}

// same compares the bytes of the file from one offset to another, as far as they
// are mapped here.
func (m mapping) same(from, to uint64, file, memory io.ReaderAt) bool {
	from, to = max(from, m.offset), min(to, m.offset+m.end-m.start)
	var want, got [64 << 10]byte
	for from < to {
		n := min(to-from, uint64(len(want)))
		if _, err := file.ReadAt(want[:n], int64(from)); err != nil {
			return false
		}
		if _, err := memory.ReadAt(got[:n], int64(m.start+from-m.offset)); err != nil || !bytes.Equal(got[:n], want[:n]) {
			return false
		}
		from += n
	}
	return true
}

// readMappings returns the lines that name a file.
func readMappings(maps io.Reader) ([]mapping, error) {
	var all []mapping
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		if m, ok := parseMapping(lines.Text()); ok {
			all = append(all, m)
		}
	}
	return all, lines.Err()
}

// parseMapping reads a line such as
// "7f00-7f10 r-xp 00001000 08:01 42   /usr/lib/libTencentSM.so".
func parseMapping(line string) (m mapping, ok bool) {
	var fields [5]string
	for i := range fields {
		fields[i], line, _ = strings.Cut(line, " ")
	}
	m.perms, m.file.device, m.file.path = fields[1], fields[3], strings.TrimLeft(line, " ")
	start, end, _ := strings.Cut(fields[0], "-")
	var errs [4]error
	m.start, errs[0] = strconv.ParseUint(start, 16, 64)
	m.end, errs[1] = strconv.ParseUint(end, 16, 64)
	m.offset, errs[2] = strconv.ParseUint(fields[2], 16, 64)
	m.file.inode, errs[3] = strconv.ParseUint(fields[4], 10, 64)
	return m, errors.Join(errs[:]...) == nil && m.start < m.end && m.offset <= 1<<62 && m.end-m.start <= 1<<62 && strings.HasPrefix(m.file.path, "/")
}

// The notes that build ids are in, by owner and type.
const (
	gnuBuildID = 3
	goBuildID  = 4
	maxNotes   = 64 << 10
)

// buildID is GNU's build id in hex, or Go's as it is. The notes are in sections,
// which may have been stripped, and in segments, which may leave some out.
func buildID(header *elf.File) string {
	var gnu, goID string
	search := func(notes []byte, err error) {
		if err == nil {
			eachNote(header.ByteOrder, notes, func(name string, kind uint32, value []byte) {
				switch {
				case name == "GNU\x00" && kind == gnuBuildID:
					gnu = hex.EncodeToString(value)
				case name == "Go\x00\x00" && kind == goBuildID:
					goID = string(value)
				}
			})
		}
	}
	for _, section := range header.Sections {
		if section.Type == elf.SHT_NOTE && section.Size <= maxNotes {
			search(section.Data())
		}
	}
	for _, segment := range header.Progs {
		if segment.Type == elf.PT_NOTE && segment.Filesz <= maxNotes {
			search(io.ReadAll(segment.Open()))
		}
	}
	return cmp.Or(gnu, goID)
}

func eachNote(order binary.ByteOrder, notes []byte, f func(name string, kind uint32, value []byte)) {
	for len(notes) >= 12 {
		nameSize, size, kind := order.Uint32(notes), order.Uint32(notes[4:]), order.Uint32(notes[8:])
		name, rest, ok := cutNote(notes[12:], nameSize)
		if !ok {
			return
		}
		value, rest, ok := cutNote(rest, size)
		if !ok {
			return
		}
		f(string(name), kind, value)
		notes = rest
	}
}

// cutNote takes a part of a note, which is filled up to four bytes.
func cutNote(notes []byte, size uint32) (part, rest []byte, ok bool) {
	if uint64(size) > uint64(len(notes)) {
		return nil, nil, false
	}
	return notes[:size], notes[min((int(size)+3)&^3, len(notes)):], true
}
