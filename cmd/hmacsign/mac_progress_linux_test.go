package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// terminal is both ends of one: what is written to the command's can be read from ours.
func terminal(t *testing.T) (ours, commands *os.File) {
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("needs /dev/ptmx: ", err)
	}
	t.Cleanup(func() { ours.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	commands, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { commands.Close() })
	require.NoError(t, unix.IoctlSetWinsize(int(ours.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}))
	return ours, commands
}

// shown is what the command writes to a terminal.
func shown(t *testing.T, cmd *exec.Cmd, attach func(tty *os.File)) string {
	ours, tty := terminal(t)
	attach(tty)
	text := make(chan string)
	go func() {
		var all bytes.Buffer
		io.Copy(&all, ours) // ends with EIO when the command's end is closed
		text <- all.String()
	}()
	require.NoError(t, cmd.Start())
	tty.Close()
	cmd.Wait()
	return <-text
}

func TestProgress(t *testing.T) {
	program := builtCommand(t)
	records := strings.Repeat(strings.Repeat("x", 150)+"\n", 20_000)
	file := writeFile(t, records)
	list := writeFile(t, listOf([]byte(records)))
	printing := func(args ...string) (*exec.Cmd, *bytes.Buffer) {
		cmd, out := exec.Command(program, append(lineArgs, args...)...), new(bytes.Buffer)
		cmd.Stdout = out
		return cmd, out
	}

	cmd, out := printing("--lines", file)
	screen := shown(t, cmd, func(tty *os.File) { cmd.Stderr = tty })
	require.Regexp(t, `\d+% \|.*/3\.0 MB`, screen, "how much of it is done")
	require.Regexp(t, `\r +\r$`, screen, "and nothing of it stays")
	require.Equal(t, listOf([]byte(records)), out.String())

	cmd, out = printing("--lines")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	go func() {
		for part := range 3 {
			io.WriteString(in, records[part*len(records)/4:(part+1)*len(records)/4])
			time.Sleep(250 * time.Millisecond)
		}
		io.WriteString(in, records[3*len(records)/4:])
		in.Close()
	}()
	screen = shown(t, cmd, func(tty *os.File) { cmd.Stderr = tty })
	require.Regexp(t, `\(\d+/-, \d+ lines/s\)`, screen, "how many, where the end is not known")
	require.Equal(t, listOf([]byte(records)), out.String())

	// A list on the terminal, and names of wrong lines, stand on lines of their own.
	cmd, _ = printing("--lines", writeFile(t, "a\n"))
	require.Equal(t, strings.ReplaceAll(listOf([]byte("a")), "\n", "\r\n"), shown(t, cmd, func(tty *os.File) { cmd.Stdout, cmd.Stderr = tty, tty }))
	cmd, _ = printing("--check", list, writeFile(t, "y"+records[1:]+"z\n"))
	screen = shown(t, cmd, func(tty *os.File) { cmd.Stdout, cmd.Stderr = tty, tty })
	require.Regexp(t, `\r +\rline 1: the MAC does not match\r\n`, screen)
	require.Regexp(t, `(\r +\r|\n)line 20001: the list has ended\r\n`, screen)
	require.Regexp(t, `\nhmacsign: mac: wrong lines: 2 of 20001[^\r]*\r\n$`, screen)

	cmd, _ = printing("--check", list, file)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	require.Equal(t, "all 20000 lines match their MACs\r\n", shown(t, cmd, func(tty *os.File) { cmd.Stdout = tty }))
	require.Empty(t, stderr.String(), "no bar where standard error is no terminal")
}
